"""Points that may stand between thousands: 1.234 is read as a decimal number, and is 1234 to a German reader.

No cell can say which it is, but its column can: with 0.5 or 1234.5 in it, points are decimal marks. Ranges of rows
are measured apart, so each notes both, and what a column proves is known behind the last row.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from .formats import Date, Format, known_locale
from .rows import InputFormat

THOUSANDS = r"[1-9]\d{0,2}\.\d{3}"
UNSURE = re.compile(rf"[-+]?{THOUSANDS}", re.ASCII)
SURE = re.compile(rf"[-+]?(?!{THOUSANDS}\Z)\d{{0,40}}\.\d{{1,40}}(?:[eE][-+]?\d{{1,2}})?", re.ASCII)


def points_are_unsure(input: InputFormat, format: Format | None, locale: str) -> bool:
    """Return whether 1.234 may be 1234 in a column: if the decimal mark is a comma, and the format says nothing.

    Spreadsheets separate cells by semicolons where the decimal mark is a comma.
    """
    if isinstance(format, Date) or (format and format.mark):
        return False
    if input.kind == "csv" and input.delimiter == ";":
        return True
    return bool(known_locale(locale).number_symbols["latn"]["decimal"] != ".")


def unsure_cells(texts: Sequence[str]) -> tuple[list[int], int | None]:
    """Return the cells that can be read in both ways, and the first one that has a decimal point for certain."""
    if "." not in "".join(texts):
        return [], None
    unsure = []
    for row, text in enumerate(map(str.strip, texts)):
        if UNSURE.fullmatch(text):
            unsure.append(row)
        elif SURE.fullmatch(text):
            return unsure, row
    return unsure, None
