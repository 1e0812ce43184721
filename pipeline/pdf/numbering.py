"""Object numbers: the reserved ones, and a lane for each chunk. Pure.

Chunk k of K numbers its objects FIRST + k + slot * K (slot = 0, 1, 2 …): no chunk needs to know how
many objects another one makes, and the numbers stay dense when chunks are alike. A chunk that is cut
in two goes on in its own lane at the slot where the finished part ended.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import ChunkFailed

MAX_OBJECT = 4_194_303  # PDFium's kMaxObjectNumber; Acrobat allows 8,388,607
MAX_FONTS = 11  # so many numbers are reserved for fonts
CATALOG, PAGES, INFO, OUTLINES, OVERLAY, FONT = range(1, 7)  # the fonts behind the first one follow it
FIRST = FONT + MAX_FONTS  # below are the reserved numbers, the same in every file


@dataclass(frozen=True)
class Lane:
    """The object numbers of one chunk: every K-th number.

    Every volume numbers anew: `chunks` are those of this volume, `before` those of earlier ones.
    """

    chunk: int
    chunks: int
    before: int = 0

    @property
    def first(self) -> int:
        """The number in slot 0."""
        return FIRST + self.chunk - self.before

    def number(self, slot: int) -> int:
        """The object number in a slot; ChunkFailed when PDF readers could not take it."""
        return check_number(self.first + slot * self.chunks)

    def numbers(self, slot: int, count: int) -> range:
        """The object numbers of so many slots."""
        first = self.first + slot * self.chunks
        return range(first, first + count * self.chunks, self.chunks)


def check_number(number: int) -> int:
    """An object number that PDF readers take; ChunkFailed when it is beyond."""
    if number > MAX_OBJECT:
        raise ChunkFailed(
            f"The document needs more than {MAX_OBJECT} objects, the most that PDF readers open.",
            advice="Ask for volumes (volume_pages), or for fewer pages in several exports.",
        )
    return number
