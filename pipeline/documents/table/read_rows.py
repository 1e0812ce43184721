"""Rows in batches: where each ends, how many lines it has, and what else pages depend on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from operator import sub

import msgspec

from .broken_cells import Fault
from .csv_rows import Row
from .decimal_points import unsure_cells
from .groups import GroupKeys
from .row_texts import BATCH, row_texts
from .rows import InputFormat, RowReader
from .setup import TableSetup


class Batch(msgspec.Struct, frozen=True):
    """Rows that follow each other.

    `lengths` are those in the input, `heights` numbers of lines. `keys` are the names of each row's groups,
    `numbers` the values of each summed column, `noted` what needs a remark, each with the index of its row.
    """

    lengths: Sequence[int]
    heights: Sequence[int]
    keys: Sequence[GroupKeys] = ()
    numbers: Sequence[Sequence[Decimal | None]] = ()
    noted: list[tuple[int, str]] = msgspec.field(default_factory=list)


class BatchReader:
    """Reads rows and measures them."""

    def __init__(self, blocks: Iterable[bytes], start: int, format: InputFormat, setup: TableSetup) -> None:
        self._setup = setup
        self._at = start
        self._noted = noted = list[tuple[int, str]]()
        self._comma = [column for column in setup.watched if column.comma and format.kind == "jsonl"]
        self._unsure = {column.source: column for column in setup.watched if column.unsure}
        # `noted`, not `self`: a cycle would keep the setup and its caches in memory long after the step
        self._reader = RowReader(blocks, start, format, lambda row, words: noted.append((row, words)))

    def __iter__(self) -> Iterator[Batch]:
        return iter(self.take, None)

    def take(self) -> Batch | None:
        """Return the next rows; None when there are no more."""
        self._noted.clear()
        taken = self._reader.take(BATCH)
        if not taken:
            return None
        rows, ends = [row for row, _ in taken], [end for _, end in taken]
        lengths, self._at = list(map(sub, ends, [self._at, *ends])), ends[-1]
        grouping = self._setup.grouping
        heights, keys = self._heights(rows), grouping.keys(rows) if grouping.levels else ()
        numbers = [s.cells.values([row[s.source] for row in rows]) for s in grouping.sums]
        self._note_failures(rows)
        self._note_points(rows)
        self._note_numbers(rows)
        return Batch(lengths, heights, keys, numbers, list(self._noted))

    def _heights(self, rows: Sequence[Row]) -> Sequence[int]:
        """Return how many lines each row has. Notes what is cut."""
        found, places = row_texts(rows, self._setup.texts), self._setup.layout.places
        for place, column in zip(places, found.broken, strict=True):
            faults = ((row, cell.fault) for row, cell in enumerate(column) if cell)
            self._noted += [
                (row, fault.value.format(place.name)) for row, fault in faults if fault is not Fault.NONE
            ]
        return found.lines

    def _note_failures(self, rows: Sequence[Row]) -> None:
        for column in self._setup.watched:
            if column.cells.failed:
                unread = column.cells.unread([row[column.source] for row in rows])
                self._noted += [(row, column.failure) for row in unread]
            if column.cells.rounded:
                rounded = column.cells.rounded_in([row[column.source] for row in rows])
                self._noted += [(row, column.rounding) for row in rounded]

    def _note_points(self, rows: Sequence[Row]) -> None:
        """Note cells whose point may stand between thousands, until a cell proves that points are decimal marks."""
        for source, column in list(self._unsure.items()):
            texts = [row[source] for row in rows]
            unsure, proof = unsure_cells(texts)
            self._noted += [(row, column.doubt) for row in unsure if self._reader.is_text(row, texts[row])]
            if proof is not None:
                self._noted.append((proof, column.proof))
                del self._unsure[source]

    def _note_numbers(self, rows: Sequence[Row]) -> None:
        """Note numbers of JSON whose point is read as if it stood between thousands."""
        for column in self._comma:
            texts = [row[column.source] for row in rows]
            pointed = [row for row, text in enumerate(texts) if "." in text and not self._reader.is_text(row, text)]
            self._noted += [(row, column.pointed) for row in pointed]
