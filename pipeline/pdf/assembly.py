"""Assembly: segments one after another, then a tail, form the PDF.

The tail holds what only the whole document knows: font subsets, page numbers that were not known while drawing,
the overlay, the root of the page tree, the outline, metadata and the cross-reference stream (ISO 32000-1, 7.5.8).
Indexes are read one at a time, in several passes, so memory does not grow with the document.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property

import msgspec
from msgspec.structs import replace

from .catalog import About, Features, catalog, information, metadata
from .destinations import destinations_of, name_tree
from .fonts import check_fonts, default_chain, font_at
from .fonts.subset import embed
from .fonts.usage import FontUsage
from .numbering import CATALOG, FIRST, FONT, INFO, PAGES
from .objects import Stream, reference, write_object
from .outline import outline_objects
from .overlay import overlay_objects
from .page import Label, form_of_text, text_operators
from .page_tree import page_node
from .segment_index import Bookmark, SegmentIndex
from .xref import CrossReference


class VolumePosition(msgspec.Struct, frozen=True):
    """The position of a file among the volumes of a document.

    Volume `number` of `count`; `before` pages of the document are in earlier volumes, `pages` in all of them.
    """

    number: int
    count: int
    before: int
    pages: int


class Totals(msgspec.Struct, frozen=True):
    """Sums over segments; `size` is in bytes, without the tail."""

    size: int = 0
    pages: int = 0
    records: int = 0
    drawn: int = 0

    def plus(self, index: SegmentIndex) -> Totals:
        """Return the totals with one more segment."""
        return Totals(
            self.size + index.size, self.pages + index.pages, self.records + index.records, self.drawn + index.drawn
        )


class Assembly:
    """Builds the tail of a file whose segments stand in the order in which `indexes()` yields them.

    The file is the whole document, or the volume at `position`. Raises DamagedSegment when two segments use
    the same object numbers, ExportFailed when they were drawn with other fonts than this process has.
    """

    def __init__(
        self, indexes: Callable[[], Iterator[SegmentIndex]], about: About, position: VolumePosition | None = None
    ) -> None:
        self._indexes = indexes
        self._about = about_volume(about, position) if position else about
        self._position = position
        self._overlay = False
        self._offsets = CrossReference(FIRST)
        self._trees: list[int] = []
        self._usage = FontUsage()
        self._layers: list[int] = []
        self._hidden: list[int] = []
        self._links: set[str] = set()
        self._bookmarks = 0
        self._size = self._labels = 0
        self.totals = Totals()
        self.titles: tuple[str, ...] = ()  # of the first and the last top-level bookmark
        for index in indexes():
            self._add_segment(index)
        self._offsets.place()
        self._begin = self._size, self._offsets.size

    def tail(self) -> Iterator[bytes]:
        """Yield the bytes after the last segment, in blocks. A second call yields the same."""
        self._size, self._offsets.size = self._begin
        for obj, value in self._objects():
            self._offsets.set(obj, self._size)
            for block in write_object(obj, value):
                self._size += len(block)
                yield bytes(block)
        start = self._size
        yield from map(bytes, write_object(*self._cross_reference()))
        yield b"startxref\n%d\n%%%%EOF\n" % start

    @property
    def lost_links(self) -> list[str]:
        """The names that links lead to and that are nowhere in the file."""
        return sorted(self._links - self._destinations.keys())

    @cached_property
    def _destinations(self) -> dict[str, bytes]:
        return destinations_of(self._indexes, self._links)

    def _add_segment(self, index: SegmentIndex) -> None:
        """Note where a segment's objects stand in the file, and what it adds to the tail."""
        numbers = index.lane.numbers(index.first_slot, len(index.offsets))
        self._offsets.set_all(numbers, index.offsets, self._size)
        self._trees.append(index.tree)
        check_fonts(index.fonts)
        self._usage.update(index.characters, index.glyphs)
        self._layers += index.layers
        self._hidden += index.hidden
        self._links.update(index.links)
        self._bookmarks += len(index.bookmarks)
        self._size += index.size
        self.totals = self.totals.plus(index)
        self._overlay = self._overlay or index.overlay
        tops = [bookmark.title for bookmark in index.bookmarks if bookmark.level == 1]
        if tops:
            self.titles = (self.titles[0] if self.titles else tops[0], tops[-1])
        self._labels += len(index.labels.numbers) if index.labels else 0

    def _objects(self) -> Iterator[tuple[int, bytes | Stream]]:
        """Yield every object of the tail with its number, apart from the cross-reference stream."""
        names = 0
        yield from self._page_labels()
        if self._overlay:
            yield from overlay_objects(volume_words(self._position) if self._position else "", self._usage)
        for place, glyphs in sorted(self._usage.by_font(default_chain()).items()):
            for obj, value in embed(font_at(place), glyphs, self._offsets.size):
                yield obj or FONT + place, value
        if self._bookmarks:
            yield from outline_objects(self._all_bookmarks(), self._offsets.size)
        if self._destinations:
            for names, value in name_tree(self._destinations, self._offsets.size):  # the last is the root
                yield names, value
        yield PAGES, page_node(self._trees, self.totals.pages, None)
        yield INFO, information(self._about)
        described = self._offsets.size
        yield described, metadata(self._about)
        yield CATALOG, catalog(
            self._about,
            Features(
                described, bool(self._bookmarks), names, self._position.before + 1 if self._position else 1,
                self._layers, self._hidden,
            ),
        )  # fmt: skip

    def _page_labels(self) -> Iterator[tuple[int, bytes | Stream]]:
        """Yield "x of y" for the pages that left a place for it; their numbers are in the segments' lanes."""
        page, pages = (self._position.before, self._position.pages) if self._position else (0, self.totals.pages)
        for index in self._indexes() if self._labels else ():
            if index.labels:
                for i, obj in enumerate(index.labels.numbers):
                    text = page_number(page + i + 1, pages)
                    self._usage.add([text], default_chain())
                    yield obj, _label(index.labels.style, text)
            page += index.pages

    def _all_bookmarks(self) -> Iterator[Bookmark]:
        for index in self._indexes():
            yield from index.bookmarks

    def _cross_reference(self) -> tuple[int, Stream]:
        """Return the cross-reference stream and its number. It is the last object, and has a row for itself."""
        obj = self._offsets.size
        self._offsets.set(obj, self._size)
        digest = self._about.digest.encode()
        return obj, self._offsets.stream(
            b"/Root %s/Info %s/ID[<%s><%s>]" % (reference(CATALOG), reference(INFO), digest, digest)
        )


def page_number(page: int, pages: int, of: str = "of") -> str:
    """Return the words "x of y" on a page, the same whether y was known while drawing or only later."""
    return f"{page} {of} {pages}"


def volume_words(position: VolumePosition) -> str:
    """Return the words on each page of a volume."""
    return f"Volume {position.number:,} of {position.count:,}"


TAIL_CHARACTERS = "0123456789,Volume of"
"""All characters that `page_number` and `volume_words` can have; the tail may draw them."""


def about_volume(about: About, position: VolumePosition) -> About:
    """Return what a volume says about itself: title and id differ from volume to volume."""
    title = f"{about.title}, volume {position.number} of {position.count}"
    return replace(about, title=title, id=f"{about.id}-{position.number}")


def _label(style: Label, text: str) -> Stream:
    operators = text_operators(default_chain(), style.x, style.y, style.size, text, style.align)
    return form_of_text(b"0 0 14400 14400", [text], operators)
