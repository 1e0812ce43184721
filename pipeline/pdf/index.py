"""What a segment says of itself, and the numbers of its objects.

Chunk k of K numbers its objects FIRST + k + slot * K (slot = 0, 1, 2 …): no chunk needs to know how
many objects another one makes, and the numbers stay dense when chunks are alike. A chunk that is cut
in two goes on in its own lane at the slot where the finished part ended.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import msgspec

from ..export import Skipped
from .fonts.files import MOST
from .fonts.line import Glyph
from .page import Label
from .xref import checked

CATALOG, PAGES, INFO, OUTLINES, VOLUME, FONT = range(1, 7)  # the fonts behind the first one follow it
FIRST = FONT + MOST  # below are the reserved numbers, the same in every file


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
        return checked(self.first + slot * self.chunks)

    def numbers(self, slot: int, count: int) -> range:
        """The object numbers of so many slots."""
        first = self.first + slot * self.chunks
        return range(first, first + count * self.chunks, self.chunks)


@dataclass(frozen=True)
class Bookmark:
    """One outline entry: its depth (1 is the top), where it leads, and its words."""

    level: int
    page: int  # object number
    top: float
    title: str


@dataclass(frozen=True)
class Labels:
    """Pages whose "x of y" was not known while drawing: reserved numbers, one style for all."""

    style: Label
    numbers: list[int]


@dataclass(frozen=True)
class Index:
    """What a segment holds, stored behind it as JSON.

    `first` and `planned` are pages as the plan counts them; `pages` is how many were really made, which
    is less when inputs were skipped. `offsets` is where each slot's object begins in the segment, from
    `first_slot` on; -1 is an object that the tail writes. `characters` and `glyphs` are what was drawn with
    the fonts that have this fingerprint.
    """

    chunk: int
    chunks: int
    first: int
    planned: int
    first_slot: int
    offsets: list[int]
    size: int
    tree: int
    pages: int
    records: int
    drawn: int
    bookmarks: list[Bookmark]
    characters: str
    labels: Labels | None
    skipped: list[Skipped]
    warnings: list[str]
    sha256: str = ""  # of the bytes before the index; known when it is stored
    etag: str = ""  # known when it is read
    glyphs: list[Glyph] = field(default_factory=list)
    fonts: str = ""
    before: int = 0
    volumes: bool = False

    @property
    def lane(self) -> Lane:
        return Lane(self.chunk, self.chunks, self.before)

    @property
    def stop(self) -> int:
        """The first planned page behind this segment."""
        return self.first + self.planned

    @property
    def stop_slot(self) -> int:
        """Where the lane goes on."""
        return self.first_slot + len(self.offsets)

    def encode(self) -> bytes:
        return msgspec.json.encode(self)

    @classmethod
    def decode(cls, data: bytes) -> Index:
        """Raises msgspec.ValidationError when the data is no index."""
        return _decoder.decode(data)


_decoder = msgspec.json.Decoder(Index)  # made while there is one thread, see export.py
