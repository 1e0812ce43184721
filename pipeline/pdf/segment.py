"""A segment: finished PDF objects of one page range, numbered for the final file (see numbering.py).

A segment brings its own branch of the page tree, whose parent is the reserved number PAGES.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO

from .fonts import default_chain, han_language
from .numbering import Lane
from .objects import Stream, reference
from .overlay import overlay_operators, overlay_xobjects
from .page import Page, font_resources
from .segment_body import Rollback, SegmentBody
from .segment_index import Bookmark, Labels, SegmentIndex

if TYPE_CHECKING:
    from .canvas import BlankCanvas
    from .canvas_fonts import CanvasFonts

COMPRESSION_LEVEL = 4  # zlib; level 6 takes a third longer for table pages that are 6 % smaller
HEADER = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n"


class SegmentWriter(SegmentBody):
    """Writes a segment to a file, page by page.

    `first` is the planned page it begins with, `first_slot` the first free slot of the lane. The segment at the
    start of the file begins with the PDF header; elsewhere a header would be a comment. With `overlay`, each page
    draws what the assembly decides to show on every page. `language` is a tag such as ko-KR.
    """

    def __init__(
        self, out: BinaryIO, lane: Lane, first: int, first_slot: int = 0, *, header: bool, overlay: bool = False,
        language: str = "",
    ) -> None:  # fmt: skip
        super().__init__(out, lane, first_slot, overlay=overlay)
        self._first = first
        self._language = han_language(language)
        self._canvas_fonts: CanvasFonts | None = None
        if header:
            self._put(HEADER)

    @contextmanager
    def page(self, width: float, height: float) -> Iterator[Page]:
        """Yield a page to draw on; it is written when the block ends. Width and height in points."""
        page = Page(width, height, self.add, self.add_once, self.tally, self._language)
        yield page
        number = self.reserve()
        if page.label:
            self._label_style = page.label
            self._label_numbers.append(label := self.reserve())
            page.use("Label", label)
        if self.overlay:
            for key, obj in overlay_xobjects().items():
                page.use(key, obj)
            page.write(overlay_operators((0, 0, width, height)), ())
        body, resources = page.finish()
        content = self.add(Stream.from_bytes(b"/Filter/FlateDecode", zlib.compress(body, COMPRESSION_LEVEL)))
        font = font_resources(page.usage.fonts(page.face))
        entries = b"/MediaBox[0 0 %s]/Resources<<%s%s>>/Contents %s"
        self.add_page(entries % (page.box, font, resources, reference(content)), number)
        self.usage.add_usage(page.usage)
        self.add_bookmarks(Bookmark(m.level, number, m.top, m.title) for m in page.bookmarks)

    @contextmanager
    def canvas(self, width: float, height: float) -> Iterator[BlankCanvas]:
        """Yield a reportlab canvas of one or more pages, written when the block ends. Sizes in points.

        Its outline entries become bookmarks; its links may lead to pages of other canvases. Fonts and equal
        pictures are written once a segment. Form fields (acroForm) become pictures; what belongs to a whole file
        (title, encryption) is left out.
        """
        from .adopt import OwnPages, adopt_pages  # loads pypdf and reportlab, which most documents do not need
        from .canvas import BlankCanvas
        from .canvas_fonts import CanvasFonts

        canvas = BlankCanvas(width, height)
        yield canvas
        drawn = canvas.finish()
        self._canvas_fonts = self._canvas_fonts or CanvasFonts(self)
        own = OwnPages(self._canvas_fonts.add(drawn.fonts), drawn.destinations)
        adopt_pages(self, drawn.file, list, own)

    def roll_back(self, to: Rollback) -> None:
        """Undo everything since that point."""
        super().roll_back(to)
        if self._canvas_fonts:
            self._canvas_fonts.roll_back(to.slots)

    def finish(self, planned: int) -> SegmentIndex:
        """Write the branch of the page tree. Returns the index; `planned` pages of the plan are done."""
        if self._canvas_fonts:
            self._canvas_fonts.write()
        tree = self._pages.write()
        self._out.flush()
        return SegmentIndex(
            chunk=self._lane.chunk,
            chunks=self._lane.chunks,
            first=self._first,
            planned=planned,
            first_slot=self._first_slot,
            offsets=self._offsets.tolist(),
            size=self._at,
            tree=tree,
            pages=self.pages,
            records=self.tally.records,
            drawn=self.tally.drawn,
            bookmarks=self._bookmarks,
            characters="".join(sorted(self.usage.characters)),
            labels=Labels(self._label_style, self._label_numbers) if self._label_style else None,
            skipped=self.tally.skipped,
            remarks=list(self.tally.remarks),
            missing=list(self.tally.missing),
            glyphs=self.usage.shaped,
            fonts=default_chain().fingerprint if self.usage else "",
            before=self._lane.before,
            overlay=self.overlay,
            destinations=self._destinations,
            links=list(self._links),
            layers=list(self._layers.values()),
            hidden=[number for (visible, _), number in self._layers.items() if not visible],
        )
