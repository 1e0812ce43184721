"""Finds out how to read a listing from its first bytes: format, encoding, delimiter and titles."""

from __future__ import annotations

import codecs
import re
from collections.abc import Sequence
from itertools import islice

from ...errors import InvalidRequest
from ...pdf.tally import Remarks
from .csv_rows import CsvRows, read_leniently
from .doubts import DELIMITERS, name_doubts, name_given_encoding, name_values
from .encodings import given_encoding, guess_encoding
from .lines import BadLine, LineReader
from .rows import InputFormat

MAX_ROWS = 100  # that decide on the delimiter
ISO_2022 = re.compile(rb"\x1b\$(?:[@AB]|\([D-Q]|\)[AC-I]|\*H)")  # to characters of two bytes (ISO 2022, ISO-IR)
SEP_LINE = re.compile(rb'\s*"?sep=([^\r\n]|[^\w\r\n"]{2,3})"?\r?\n', re.IGNORECASE)  # as Excel writes it


def detect(sample: bytes, format: str, delimiter: str, encoding: str, remarks: Remarks) -> InputFormat:
    """Return the format of a text from its first bytes. Given values are taken.

    Raises BadLine, InvalidRequest. What was guessed, and what speaks against it, is added to the remarks.
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
    if encoding:
        name_given_encoding(sample, encoding, remarks)
    else:
        encoding = "utf-8" if marked else guess_encoding(sample, remarks)
    return _csv(sample, begin, delimiter, encoding, remarks)


def _csv(sample: bytes, begin: int, delimiter: str, encoding: str, remarks: Remarks) -> InputFormat:
    named = SEP_LINE.match(sample, begin)
    if named and len(named[1]) > 1:
        raise BadLine(
            begin, " names a delimiter of several characters; one is possible.", "Save the file with one."
        )
    begin = named.end() if named else begin
    cut = sample.rfind(b"\n") + 1 or len(sample)  # the last line may be cut off
    first = list(islice(LineReader([sample[begin:cut]], begin, encoding), MAX_ROWS))
    found = delimiter or (named[1].decode("latin-1") if named else _delimiter(first, remarks))
    lines = LineReader([sample[begin:]], begin, encoding)
    source = CsvRows(lines, found)
    titles, numbers = source.take(1)
    while titles and not any(map(str.strip, titles[0])):
        if len(titles[0]) > 1:  # a blank line needs no remark
            remarks.add("Rows of blank cells above the titles are left out")
        titles, numbers = source.take(1)
    for how in source.repaired.values():
        remarks.add(how, "titles")
    if not titles:
        raise BadLine(0, " has no titles of columns, or there is no line.", "A CSV begins with its titles.")
    rows = [row for row in read_leniently(first, found) if any(map(str.strip, row))]
    name_values(titles[0], rows[1:], remarks)
    if not delimiter:
        name_doubts(first, titles[0], found, remarks)
    (begin,) = lines.ends(numbers)
    return InputFormat("csv", encoding, found, tuple(title.strip() for title in titles[0]), begin)


def _jsonl(sample: bytes, begin: int) -> InputFormat:
    from .json_rows import ONE_RECORD, NotARecord, record

    lines = LineReader([sample[begin:]], begin, "utf-8")
    number, line = next(((n, line) for n, line in enumerate(lines, 1) if line.strip()), (0, ""))
    if not number:
        raise BadLine(0, " is empty: there are no records.", ONE_RECORD)
    try:
        fields = tuple(record(line))
    except NotARecord as error:
        raise BadLine(lines.start(number), f" {error}", ONE_RECORD) from None
    if not fields:
        raise BadLine(lines.start(number), " is a record without columns.", ONE_RECORD)
    return InputFormat("jsonl", "utf-8", "", fields, begin)


def _check_text(sample: bytes) -> None:
    if sample.startswith(b"PAR1") and b"\0" in sample:
        raise InvalidRequest(
            "This Parquet file is cut off, so that its end is missing, or its format was given as another.",
            field="listing",
            advice="Send the whole file again, or leave out format.",
        )
    if escape := ISO_2022.search(sample):
        advice = "Save it in UTF-8. Its bytes look like ASCII, but stand for other letters."
        raise BadLine(escape.start(), " is in an encoding that switches (ISO-2022), such as ISO-2022-JP.", advice)
    if b"\0" in sample:
        advice = "Send CSV or JSON lines in UTF-8, or in UTF-16 with a byte order mark, or Parquet."
        raise BadLine(sample.index(b"\0"), " has a null byte, so this is not text.", advice)


def _delimiter(lines: Sequence[str], remarks: Remarks) -> str:
    """Return the delimiter that cuts most of the first rows into as many fields as the titles."""
    shares = {delimiter: _share(lines, delimiter) for delimiter in DELIMITERS}
    best = max(shares, key=lambda delimiter: shares[delimiter])
    if not shares[best]:
        return ","
    if also := [f"{other!r}" for other in DELIMITERS if other != best and shares[other] == shares[best]]:
        if best == "\t" and shares[best] == 1:  # texts have commas, not tabs
            return best
        remarks.add(f"The delimiter was not given; {best!r} was guessed, but {' and '.join(also)} would fit too")
    return best


def _share(lines: Sequence[str], delimiter: str) -> float:
    """Return the share of rows that have as many fields as the titles; 0 if there is one title only.

    A text that fits nowhere has a share above 0, so that it is cut at a sign that its titles have.
    """
    rows = [row for row in read_leniently(lines, delimiter) if any(map(str.strip, row))]
    width = len(rows[0]) if rows else 0
    return (1 + sum(len(row) == width for row in rows)) / (1 + len(rows)) if width > 1 else 0.0
