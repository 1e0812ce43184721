"""table: rows of CSV or JSON lines as ruled pages, with groups and totals if asked for.

Planning reads the input once: it detects the format, measures the columns, and notes where each page begins and
which groups are open there. A chunk then reads its own bytes only.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from functools import partial
from itertools import chain, islice
from math import inf
from typing import Any

import msgspec

from ...exports.plan import Survey
from ...pdf.assembly import page_number
from ...pdf.page import Page
from ...pdf.paper import MM
from ...pdf.segment import SegmentWriter
from ...pdf.tally import Remarks
from .. import InputRange, Measured, Range, register, survey_at_once
from ..inputs import MAX_LINE, Inputs
from ..params import one_source, source_of
from .csv_rows import Row
from .detect import detect
from .doubts import name_inner_records
from .draw_rows import TablePen
from .fast_rows import LOOKAHEAD, FastRows, can_find_rows_fast
from .lines import line_numbers
from .logo import Logo
from .measures import RowMeasure, measured_rows
from .pagination import paginate
from .paging import TableFacts, TablePages
from .params import TableParams
from .read_rows import Batch, BatchReader
from .row_start import row_start
from .rows import InputFormat, RowReader
from .setup import (
    TablePlan,
    TableSetup,
    check_rows,
    measure_columns,
    name_centuries,
    name_equal_columns,
    name_narrow_columns,
    table_setup,
)
from .summary import Summary
from .warnings import MAX_BOOKMARKS
from .words import Words

SAMPLE_BYTES = 256 * 1024
SAMPLE_ROWS = 1000  # for measuring columns and recognising numbers


class PageJob(msgspec.Struct, frozen=True):
    """A page to draw, and how many rows it has."""

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
            with source_of("listing"):
                inputs.check(params.listing)
        if params.logo:
            with source_of("logo"):
                inputs.check(params.logo)
        if params.rows:
            check_rows(params, params.rows)

    def survey(self, params: TableParams, listing: str, inputs: Inputs) -> Survey:
        return survey_at_once(self, params, listing, inputs)

    def sample(self, params: TableParams, listing: str, inputs: Inputs) -> Mapping[str, Any]:
        remarks = Remarks()
        if logo := _logo(params, inputs):
            logo.check(remarks)
        with line_numbers(inputs, listing, _name(params, listing)):
            sample = _head(inputs, listing)
            format = detect(sample, params.format, params.delimiter, params.encoding, remarks)
            rows = _rows(sample, format)
            places = measure_columns(params, format, rows)
        name_equal_columns(params, format.fields, remarks)
        name_centuries(params, remarks)
        name_narrow_columns(params, places, remarks)
        if format.kind == "jsonl" and len(rows) == 1 and not (params.columns or params.rows or params.query):
            name_inner_records(format.fields, rows[0], remarks)
        found: Mapping[str, Any] = msgspec.to_builtins(TableFacts(format, places, tuple(remarks)))
        return found

    def measure(
        self, params: TableParams, listing: str, facts: Mapping[str, Any], part: InputRange, inputs: Inputs
    ) -> Iterator[Measured]:
        known = msgspec.convert(facts, TableFacts)
        format, setup = known.format, table_setup(params, known.format, known.places)
        at = (
            part.start
            if part.known
            else row_start(inputs, listing, max(part.start, format.begin), part.stop, format)
        )
        if at is None:
            return
        with line_numbers(inputs, listing, _name(params, listing)):
            begin = max(at, format.begin)
            blocks = _blocks(inputs, listing, begin, part.stop)
            for stop, piece in measured_rows(_batches(blocks, begin, format, setup), begin, part.stop):
                yield Measured(at, stop, piece.encode())
                at = stop
        if at < part.stop < inf:
            yield Measured(at, int(part.stop), RowMeasure().encode())

    def pages(
        self, params: TableParams, listing: str, facts: Mapping[str, Any], saved: bytes | None = None
    ) -> TablePages:
        return TablePages(params, _name(params, listing), msgspec.convert(facts, TableFacts), saved)

    def draw(
        self, params: TableParams, listing: str, part: Range, inputs: Inputs, out: SegmentWriter
    ) -> Generator[None, None, None]:
        plan, words = msgspec.convert(part.found, TablePlan), params.wording
        page_jobs = _page_jobs(params, plan, part, listing, inputs)
        begin = part.first - part.chunk.first_page
        with line_numbers(inputs, listing, _name(params, listing)):
            for number, job in enumerate(islice(page_jobs, begin, part.stop - part.chunk.first_page), part.first):
                with out.page(*params.paper) as page:
                    job.draw(page)
                    _finish(page, params, words, number, part.pages)
                out.tally.records += job.rows
                out.tally.drawn += job.rows
                yield


def _blocks(inputs: Inputs, listing: str, start: int, stop: float) -> Iterator[bytes]:
    """The bytes from `start` to `stop`, then those behind them, as far as they are asked for."""
    if stop == inf:
        yield from inputs.blocks(listing, start)
        return
    yield from inputs.blocks(listing, start, at := max(start, int(stop)))
    while more := b"".join(inputs.blocks(listing, at, at + SAMPLE_BYTES)):
        yield more
        at += len(more)


def _batches(blocks: Iterator[bytes], start: int, format: InputFormat, setup: TableSetup) -> Iterable[Batch]:
    """All rows of the blocks."""
    first = next(blocks, b"")
    blocks = chain([first], blocks)
    if setup.plain and can_find_rows_fast(format) and len(first) >= LOOKAHEAD:  # few rows are read as fast
        return FastRows(blocks, start, format, setup)
    return BatchReader(blocks, start, format, setup)


def _page_jobs(
    params: TableParams, plan: TablePlan, part: Range, listing: str, inputs: Inputs
) -> Iterator[PageJob]:
    """The pages of a chunk. Those of the summary belong to the first chunk or the last one."""
    chunk, setup, logo = part.chunk, table_setup(params, plan.format, plan.places), _logo(params, inputs)
    summary = Summary(params, setup, logo)
    if chunk.first_page == 0:
        yield from (PageJob(0, partial(summary.draw, number=n, plan=plan)) for n in range(plan.front))
    reader = RowReader(inputs.blocks(listing, chunk.start, chunk.stop), chunk.start, plan.format)
    first = max(0, chunk.first_page - plan.front)
    pen = TablePen(setup, logo, not params.bookmark_every and plan.groups <= MAX_BOOKMARKS)
    pages = paginate(
        reader, setup.texts, setup.paginator, first, setup.state(chunk.state), setup.state(chunk.after)
    )
    for number, page_rows in enumerate(pages, first):
        yield PageJob(page_rows.count, partial(pen.draw, first=number == 0, page_rows=page_rows))
    if part.stop > part.pages - plan.back:
        yield from (PageJob(0, partial(summary.draw, number=n, plan=plan)) for n in range(plan.back))


def _logo(params: TableParams, inputs: Inputs) -> Logo | None:
    return Logo(params.logo, inputs) if params.logo else None


def _finish(page: Page, params: TableParams, words: Words, number: int, pages: int) -> None:
    """Draw the page number, and add the bookmark of every n-th page."""
    if params.page_numbers:
        size = params.font_size
        y = params.margin * MM + size * 0.4
        line = page_number(number + 1, pages, words.of)
        room = params.paper[0] - 2 * params.margin * MM
        page.text(params.paper[0] / 2, y, size, page.fit(line, size, room, "Page numbers"), align="center")
    if params.bookmark_every and number % params.bookmark_every == 0:
        page.bookmark(f"{words.page} {number + 1}")


def _name(params: TableParams, listing: str) -> str:
    """What messages call the listing. The lines of a snapshot are not those of its file."""
    if not params.listing:
        return f"the query {params.query}" if params.query else "the rows"
    return params.listing if listing.endswith(params.listing) else f"the rows of {params.listing}"


def _rows(sample: bytes, format: InputFormat) -> list[Row]:
    """The complete rows of the sample, up to SAMPLE_ROWS."""
    cut = len(sample) >= SAMPLE_BYTES
    whole = sample[format.begin : sample.rfind(b"\n") + 1 if cut else None]
    return [row for row, _ in RowReader([whole], format.begin, format, cut=cut).take(SAMPLE_ROWS)]


def _head(inputs: Inputs, listing: str) -> bytes:
    """The first SAMPLE_BYTES bytes, or fewer if there are no more. More if the first line is longer."""
    head = b"".join(inputs.blocks(listing, 0, SAMPLE_BYTES))
    return head if b"\n" in head else b"".join(inputs.blocks(listing, 0, MAX_LINE))


register(Table())
