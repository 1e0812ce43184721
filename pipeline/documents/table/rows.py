"""Rows from bytes: CSV with quoted line breaks, or JSON lines. Each row comes with the offset behind it."""

from __future__ import annotations

import codecs
import csv
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from io import StringIO
from itertools import accumulate, chain, islice
from typing import Any

import msgspec

from ...errors import InvalidRequest
from ...pdf.tally import Remarks
from ..inputs import MAX_LINE

Row = list[str]
DELIMITERS = ",;\t|"
SHOWN = 60  # characters of a wrong line that a message shows
PLAIN = "".join(map(chr, range(32, 127))) + "\t\r\n" + r"\u000a"
csv.field_size_limit(MAX_LINE)


@dataclass(frozen=True)
class InputFormat:
    """How to read the bytes of an input. `fields` are the names of its columns."""

    kind: str  # "csv" or "jsonl"
    encoding: str
    delimiter: str
    fields: tuple[str, ...]
    begin: int  # offset behind the line of titles


class LineReader:
    """Lines of text from a stream of blocks, and where each ends.

    Blocks are decoded as a whole, 20 times faster than line by line.
    """

    def __init__(self, blocks: Iterable[bytes], start: int, encoding: str) -> None:
        self._blocks = blocks
        self._encoding = encoding
        self._start = start
        self._ends: list[int] = []  # of the lines whose ends were not asked for yet
        self._first = 1  # number of the first of those lines

    def __iter__(self) -> Iterator[str]:
        return chain.from_iterable(self._texts())  # no Python code runs for each line

    def _texts(self) -> Iterator[StringIO]:
        rest, at = b"", self._start
        for block in chain(self._blocks, [b""]):
            data = rest + block
            cut = data.rfind(b"\n") + 1 if block else len(data)
            rest = data[cut:]
            if len(rest) > MAX_LINE:
                raise InvalidRequest(f"The line at byte {at + cut} does not end; is this text?", field="listing")
            self._ends += list(accumulate(map(len, data[:cut].splitlines(keepends=True)), initial=at))[1:]
            yield StringIO(self._text(data[:cut], at), newline="")
            at += cut

    def ends(self, lines: Sequence[int]) -> list[int]:
        """Returns the offsets behind these lines, numbered from 1. Forgets them and all lines before."""
        ends, first = self._ends, self._first
        found = [ends[line - first] for line in lines]
        if lines:
            del ends[: lines[-1] + 1 - first]
            self._first = lines[-1] + 1
        return found

    def _text(self, data: bytes, at: int) -> str:
        try:
            return data.decode(self._encoding)
        except UnicodeDecodeError as error:
            raise InvalidRequest(
                f"The bytes at {at + error.start} are not {self._encoding}.",
                field="encoding",
                advice="Give the encoding, such as cp1252.",
            ) from None


class RowReader:
    """Rows as texts, each with the offset behind it. Blank lines are left out.

    A short row is filled up. Fields beyond the last column are joined to it, so that none is lost, and counted in
    `surplus`. `given` is the number of rows before the first one, for row numbers in messages.
    """

    def __init__(
        self,
        blocks: Iterable[bytes],
        start: int,
        format: InputFormat,
        surplus: SurplusFields | None = None,
        given: int = 0,
    ) -> None:
        self._lines = LineReader(blocks, start, format.encoding)
        self._format = format
        self._given = given
        self._surplus = surplus or SurplusFields(Remarks())
        if format.kind == "csv":
            self._source: CsvRows | JsonRows = CsvRows(self._lines, format.delimiter)
        else:
            self._source = JsonRows(self._lines, format.fields)

    def take(self, count: int) -> list[tuple[Row, int]]:
        """Returns the next `count` rows, fewer at the end."""
        taken: list[tuple[Row, int]] = []
        while (wanted := count - len(taken)) > 0:
            rows, lines = self._source.take(wanted)
            if not rows:
                break
            found = zip(rows, self._lines.ends(lines), strict=True)
            if set(map(len, rows)) == {len(self._format.fields)}:
                taken += found
            else:
                taken += self._fitted(found, len(taken))
        self._given += len(taken)
        return taken

    def _fitted(self, found: Iterable[tuple[Row, int]], before: int) -> Iterator[tuple[Row, int]]:
        """Rows with as many fields as titles, without blank lines."""
        width = len(self._format.fields)
        number = self._given + before
        for row, end in found:
            if row:
                number += 1
                if len(row) > width:
                    self._surplus.note(number)
                yield (row if len(row) == width else fitted(row, width, self._format.delimiter)), end


@dataclass
class SurplusFields:
    """Counts rows with more fields than titles."""

    remarks: Remarks
    _last: int = 0

    def note(self, row: int) -> None:
        """Count a row. Rows come in order; one that is read twice is counted once."""
        if row <= self._last:
            return
        self._last = row
        words = "Rows have more fields than titles; the extra fields are in the last column"
        self.remarks.add(words, f"row {row}")


class CsvRows:
    """Rows of a CSV. Raises InvalidRequest for text that is not CSV."""

    def __init__(self, lines: Iterable[str], delimiter: str) -> None:
        self._reader = csv.reader(lines, delimiter=delimiter)

    def take(self, count: int) -> tuple[list[Row], list[int]]:
        """Returns the next `count` rows, and the number of the last line of each."""
        rows, lines, reader = [], [], self._reader
        try:
            for row in islice(reader, count):
                rows.append(row)
                lines.append(reader.line_num)
        except csv.Error as error:
            raise InvalidRequest(f"This is not CSV: {error}.", field="listing") from error
        return rows, lines


class JsonRows:
    """Rows of JSON lines, in the order of the fields."""

    def __init__(self, lines: Iterable[str], fields: tuple[str, ...]) -> None:
        self._lines = ((number, line) for number, line in enumerate(lines, 1) if line.strip())
        self._fields = fields

    def take(self, count: int) -> tuple[list[Row], list[int]]:
        """Returns the next `count` rows, and the line number of each."""
        some = list(islice(self._lines, count))
        return [self._row(_record(line)) for _, line in some], [number for number, _ in some]

    def _row(self, record: dict[str, Any]) -> Row:
        if unknown := record.keys() - set(self._fields):
            raise InvalidRequest(
                f"A record has the field {min(unknown)!r}, which the first record does not have.",
                field="listing",
                advice="Give every record the same fields.",
            )
        return [_text(record.get(name)) for name in self._fields]


def fitted(row: Row, width: int, delimiter: str) -> Row:
    """Returns a row with `width` fields from one that has more or fewer."""
    if len(row) < width:
        return row + [""] * (width - len(row))
    return [*row[: width - 1], delimiter.join(row[width - 1 :])]


def detect(sample: bytes, format: str, delimiter: str, encoding: str) -> InputFormat:
    """Returns the format of a text from its first bytes. Given values are not checked against them."""
    marked = sample.startswith(codecs.BOM_UTF8)
    encoding = _encoding(sample, "utf-8" if marked else encoding)
    begin = len(codecs.BOM_UTF8) if marked else 0
    first = sample[begin:].lstrip()[:1]
    if format == "jsonl" or (format == "auto" and first == b"{"):
        line = next((line for line in LineReader([sample[begin:]], 0, "utf-8") if line.strip()), "")
        return InputFormat("jsonl", "utf-8", "", tuple(_record(line)), begin)
    head = next(iter(LineReader([sample[begin:]], begin, encoding)), "")
    delimiter = delimiter or max(DELIMITERS, key=head.count)
    lines = LineReader([sample[begin:]], begin, encoding)
    titles, numbers = CsvRows(lines, delimiter).take(1)
    if not titles or not any(titles[0]):
        raise InvalidRequest("The listing is empty, or its first line has no titles.", field="listing")
    (begin,) = lines.ends(numbers)
    return InputFormat("csv", encoding, delimiter, tuple(title.strip() for title in titles[0]), begin)


def _encoding(sample: bytes, given: str) -> str:
    """Returns the given encoding, else UTF-8 if it can be decoded, else Windows-1252, which decodes any byte."""
    if given:
        _check_encoding(given)
    if b"\0" in sample:
        cut = sample.startswith(b"PAR1")
        raise InvalidRequest(
            "This Parquet file is cut off: its end is missing." if cut else "This is not text: it has null bytes.",
            field="listing",
            advice="Send the whole file again." if cut else "Send CSV or JSON lines in UTF-8, or Parquet.",
        )
    if given:
        return codecs.lookup(given).name
    try:
        codecs.getincrementaldecoder("utf-8")().decode(sample)
    except UnicodeDecodeError:
        return "cp1252"
    return "utf-8"


def _check_encoding(given: str) -> None:
    """Check that ASCII text has the same bytes in it, so that it can be cut at line feeds."""
    try:
        plain = PLAIN.encode(given) == PLAIN.encode("ascii") and PLAIN.encode(given).decode(given) == PLAIN
    except (LookupError, ValueError):  # ValueError: a null character, or a codec for bytes
        raise InvalidRequest(f"There is no encoding {given!r}.", field="encoding") from None
    if not plain:
        raise InvalidRequest(
            f"Lines cannot be found in {given}.",
            field="encoding",
            advice="Send UTF-8, or UTF-16 that begins with a byte order mark.",
        )


def _record(line: str) -> dict[str, Any]:
    try:
        return msgspec.json.decode(line, type=dict[str, Any])
    except (msgspec.DecodeError, RecursionError) as error:
        shown = line if len(line) <= SHOWN else f"{line[:SHOWN]}…"
        words = f"The line {shown.rstrip()!r} is not a JSON object: {error}."
        raise InvalidRequest(words, field="listing", advice="Each line is a record: {column: value}.") from None


def _text(value: object) -> str:
    """Returns the text of a JSON value in a cell."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
