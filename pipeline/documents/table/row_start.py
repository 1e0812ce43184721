"""Where the first row of a range of bytes begins.

A line feed may stand within quotes, and whether it does depends on all quotes before it. So this is a guess from
the rows that follow; what is measured from a wrong one is not used.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from io import StringIO
from itertools import islice

from ..inputs import Inputs
from .rows import InputFormat

WINDOW = 256 * 1024  # bytes that are looked at
LINES = 200  # at most that are tried
ROWS = 20  # that are read from each of them
LINE_END = re.compile(rb"(?<!\n)(?<!\n\r)\n")  # not of a blank line: that belongs to the row behind it


def row_start(inputs: Inputs, listing: str, start: int, stop: float, format: InputFormat) -> int | None:
    """Return the offset, from `start` on and before `stop`, at which probably a row begins; None if none does."""
    before = max(0, start - 3)  # tell whether the line that ends at `start` is blank
    data = b"".join(inputs.blocks(listing, before, start + WINDOW))
    ends = (found.end() for found in LINE_END.finditer(data) if start <= before + found.end() < stop)
    lines = [end for end in islice(ends, LINES) if end < len(data)]
    if not lines:
        return None
    if format.kind != "csv" or b'"' not in data:
        return before + lines[0]
    best, most = lines[0], -1.0
    for line in lines:
        share = _good_rows(data[line:].decode(format.encoding, "replace"), format)
        if share > most:
            best, most = line, share
        if share == 1:
            break
    return before + best


def _good_rows(text: str, format: InputFormat) -> float:
    """Return the share of the rows from here on that have closed quotes and as many fields as there are titles."""
    quotes, good, rows = 0, 0, 0

    def lines() -> Iterator[str]:
        nonlocal quotes
        for line in StringIO(text, newline=""):
            quotes += line.count('"')
            yield line

    try:
        spaced = format.delimiter != " "  # spaces before quotes are left out
        found = csv.reader(lines(), delimiter=format.delimiter, strict=True, skipinitialspace=spaced)
        for row in islice(found, ROWS):
            rows += 1
            good += (not row or len(row) == len(format.fields)) and quotes % 2 == 0
            quotes = 0
    except csv.Error:
        rows += 1
    return good / max(1, rows)
