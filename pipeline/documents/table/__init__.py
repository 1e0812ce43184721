"""table: rows of CSV or JSON lines become ruled pages, grouped and summed when asked for.

The plan reads the input once: it finds out the format, fixes the widths of the columns, and notes where
each page begins and what is open there. A chunk then reads its own bytes only.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import islice

import msgspec

from ...errors import InvalidRequest
from ...exports.plan import Cost, Marks, Survey
from ...pdf.assembly import page_number
from ...pdf.page import Page
from ...pdf.segment import SegmentWriter
from .. import Range, register
from ..inputs import Inputs
from ..params import MM, one_source
from .columns import Place
from .draw_rows import TablePen
from .fast_pagination import Skimmer, skimmable
from .groups import OpenGroups
from .pagination import Sheet, sheets
from .params import TableParams, Words
from .rows import Format, Row, RowReader, Surplus, detect
from .setup import TablePlan, TableSetup, measured, view
from .summary import Summary
from .warnings import BOOKMARKS_MOST, SurveyNotes

SAMPLE_BYTES = 256 * 1024
SAMPLE_ROWS = 1000  # by which widths are measured and numbers are recognised
# One page of 240 cells took 0.4 ms to draw and packed to 3 kB on a 2.5 GHz core.
COST = Cost(seconds=0.0005, bytes=4000)


@dataclass(frozen=True)
class PageJob:
    """A page to be drawn, and how many rows it has."""

    rows: int
    draw: Callable[[Page], None]


class Table:
    """Rows as a ruled table, with groups, totals and a summary if asked for."""

    name = "table"
    params = TableParams
    records_field = "rows"

    def check(self, params: TableParams, inputs: Inputs) -> None:
        one_source(params, self.records_field)
        params.check_paper()
        params.check_formats()
        if params.listing:
            inputs.check(params.listing)

    def survey(self, params: TableParams, listing: str, inputs: Inputs) -> Survey:
        sample = b"".join(_head(inputs.blocks(listing, 0, SAMPLE_BYTES)))
        format = detect(sample, params.format, params.delimiter, params.encoding)
        places = measured(params, format, _rows(sample, format))
        seen = view(params, format, places)
        summary = Summary(params, seen)
        notes = SurveyNotes(seen.layout, seen.watched, summary.room)
        blocks, surplus, state = inputs.blocks(listing, format.begin), Surplus(), seen.books.opening()
        marks, records, pages, start = Marks(), 0, 0, format.begin
        for sheet in _sheets(blocks, format, seen, state, surplus):
            marks.add(pages, start, msgspec.to_builtins(state))
            notes.look(sheet, pages, records)
            pages, records, start, state = pages + 1, records + sheet.count, sheet.behind, sheet.state
        if not records:
            raise InvalidRequest(f"The listing {listing} has no rows.", field="listing")
        notes.finish(records)
        found = _found(params, format, places, notes, summary, records)
        return Survey(
            records, pages + found.front + found.back, marks, start, COST, msgspec.to_builtins(found), [],
            found.front, found.back, (*surplus.warnings(), *notes.warnings),
        )  # fmt: skip

    def draw(
        self, params: TableParams, listing: str, part: Range, inputs: Inputs, out: SegmentWriter
    ) -> Generator[None, None, None]:
        found, words = msgspec.convert(part.found, TablePlan), params.said
        leaves = _leaves(params, found, part, listing, inputs)
        begin = part.first - part.chunk.first_page
        for number, leaf in enumerate(islice(leaves, begin, part.stop - part.chunk.first_page), part.first):
            with out.page(*params.paper) as page:
                leaf.draw(page)
                _finish(page, params, words, number, part.pages)
            out.tally.records += leaf.rows
            out.tally.drawn += leaf.rows
            yield


def _sheets(
    blocks: Iterator[bytes], format: Format, seen: TableSetup, state: OpenGroups, surplus: Surplus
) -> Iterable[Sheet]:
    """All pages of the rows."""
    if seen.plain and skimmable(format):
        return Skimmer(blocks, format, seen.layout, surplus)
    reader = RowReader(blocks, format.begin, format, surplus)
    return sheets(reader, seen.layout, seen.paging, 0, state, ())


def _found(
    params: TableParams,
    format: Format,
    places: tuple[Place, ...],
    notes: SurveyNotes,
    summary: Summary,
    records: int,
) -> TablePlan:
    pages = summary.pages(notes.entries, notes.groups)
    front = pages if params.summary == "front" else 0
    return TablePlan(
        format, places, tuple(notes.entries), notes.groups, records, notes.totals,
        front, pages - front,
    )  # fmt: skip


def _leaves(params: TableParams, found: TablePlan, part: Range, listing: str, inputs: Inputs) -> Iterator[PageJob]:
    """The pages of a chunk: the first ones begin with the summary in front, the last ones end with that at
    the back."""
    chunk, seen = part.chunk, view(params, found.format, found.places)
    summary = Summary(params, seen)
    if chunk.first_page == 0:
        yield from (PageJob(0, partial(summary.draw, number=n, found=found)) for n in range(found.front))
    reader = RowReader(inputs.blocks(listing, chunk.start, chunk.stop), chunk.start, found.format)
    first = max(0, chunk.first_page - found.front)
    pen = TablePen(seen, params.stripes, not params.bookmark_every and found.groups <= BOOKMARKS_MOST)
    pages = sheets(reader, seen.layout, seen.paging, first, seen.state(chunk.state), seen.state(chunk.after))
    for number, sheet in enumerate(pages, first):
        yield PageJob(sheet.count, partial(pen.draw, first=number == 0, sheet=sheet))
    if part.stop > part.pages - found.back:
        yield from (PageJob(0, partial(summary.draw, number=n, found=found)) for n in range(found.back))


def _finish(page: Page, params: TableParams, words: Words, number: int, pages: int) -> None:
    """The page number, and the bookmark of every n-th page."""
    if params.page_numbers:
        size = params.font_size
        y = params.margin * MM + size * 0.4
        page.text(params.paper[0] / 2, y, size, page_number(number + 1, pages, words.of), align="center")
    if params.bookmark_every and number % params.bookmark_every == 0:
        page.bookmark(f"{words.page} {number + 1}")


def _rows(sample: bytes, format: Format) -> list[Row]:
    """The first rows, whole ones only."""
    cut = sample.rfind(b"\n") + 1 if len(sample) == SAMPLE_BYTES else len(sample)
    return [row for row, _ in RowReader([sample[format.begin : cut]], 0, format).take(SAMPLE_ROWS)]


def _head(blocks: Iterator[bytes]) -> Iterator[bytes]:
    """The first bytes; a sample that is cut keeps to its size."""
    left = SAMPLE_BYTES
    for block in blocks:
        yield block[:left]
        left -= len(block)
        if left <= 0:
            return


register(Table())
