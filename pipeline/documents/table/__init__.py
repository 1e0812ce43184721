"""table: rows of CSV or JSON lines become ruled pages.

The plan reads the input once: it finds out the format, fixes the widths of the columns, and notes where
each page begins. A chunk then reads its own bytes only.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from itertools import islice
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta
from reportlab.lib import pagesizes

from ...errors import InvalidRequest
from ...pdf.assembly import page_number
from ...pdf.fonts import default_face
from ...pdf.segment import SegmentWriter
from ...plan import Cost, Marks, Survey
from ...sources import Inputs
from .. import Params, Range, one_source, register
from .drawing import TablePen
from .layout import Layout, Place, Wish, placed, sheets
from .reading import Format, RowReader, detect

MM = 72 / 25.4
SAMPLE_BYTES = 256 * 1024
SAMPLE_ROWS = 1000  # by which widths are measured and numbers are recognised
# One page of 240 cells took 0.4 ms to draw and packed to 3 kB on a 2.5 GHz core.
COST = Cost(seconds=0.0005, bytes=4000)


class Column(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How one column is shown. `field` is its name in the input."""

    field: str
    title: str | None = None
    width: Annotated[float | None, Meta(description="mm; measured when not given")] = None
    align: Literal["auto", "left", "right", "center"] = "auto"


class TableParams(Params, frozen=True):
    """Parameters of `table`."""

    rows: Annotated[list[dict[str, Any]] | None, Meta(description="a list of {column: value}")] = None
    title: Annotated[str, Meta(min_length=1, max_length=200, description="stands on the first page")] = "Table"
    delimiter: Annotated[str, Meta(max_length=1, description="of a CSV; found out when not given")] = ""
    encoding: Annotated[str, Meta(max_length=20, description="of a CSV; found out when not given")] = ""
    columns: Annotated[tuple[Column, ...], Meta(description="which columns, in order; all when empty")] = ()
    page_size: Annotated[Literal["A3", "A4", "A5", "Letter", "Legal"], Meta(description="paper")] = "A4"
    landscape: Annotated[bool, Meta(description="turn the paper")] = False
    margin: Annotated[float, Meta(ge=5, le=40, description="margin in mm, 5 to 40")] = 12
    font_size: Annotated[float, Meta(ge=4, le=24, description="points, 4 to 24")] = 8
    stripes: Annotated[bool, Meta(description="shade every other row")] = True
    page_numbers: Annotated[bool, Meta(description="print `x of y`")] = True
    bookmark_every: Annotated[int, Meta(ge=0, description="pages from one outline entry to the next; 0: none")] = 0

    @property
    def paper(self) -> tuple[float, float]:
        """Width and height in points."""
        size = getattr(pagesizes, self.page_size if self.page_size[0] == "A" else self.page_size.lower())
        short, long = sorted(size)
        return (long, short) if self.landscape else (short, long)


class Found(msgspec.Struct, frozen=True):
    """What planning finds out and drawing needs."""

    format: Format
    places: tuple[Place, ...]


class Table:
    """The document kind `table`."""

    name = "table"
    params = TableParams
    records_field = "rows"

    def check(self, params: TableParams, inputs: Inputs) -> None:
        one_source(self, params)
        if params.rows is not None and not params.rows:
            raise InvalidRequest("There are no rows; a table needs one at least.", field="rows")
        if params.listing:
            inputs.check(params.listing)

    def survey(self, params: TableParams, listing: str, inputs: Inputs) -> Survey:
        sample = b"".join(_head(inputs.blocks(listing, 0, SAMPLE_BYTES)))
        format = detect(sample, params.format, params.delimiter, params.encoding)
        found = Found(format, self._places(params, format, sample))
        reader = RowReader(inputs.blocks(listing, format.begin), format.begin, format)
        marks, records, number, start = Marks(), 0, 0, format.begin
        for number, sheet in enumerate(sheets(reader, _layout(params, found), 0), 1):
            marks.add(number - 1, start)
            records += sheet.count
            start = sheet.behind
        if not records:
            raise InvalidRequest(f"The listing {listing} has no rows.", field="listing")
        return Survey(records, number, marks, start, COST, msgspec.to_builtins(found), reader.surplus.warnings())

    def draw(
        self, params: TableParams, listing: str, part: Range, inputs: Inputs, out: SegmentWriter
    ) -> Generator[None, None, None]:
        chunk = part.chunk
        found = msgspec.convert(part.found, Found)
        layout = _layout(params, found)
        pen = TablePen(layout, params.stripes)
        reader = RowReader(inputs.blocks(listing, chunk.start, chunk.stop), chunk.start, found.format)
        behind = part.first - chunk.first_page
        drawn = islice(sheets(reader, layout, chunk.first_page), behind, None)
        for number, sheet in enumerate(drawn, part.first):
            with out.page(*params.paper) as paper:
                pen.draw(paper, number == 0, params.title, sheet)
                if params.page_numbers:
                    size = params.font_size
                    y = layout.margin + size * 0.4
                    paper.text(layout.width / 2, y, size, page_number(number + 1, part.pages), align="center")
                if params.bookmark_every and number % params.bookmark_every == 0:
                    paper.bookmark(f"Page {number + 1}")
            out.tally.records += sheet.count
            out.tally.drawn += sheet.count
            yield

    def _places(self, params: TableParams, format: Format, sample: bytes) -> tuple[Place, ...]:
        cut = sample.rfind(b"\n") + 1 if len(sample) == SAMPLE_BYTES else len(sample)
        seen = [row for row, _ in RowReader([sample[format.begin : cut]], 0, format).take(SAMPLE_ROWS)]
        wishes = list(_wishes(params, format.fields))
        margin = params.margin * MM
        return placed(wishes, seen, params.paper[0] - 2 * margin, margin, params.font_size, default_face())


def _wishes(params: TableParams, fields: tuple[str, ...]) -> Iterator[Wish]:
    """The columns that were asked for, or all."""
    if not params.columns:  # by their places: two may have the same name
        yield from (Wish(source, field, None, "auto") for source, field in enumerate(fields))
    for column in params.columns:
        if column.field not in fields:
            known = ", ".join(fields[:20])
            raise InvalidRequest(f"There is no column {column.field!r}. There are: {known}.", field="columns")
        width = column.width * MM if column.width else None
        title = column.title if column.title is not None else column.field
        yield Wish(fields.index(column.field), title, width, column.align)


def _layout(params: TableParams, found: Found) -> Layout:
    width, height = params.paper
    return Layout(
        found.places, width, height, params.margin * MM, params.font_size, True, params.page_numbers, default_face()
    )


def _head(blocks: Iterator[bytes]) -> Iterator[bytes]:
    """The first bytes; a sample that is cut keeps to its size."""
    left = SAMPLE_BYTES
    for block in blocks:
        yield block[:left]
        left -= len(block)
        if left <= 0:
            return


register(Table())
