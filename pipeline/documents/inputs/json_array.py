"""A JSON array of objects, or objects over several lines, as JSON lines. In bounded memory."""

from __future__ import annotations

import re
import sys
from codecs import BOM_UTF8
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from ...errors import InvalidRequest
from ...settings import MIB
from . import MAX_LINE

# Behind the bracket: an object, list or text, the end, nothing more on this line, or a value and a comma.
# The first title of a CSV may be [id] or [2024].
BEGIN = re.compile(
    rb"(?:\xef\xbb\xbf)?\s*\[(?:\s*[{\[\"\]]|\s*$|[ \t]*[\r\n]|\s*(?:-?\d[\d.eE+-]*|null|true|false)\s*,)"
)
BEGIN_OBJECT = re.compile(rb"(?:\xef\xbb\xbf)?\s*\{[ \t]*[\r\n]")  # in JSON lines a record has one line
# Half of a character at the end of a text, where msgspec says that the text is truncated.
HALF = re.compile(rb'(?<!\\)(?:\\\\)*+\\u[dD][89abAB][0-9a-fA-F]{2}".{0,5}\Z', re.DOTALL)
TOKEN = re.compile(rb'"(?:[^"\\]++|\\.)*+("?)|[\[\]{},]', re.DOTALL)  # group 1 is empty: the string goes on


def is_array(head: bytes) -> bool:
    """Return whether a text begins like a JSON array."""
    return BEGIN.match(head) is not None


def is_over_lines(head: bytes) -> bool:
    """Return whether a text begins like a JSON object that is written over several lines."""
    return BEGIN_OBJECT.match(head) is not None


def one_a_line(blocks: Iterable[bytes], what: str, array: bool) -> Iterator[bytes]:
    """Yield the records of an array, or those that follow each other, one a line.

    Raises InvalidRequest for one that is no object.
    """
    number = 0
    for number, item in enumerate(_items(blocks, what, array), 1):
        try:
            _decode(item)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            _check_utf8(item, number, what)
            raise InvalidRequest(
                f"Record {number:,} of {what} {why_refused(error, item)}.",
                field="listing",
                advice="Each record is an object: {column: value}.",
            ) from None
        yield item.replace(b"\n", b" ").replace(b"\r", b" ") + b"\n"  # valid JSON has them between values only
    if not number:
        raise InvalidRequest(f"There are no rows in {what}.", field="listing")


def _check_utf8(item: bytes, number: int, what: str) -> None:
    """Raise InvalidRequest for a record that is not UTF-8."""
    try:
        item.decode()
    except UnicodeDecodeError as error:
        raise InvalidRequest(
            f"Record {number:,} of {what} is not UTF-8: its byte {error.start + 1:,} is {item[error.start]:02X}.",
            field="listing",
            advice="Save it in UTF-8; JSON has no other encoding.",
        ) from None


def why_refused(error: Exception, text: bytes, wanted: str = "a JSON object") -> str:
    """Return why a text was not decoded, as the end of a sentence."""
    if "surrogate" in str(error) or ("truncated" in str(error) and HALF.search(text[-20:])):
        return f"is not {wanted}: it has half of a character, as \\ud83d is alone; the other half must follow"
    if str(error).startswith("Integer value out of range"):  # of Python's int; other numbers may be as long
        return f"has an integer of more than {sys.get_int_max_str_digits():,} digits; send it as text, in quotes"
    return f"is not {wanted}: {error}"


def name_twice(text: str | bytes) -> str | None:
    """Return a name that an object in a JSON text has twice, None without one: decoded, it has one value."""
    import json  # 2 ms, and a table of CSV does not need it

    twice: list[str] = []

    def note(pairs: list[tuple[str, Any]]) -> None:
        names = [name for name, _ in pairs]
        if len(set(names)) < len(names):
            twice.extend(name for name in names if names.count(name) > 1)

    json.loads(text, object_pairs_hook=note, parse_int=str)
    return twice[0] if twice else None


def _items(blocks: Iterable[bytes], what: str, array: bool) -> Iterator[bytes]:
    """The texts between the outermost brackets and commas, or up to each outermost brace. Holds one and a block."""
    data, begin, at, depth, over = b"", 0, 0, 0, False
    for block in blocks:
        data, begin, at = data[begin:] + block, 0, at - begin
        for token in TOKEN.finditer(data, at):
            sign, at = token[0], token.end()
            if sign[:1] == b'"' and not token[1]:
                at = token.start()
                break
            if over:
                break
            if array and depth == 1 and sign in (b",", b"]"):
                item = data[begin : token.start()].strip()
                _check_length(len(item), what)
                if item or sign == b",":
                    yield item
            depth += (sign in (b"[", b"{")) - (sign in (b"]", b"}"))
            over = array and depth == 0
            if over or (array and depth == 1 and sign in (b",", b"[")):
                begin = at
            elif not array and depth == 0 and sign == b"}":
                yield data[begin:at].strip().removeprefix(BOM_UTF8)
                begin = at
        _check_length(len(data) - begin, what)
    rest = data[begin:].strip()
    if not over and (array or rest):
        kind = "is a JSON array" if array else "has a JSON record"
        raise _wrong(what, f"{kind} without an end", "The file may be cut off; send the whole file again.")
    if rest:
        raise _wrong(what, "goes on behind the end of its JSON array", "Send one array, or JSON lines.")


def _check_length(length: int, what: str) -> None:
    if length > MAX_LINE:
        raise _wrong(what, f"has a record that is longer than {MAX_LINE // MIB} MiB", "Leave out large values.")


def _wrong(what: str, words: str, advice: str) -> InvalidRequest:
    return InvalidRequest(f"{what[:1].upper()}{what[1:]} {words}.", field="listing", advice=advice)


_decode = msgspec.json.Decoder(dict[str, Any], float_hook=str).decode
