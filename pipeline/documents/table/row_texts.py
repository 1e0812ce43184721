"""Rows ready to be drawn: what their cells show, and the lines of those that wrap."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from .broken_cells import BrokenColumn
from .csv_rows import Row
from .fits import CellTexts

BATCH = 64  # rows that are read together: a cell that is not plain makes all texts of its column slow


class RowTexts(msgspec.Struct, frozen=True):
    """Rows that follow each other: as they were read, the texts of each column, and how many lines each row has.

    The texts are drawn as they are, on one line, apart from the cells in `broken`.
    """

    rows: Sequence[Row]
    columns: Sequence[Sequence[str]]
    broken: Sequence[BrokenColumn]
    lines: Sequence[int]

    def __len__(self) -> int:
        return len(self.rows)

    def part(self, start: int, stop: int | None = None) -> RowTexts:
        """Return some of the rows."""
        some = slice(start, stop)
        broken = [part if any(part := column[some]) else () for column in self.broken]
        return RowTexts(self.rows[some], [column[some] for column in self.columns], broken, self.lines[some])

    def joined(self, later: RowTexts) -> RowTexts:
        """Return these rows and those behind them."""
        if not self.rows:
            return later
        columns = [[*mine, *others] for mine, others in zip(self.columns, later.columns, strict=True)]
        broken = [
            [*(mine or [None] * len(self)), *(others or [None] * len(later))] if mine or others else ()
            for mine, others in zip(self.broken, later.broken, strict=True)
        ]
        return RowTexts([*self.rows, *later.rows], columns, broken, [*self.lines, *later.lines])


def row_texts(rows: Sequence[Row], texts: CellTexts) -> RowTexts:
    """Return the texts of rows, all broken column by column."""
    columns = texts.columns(rows)
    broken = texts.broken(columns)
    counts = [[len(cell.lines) if cell else 1 for cell in column] for column in broken if column]
    lines = list(map(max, [1] * len(rows), *counts)) if counts else [1] * len(rows)
    return RowTexts(rows, columns, broken, lines)
