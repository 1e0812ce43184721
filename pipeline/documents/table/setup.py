"""Everything that decides what a table's pages look like, from the parameters and the columns' places.

Planning and drawing build it from the same values, so they lay out the same pages.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from ...errors import InvalidRequest
from ...pdf.fonts import default_chain, han_language
from ...pdf.fonts.characters import printable
from ...pdf.paper import MM
from ...pdf.tally import Remarks
from .cells import Cells
from .columns import Faces, PlacedColumn, WantedColumn, place_columns
from .csv_rows import Row
from .decimal_points import points_are_unsure
from .fits import CellTexts
from .formats import POINT, Date, Format, NumberWriter, guesses_century, known_locale, plain_writer, writer
from .groups import Grouping, Level, OpenGroups, Sum, total
from .layout import Layout
from .pagination import Paginator, keep_band_room, paginator_for
from .params import Column, TableParams
from .rows import InputFormat
from .title_block import RunningHead, TitleBlock, running_head, title_block
from .warnings import GroupEntry, WatchedColumn

NARROWER = 0.1  # points: places are rounded
GROWTH = 1000  # columns are wide enough for a total this many times that of the sample


class TablePlan(msgspec.Struct, frozen=True):
    """What planning finds out and drawing needs; stored as JSON in the plan."""

    format: InputFormat
    places: tuple[PlacedColumn, ...]
    entries: tuple[GroupEntry, ...] = ()  # for the summary
    groups: int = 0
    records: int = 0
    totals: tuple[str, ...] = ()
    front: int = 0  # pages of the summary before the table
    back: int = 0  # and behind it


class TableSetup(msgspec.Struct, frozen=True):
    """The parts that lay out the pages of one table."""

    title_block: TitleBlock
    running_head: RunningHead | None
    layout: Layout
    texts: CellTexts
    grouping: Grouping
    paginator: Paginator
    watched: tuple[WatchedColumn, ...]

    @property
    def plain(self) -> bool:
        """True if pages hold the rows of the input as they are, and nothing between them."""
        return not self.grouping.levels and not self.watched

    def state(self, stored: object) -> OpenGroups:
        """The open groups that a plan stores for a mark."""
        return msgspec.convert(stored, OpenGroups) if stored is not None else self.grouping.opening()


def table_setup(params: TableParams, format: InputFormat, places: Sequence[PlacedColumn]) -> TableSetup:
    """Return the setup of a table whose columns stand at `places`."""
    faces, look = table_faces(params), params.look
    width, height = params.paper
    margin = params.margin * MM
    columns = [column for column, _ in chosen_columns(params, format.fields)]
    cells = [column_cells(params, column) for column in columns]
    grouping = _grouping(params, format.fields, places, columns, cells)
    block = title_block(params, faces, look.ink, width - 2 * margin, height - 2 * margin)
    layout = Layout(
        tuple(places),
        tuple(i for i, column in enumerate(columns) if column.total),
        width, height, margin, params.font_size,
        0 if params.summary == "front" else block.height,
        params.running_head, params.page_numbers, look, faces,
    )  # fmt: skip
    formatted = tuple(c if column.format else None for c, column in zip(cells, columns, strict=True))
    texts = CellTexts(keep_band_room(layout, grouping), formatted)
    watched = tuple(_watched(params, format, places, columns, cells, grouping))
    paginator = paginator_for(texts, grouping)
    return TableSetup(block, running_head(params), texts.layout, texts, grouping, paginator, watched)


def table_faces(params: TableParams) -> Faces:
    """Return the fonts of a table in the language of its locale."""
    language = han_language(params.locale)
    return Faces(default_chain(language=language), default_chain(bold=True, language=language))


def chosen_columns(params: TableParams, fields: Sequence[str]) -> list[tuple[Column, int]]:
    """Return the columns that were asked for, or all that make no groups, each with its index in an input row."""
    if params.columns:
        columns = list(_places(params.columns, fields))
    else:
        grouped = {column_index(fields, group.field, "group_by") for group in params.group_by}
        columns = [(Column(field), index) for index, field in enumerate(fields) if index not in grouped]
    if not columns:
        raise InvalidRequest(
            "Every column makes a group, so no column is left to show.",
            field="group_by",
            advice="Name the columns to show in columns.",
        )
    if all(column.total for column, _ in columns):
        raise InvalidRequest(
            "Every column has a total; the words of a total need a column without one.",
            field="columns",
            advice="Add a column without a total.",
        )
    return columns


def _places(columns: Sequence[Column], fields: Sequence[str]) -> Iterator[tuple[Column, int]]:
    met: Counter[str] = Counter()
    for column in columns:
        yield column, column_index(fields, column.field, "columns", met[column.field])
        met[column.field] += 1


def column_index(fields: Sequence[str], name: str, parameter: str, nth: int = 0) -> int:
    """Return the index of a column in an input row; of several with one name the `nth`, or else the last."""
    found = _columns_named(fields, name)
    if not found:
        known = ", ".join(fields[:20])
        raise InvalidRequest(f"There is no column {name!r}. There are: {known}.", field=parameter)
    return found[min(nth, len(found) - 1)]


def _columns_named(fields: Sequence[str], name: str) -> list[int]:
    """Return the columns with a name, or else those whose name looks the same: é may be one character or two."""
    found = [index for index, field in enumerate(fields) if field == name]
    return found or [index for index, field in enumerate(fields) if printable(field) == printable(name)]


def name_equal_columns(params: TableParams, fields: Sequence[str], remarks: Remarks) -> None:
    """Add a remark for a name that was given for fewer columns than have it: another one may have been meant."""
    for name, times in Counter(column.field for column in params.columns).items():
        if (there := len(_columns_named(fields, name))) > times:
            first = "first one is" if times == 1 else f"first {times} are"
            remarks.add(f"Of {there} columns {name!r}, only the {first} shown, as was asked for")
    for group in params.group_by:
        if (there := len(_columns_named(fields, group.field))) > 1:
            remarks.add(f"Of {there} columns {group.field!r}, the first makes groups")


def name_centuries(params: TableParams, remarks: Remarks) -> None:
    """Add a remark for dates whose century is a guess, that of strptime."""
    formats = [(each.field, each.format, each.locale or params.locale) for each in params.columns]
    formats += [(each.field, each.format, params.locale) for each in params.group_by]
    for name, format, locale in formats:
        if format and guesses_century(format, known_locale(locale)):
            remarks.add(
                f"Years of column {name!r} have two digits, and are read as 1969 to 2068; `y` shows two digits"
            )


def check_rows(params: TableParams, rows: Sequence[Mapping[str, Any]]) -> None:
    """Raise InvalidRequest if rows inside a request do not have the columns that it names, or differ in theirs."""
    fields = tuple(rows[0])
    if not fields:
        raise InvalidRequest("The first row has no columns.", field="rows[0]")
    chosen_columns(params, fields)
    for group in params.group_by:
        column_index(fields, group.field, "group_by")
    for number, row in enumerate(rows):
        if unknown := row.keys() - rows[0].keys():
            raise InvalidRequest(
                f"Row {number + 1} has the field {min(unknown)!r}, which the first row does not have.",
                field=f"rows[{number}]",
                advice="Give every row the same fields.",
            )


def name_narrow_columns(params: TableParams, places: Sequence[PlacedColumn], remarks: Remarks) -> None:
    """Add a remark for columns that are not as wide as was asked for, because the page is not."""
    for column, place in zip(params.columns, places, strict=False):
        if column.width and place.width < column.width * MM - NARROWER:
            remarks.add(f"Column {place.name} is narrower than its width, because the columns do not fit the page")


def measure_columns(params: TableParams, format: InputFormat, sample: Sequence[Row]) -> tuple[PlacedColumn, ...]:
    """Return the places of the columns, as wide as the first rows need."""
    margin = params.margin * MM
    wanted = list(_wanted_columns(params, format.fields, sample))
    return place_columns(wanted, params.paper[0] - 2 * margin, margin, params.font_size, table_faces(params))


def column_cells(params: TableParams, column: Column) -> Cells | None:
    """Return the cells of a formatted or summed column; None for one that shows its input."""
    if not column.format and not column.total:
        return None
    if not column.format:
        return Cells(plain_writer(), shown=False)
    return Cells(writer(column.format, known_locale(column.locale or params.locale)))


def _wanted_columns(params: TableParams, fields: Sequence[str], sample: Sequence[Row]) -> Iterator[WantedColumn]:
    for column, source in chosen_columns(params, fields):
        texts: Sequence[str] = [row[source] for row in sample]
        number, totals, mark = False, list[str](), ""
        if cells := column_cells(params, column):
            texts, totals = cells.texts(texts), _large_total(column, cells, texts)
            if number := isinstance(cells.writer, NumberWriter):
                mark = cells.writer.marks[POINT] if column.format else ""
        title = column.title if column.title is not None else column.field
        width = column.width * MM if column.width else None
        yield WantedColumn(source, title, width, column.align, texts, totals, number, mark)


def _large_total(column: Column, cells: Cells, texts: Sequence[str]) -> list[str]:
    """A total that is larger than most will be; none for a column that is not summed."""
    if not column.total or not isinstance(cells.writer, NumberWriter):
        return []
    return [cells.writer.show(total(cells.numbers(texts)) * GROWTH)]


def _grouping(
    params: TableParams,
    fields: Sequence[str],
    places: Sequence[PlacedColumn],
    columns: Sequence[Column],
    cells: Sequence[Cells | None],
) -> Grouping:
    levels = tuple(
        Level(
            column_index(fields, group.field, "group_by"), group.title, group.page_break,
            Cells(writer(group.format, known_locale(params.locale))) if group.format else None,
        )
        for group in params.group_by
    )  # fmt: skip
    sums = tuple(
        Sum(place.source, c, c.writer)
        for place, column, c in zip(places, columns, cells, strict=True)
        if column.total and c and isinstance(c.writer, NumberWriter)
    )
    return Grouping(levels, sums, params.carry, params.wording)


def _watched(
    params: TableParams,
    format: InputFormat,
    places: Sequence[PlacedColumn],
    columns: Sequence[Column],
    cells: Sequence[Cells | None],
    grouping: Grouping,
) -> Iterator[WatchedColumn]:
    """The columns whose cells may be unreadable, or read in two ways."""
    for place, column, c in zip(places, columns, cells, strict=True):
        if c:
            unsure = points_are_unsure(format, column.format, column.locale or params.locale)
            yield WatchedColumn(column.field, place.source, c, column.total, unsure, _has_comma(column.format))
    for group, level in zip(params.group_by, grouping.levels, strict=True):
        if level.cells:
            unsure = points_are_unsure(format, group.format, params.locale)
            name, comma = format.fields[level.source], _has_comma(group.format)
            yield WatchedColumn(name, level.source, level.cells, False, unsure, comma)


def _has_comma(format: Format | None) -> bool:
    return not isinstance(format, Date | None) and format.mark == ","
