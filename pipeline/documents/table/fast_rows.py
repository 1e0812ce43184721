"""Heights of the rows of a CSV, mostly found without reading its cells.

Most rows of most tables are ASCII, or Latin, Greek or Cyrillic in UTF-8, and short enough for their columns
whatever their characters are. One regular expression matches those rows, many times faster than they are read. Any
other row is read.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from io import BytesIO
from itertools import groupby
from math import inf
from typing import cast
from unicodedata import is_normalized

from .csv_rows import whole_row
from .fits import SLACK, CellTexts, fitting, run
from .layout import Layout
from .read_rows import Batch, BatchReader
from .row_texts import BATCH
from .rows import InputFormat
from .setup import TableSetup

LOOKAHEAD = 64 * 1024  # bytes in which the rows of a batch are searched
SLICE_BYTES = 8 * 1024  # bytes decoded at once when rows are read
FIRST_STRETCH = 8  # batches to read if one must be read; doubled each time the next one must be read too
MAX_ODD_ROWS = 4  # rows of a batch that may need reading, else the whole batch is read
ONE_LINE = (1,) * BATCH
QUOTE = '"'


class FastRows:
    """Yield the rows of a CSV without formats, groups or totals, in batches."""

    def __init__(self, blocks: Iterable[bytes], start: int, format: InputFormat, setup: TableSetup) -> None:
        self._blocks = iter(blocks)
        self._format = format
        self._setup = setup
        self._texts: CellTexts = setup.texts
        self._data = b""
        self._start = self._at = start  # offsets: of the data, of the next row

    def __iter__(self) -> Iterator[Batch]:
        stretch, wraps = 1, True  # one batch is read first: where rows wrap, the expression may never be needed
        while True:
            found, batch = None if wraps else self._fast_batch(), None
            for batch in [found] if found else self._read(stretch):
                self._at += sum(batch.lengths)
                yield batch
            if batch is None:
                return
            wraps = max(batch.heights) > 1
            stretch = FIRST_STRETCH if found or stretch == 1 else 2 * stretch

    @cached_property
    def _plain(self) -> re.Pattern[bytes]:
        """An expression for the rows of a batch. It is compiled in 8 ms."""
        return re.compile(b"(?:%s){0,%d}+" % (plain_row(self._format, self._setup.layout), BATCH))

    def _grow(self) -> bool:
        """Drop the data before the next row and append a block. Returns False at the end of the input."""
        block = next(self._blocks, b"")
        self._data, self._start = self._data[self._at - self._start :] + block, self._at
        return bool(block)

    def _fast_batch(self) -> Batch | None:
        """Return the next rows if all of them are in the data and certainly have one line each."""
        while self._start + len(self._data) - self._at < LOOKAHEAD and self._grow():
            pass
        begin = self._at - self._start
        stop = self._behind(begin, BATCH)
        if not stop:
            return None
        return Batch(list(map(len, BytesIO(self._data[begin:stop]))), ONE_LINE)  # lines end at line feeds only

    def _behind(self, at: int, rows: int) -> int | None:
        """Return where in the data this many rows of one line end; None if one may need more or is missing."""
        for _ in range(MAX_ODD_ROWS + 1):
            stop = cast(re.Match[bytes], self._plain.match(self._data, at)).end()  # it may match nothing
            lines = self._data.count(b"\n", at, stop)
            if lines >= rows:
                return stop if lines == rows else _after(self._data, at, rows)
            at, rows = self._data.find(b"\n", stop) + 1, rows - lines - 1
            if not at or not self._has_one_line(self._data[stop:at]):
                return None
            if not rows:
                return at
        return None

    def _has_one_line(self, line: bytes) -> bool:
        """Return whether this is a whole row that certainly has one line."""
        try:
            row = whole_row(line.decode(self._format.encoding), self._format.delimiter)
        except UnicodeDecodeError:
            return False  # reading it again raises the error, with its place
        if row is None or len(row) != len(self._format.fields):
            return False
        return self._texts.has_one_line(row)

    def _read(self, stretch: int) -> Iterator[Batch]:
        """Read the next `stretch` batches."""
        reader = BatchReader(self._slices(), self._at, self._format, self._setup)
        for _ in range(stretch):
            if (batch := reader.take()) is None:
                return
            yield batch

    def _slices(self) -> Iterator[bytes]:
        """The input from the next row on. `_at` moves on with each batch while this generator runs."""
        at = self._at
        while at < self._start + len(self._data) or self._grow():
            piece = self._data[at - self._start : at - self._start + SLICE_BYTES]
            yield piece
            at += len(piece)


def can_find_rows_fast(format: InputFormat) -> bool:
    """Return whether bytes tell where rows end. Not in encodings where a byte's meaning depends on earlier ones."""
    return format.kind == "csv" and format.delimiter.isascii() and not format.encoding.startswith("iso2022")


def plain_row(format: InputFormat, layout: Layout) -> bytes:
    """Return an expression for rows whose cells, in quotes or not, certainly have one line each."""
    room = [inf] * len(format.fields)
    for place in layout.places:
        room[place.source] = min(room[place.source], place.inside)
    delimiter = re.escape(format.delimiter).encode()
    least = 1 if len(room) == 1 else 0  # a blank line is no row
    pairs = two_byte_letters(layout) if format.encoding == "utf-8" else b""
    cells = []
    for points, alike in groupby(room):
        cell = _plain_cell(points, layout, format.delimiter, least, pairs)
        more = len(list(alike)) - 1  # equal neighbours are written once: thousands of columns may not be shown
        cells.append(cell + (b"(?:%b%b){%d}+" % (delimiter, cell, more) if more else b""))
    return delimiter.join(cells) + rb"\r?\n"


def _plain_cell(points: float, layout: Layout, delimiter: str, least: int, pairs: bytes) -> bytes:
    advances = layout.advances
    end = rf"(?={re.escape(delimiter)}|\r?\n)"
    outside = advances.keys() - {QUOTE, delimiter}
    quoted = f'"{run(points, advances, advances.keys() - {QUOTE}, 0)}"'.encode()
    options = [quoted, fitting(points, advances, outside, least, end).encode()]
    if pairs:  # each of its bytes counts as one of the widest characters
        most = b"" if points == inf else b"%d" % int(points / max(advances.values()) - SLACK)
        ascii = f"[{re.escape(''.join(sorted(outside)))}]".encode()
        letters = rb"(?:%b++|%b)++%b" % (ascii, pairs, end.encode())
        options.append(rb"(?=[^%b\n]{1,%b}+%b)%b" % (re.escape(delimiter).encode(), most, end.encode(), letters))
    return b"(?:%b)" % b"|".join(options)


def two_byte_letters(layout: Layout) -> bytes:
    """Return an expression for letters of two bytes in UTF-8 that are no wider than two of the widest in ASCII."""
    face, widest = layout.face, 2 * max(layout.advances.values())
    found: dict[int, list[int]] = defaultdict(list)
    for code in range(0xC0, 0x800):
        letter = chr(code)
        if face.is_plain({letter}) and is_normalized("NFC", letter) and face.width(letter, layout.size) <= widest:
            first, second = letter.encode()
            found[first].append(second)
    alike: dict[bytes, list[int]] = defaultdict(list)
    for first, others in found.items():
        alike[_one_of(others)].append(first)
    options = [_one_of(firsts) + others for others, firsts in alike.items()]
    return b"(?:%b)" % b"|".join(options) if options else b""


def _one_of(codes: Sequence[int]) -> bytes:
    """Return an expression for one of these bytes, given in order."""
    ranges = [(codes[0], codes[0])]
    for code in codes[1:]:
        begin, end = ranges[-1]
        if code == end + 1:
            ranges[-1] = begin, code
        else:
            ranges.append((code, code))
    return b"[%b]" % b"".join(rb"\x%02x-\x%02x" % pair for pair in ranges)


def _after(data: bytes, at: int, lines: int) -> int:
    for _ in range(lines):
        at = data.index(b"\n", at) + 1
    return at
