"""A folder of this machine as inputs: what is below it and nothing else, and large files not at one go."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import pytest

from pipeline.documents.inputs.folder import MAX_IN_MEMORY, FolderInputs
from pipeline.errors import InvalidRequest, UnreadableSource


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a picture, one folder deeper another, and beside it a secret."""
    below = tmp_path / "album" / "below"
    below.mkdir(parents=True)
    (tmp_path / "album" / "1.jpg").write_bytes(b"one")
    (below / "2.jpg").write_bytes(b"two")
    (tmp_path / "secret.jpg").write_bytes(b"secret")
    return tmp_path / "album"


def content(inputs: FolderInputs, source: str) -> bytes:
    inputs.check(source)
    with inputs.open(source) as file:
        return file.read()


def test_files_are_found_at_every_depth_and_in_any_order(folder: Path) -> None:
    inputs = FolderInputs(folder)
    sources = ("1.jpg", "below/2.jpg", "below/../1.jpg", "./1.jpg", str(folder / "below/2.jpg"), "1.jpg")
    assert [content(inputs, source) for source in sources] == [b"one", b"two", b"one", b"one", b"two", b"one"]


def test_what_lies_outside_is_refused(folder: Path) -> None:
    inputs = FolderInputs(folder)
    (folder / "link.jpg").symlink_to(folder.parent / "secret.jpg")
    (folder / "up").symlink_to(folder.parent)
    outside = ("../secret.jpg", "below/../../secret.jpg", "..", "link.jpg", "up/secret.jpg", "up/./secret.jpg")
    for source in (*outside, str(folder.parent / "secret.jpg"), "/etc/passwd"):
        with pytest.raises(InvalidRequest, match="outside"):
            inputs.check(source)
        with pytest.raises(InvalidRequest, match="outside"):
            inputs.open(source)


def test_a_link_that_stays_inside_is_followed(folder: Path) -> None:
    (folder / "link.jpg").symlink_to(folder / "below/2.jpg")
    (folder / "again").symlink_to(folder / "below")
    (folder / "back.jpg").symlink_to(folder / "up/album/1.jpg")
    (folder / "up").symlink_to(folder.parent)
    inputs = FolderInputs(folder)
    sources = ("link.jpg", "again/2.jpg", "back.jpg", "up/album/1.jpg")
    assert [content(inputs, source) for source in sources] == [b"two", b"two", b"one", b"one"]


@pytest.mark.parametrize(
    "source", ["none.jpg", "none/1.jpg", "1.jpg/2.jpg", "below", "a\0b.jpg", "loop.jpg", "loop.jpg/x"]
)
def test_what_cannot_be_opened_is_named(folder: Path, source: str) -> None:
    (folder / "loop.jpg").symlink_to("loop.jpg")
    with pytest.raises(UnreadableSource, match="cannot be opened"):
        FolderInputs(folder).open(source)


def test_each_opens_an_input_only_when_it_is_asked_for(folder: Path) -> None:
    inputs = FolderInputs(folder)
    each = inputs.each(["1", "missing", "1"], lambda name: f"{name}.jpg")
    openings = [opened for _, opened in each]
    with openings[0]() as file:
        assert file.read() == b"one"
    with pytest.raises(UnreadableSource):
        openings[1]()


def test_a_large_file_is_not_held(folder: Path) -> None:
    with (folder / "large.jpg").open("wb") as file:
        file.truncate(MAX_IN_MEMORY + 1)
    tracemalloc.start()
    try:
        with FolderInputs(folder).open("large.jpg") as opened:
            assert opened.seek(0, 2) == MAX_IN_MEMORY + 1
        assert tracemalloc.get_traced_memory()[1] < MAX_IN_MEMORY / 8
    finally:
        tracemalloc.stop()
