"""Assembly: segments one behind the other, then a tail, are the PDF.

The tail holds what only the whole document knows: the font subsets, page numbers that could not be known
earlier, the root of the page tree, the outline, metadata and the cross-reference stream (ISO 32000-1,
7.5.8). Indexes are read one at a time, in several passes; what stays in memory does not grow with the document.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from .fonts import check_fonts, default_chain
from .fonts.subset import embed
from .fonts.usage import FontUsage
from .numbering import CATALOG, FIRST, FONT, INFO, OUTLINES, PAGES, VOLUME
from .objects import Stream, number, reference, text_string, write_object
from .outline import outline
from .overlay import VOLUME_FORM, VOLUME_SIZE, Place, volume_of
from .page import Label, text_operators
from .page_tree import page_node
from .segment import font_resources
from .segment_index import Bookmark, SegmentIndex
from .xref import CrossReference

PRODUCER = "pipeline"


@dataclass(frozen=True)
class About:
    """What the file says of itself. `created` is in seconds since 1970; `id` makes the file's /ID."""

    title: str
    created: float
    id: str


@dataclass(frozen=True)
class Totals:
    """What the segments hold together."""

    size: int = 0
    pages: int = 0
    records: int = 0
    drawn: int = 0

    def plus(self, index: SegmentIndex) -> Totals:
        return Totals(
            self.size + index.size, self.pages + index.pages, self.records + index.records, self.drawn + index.drawn
        )


class Assembly:
    """The tail of a file whose segments stand in the order in which `indexes()` yields them.

    The file is a whole document, or the volume that `place` says. Raises DamagedSegment when two segments do
    not fit together.
    """

    def __init__(
        self, indexes: Callable[[], Iterator[SegmentIndex]], about: About, place: Place | None = None
    ) -> None:
        self._indexes = indexes
        self._about = of_volume(about, place) if place else about
        self._place = place
        self._volumes = False
        self._rows = CrossReference(FIRST)
        self._trees: list[int] = []
        self._used = FontUsage()
        self._bookmarks = 0
        self._size = self._labels = 0
        self.totals = Totals()  # what the segments hold, without the tail
        self.titles: tuple[str, ...] = ()  # of the first and the last bookmark at the top
        for index in indexes():
            self._take(index)

    def tail(self) -> Iterator[bytes]:
        """The bytes behind the last segment, a piece at a time."""
        for obj, value in self._objects():
            self._rows.set(obj, self._size)
            for block in write_object(obj, value):
                self._size += len(block)
                yield bytes(block)
        start = self._size
        yield from map(bytes, write_object(*self._cross_reference()))
        yield b"startxref\n%d\n%%%%EOF\n" % start

    def _take(self, index: SegmentIndex) -> None:
        """Enter a segment's objects at their place in the file."""
        numbers = index.lane.numbers(index.first_slot, len(index.offsets))
        self._rows.set_all(numbers, index.offsets, self._size)
        self._trees.append(index.tree)
        check_fonts(index.fonts)
        self._used.update(index.characters, index.glyphs)
        self._bookmarks += len(index.bookmarks)
        self._size += index.size
        self.totals = self.totals.plus(index)
        self._volumes = self._volumes or index.volumes
        tops = [bookmark.title for bookmark in index.bookmarks if bookmark.level == 1]
        if tops:
            self.titles = (self.titles[0] if self.titles else tops[0], tops[-1])
        self._labels += len(index.labels.numbers) if index.labels else 0

    def _objects(self) -> Iterator[tuple[int, bytes | Stream]]:
        """Every object of the tail with its number."""
        yield from self._page_labels()
        if self._volumes:
            yield VOLUME, self._volume_words()
        for place, glyphs in sorted(self._used.by_font(default_chain()).items()):
            for obj, value in embed(default_chain().fonts[place], glyphs, self._rows.size):
                yield obj or FONT + place, value
        if self._bookmarks:
            yield from outline(self._all_bookmarks(), self._rows.size)
        yield PAGES, page_node(self._trees, self.totals.pages, None)
        title = text_string(self._about.title)
        stamp = time.strftime("%Y%m%d%H%M%S", time.gmtime(self._about.created)).encode()
        yield INFO, b"<</Title%s/Producer(%s)/CreationDate(D:%sZ)>>" % (title, PRODUCER.encode(), stamp)
        more = b"/Outlines %s/PageMode/UseOutlines" % reference(OUTLINES) if self._bookmarks else b""
        if self._place and self._place.before:  # readers then count as the pages do (12.4.2)
            more += b"/PageLabels<</Nums[0<</S/D/St %d>>]>>" % (self._place.before + 1)
        yield CATALOG, b"<</Type/Catalog/Pages %s%s/ViewerPreferences<</DisplayDocTitle true>>>>" % (
            reference(PAGES), more)  # fmt: skip

    def _page_labels(self) -> Iterator[tuple[int, bytes | Stream]]:
        """ "x of y" for the pages that left a place for it; their numbers stand in the segments' lanes."""
        page, pages = (self._place.before, self._place.pages) if self._place else (0, self.totals.pages)
        for index in self._indexes() if self._labels else ():
            if index.labels:
                for i, obj in enumerate(index.labels.numbers):
                    text = page_number(page + i + 1, pages)
                    self._used.add([text], default_chain())
                    yield obj, _label(index.labels.style, text)
            page += index.pages

    def _volume_words(self) -> Stream:
        """What every page shows at its foot; nothing when the document became a single file.

        On white, since a picture may reach to the foot.
        """
        if not self._place:
            return Stream.of(VOLUME_FORM % b"", b"")
        text, face = volume_of(self._place), default_chain()
        self._used.add([text], face)
        wide = face.width(text, VOLUME_SIZE)
        ground = b"1 g %s %s %s %s re f 0 g " % tuple(map(number, (-wide - 2, -2, wide + 4, VOLUME_SIZE + 3)))
        words = text_operators(face, 0, 0, VOLUME_SIZE, text, "right")
        return Stream.of(VOLUME_FORM % _fonts_of(text), ground + words)

    def _all_bookmarks(self) -> Iterator[Bookmark]:
        for index in self._indexes():
            yield from index.bookmarks

    def _cross_reference(self) -> tuple[int, Stream]:
        obj = self._rows.size
        self._rows.set(obj, self._size)
        mark = hashlib.sha256(self._about.id.encode()).hexdigest()[:32].encode()
        return obj, self._rows.stream(
            b"/Root %s/Info %s/ID[<%s><%s>]" % (reference(CATALOG), reference(INFO), mark, mark)
        )


def page_number(page: int, pages: int, of: str = "of") -> str:
    """The words on a page, the same whether they were known early or late."""
    return f"{page} {of} {pages}"


def of_volume(about: About, place: Place) -> About:
    """What a volume says of itself."""
    return replace(
        about, title=f"{about.title}, volume {place.number} of {place.count}", id=f"{about.id}-{place.number}"
    )


def _label(style: Label, text: str) -> Stream:
    operators = text_operators(default_chain(), style.x, style.y, style.size, text, style.align)
    entries = b"/Type/XObject/Subtype/Form/BBox[0 0 14400 14400]/Resources<<%s>>"
    return Stream.of(entries % _fonts_of(text), operators)


def _fonts_of(text: str) -> bytes:
    """Resources with the fonts of one line."""
    used = FontUsage()
    used.add([text], default_chain())
    return font_resources(used.fonts(default_chain()))
