"""Joining in a folder: the segments are in one temporary file, and become the files of the result."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

from ...exports.export import File
from ...exports.volumes import SegmentEntry
from ...pdf.segment_index import SegmentIndex
from . import Volume, Written


class SpooledSegments:
    """Segments one after another in a file. Their indexes are in memory."""

    def __init__(self, indexes: Sequence[SegmentIndex]) -> None:
        self._indexes = indexes

    def all(self) -> Iterator[tuple[str, SegmentIndex]]:
        """Yield every index. Segments of one file need no key."""
        return (("", index) for index in self._indexes)

    def some(self, members: range) -> Iterator[SegmentIndex]:
        """Return the indexes at these positions."""
        return iter(self._indexes[members.start : members.stop])


class FolderOutput:
    """Files in a folder. They are written to a temporary folder, and moved when all are finished."""

    def __init__(self, spool: Path, into: Path) -> None:
        """`spool` holds the segments; it becomes the file when there is only one."""
        self._spool = spool
        self._into = into
        self._finished: list[Path] = []

    def write(self, volume: Volume, segments: Sequence[SegmentEntry]) -> Written:
        """Write a file: its segments, then the tail. A file of all segments needs no copy."""
        whole = len(volume.members) == len(segments)
        path = self._spool.with_name(volume.name)
        if whole:
            self._spool.rename(path)
        with path.open("ab") as file:
            if not whole:
                with self._spool.open("rb") as source:
                    source.seek(sum(segment.size for segment in segments[: volume.members.start]))
                    _copy(source, file, sum(segments[i].size for i in volume.members))
            for piece in volume.assembly.tail():
                file.write(piece)
        self._finished.append(path)
        return Written(str(self._into / path.name), path.stat().st_size, new=True)

    def write_index(self, name: str, draw: Callable[[BinaryIO], int]) -> File:
        """Write the index of the volumes."""
        path = self._spool.with_name(name)
        with path.open("w+b") as file:
            pages, size = draw(file), file.tell()
        self._finished.append(path)
        return File(str(self._into / name), name, size, 0, pages)

    def finish(self) -> None:
        """Move all files into the folder."""
        for path in self._finished:
            path.replace(self._into / path.name)


def _copy(source: BinaryIO, to: BinaryIO, size: int) -> None:
    while size:
        block = source.read(min(size, 1 << 20))
        to.write(block)
        size -= len(block)
