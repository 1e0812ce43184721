"""What cells show, and whether it certainly fits one line of its column.

Most pages of most tables have rows of one line each. One regular expression per column proves that for all of a
page's texts at once; only what it does not match is measured. The expressions are conservative: a text that
does not match may still fit.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from functools import cached_property
from math import inf
from unicodedata import is_normalized

from ...pdf.fonts.characters import printable, shown_as_is
from .broken_cells import Cell, broken_cell
from .cells import Cells
from .csv_rows import Row
from .layout import Layout

STEPS = "Hn0"  # more characters fit when all of them are no wider than one of these
SLACK = 1e-6  # of a character: measuring sums up widths in another order


@dataclass(frozen=True)
class CellTexts:
    """The texts of rows on pages of one layout.

    `formatted` holds for each column what its cells show instead of the input, None for the input itself.
    """

    layout: Layout
    formatted: tuple[Cells | None, ...]

    def one_line_columns(self, rows: Sequence[Row]) -> Sequence[Sequence[str]] | None:
        """Returns the texts of rows by column if each certainly has one line, else None."""
        turned = list(zip(*rows, strict=True))
        columns: list[Sequence[str]] = [turned[place.source] for place in self.layout.places]
        for i in self._formatted:
            columns[i] = self._shown(i, columns[i])
        fit = all(self._fits(column, i) for i, column in enumerate(columns))
        return columns if fit else None

    def lines(self, row: Row) -> list[Cell]:
        """Returns each cell of a row in lines."""
        places = self.layout.places
        return [
            broken_cell(printable(text), place.inside, self.layout, formatted is not None)
            for text, place, formatted in zip(self.texts(row), places, self.formatted, strict=True)
        ]

    def texts(self, row: Row) -> list[str]:
        """Returns what each cell of a row shows."""
        texts = [row[place.source] for place in self.layout.places]
        for i in self._formatted:
            (texts[i],) = self._shown(i, [texts[i]])
        return texts

    def _fits(self, column: Sequence[str], i: int) -> bool:
        joined, safe, layout = "".join(column), self._safe_lengths[i], self.layout
        if not shown_as_is(joined):
            return False
        if joined.isascii():
            if max(map(len, column)) <= safe or self._patterns[i].fullmatch("\n".join(column)):
                return True
        elif not is_normalized("NFC", joined):
            return False
        room = layout.places[i].inside
        return all(
            (len(text) <= safe and text.isascii()) or layout.face.width(text, layout.size) <= room
            for text in column
        )

    @cached_property
    def _safe_lengths(self) -> tuple[int, ...]:
        """How many ASCII characters fit each column, whichever they are."""
        widest = max(self.layout.advances.values())
        return tuple(int(place.inside / widest - SLACK) for place in self.layout.places)

    @cached_property
    def _patterns(self) -> list[re.Pattern[str]]:
        """For each column, an expression for lines that certainly fit."""
        end, advances = r"(?:\n|\Z)", self.layout.advances
        lines = [fitting(place.inside, advances, advances.keys(), 0, end) for place in self.layout.places]
        return [re.compile(f"(?:{line})+") for line in lines]

    @cached_property
    def _formatted(self) -> tuple[int, ...]:
        return tuple(i for i, cells in enumerate(self.formatted) if cells)

    def _shown(self, i: int, texts: Sequence[str]) -> list[str]:
        cells = self.formatted[i]
        return cells.texts(texts) if cells else list(texts)


def fitting(room: float, advances: Mapping[str, float], characters: Set[str], least: int, end: str) -> str:
    """Returns an expression for a text of these characters that fits `room` points, and an end.

    It has `least` characters or more; `advances` are the widths of characters in points.
    """
    options = [run(room, advances, characters, least) + end]
    for step in STEPS:
        characters = {character for character in characters if advances[character] <= advances[step]}
        options.append(run(room, advances, characters, least) + end)
    return f"(?>{'|'.join(options)})"


def run(room: float, advances: Mapping[str, float], characters: Set[str], least: int) -> str:
    """Returns an expression for `least` or more of these characters, but no more than fit."""
    most = "" if room == inf else int(room / max(advances[character] for character in characters) - SLACK)
    return f"[{re.escape(''.join(sorted(characters)))}]{{{least},{most}}}+"
