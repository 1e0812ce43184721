"""The summary: number of rows, totals, and groups with their pages, before or behind the table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property

import msgspec

from ...errors import InvalidRequest
from ...pdf.fonts.characters import printable
from ...pdf.objects import number as digits
from ...pdf.page import Colour, Page
from .cells import Cells
from .formats import Number, known_locale, writer
from .layout import FOOTER, HASHES, one_line
from .logo import Logo
from .params import TableParams
from .setup import TablePlan, TableSetup
from .style import HAIRLINE, stroke
from .warnings import GroupEntry

STEP = 1.75  # from line to line, in font sizes
HEADING = 1.35  # font size of "Summary" behind a table
GREY: Colour = (0.42, 0.42, 0.42)
MIN_NAME_SHARE = 0.3  # of the width is kept for the names of groups


class NumberColumn(msgspec.Struct, frozen=True):
    """A column of numbers in the list of groups: its right edge and its width."""

    right: float
    width: float


class Summary:
    """Lays out the pages of a summary: at most `summary_pages`, however many groups there are."""

    def __init__(self, params: TableParams, setup: TableSetup, logo: Logo | None = None) -> None:
        self._params = params
        self._logo = logo
        self._setup = setup
        self._layout = setup.layout
        self._size = params.font_size
        self._wanted = params.summary != "none"
        if self._wanted and self._lines(0) < 1:
            raise InvalidRequest(
                "The page is too low for a summary.", field="summary", advice="Take a smaller font or larger paper."
            )

    @cached_property
    def _count(self) -> Cells:
        """What writes how many; made when it is needed, as a locale takes 30 ms."""
        return Cells(writer(Number(decimals=0), known_locale(self._params.locale)))

    @property
    def room(self) -> int:
        """Most groups that are listed."""
        if not self._wanted or not self._setup.grouping.levels:
            return 0
        # One line is kept for the number of groups that are not listed.
        return max(0, sum(self._lines(page) for page in range(self._params.summary_pages)) - 1)

    def pages(self, entries: Sequence[GroupEntry], groups: int) -> int:
        """How many pages are needed."""
        lines, pages = len(entries) + (groups > len(entries)), int(self._wanted)
        while self._wanted and lines > sum(map(self._lines, range(pages))) and pages < self._params.summary_pages:
            pages += 1
        return pages

    def draw(self, page: Page, number: int, plan: TablePlan) -> None:
        """Draw a page, counted from 0."""
        y = self._top(page, number, plan)
        if not self._setup.grouping.levels:
            return
        before = sum(map(self._lines, range(number)))
        entries = plan.entries[before : before + self._lines(number)]
        cells = list(self._cells(page, plan))
        words, titles = self._setup.grouping.words, [self._layout.places[i].title for i in self._layout.summed]
        y = self._line(page, y, words.group, 0, [words.rows, *titles, words.page], cells, bold=True)
        for entry in entries:
            self._rule(page, y)
            y = self._line(page, y, entry.words, entry.level, self._texts(entry, plan), cells)
        if plan.groups > len(plan.entries) and before + len(entries) == len(plan.entries):
            more = f"… {self._number(plan.groups - len(plan.entries))} {words.more}"
            self._line(page, y, more, 0, [], cells, GREY)

    def _facts(self, plan: TablePlan | None) -> Iterator[tuple[str, str]]:
        """Words and values about the whole table."""
        words = self._setup.grouping.words
        yield words.rows, self._number(plan.records if plan else 0)
        for i, place in enumerate(self._layout.summed):
            title = f"{words.total} {self._layout.places[place].title}"
            yield title, plan.totals[i] if plan else ""

    def _head_height(self, number: int) -> float:
        """Height above the list of groups."""
        if number:
            return self._size * HEADING
        facts = sum(1 for _ in self._facts(None)) * self._size * STEP
        title = self._setup.title_block.height if self._params.summary == "front" else self._size * HEADING * 2
        return title + facts + self._size * STEP

    def _lines(self, number: int) -> int:
        """How many lines of the list fit a page below its titles."""
        high = self._layout.height - 2 * self._layout.margin - self._head_height(number) - self._size * FOOTER
        return max(0, int(high / (self._size * STEP)) - 1)

    def _top(self, page: Page, number: int, plan: TablePlan) -> float:
        """Draw what stands above the list. Returns where the list begins."""
        layout, size, top = self._layout, self._size, self._layout.height - self._layout.margin
        if number:
            return top - self._head_height(number)
        y = top
        if self._params.summary == "front":
            self._setup.title_block.draw(page, layout.margin, layout.width - layout.margin, top, self._logo)
            y -= self._setup.title_block.height + size * STEP
        else:
            words, large = self._setup.grouping.words.summary, size * HEADING
            page.text(layout.margin, top - large, large, words, colour=layout.look.ink, bold=True)
            y -= size * HEADING * 2 + size
        half = layout.width / 2 - layout.margin
        widest = max(page.face.width(printable(title), size) for title, _ in self._facts(plan))
        x = layout.margin + min(widest, half) + 2 * size
        for title, value in self._facts(plan):
            page.text(layout.margin, y, size, page.fit(title, size, half, "Words of the summary"), colour=GREY)
            shown, smaller = self._number_in(page, value, layout.width - layout.margin - x, bold=True)
            page.text(x, y, smaller, shown, bold=True)
            y -= size * STEP
        return top - self._head_height(0) - size * 0.6

    def _texts(self, entry: GroupEntry, plan: TablePlan) -> list[str]:
        return [self._number(entry.rows), *entry.sums, self._number(entry.page + plan.front + 1)]

    def _cells(self, page: Page, plan: TablePlan) -> Iterator[NumberColumn]:
        """The columns of numbers at the right edge, as wide as their texts."""
        words, places = self._setup.grouping.words, self._layout.places
        titles = [words.rows, *(places[i].title for i in self._layout.summed), words.page]
        rows = [titles, *(self._texts(entry, plan) for entry in plan.entries)]
        widths = [
            max(page.bold.width(printable(t), self._size) for t in column) + 2 * self._size
            for column in zip(*rows, strict=True)
        ]
        full = self._layout.width - 2 * self._layout.margin
        scale = min(1.0, full * (1 - MIN_NAME_SHARE) / sum(widths))
        right = self._layout.margin + full - scale * sum(widths)
        for width in widths:
            right += width * scale
            yield NumberColumn(right, (width - self._size) * scale)

    def _line(
        self, page: Page, y: float, words: str, level: int, texts: Sequence[str], cells: Sequence[NumberColumn],
        colour: Colour = (0, 0, 0), bold: bool = False,
    ) -> float:  # fmt: skip
        size, x = self._size, self._layout.margin + level * self._size * 1.5
        room = cells[0].right - cells[0].width - self._size - x
        shown = page.fit(words, size, room, "Names of groups in the summary", bold=bold)
        page.text(x, y, size, shown, colour=colour, bold=bold)
        for cell, text in zip(cells, texts, strict=False):
            shown, smaller = self._number_in(page, text, cell.width, bold)
            page.text(cell.right, y, smaller, shown, align="right", colour=colour, bold=bold)
        return y - size * STEP

    def _number_in(self, page: Page, text: str, width: float, bold: bool) -> tuple[str, float]:
        """Return a number or a title above numbers as `one_line` does, named in the result if it has no room."""
        shown, size = one_line(page.bold if bold else page.face, printable(text), self._size, width)
        if shown == HASHES:
            page.warn(f"Numbers of the summary are too wide, even in smaller print, so they are shown as {HASHES}")
        return shown, size

    def _rule(self, page: Page, y: float) -> None:
        left, right, y = self._layout.margin, self._layout.width - self._layout.margin, y + self._size * 1.2
        line = b"%s %s w" % (stroke(self._layout.look.line), digits(HAIRLINE))
        page.write(b"q %s %.2f %.2f m %.2f %.2f l S Q" % (line, left, y, right, y), ())

    def _number(self, value: int) -> str:
        return self._count.texts([str(value)])[0]
