"""Tests that share servers run in one process."""

from __future__ import annotations

import pytest


@pytest.mark.xdist_group("groups")
def test_the_name_of_a_test_has_its_group(request: pytest.FixtureRequest) -> None:
    """By it pytest-xdist hands out the tests: without it each process would start every group's servers."""
    if request.config.getoption("loadgroup", default=False):
        assert request.node.nodeid.endswith("@groups")
