"""PDF syntax: values and indirect objects as bytes (ISO 32000-1, 7.3). Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import msgspec

Block = bytes | memoryview
"""A piece of a stream; a view must be of memory that does not change."""

Matrix = tuple[float, float, float, float, float, float]
"""How a picture or a form stands on a page (ISO 32000-1, 8.3.3)."""

_NAME_UNSAFE = re.compile(rb"[^!-~]|[#%()/<>\[\]{}]")

_NOT_TEXT = re.compile("[\x1b\ud800-\udfff]")


def number(value: float) -> bytes:
    """Return a number with at most three decimals: 1/3000 inch is finer than any printer."""
    text = (b"%.3f" % value).rstrip(b"0").rstrip(b".")
    return b"0" if text in (b"", b"-0") else text


def name(text: str | bytes) -> bytes:
    """Return a name, escaped as 7.3.5 requires. A name is bytes; text is written as UTF-8."""
    raw = text.encode() if isinstance(text, str) else text
    return b"/" + raw if raw.isalnum() else b"/" + _NAME_UNSAFE.sub(lambda m: b"#%02X" % m[0][0], raw)


def text_string(text: str) -> bytes:
    """Return a text string for people (7.9.2.2): UTF-16BE in hexadecimal, so nothing needs escaping.

    Surrogates, and the control character that would begin the name of a language, become U+FFFD.
    """
    return b"<FEFF" + _NOT_TEXT.sub("\ufffd", text).encode("utf-16-be").hex().upper().encode() + b">"


def reference(obj: int) -> bytes:
    """Return a reference to an indirect object (7.3.10)."""
    return b"%d 0 R" % obj


class Stream(msgspec.Struct, frozen=True):
    """A stream whose length is known before its data are read.

    `entries` are those of its dictionary without /Length. `read` yields `length` bytes, and can be called again.
    """

    entries: bytes
    length: int
    read: Callable[[], Iterator[Block]]

    @classmethod
    def from_bytes(cls, entries: bytes, data: bytes) -> Stream:
        """Return a stream of data in memory."""
        return cls(entries, len(data), lambda: iter((data,)))


def write_object(number: int, value: bytes | Stream) -> Iterator[Block]:
    """Yield the bytes of an indirect object (7.3.10). A stream's data come in the blocks that its `read` yields."""
    if isinstance(value, Stream):
        yield b"%d 0 obj\n<<%s/Length %d>>stream\n" % (number, value.entries, value.length)
        yield from value.read()
        yield b"\nendstream\nendobj\n"
    else:
        yield b"%d 0 obj\n%s\nendobj\n" % (number, value)
