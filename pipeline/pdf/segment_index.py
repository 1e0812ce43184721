"""The index of a segment: its pages, offsets, fonts, bookmarks, labels."""

from __future__ import annotations

import msgspec

from .fonts.glyph_run import Glyph
from .numbering import Lane
from .page import Label
from .tally import MissingCharacter, Remark, Skipped


class Bookmark(msgspec.Struct, frozen=True):
    """An outline entry. `level` 1 is the top, `page` is an object number, `top` is in points."""

    level: int
    page: int  # object number
    top: float
    title: str


class Place(msgspec.Struct, frozen=True):
    """Where a named destination leads: the page's object number, and how it is shown (ISO 32000-1, 12.3.2.2)."""

    page: int
    how: str


class Labels(msgspec.Struct, frozen=True):
    """The pages whose "x of y" was not known while drawing: reserved object numbers, and one style for all."""

    style: Label
    numbers: list[int]


class SegmentIndex(msgspec.Struct, frozen=True):
    """What a segment holds; stored after it as JSON.

    `first` and `planned` count pages of the plan; `pages` is how many were made, which is fewer when inputs were
    skipped. `offsets` says where the object of each slot begins in the segment, from `first_slot` on; -1 is an
    object that the tail writes. `characters` and `glyphs` were drawn with the fonts whose fingerprint is `fonts`.
    `overlay` says whether the pages draw the overlay. `layers` are the optional content groups of adopted pages,
    by object number, `hidden` the layers that are off. `destinations` are places that have a name, `links` the
    names that links lead to.
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
    sha256: str = ""  # of the segment's bytes; set when it is stored
    etag: str = ""  # set when it is read
    glyphs: list[Glyph] = msgspec.field(default_factory=list)
    fonts: str = ""
    before: int = 0
    overlay: bool = False
    remarks: list[Remark] = msgspec.field(default_factory=list)
    layers: list[int] = msgspec.field(default_factory=list)
    hidden: list[int] = msgspec.field(default_factory=list)
    destinations: dict[str, Place] = msgspec.field(default_factory=dict)
    links: list[str] = msgspec.field(default_factory=list)
    missing: list[MissingCharacter] = msgspec.field(default_factory=list)

    @property
    def lane(self) -> Lane:
        """The lane of the chunk."""
        return Lane(self.chunk, self.chunks, self.before)

    @property
    def stop(self) -> int:
        """The first planned page after this segment."""
        return self.first + self.planned

    @property
    def stop_slot(self) -> int:
        """The first slot of the lane after this segment."""
        return self.first_slot + len(self.offsets)

    def encode(self) -> bytes:
        """Return the index as JSON."""
        return msgspec.json.encode(self)

    @classmethod
    def decode(cls, data: bytes) -> SegmentIndex:
        """Return the index from JSON. Raises msgspec.ValidationError when the data are not an index."""
        return _decoder.decode(data)


_decoder = msgspec.json.Decoder(SegmentIndex)  # made at import, while there is one thread
