"""What tests of documents begin with."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from pipeline import documents
from pipeline.settings import Settings


@pytest.fixture(scope="session", autouse=True)
def known_documents() -> None:
    """The documents that come with the program, registered."""
    documents.load(Settings.from_env({}).documents)


@pytest.fixture
def folder() -> Iterator[Path]:
    """An empty folder, gone afterwards; unlike tmp_path it may be used by a test that hypothesis repeats."""
    with TemporaryDirectory() as name:
        yield Path(name)
