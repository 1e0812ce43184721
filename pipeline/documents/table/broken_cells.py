"""Cells in lines: text wraps, a number never does, because each piece of it would read as another number."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from enum import Enum
from string import digits
from typing import NamedTuple

from ...pdf.fonts.characters import printable_lines
from ...pdf.fonts.line_breaking import DIGIT, LONGEST_NUMBER, NUMBER, is_cut, numbers_in
from .layout import HASHES, Layout, size_that_fits, smallest_print

GLUE = "\u00a0"  # a space at which no line ends; `printable` leaves none
MAX_INDENT = 0.5  # of a line
_AROUND = r"[^\w\s]{0,3}[^\W\d_]{0,4}[^\w\s]{0,3}"  # a currency, a unit or the like: "CHF", "Nr.", "(US$"
# A number, amount, date, time or id, such as "CHF 1.50", "12:30 pm" or "INV-2024-01"; or one word with digits, such
# as "AB12-CD34".
VALUE = rf"{_AROUND} ?\d[\d\W_TZeE]*(?<! ) ?{_AROUND}|(?=\D*\d)[\w\-./:#+]+"
SLACK = 0.999  # of the room is filled: measuring rounds
THOUSANDS = r"(?<!\d)\d{1,3}(?: \d{3}){1,14}(?!\d)"  # with spaces between them


class Fault(Enum):
    """Why a cell does not show its whole text; the value is the remark about a column."""

    NONE = ""
    CUT = "Cells of column {} are too long and end with …"
    HASHES = f"Numbers in column {{}} are too wide, even in smaller print, so they are shown as {HASHES}"


SEVERITY = list(Fault)  # of several, the last is named


class Cell(NamedTuple):
    """The lines of a cell, and their font size."""

    lines: list[str]
    size: float
    fault: Fault = Fault.NONE


BrokenColumn = Sequence[Cell | None]
"""The cells of a column that are drawn otherwise than as they are on one line; None for any other, () for none."""


def broken_cell(text: str, room: float, layout: Layout, formatted: bool) -> Cell:
    """Return a cell in lines that fit `room` points. A line of a `formatted` cell is one value."""
    most = layout.max_lines
    cells = [_broken_line(line, room, layout, formatted) for line in printable_lines(text)[: most + 1]]
    if len(cells) == 1:
        return cells[0]
    size, fault = min(cell.size for cell in cells), max((cell.fault for cell in cells), key=SEVERITY.index)
    lines = [line for cell in cells for line in cell.lines]
    if len(lines) > most:
        lines[most - 1 :] = [layout.face.fit(f"{lines[most - 1]} …", size, room)]
        fault = max(fault, Fault.CUT, key=SEVERITY.index)
    return Cell(lines, size, fault)


def _broken_line(text: str, room: float, layout: Layout, formatted: bool) -> Cell:
    """Return a text without line breaks in lines that fit `room` points."""
    face, size = layout.face, layout.size
    indented, bare = _with_fixed_indent(text, room, layout), text.strip(" ")
    wraps = not formatted and not DIGIT.search(text)
    lines = face.wrap(indented, size, room, layout.max_lines) if wraps else []
    if len(lines) < 2 and face.width(text, size) <= room:
        return Cell([text], size)
    if wraps:
        return Cell(_without_glue(lines), size, Fault.CUT if is_cut(indented, lines) else Fault.NONE)
    value = len(bare) <= LONGEST_NUMBER and (formatted or re.fullmatch(VALUE, bare) is not None)
    smaller = size_that_fits(face, bare, size, room) if value else 0
    if smaller >= smallest_print(size):
        return Cell([bare], smaller)

    def glued(found: re.Match[str]) -> str:
        whole = value or face.width(found[0], size) <= room
        return found[0].replace(" ", GLUE) if whole else found[0]

    return _wrapped(re.sub(THOUSANDS, glued, indented), room, layout)


def _with_fixed_indent(text: str, room: float, layout: Layout) -> str:
    """Return a text whose first word keeps the spaces before it, as many as fit a part of the line."""
    bare = text.lstrip(" ")
    most = int(MAX_INDENT * room / layout.face.width(GLUE, layout.size))
    return GLUE * min(len(text) - len(bare), most) + bare


def _without_glue(lines: Iterable[str]) -> list[str]:
    return [line.replace(GLUE, " ") for line in lines]


def broken_words(texts: Sequence[str], room: float, layout: Layout) -> list[Cell | None]:
    """Return what `broken_cell` does for texts that are wider than `room` points, all broken in one pass.

    None for a text that is more than words with single spaces between them.
    """
    size, joined = layout.size, "".join(texts)
    lines = layout.face.wrap_words(texts, size, room, layout.max_lines)
    if any(digit in joined for digit in digits):
        lines = [each if _keeps_size(text, room, layout) else [] for text, each in zip(texts, lines, strict=True)]
    return [Cell(each, size) if each else None for each in lines]


def _keeps_size(text: str, room: float, layout: Layout) -> bool:
    """Return whether the numbers in a text change neither its spaces nor its font size."""
    if not DIGIT.search(text):
        return True
    if re.search(THOUSANDS, text) or (len(text) <= LONGEST_NUMBER and re.fullmatch(VALUE, text)):
        return False
    face, size = layout.face, layout.size
    widest = max((face.width(found[0], size) for found in numbers_in(text)), default=0.0)
    return not widest or size * room / widest * SLACK >= size


def _wrapped(text: str, room: float, layout: Layout) -> Cell:
    """Return the lines of a text, in smaller print if a number in it is wider than a line."""
    face, size = layout.face, layout.size
    widths = {found[0]: face.width(found[0], size) for found in numbers_in(text)}
    wide = {number for number, width in widths.items() if width > room * size / smallest_print(size)}
    if wide:
        text = NUMBER.sub(lambda found: HASHES if found[0] in wide else found[0], text)
        widths[HASHES] = face.width(HASHES, size)
    widest = max((width for number, width in widths.items() if number not in wide), default=0.0)
    size = min(size, size * room / widest * SLACK) if widest else size
    lines = face.wrap(text, size, room, layout.max_lines)
    fault = Fault.HASHES if wide else Fault.CUT if is_cut(text, lines) else Fault.NONE
    return Cell(_without_glue(lines), size, fault)
