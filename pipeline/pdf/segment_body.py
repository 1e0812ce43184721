"""The body of a segment while it is written: objects, pages and bookmarks, with rollback to an earlier point."""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Iterable, Sequence
from typing import BinaryIO

import msgspec

from .fonts import default_chain
from .fonts.usage import FontUsage
from .numbering import Lane
from .objects import Block, Stream, reference, write_object
from .page import Label, form_of_text, numbers
from .page_tree import PageTree
from .segment_index import Bookmark, Place
from .tally import MissingCharacters, Remarks, Tally


class Rollback(msgspec.Struct, frozen=True):
    """A point to roll a segment back to: its bytes, slots, pages, bookmarks, labels and counts so far."""

    offset: int
    slots: int
    pages: int
    bookmarks: int
    labels: int
    tally: tuple[int, int, int, Remarks, MissingCharacters]


class SegmentBody:
    """Writes the objects and pages of a segment to a file; keeps a few numbers a page in memory.

    `first_slot` is the first free slot of the lane. `overlay` says whether each page draws the overlay.
    """

    def __init__(self, out: BinaryIO, lane: Lane, first_slot: int, *, overlay: bool) -> None:
        self.tally = Tally()
        self.usage = FontUsage()
        self.overlay = overlay
        self._out = out
        self._base = out.tell()
        self._lane = lane
        self._first_slot = first_slot
        self._offsets = array("q")
        self._pages = PageTree(self.reserve, self.add)
        self._bookmarks: list[Bookmark] = []
        self._label_style: Label | None = None
        self._label_numbers: list[int] = []
        self._shared: dict[int, tuple[Stream, int]] = {}
        self._digests: dict[bytes, int] = {}
        self._layers: dict[tuple[bool, bytes], int] = {}  # by state and value
        self._destinations: dict[str, Place] = {}
        self._links: dict[str, int] = {}  # a name, and the slot at its first use
        self._at = 0

    @property
    def pages(self) -> int:
        """The number of pages finished so far."""
        return len(self._pages)

    @property
    def size(self) -> int:
        """The number of bytes written so far."""
        return self._at

    def reserve(self) -> int:
        """Return the next free object number of the lane."""
        self._offsets.append(-1)
        return self._lane.number(self._first_slot + len(self._offsets) - 1)

    def add(self, value: bytes | Stream, obj: int | None = None) -> int:
        """Write an object under a reserved number, or under the next free one. Returns its number."""
        number = obj if obj is not None else self.reserve()
        self._offsets[self.slot(number)] = self._at
        for block in write_object(number, value):
            self._put(block)
        return number

    def add_once(self, value: Stream) -> int:
        """Write a stream that many pages use, such as a colour profile, the first time only. Returns its number.

        The same Python object counts as the same stream; compare `add_same`.
        """
        if id(value) not in self._shared:
            self._shared[id(value)] = value, self.add(value)
        return self._shared[id(value)][1]

    def add_same(self, value: bytes | Stream) -> int:
        """Write an object, unless the segment already holds an equal one. Returns its number.

        For a stream, entries and bytes count.
        """
        if isinstance(value, Stream):
            digest = hashlib.sha256(value.entries + b"\n")
            for block in value.read():
                digest.update(block)
        else:
            digest = hashlib.sha256(b"\n" + value)
        key = digest.digest()
        if key not in self._digests:
            self._digests[key] = self.add(value)
        return self._digests[key]

    def add_text_form(self, width: float, height: float, texts: Sequence[str], operators: bytes) -> int:
        """Write a form XObject whose operators show lines of text in our own fonts. Returns its number."""
        if missing := self.usage.add(texts, default_chain()):
            self.tally.miss(missing)
        return self.add(form_of_text(b"0 0 %s" % numbers(width, height), texts, operators))

    def add_layer(self, value: bytes, visible: bool) -> int:
        """Write an optional content group, unless the segment holds an equal one in the same state. Returns its
        number; the catalog repeats the state."""
        key = visible, value
        if key not in self._layers:
            self._layers[key] = self.add(value)
        return self._layers[key]

    def add_page(self, entries: bytes, number: int) -> None:
        """Write a page under a reserved number, after the others. `entries` lack /Type and /Parent."""
        leaf = self._pages.next_leaf()
        self.add(b"<</Type/Page/Parent %s%s>>" % (reference(leaf), entries), number)
        self._pages.append(number, leaf)

    def add_destination(self, name: str, place: Place) -> None:
        """Add a named destination; of several with one name, the first counts."""
        self._destinations.setdefault(name, place)

    def add_link(self, name: str) -> None:
        """Note that a link leads to a named destination, perhaps of another segment."""
        self._links.setdefault(name, self.slots)

    def add_bookmarks(self, bookmarks: Iterable[Bookmark]) -> None:
        """Add outline entries after the others."""
        self._bookmarks.extend(bookmarks)

    def rollback_point(self) -> Rollback:
        """Return the point that the segment is at now."""
        t = self.tally
        return Rollback(
            self._at, len(self._offsets), len(self._pages), len(self._bookmarks), len(self._label_numbers),
            (t.records, t.drawn, len(t.skipped), t.remarks.copy(), t.missing.copy()),
        )  # fmt: skip

    def roll_back(self, to: Rollback) -> None:
        """Undo everything since that point, so that a half-drawn page leaves nothing behind."""
        self._out.seek(self._base + to.offset)
        self._out.truncate()
        self._at = to.offset
        del self._offsets[to.slots :]
        kept = (entry for entry in self._shared.items() if self.slot(entry[1][1]) < to.slots)
        self._shared = dict(kept)
        self._digests = {key: number for key, number in self._digests.items() if self.slot(number) < to.slots}
        self._layers = {key: number for key, number in self._layers.items() if self.slot(number) < to.slots}
        places = self._destinations.items()
        self._destinations = {name: place for name, place in places if self.slot(place.page) < to.slots}
        self._links = {name: slot for name, slot in self._links.items() if slot < to.slots}
        self._pages.truncate(to.pages)
        del self._bookmarks[to.bookmarks :]
        del self._label_numbers[to.labels :]
        t = self.tally
        t.records, t.drawn, skipped, t.remarks, t.missing = to.tally
        del t.skipped[skipped:]

    @property
    def slots(self) -> int:
        """The number of slots in use so far."""
        return len(self._offsets)

    def slot(self, number: int) -> int:
        """Return which slot of this segment an object number is."""
        return (number - self._lane.first) // self._lane.chunks - self._first_slot

    def _put(self, data: Block) -> None:
        self._out.write(data)
        self._at += len(data)
