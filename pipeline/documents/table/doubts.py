"""What speaks against the way in which a CSV is read. The doubt is named."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from operator import and_

from ...pdf.tally import Remarks
from .csv_rows import Row, read_leniently
from .encodings import is_utf8

DELIMITERS = "\t;|,"  # where several fit, the first: a comma also stands in numbers and titles
RARE_DELIMITERS = ":^~\xa6\xb6\x01\x14\x1e\x1f"  # which are not guessed
SPACES = re.compile(" {2,}")  # of aligned columns
QUOTED = re.compile('=?"(?:[^"]|"")*"')  # with the sign by which spreadsheets keep zeros: ="007"
RECORD = re.compile(r"\s*\{.*:.*\}[\s,]*")  # a line of JSON; ids and lists of databases have braces, too
LONGER = r"~|^#@:;!*&\="  # signs that a delimiter of several characters has beside the one that is heeded
RULE = re.compile("(?=.*(?:-|[\u2500-\u257f]){3})[\\s|+:=\u2500-\u257f-]*+")
"""A line around titles, as in Markdown and on consoles of databases."""
NUMERIC = re.compile(r"[-+]?\d[\d.,:/eE+-]*%?|NA|NaN|nan|-")
WHOLE = re.compile(r"\d{1,18}", re.ASCII)
YEARS = range(1900, 2101)
VALUES = (  # of which titles are none
    re.compile(r"\(?[-+]?(?:[$€£¥]|[A-Z]{3})? ?-?\d[\d.,' ]*[.,]\d\d ?-?(?:[$€£¥%]|[A-Z]{3})?\)?", re.ASCII),
    re.compile(r"\d{4}([-/.] ?)\d{1,2}\1\d{1,2}\.?(?:[T ][\d:.]+.*)?", re.ASCII),
    re.compile(r"\d{1,2}([-./])\d{1,2}\1(?:\d{2}|\d{4})(?: [\d:.]+.*)?", re.ASCII),
    re.compile(r"\d{1,2}([ /-])[^\W\d_]{3,9}\1\d{2,4}(?: [\d:.]+.*)?|[A-Z][a-z]{2,8} \d{1,2},? \d{4}(?: .*)?"),
    re.compile(r"\d{1,2}:\d\d:\d\d(?:[.,]\d+)?", re.ASCII),
    re.compile(r"(?i:true|false)"),
    re.compile(r"[^\s@]+@[^\s@]+\.\w+|[a-z][a-z\d+.-]*://\S+"),
    re.compile(r"\d{1,3}(?:\.\d{1,3}){3}|[\da-fA-F]{8}(?:-[\da-fA-F]{4}){3}-[\da-fA-F]{12}", re.ASCII),
    re.compile(r"[A-Z]{2}\d{2}[A-Z\d]{11,30}|\+\d[\d ()/.-]{6,}", re.ASCII),  # of a bank account, of a telephone
)


def name_doubts(lines: Sequence[str], titles: Row, delimiter: str, remarks: Remarks) -> None:
    """Add a remark if lines look as if they had another delimiter than the one that was guessed."""
    lines = [line for line in lines if line.strip()]
    rows = [row for row in read_leniently(lines, delimiter) if row]
    if any(map(RULE.fullmatch, lines[:3])):
        remarks.add("The listing looks like a table drawn with lines, which are read as rows; save it as CSV")
    elif 2 * sum(map(bool, map(RECORD.fullmatch, lines))) >= len(lines):
        remarks.add(
            "The listing is read as CSV, although most of its lines look like JSON; begin with the first record"
        )
    elif _begins_with_comments(lines):
        remarks.add("The first lines begin with '#', as comments do, but are read as titles and rows; remove them")
    elif sign := _sign_within_quotes(lines, rows):
        remarks.add(
            f"The listing is read as one column, although its texts in quotes have {sign!r}; quote cells, not rows"
        )
    elif len(titles) == 1:
        _name_other_columns(lines, remarks)
    elif sign := _longer_delimiter(lines, delimiter):
        remarks.add(f"The delimiter is read as {delimiter!r}, but {sign!r} precedes or follows each of them")
    if _cuts_single_quotes(rows):
        remarks.add("Texts in single quotes are cut at delimiters; write double quotes")


def name_values(titles: Row, rows: Sequence[Row], remarks: Remarks) -> None:
    """Add a remark if one of the titles looks like the values below it: the listing may have no titles."""
    shown = [title.strip() for title in titles]
    columns = zip(*([cell.strip() for cell in row] for row in rows if len(row) == len(titles)), strict=True)
    for number, (title, column) in enumerate(zip(shown, columns, strict=False)):
        numbers_rows = not number and not _follow_each_other(shown)
        kinds = (*VALUES, WHOLE) if numbers_rows else VALUES
        if any(each.fullmatch(title) and any(map(each.fullmatch, column)) for each in kinds):
            remarks.add(f"The first row is read as titles, although {title!r} looks like a value; add titles above")
            return


def _follow_each_other(titles: Row) -> bool:
    """Return whether titles are numbers in order: years, the first or the last one first, or evenly spaced ones, as
    of columns without names."""
    numbers = [int(title) for title in titles if WHOLE.fullmatch(title)]
    steps = {b - a for a, b in pairwise(numbers)}
    if len(numbers) < len(titles) or not steps or min(steps) <= 0 <= max(steps):
        return False
    if all(number in YEARS for number in numbers):
        return True
    return min(steps) > 0 and len(steps) == 1 and (len(titles) > 2 or steps == {1})  # two are always evenly spaced


def name_inner_records(fields: Sequence[str], row: Row, remarks: Remarks) -> None:
    """Add a remark if the only record of a listing seems to hold others."""
    cells = zip(fields, row, strict=True)
    inner = [field for field, cell in cells if cell.startswith("[{") or (cell.startswith("{") and "[{" in cell)]
    if inner or (len(row) > 1 and all(cell.startswith(("[", "{")) for cell in row)):
        field = inner[0] if inner else fields[0]
        remarks.add(
            f"There is one record, and its field {field!r} holds others; if those are the rows, send them alone"
        )


def name_given_encoding(sample: bytes, encoding: str, remarks: Remarks) -> None:
    """Add a remark if an encoding of one byte a character was given for what is UTF-8."""
    if encoding == "utf-8" or sample.isascii() or not is_utf8(sample):
        return
    if len(sample.decode(encoding, "replace")) == len(sample):
        remarks.add(f"The listing is read as {encoding}, as was given, but its bytes are UTF-8")


def _begins_with_comments(lines: Sequence[str]) -> bool:
    """Return whether two comments or more precede lines that are none, as in logs of web servers."""
    comments = [line.startswith("#") for line in lines]
    first = comments.index(False) if False in comments else 0
    return first > 1 and not any(comments[first:])


def _cuts_single_quotes(rows: Sequence[Row]) -> bool:
    """Return whether texts in single quotes have delimiters, where others have none."""
    whole = cut = False
    for row in rows:
        cells = [cell.strip() for cell in row]
        opens = [cell.startswith("'") for cell in cells]
        closes = [cell.endswith("'") and len(cell) > 1 for cell in cells]
        whole = whole or any(map(and_, opens, closes))
        begin = next((n for n, cell in enumerate(cells) if opens[n] and not closes[n] and cell), len(cells))
        cut = cut or any(closes[n] and not opens[n] for n in range(begin + 1, len(cells)))
    return whole and cut


def _sign_within_quotes(lines: Sequence[str], rows: Sequence[Row]) -> str | None:
    """Return the sign that cuts the texts of a single column, all of them in quotes, into equally many fields.

    Spreadsheets write whole rows into quotes that were pasted into one column. Two fields are also a name.
    """
    if not lines or not all(line.startswith('"') for line in lines) or any(any(row[1:]) for row in rows):
        return None
    texts = [row[0] for row in rows]
    for sign in DELIMITERS:
        widths = {len(row) for row in csv.reader(texts, delimiter=sign)}
        if (
            len(texts) > 1
            and len(widths) == 1
            and (max(widths) > 2 or (max(widths) == 2 and '"' in "".join(texts)))
        ):
            return sign
    return None


def _name_other_columns(lines: Sequence[str], remarks: Remarks) -> None:
    """Add a remark when lines that are read as one column look like several."""
    one = "The listing is read as one column, although"
    widths = Counter(len(SPACES.split(line.strip())) for line in lines)
    if sign := _sign_of_columns(lines):
        remarks.add(f"{one} most of its lines have {sign!r}; give the delimiter, and begin with the titles")
    elif sign := _sign_of_some_lines(lines):
        remarks.add(f"{one} some of its lines have {sign!r}; give the delimiter, and begin with the titles")
    elif (1 not in widths and max(widths.values(), default=0) > 1) or _are_numbers_apart(lines):
        remarks.add(f"{one} its lines look like columns set apart by spaces; save it as CSV")


def _sign_of_columns(lines: Sequence[str]) -> str | None:
    """Return the sign that cuts most lines into equally many fields, though not the titles; None if there is none.

    Signs that are delimiters rarely, and often stand in texts, must cut the titles too.
    """
    lines = [line.replace("://", "") for line in lines]
    for sign in DELIMITERS + RARE_DELIMITERS:
        widths = [len(row) for row in csv.reader(lines, delimiter=sign) if row]
        width, rows = Counter(widths).most_common(1)[0] if widths else (1, 0)
        if width > 1 and 1 < rows > len(widths) / 2 and (sign in DELIMITERS or widths[0] == width):
            return sign
    return None


def _sign_of_some_lines(lines: Sequence[str]) -> str | None:
    """Return a sign that cuts two neighbours into three fields or more each; no comma, which sentences have too."""
    for sign in DELIMITERS.replace(",", ""):
        widths = [len(row) for row in csv.reader(lines, delimiter=sign)]
        if any(width == other > 2 for width, other in pairwise(widths)):
            return sign
    return None


def _are_numbers_apart(lines: Sequence[str]) -> bool:
    """Return whether all lines have equally many words, three or more, most of them numbers behind the titles."""
    words = [line.split() for line in lines]
    behind = [word for row in words[1:] for word in row]
    numbers = sum(map(bool, map(NUMERIC.fullmatch, behind)))
    return len(set(map(len, words))) == 1 and len(words[0]) > 2 and 2 * numbers > len(behind) > 0


def _longer_delimiter(lines: Sequence[str], delimiter: str) -> str | None:
    """Return the sign that stands on one side of the delimiter wherever it does; None if there is none."""
    text, sign = "\n".join(QUOTED.sub("x", line) for line in lines), re.escape(delimiter)
    runs = re.findall(rf"{sign}+", text)
    if delimiter != "," and len(runs) > 1 and set(map(len, runs)) == {len(runs[0])} != {1}:
        return delimiter
    other = f"([{re.escape(LONGER + ',' * (delimiter != ','))}])?"
    for pair in (f"{other}{sign}", f"{sign}{other}"):
        found = set[str](re.findall(pair, text))
        if len(found) == 1 and found != {""}:
            return found.pop()
    return None
