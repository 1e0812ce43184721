"""The pages of a table from the measures of its rows, one after the other. Memory does not grow with them."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Sequence
from decimal import Decimal
from itertools import accumulate, pairwise
from operator import sub

import msgspec

from ...errors import InvalidRequest
from ...exports.plan import Cost, Marks, Survey
from ...pdf.tally import Remark, Remarks
from .columns import PlacedColumn
from .groups import GroupKeys, OpenGroups, common_levels
from .layout import units
from .measures import RowMeasure
from .params import TableParams
from .rows import InputFormat
from .setup import TablePlan, TableSetup, table_setup
from .summary import Summary
from .warnings import NotesSoFar, SurveyNotes

ONE_LINE = array("H", [1]).tobytes()  # the height of a row in a measure
# A page of 240 cells took 0.4 ms to draw on a 2.5 GHz core, and 3 kB when compressed.
COST = Cost(seconds=0.0005, bytes=4000)


class TableFacts(msgspec.Struct, frozen=True):
    """What the first rows tell: how to read the input, where columns stand, and remarks."""

    format: InputFormat
    places: tuple[PlacedColumn, ...]
    remarks: tuple[Remark, ...] = ()


class PagesSoFar(msgspec.Struct, array_like=True):
    """Where paginating stands. `at` is the offset of the next page, `waiting` are the rows on no page yet."""

    at: int
    state: OpenGroups
    notes: NotesSoFar
    pages: int = 0
    records: int = 0  # on pages
    stride: int = 1
    offsets: list[int] = []
    states: list[OpenGroups] = []
    waiting: RowMeasure = RowMeasure()


class TablePages:
    """Puts measured rows on pages. `name` is what messages call the listing."""

    def __init__(self, params: TableParams, name: str, facts: TableFacts, saved: bytes | None) -> None:
        self._params = params
        self._name = name
        self._facts = facts
        self._setup = setup = table_setup(params, facts.format, facts.places)
        self._summary = Summary(params, setup)
        self._now = now = _decoder.decode(saved) if saved else _opening(setup, facts)
        self._notes = SurveyNotes(setup.layout, setup.grouping, setup.watched, self._summary.room, now.notes)
        self._marks = Marks(now.stride, now.offsets, now.states)
        # All pages but the first are alike. Asking the layout takes 2 us each time.
        self._rows_on = tuple(map(setup.layout.rows_on, range(2)))
        self._room = tuple(units(setup.layout.room(page)) for page in range(2))

    def add(self, measure: bytes) -> None:
        """Put the rows that follow on pages. The last few wait: they may share a page with those behind them."""
        self._paginate(RowMeasure.decode(measure))

    def save(self) -> bytes:
        """Return what another object needs to go on."""
        self._now.stride, self._now.offsets, self._now.states = (
            self._marks.stride, self._marks.offsets, self._marks.states,
        )  # fmt: skip
        return msgspec.msgpack.encode(self._now)

    def survey(self) -> Survey:
        """Return what was found, when all rows were added. Raises InvalidRequest for an input without any."""
        now, marks = self._now, self._marks
        self._paginate(None)
        if not now.records:
            raise InvalidRequest(
                f"There are no rows in {self._name}.",
                field="listing",
                advice="The first line is read as titles, and nothing follows. Lines end in LF, CR LF or CR.",
            )
        remarks = Remarks(self._facts.remarks)
        self._notes.finish(now.records, self._setup.title_block, remarks)
        plan = self._plan()
        marks.states = [msgspec.to_builtins(state) for state in marks.states]
        return Survey(
            now.records, now.pages + plan.front + plan.back, marks, now.at, COST, msgspec.to_builtins(plan), [],
            plan.front, plan.back, tuple(map(str, remarks)),
        )  # fmt: skip

    def _plan(self) -> TablePlan:
        notes = self._now.notes
        front = back = 0
        if pages := self._summary.pages(notes.entries, notes.groups):
            front, back = (pages, 0) if self._params.summary == "front" else (0, pages)
        return TablePlan(
            self._facts.format, self._facts.places, tuple(notes.entries), notes.groups, self._now.records,
            notes.totals, front, back,
        )  # fmt: skip

    def _paginate(self, measure: RowMeasure | None) -> None:
        """Put rows that wait, and those of `measure`, on pages; without it, all of them: the input ends there."""
        now = self._now
        if measure:
            self._notes.repeat(measure.remarks, now.records + now.waiting.count)
        rows = now.waiting.joined(measure) if measure else now.waiting
        starts, stays, lengths, first = dict(rows.starts), self._stays(rows), memoryview(rows.lengths).cast("I"), 0
        below, even = self._below(rows), self._setup.grouping.plain and rows.heights == ONE_LINE * rows.count
        while True:
            if even:
                first += self._even_pages(lengths[first:])
            if (count := self._next(rows.count - first, measure is None)) is None:
                break
            last = measure is None and count == rows.count - first
            still_open = [*stays[first : first + count - 1], -1] if last else stays[first : first + count]
            whole = self._fitting(below, first, count, still_open)
            self._marks.add(now.pages, now.at, now.state)
            if not self._setup.grouping.plain:
                self._pass_groups(first, still_open[:whole], starts, rows)
            now.pages, now.records = now.pages + 1, now.records + whole
            now.at += sum(lengths[first : first + whole])
            first += whole
        now.waiting = rows.behind(first)

    def _even_pages(self, lengths: memoryview) -> int:
        """Put rows of one line on full pages, all pages between two marks at once: a tenth of the time. Returns how
        many rows; the first page is another height."""
        now, marks, most, first = self._now, self._marks, self._rows_on[1], 0
        while now.pages and (full := (len(lengths) - first) // most):
            marks.add(now.pages, now.at, now.state)
            pages = min(full, marks.stride - now.pages % marks.stride)
            rows = pages * most
            now.pages, now.records = now.pages + pages, now.records + rows
            now.at += sum(lengths[first : first + rows])
            first += rows
        return first

    def _next(self, waiting: int, ended: bool) -> int | None:
        """Return how many of the rows that wait may be on the next page; None when more must be known of it."""
        most = self._rows_on[self._now.pages > 0]
        if waiting >= most + self._setup.paginator.ahead:
            return most
        return waiting if ended and waiting else None

    def _below(self, rows: RowMeasure) -> Sequence[int]:
        """Return how far below the first row each row ends, in units, if nothing stands between them."""
        if rows.heights == ONE_LINE * rows.count:
            height = units(self._setup.layout.row_height())
            return range(0, (rows.count + 1) * height, height)
        lines = memoryview(rows.heights).cast("H")
        heights = [units(self._setup.layout.row_height(count)) for count in range(max(lines, default=0) + 1)]
        return list(accumulate(map(heights.__getitem__, lines), initial=0))

    def _fitting(self, below: Sequence[int], first: int, count: int, still_open: Sequence[int]) -> int:
        """Return how many of `count` rows fit the next page."""
        now, paginator = self._now, self._setup.paginator
        if self._setup.grouping.plain:  # as PlainPaginator, in a tenth of its time
            room = self._room[now.pages > 0]
            return max(1, bisect_right(below, below[first] + room, first + 1, first + count + 1) - 1 - first)
        heights = map(sub, below[first + 1 : first + count + 1], below[first : first + count])
        return paginator.fitting(heights, still_open, now.pages, now.state)

    def _stays(self, rows: RowMeasure) -> Sequence[int]:
        """Return how many groups are still open behind each row, when another follows."""
        if self._setup.grouping.plain:
            return ()
        stays = [len(self._setup.grouping.levels)] * rows.count
        for (_, before), (row, keys) in pairwise(rows.starts):
            stays[row - 1] = common_levels(before, keys)
        return stays

    def _pass_groups(
        self, first: int, still_open: Sequence[int], starts: dict[int, GroupKeys], rows: RowMeasure
    ) -> None:
        """Note the groups of the next page, and which of them are open behind it."""
        now = self._now

        def added(start: int, stop: int) -> list[Decimal]:
            return [each.total(first + start, first + stop) for each in rows.numbers]

        bands, state = self._setup.grouping.bands(now.state, still_open, lambda row: starts[first + row], added)
        for band in bands:
            self._notes.look(band, now.pages, now.records + band.before)
        now.state = state


def _opening(setup: TableSetup, facts: TableFacts) -> PagesSoFar:
    """Return where paginating begins."""
    state = () if setup.grouping.plain else setup.grouping.opening()
    return PagesSoFar(facts.format.begin, state, NotesSoFar())


_decoder = msgspec.msgpack.Decoder(PagesSoFar)
