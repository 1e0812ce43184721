"""Sites on loopback."""

from __future__ import annotations

import pytest

from .sites import Open


@pytest.fixture
def opened(open_site: Open) -> Open:
    """Opens sites, and closes them after the test."""
    return open_site
