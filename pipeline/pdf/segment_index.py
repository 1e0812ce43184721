"""What a segment says of itself: its pages, offsets, fonts, bookmarks, labels."""

from __future__ import annotations

from dataclasses import dataclass, field

import msgspec

from .fonts.glyph_run import Glyph
from .numbering import Lane
from .page import Label
from .tally import Skipped


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
class SegmentIndex:
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
    def decode(cls, data: bytes) -> SegmentIndex:
        """Raises msgspec.ValidationError when the data is no index."""
        return _decoder.decode(data)


_decoder = msgspec.json.Decoder(SegmentIndex)  # made while there is one thread, see exports/encoding.py
