"""What tests of documents begin with."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline import documents

from .album import Album


@pytest.fixture(scope="session", autouse=True)
def known_documents() -> None:
    """The documents that come with the program, registered."""
    documents.load()


@pytest.fixture
def album(tmp_path: Path) -> Album:
    return Album(tmp_path)
