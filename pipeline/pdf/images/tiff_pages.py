"""Which directories of a TIFF are pages: not smaller copies of others, and not masks (TIFF 6.0, NewSubfileType)."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from ...errors import UnreadableSource

MAX_DIRECTORIES = 10_000
_NEW_SUBFILE_TYPE, _SUBFILE_TYPE, _SUB_IFDS = 254, 255, 330
_COPY_OR_MASK = 1 | 4
_OLD_COPY = 2  # of SubfileType
_SIZES = {1: 1, 3: 2, 4: 4, 16: 8}  # bytes of the types of whole numbers


class _Directory(NamedTuple):
    is_page: bool
    has_others: bool  # directories of its own, which may hold the picture


def pages(file: BinaryIO) -> tuple[int, ...]:
    """Return the numbers of the directories that are pages; the first one if there is nothing else.

    Raises UnreadableSource for a file of a camera, whose picture is elsewhere.
    """
    directories = list(_directories(file))
    found = tuple(number for number, each in enumerate(directories) if each.is_page)
    if not found and directories and directories[0].has_others:
        raise UnreadableSource(
            "The TIFF holds only a small copy of its picture, as raw files of cameras do (DNG, NEF, ARW).",
            advice="Convert it to JPEG or TIFF with the camera's program.",
        )
    return found or (0,)


def _directories(file: BinaryIO) -> Iterator[_Directory]:
    """Yield the directories in a row. Stops where one makes no sense, as Pillow does."""
    file.seek(0)
    head = file.read(16)
    order = "<" if head.startswith(b"II") else ">"
    big = head[2:4] in (b"+\0", b"\0+")
    offset, count, entry = ("Q", "Q", "HHQ8s") if big else ("I", "H", "HHI4s")
    size, seen = struct.calcsize(order + entry), set[int]()
    try:
        (at,) = struct.unpack_from(order + offset, head, 8 if big else 4)
        while at and at not in seen and len(seen) < MAX_DIRECTORIES:
            seen.add(at)
            file.seek(at)
            (entries,) = struct.unpack(order + count, file.read(struct.calcsize(order + count)))
            data = file.read(min(entries, 0xFFFF) * size)
            yield _directory(order, list(struct.iter_unpack(order + entry, data)))
            (at,) = struct.unpack(order + offset, file.read(struct.calcsize(order + offset)))
    except struct.error:
        return


def _directory(order: str, entries: list[tuple[int, int, int, bytes]]) -> _Directory:
    numbers = {
        tag: int.from_bytes(value[: _SIZES.get(kind, 4)], "little" if order == "<" else "big")
        for tag, kind, _, value in entries
    }
    copy = numbers.get(_NEW_SUBFILE_TYPE, 0) & _COPY_OR_MASK or numbers.get(_SUBFILE_TYPE) == _OLD_COPY
    return _Directory(not copy, _SUB_IFDS in numbers)
