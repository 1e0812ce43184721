"""Finds out how to read a listing from its first bytes: format, encoding, delimiter and titles."""

from __future__ import annotations

import codecs
import csv
import re
from collections import Counter
from collections.abc import Sequence
from itertools import islice

from ...errors import InvalidRequest
from ...pdf.tally import Remarks
from .csv_rows import CsvRows
from .encodings import given_encoding, guess_encoding
from .lines import BadLine, LineReader
from .rows import InputFormat

DELIMITERS = "\t;|,"  # where several fit, the first: a comma also stands in numbers and titles
RARE_DELIMITERS = ":^~\x1f\x01"  # which are not guessed
MAX_ROWS = 100  # that decide on the delimiter
ISO_2022 = re.compile(rb"\x1b\$(?:[@AB]|\([D-Q]|\)[AC-I]|\*H)")  # to characters of two bytes (ISO 2022, ISO-IR)
SPACES = re.compile(" {2,}")  # of aligned columns
SEP_LINE = re.compile(rb'"?sep=([^\r\n])"?\r?\n', re.IGNORECASE)  # Excel's own way to name the delimiter


def detect(sample: bytes, format: str, delimiter: str, encoding: str, remarks: Remarks) -> InputFormat:
    """Returns the format of a text from its first bytes. Given values are not checked against them.

    Raises BadLine, InvalidRequest. What was guessed is added to the remarks.
    """
    begin = 0
    while sample.startswith(codecs.BOM_UTF8, begin):  # some programs write a second one
        begin += len(codecs.BOM_UTF8)
    marked = begin > 0
    _check_text(sample)
    if encoding:
        encoding = given_encoding(encoding, marked)
    if format == "jsonl" or (format == "auto" and sample[begin:].lstrip()[:1] == b"{"):
        return _jsonl(sample, begin)
    if not encoding:
        encoding = "utf-8" if marked else guess_encoding(sample, remarks)
    named = SEP_LINE.match(sample, begin)
    begin = named.end() if named else begin
    cut = sample.rfind(b"\n") + 1 or len(sample)  # the last line may be cut off
    first = list(islice(LineReader([sample[begin:cut]], begin, encoding), MAX_ROWS))
    found = delimiter or (named[1].decode("latin-1") if named else _delimiter(first, remarks))
    lines = LineReader([sample[begin:]], begin, encoding)
    titles, numbers = CsvRows(lines, found).take(1)
    if not titles or not any(titles[0]):
        raise BadLine(0, " has no titles of columns, or there is no line.", "A CSV begins with its titles.")
    if not delimiter and len(titles[0]) == 1:
        _name_other_columns(first, remarks)
    (begin,) = lines.ends(numbers)
    return InputFormat("csv", encoding, found, tuple(title.strip() for title in titles[0]), begin)


def _jsonl(sample: bytes, begin: int) -> InputFormat:
    from .json_rows import ONE_RECORD, NotARecord, record

    lines = LineReader([sample[begin:]], begin, "utf-8")
    number, line = next(((n, line) for n, line in enumerate(lines, 1) if line.strip()), (0, ""))
    if not number:
        raise BadLine(0, " is empty: there are no records.", ONE_RECORD)
    try:
        return InputFormat("jsonl", "utf-8", "", tuple(record(line)), begin)
    except NotARecord as error:
        raise BadLine(lines.start(number), f" {error}", ONE_RECORD) from None


def _check_text(sample: bytes) -> None:
    if sample.startswith(b"PAR1"):
        raise InvalidRequest(
            "This Parquet file is cut off: its end is missing.",
            field="listing",
            advice="Send the whole file again.",
        )
    if escape := ISO_2022.search(sample):
        advice = "Save it in UTF-8. Its bytes look like ASCII, but stand for other letters."
        raise BadLine(escape.start(), " is in an encoding that switches (ISO-2022), such as ISO-2022-JP.", advice)
    if b"\0" in sample:
        advice = "Send CSV or JSON lines in UTF-8, or in UTF-16 with a byte order mark, or Parquet."
        raise BadLine(sample.index(b"\0"), " has a null byte, so this is not text.", advice)


def _delimiter(lines: Sequence[str], remarks: Remarks) -> str:
    """Returns the delimiter that cuts most of the first rows into as many fields as the titles."""
    shares = {delimiter: _share(lines, delimiter) for delimiter in DELIMITERS}
    best = max(shares, key=lambda delimiter: shares[delimiter])
    if not shares[best]:
        return ","
    if also := [f"{other!r}" for other in DELIMITERS if other != best and shares[other] == shares[best]]:
        remarks.add(f"The delimiter was not given; {best!r} was guessed, but {' and '.join(also)} would fit too")
    return best


def _name_other_columns(lines: Sequence[str], remarks: Remarks) -> None:
    """Adds a remark when lines that are read as one column look like several."""
    one = "The listing is read as one column, although"
    widths = Counter(len(SPACES.split(line.strip())) for line in lines)
    if sign := _sign_of_columns(lines):
        remarks.add(f"{one} most of its lines have {sign!r}; give the delimiter, and begin with the titles")
    elif 1 not in widths and max(widths.values(), default=0) > 1:
        remarks.add(f"{one} its lines look like columns set apart by spaces; save it as CSV")


def _sign_of_columns(lines: Sequence[str]) -> str | None:
    """Returns the sign that cuts most lines into equally many fields, though not the titles; None if there is none.

    Signs that are delimiters rarely, and often stand in texts, must cut the titles too.
    """
    for sign in DELIMITERS + RARE_DELIMITERS:
        widths = [len(row) for row in csv.reader(lines, delimiter=sign) if row]
        width, rows = Counter(widths).most_common(1)[0] if widths else (1, 0)
        if width > 1 and 1 < rows > len(widths) / 2 and (sign in DELIMITERS or widths[0] == width):
            return sign
    return None


def _share(lines: Sequence[str], delimiter: str) -> float:
    """Returns the share of rows that have as many fields as the titles; 0 if there is one title only.

    A text that fits nowhere has a share above 0, so that it is cut at a sign that its titles have.
    """
    rows = [row for row in csv.reader(lines, delimiter=delimiter) if row]
    width = len(rows[0]) if rows else 0
    return (1 + sum(len(row) == width for row in rows)) / (1 + len(rows)) if width > 1 else 0.0
