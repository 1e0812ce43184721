"""Object numbers: the reserved ones, and a lane for each chunk. Pure.

Chunk k of K numbers its objects FIRST + k + slot * K (slot = 0, 1, 2 …). No chunk needs to know how many objects
another one makes, and numbers stay dense when chunks are alike. When a chunk is cut in two, the second part
continues in the same lane, at the slot where the first part ended.
"""

from __future__ import annotations

import msgspec

from ..errors import ChunkFailed

MAX_OBJECT = 4_194_303  # PDFium's kMaxObjectNumber; Acrobat allows 8,388,607
MAX_FONTS = 12  # that a file may have, each with a bold face
CATALOG, PAGES, INFO, OUTLINES, OVERLAY, FONT = range(1, 7)  # after FONT: more fonts, then bold faces
FIRST = FONT + 2 * MAX_FONTS  # lower numbers are reserved, the same in every file


class Lane(msgspec.Struct, frozen=True):
    """The object numbers of one chunk: every `chunks`-th number.

    Each volume starts numbering anew: `chunks` counts the chunks of this volume, `before` those of earlier ones.
    """

    chunk: int
    chunks: int
    before: int = 0

    @property
    def first(self) -> int:
        """The object number in slot 0."""
        return FIRST + self.chunk - self.before

    def number(self, slot: int) -> int:
        """Return the object number in a slot. Raises ChunkFailed when PDF readers would not accept it."""
        return check_number(self.first + slot * self.chunks)

    def numbers(self, slot: int, count: int) -> range:
        """Return the object numbers of `count` slots, unchecked."""
        first = self.first + slot * self.chunks
        return range(first, first + count * self.chunks, self.chunks)


def check_number(number: int) -> int:
    """Return the number if PDF readers accept it. Raises ChunkFailed otherwise."""
    if number > MAX_OBJECT:
        raise ChunkFailed(
            f"The document needs more than {MAX_OBJECT} objects, the most that PDF readers accept.",
            advice="Ask for volumes (volume_pages), or split the document into several exports.",
        )
    return number
