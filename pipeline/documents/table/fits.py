"""What cells show, and whether it certainly fits one line of its column.

Most cells of most tables have one line. One regular expression per column proves that for all of a page's texts at
once; only what it does not match is measured. The expressions are conservative: a text that does not match may
still fit.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from functools import cached_property, lru_cache
from itertools import compress, repeat
from math import ceil, inf
from unicodedata import is_normalized

import msgspec

from ...pdf.fonts import FontChain
from ...pdf.fonts.characters import shown_as_is
from .broken_cells import BrokenColumn, Cell, broken_cell, broken_words
from .cells import Cells
from .csv_rows import Row
from .layout import Layout, advances_of

STEPS = "Hn0"  # more characters fit when all of them are no wider than one of these
WIDE = 2  # letters that may be wider than "n", in a text that is longer than wide letters allow
SHAPES = 10_000  # kept for each column: names without their numbers, amounts by their number of digits
BROKEN = 1024  # cells kept in lines, about 1 MB: a text that takes long to break may repeat
SLACK = 1e-6  # of a character: measuring sums up widths in another order


class CellTexts(msgspec.Struct, frozen=True, dict=True):
    """The texts of rows on pages of one layout.

    `formatted` holds for each column what its cells show instead of the input, None for the input itself.
    """

    layout: Layout
    formatted: tuple[Cells | None, ...]

    def columns(self, rows: Sequence[Row]) -> list[Sequence[str]]:
        """Return what the cells of rows show, by column."""
        turned = list(zip(*rows, strict=True))
        columns: list[Sequence[str]] = [turned[place.source] for place in self.layout.places]
        for i in self._formatted:
            columns[i] = self._shown(i, columns[i])
        return columns

    def has_one_line(self, row: Row) -> bool:
        """Return whether all cells of a row certainly have one line as they are."""
        return not any(self._odd_rows(column, i) for i, column in enumerate(self.columns([row])))

    def broken(self, columns: Sequence[Sequence[str]]) -> list[BrokenColumn]:
        """Return the cells of each column that do not certainly have one line as they are."""
        return [self._broken_column(column, i) for i, column in enumerate(columns)]

    def _broken_column(self, column: Sequence[str], i: int) -> BrokenColumn:
        odd = self._odd_rows(column, i)
        if not odd:
            return ()
        texts, room = [column[row] for row in odd], self.layout.places[i].inside
        words = repeat(None) if self.formatted[i] else broken_words(texts, room, self.layout)
        cells: list[Cell | None] = [None] * len(column)
        for row, text, cell in zip(odd, texts, words, strict=False):
            cells[row] = cell or self._broken(text, i)
        return cells

    @cached_property
    def _broken(self) -> Callable[[str, int], Cell]:
        """Return the text of a cell in lines, given the index of its column."""
        layout = self.layout  # not `self`, which keeps this: a cycle would stay in memory long after the step
        formatted = [each is not None for each in self.formatted]

        @lru_cache(BROKEN)
        def broken(text: str, i: int) -> Cell:
            return broken_cell(text, layout.places[i].inside, layout, formatted[i])

        return broken

    def _odd_rows(self, column: Sequence[str], i: int) -> list[int]:
        """Return the rows of a column whose cells do not certainly have one line as they are."""
        joined, shapes, known, longest = "".join(column), column, self._fitting[i], max(map(len, column))
        if shown_as_is(joined):
            lines = "\n".join(column)
            if joined.isascii() and (longest <= self._safe_lengths[i] or self._all_fit(lines, i)):
                return []
            # Notes: few repeat, and most are too long to measure.
            if joined.isascii() and longest > self._longest[i]:
                return list(compress(range(len(column)), self._are_wide(column, i)))
            shapes = self.layout.shapes(lines).split("\n")
        new = set(shapes) - known
        if not new:
            return []
        odd = set[str]() if self._certainly_fit(new, i) else self._odd_shapes(new, i)
        if len(known) > SHAPES:
            known.clear()
        known |= new - odd
        return [row for row, shape in enumerate(shapes) if shape in odd] if odd else []

    def _certainly_fit(self, shapes: Set[str], i: int) -> bool:
        lines = "\n".join(shapes)
        if lines.isascii() or not shown_as_is("".join(shapes)) or not is_normalized("NFC", lines):
            return False
        return self._all_fit(lines.translate(self._stand_ins), i)

    def _all_fit(self, lines: str, i: int) -> bool:
        return self._patterns[i].fullmatch(lines) is not None

    @cached_property
    def _fitting(self) -> list[set[str]]:
        """For each column, shapes of texts that fit."""
        return [set() for _ in self.layout.places]

    def _odd_shapes(self, shapes: Set[str], i: int) -> set[str]:
        face, size, room = self.layout.face, self.layout.size, self.layout.places[i].inside
        plain = {shape for shape in shapes if shape.isascii() and shape.isprintable()}
        others = {
            shape
            for shape in shapes - plain
            if not shown_as_is(shape) or not is_normalized("NFC", shape) or face.width(shape, size) > room
        }
        return others.union(compress(plain, self._are_wide(plain, i)))

    def _are_wide(self, texts: Iterable[str], i: int) -> list[bool]:
        """Return whether each of these printable ASCII texts is wider than its column."""
        safe, longest, room = self._safe_lengths[i], self._longest[i], self.layout.places[i].inside
        width, size = self.layout.face.width, self.layout.size
        return [len(text) > safe and (len(text) > longest or width(text, size) > room) for text in texts]

    @cached_property
    def _stand_ins(self) -> StandIns:
        return StandIns(self.layout)

    @cached_property
    def _longest(self) -> tuple[int, ...]:
        """How many ASCII characters may fit each column at most."""
        narrowest = max(min(self.layout.advances.values()), SLACK)
        return tuple(int(place.inside / narrowest + 1) for place in self.layout.places)

    @cached_property
    def _safe_lengths(self) -> tuple[int, ...]:
        """How many ASCII characters fit each column, whichever they are."""
        widest = max(self.layout.advances.values())
        return tuple(int(place.inside / widest - SLACK) for place in self.layout.places)

    @cached_property
    def _patterns(self) -> list[re.Pattern[str]]:
        """For each column, an expression for lines that certainly fit."""
        layout = self.layout
        return [_fitting_lines(place.inside, layout.face, layout.size) for place in layout.places]

    @cached_property
    def _formatted(self) -> tuple[int, ...]:
        return tuple(i for i, cells in enumerate(self.formatted) if cells)

    def _shown(self, i: int, texts: Sequence[str]) -> Sequence[str]:
        cells = self.formatted[i]
        return cells.texts(texts) if cells else texts


class StandIns(dict[int, str]):
    """ASCII that is at least as wide as a character of one glyph, for str.translate; other characters stay."""

    def __init__(self, layout: Layout) -> None:
        super().__init__({code: chr(code) for code in range(128)})
        self._face = layout.face
        self._size = layout.size
        self._advances = layout.advances

    def __missing__(self, code: int) -> str:
        self[code] = self._narrowest(chr(code)) if self._face.is_simple(chr(code)) else chr(code)
        return self[code]

    def _narrowest(self, character: str) -> str:
        width = self._face.width(character, self._size) + self._size / 1000  # widths may be rounded
        widest = max(self._advances, key=self._advances.__getitem__)
        count = max(1, ceil(width / self._advances[widest]))
        fits = [one for one, advance in self._advances.items() if advance * count >= width]
        return min(fits, key=self._advances.__getitem__) * count


@lru_cache(64)  # each chunk has a layout of its own, mostly like the last one's
def _fitting_lines(room: float, face: FontChain, size: float) -> re.Pattern[str]:
    """Return an expression for lines that certainly fit `room` points."""
    advances, end = advances_of(face, size), r"(?:\n|\Z)"
    return re.compile(f"(?:{fitting(room, advances, advances.keys(), 0, end)})+")


def fitting(room: float, advances: Mapping[str, float], characters: Set[str], least: int, end: str) -> str:
    """Return an expression for a text of these characters that fits `room` points, and an end.

    It has `least` characters or more; `advances` are the widths of characters in points.
    """
    classes = [{each for each in characters if advances[each] <= advances[step]} for step in STEPS]
    options = [run(room, advances, each, least) + end for each in (characters, *classes)]
    small, wide = classes[1], max(advances[each] for each in characters)
    if room > WIDE * wide and room != inf:  # "Adams 9972": few wide letters among narrower ones
        most = WIDE + int((room - WIDE * wide) / max(advances[each] for each in small) - SLACK)
        few = f"(?:{one_of(small)}*+{one_of(characters)}){{0,{WIDE}}}+{one_of(small)}*+"
        options.append(f"(?={one_of(characters)}{{{least},{most}}}+{end}){few}{end}")
    return f"(?>{'|'.join(options)})"


def run(room: float, advances: Mapping[str, float], characters: Set[str], least: int) -> str:
    """Return an expression for `least` or more of these characters, but no more than fit."""
    most = "" if room == inf else int(room / max(advances[character] for character in characters) - SLACK)
    return f"{one_of(characters)}{{{least},{most}}}+"


def one_of(characters: Set[str]) -> str:
    """Return an expression for one of these characters."""
    return f"[{re.escape(''.join(sorted(characters)))}]"
