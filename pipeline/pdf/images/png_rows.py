"""Whether a PNG has all the rows that its header promises: Pillow draws black where they are missing."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from typing import BinaryIO, NamedTuple

from PIL import Image

from .pieces import Piece

_BLOCK = 256 * 1024
_WHOLE = ((0, 0, 1, 1),)
_PASSES = (
    (0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2),
)  # of Adam7: the first column and row, and the steps between (PNG specification, 8.1)  # fmt: skip
_SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # by colour type


class Frame(NamedTuple):
    """The header of a PNG, the size of one of its frames, and where the frame's compressed data are."""

    header: bytes
    width: int
    height: int
    data: Sequence[Piece]

    @property
    def length(self) -> int:
        """How many bytes the data have when they are decompressed; 0 for an unknown kind."""
        depth, colours, interlaced = self.header[8], self.header[9], self.header[12]
        bits = depth * _SAMPLES.get(colours, 0)
        total = 0
        for left, top, across, down in _PASSES if interlaced else _WHOLE:
            columns, rows = -(-(self.width - left) // across), -(-(self.height - top) // down)
            if columns > 0 and rows > 0:
                total += rows * (1 + -(-columns * bits // 8))
        return total if bits else 0


def ends_blank(image: Image.Image) -> bool:
    """Return whether one of the last two rows has only zeros, as where there were no data for it."""
    for top in range(max(0, image.height - 2), image.height):
        extremes = image.crop((0, top, image.width, top + 1)).getextrema()
        if not any(high for _, high in (extremes if isinstance(extremes[0], tuple) else (extremes,))):
            return True
    return False


def has_all_rows(file: BinaryIO, frame: Frame) -> bool:
    """Return whether there are data for all rows. The data must not be damaged."""
    wanted, found = frame.length, 0
    inflate = zlib.decompressobj()
    for block in _blocks(file, frame.data):
        while block and found < wanted and not inflate.eof:
            found += len(inflate.decompress(block, _BLOCK))
            block = inflate.unconsumed_tail
    return found >= wanted


def _blocks(file: BinaryIO, pieces: Sequence[Piece]) -> Iterator[bytes]:
    for start, length in pieces:
        for at in range(0, length, _BLOCK):
            file.seek(start + at)
            yield file.read(min(_BLOCK, length - at))
