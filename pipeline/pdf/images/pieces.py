"""A file made of pieces of another one, so that a decoder sees only what it shall."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from io import SEEK_CUR, SEEK_END, SEEK_SET, BufferedReader, RawIOBase
from typing import BinaryIO, cast

from typing_extensions import Buffer

Piece = tuple[int, int]  # offset and length in the file


def joined(pieces: Iterable[Piece]) -> Iterator[Piece]:
    """Yield the pieces; those that follow each other without a gap are one."""
    start = end = 0
    for offset, length in pieces:
        if offset != end:
            if end > start:
                yield start, end - start
            start = offset
        end = offset + length
    if end > start:
        yield start, end - start


def around(left_out: Iterable[tuple[int, int]], end: int) -> Iterator[Piece]:
    """Yield the pieces of the first `end` bytes that lie around what is left out: beginnings and ends, in order."""
    start = 0
    for begin, after in left_out:
        if begin > start:
            yield start, begin - start
        start = after
    if end > start:
        yield start, end - start


def view(file: BinaryIO, pieces: Iterable[Piece], tail: bytes = b"") -> BinaryIO:
    """Return a file of these pieces and `tail`. It copies nothing; closing it leaves `file` open."""
    return cast(BinaryIO, _View(_Pieces(file, tuple(pieces), tail)))


class _Pieces(RawIOBase):
    def __init__(self, file: BinaryIO, pieces: tuple[Piece, ...], tail: bytes) -> None:
        self._file = file
        self._pieces = pieces
        self._tail = tail
        self._size = sum(length for _, length in pieces)
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = SEEK_SET) -> int:
        end = self._size + len(self._tail)
        self._at = max(0, offset + {SEEK_SET: 0, SEEK_CUR: self._at, SEEK_END: end}[whence])
        return self._at

    def readinto(self, into: Buffer) -> int:
        target = memoryview(into)
        data = self._read(len(target))
        target[: len(data)] = data
        self._at += len(data)
        return len(data)

    def _read(self, most: int) -> bytes:
        """Return bytes of the piece at the current place; fewer than `most` where it ends."""
        before = self._at
        for offset, length in self._pieces:
            if before < length:
                self._file.seek(offset + before)
                return self._file.read(min(most, length - before))
            before -= length
        return self._tail[before : before + most]


class _View(BufferedReader):
    """A buffer that takes no memory for bytes that are not there: decoders ask for as many as a file says."""

    def __init__(self, raw: _Pieces) -> None:
        super().__init__(raw)
        self._end = raw.seek(0, SEEK_END)
        raw.seek(0)

    def read(self, size: int | None = -1, /) -> bytes:
        whole = size is None or size < 0
        return super().read(-1 if whole else min(size or 0, max(0, self._end - self.tell())))
