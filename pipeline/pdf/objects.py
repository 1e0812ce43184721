"""PDF syntax: values and indirect objects as bytes (ISO 32000-1, 7.3). Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

Block = bytes | memoryview
"""A piece of a stream; a view is of something that stays as it is."""

_NAME_UNSAFE = re.compile(rb"[^!-~]|[#%()/<>\[\]{}]")


def number(value: float) -> bytes:
    """Spell a number with at most three decimals: 1/3000 inch is finer than any printer."""
    text = (b"%.3f" % value).rstrip(b"0").rstrip(b".")
    return b"0" if text in (b"", b"-0") else text


def name(text: str) -> bytes:
    """Spell a name, escaping what 7.3.5 says must be."""
    return b"/" + _NAME_UNSAFE.sub(lambda m: b"#%02X" % m[0][0], text.encode())


def text_string(text: str) -> bytes:
    """Spell a text string for people (7.9.2.2): UTF-16BE in hexadecimal, so nothing needs escaping."""
    return b"<FEFF" + text.encode("utf-16-be", "replace").hex().upper().encode() + b">"


def reference(obj: int) -> bytes:
    """Point at an indirect object."""
    return b"%d 0 R" % obj


@dataclass(frozen=True)
class Stream:
    """A stream whose length is known before its bytes are read.

    `entries` is the inside of the dictionary without /Length; `read` yields `length` bytes, and can be
    called again.
    """

    entries: bytes
    length: int
    read: Callable[[], Iterator[Block]]

    @classmethod
    def from_bytes(cls, entries: bytes, data: bytes) -> Stream:
        """A stream that is already in memory."""
        return cls(entries, len(data), lambda: iter((data,)))


def write_object(number: int, value: bytes | Stream) -> Iterator[Block]:
    """Yield the bytes of an indirect object (7.3.10); the data of a stream come in blocks, as it is read."""
    if isinstance(value, Stream):
        yield b"%d 0 obj\n<<%s/Length %d>>stream\n" % (number, value.entries, value.length)
        yield from value.read()
        yield b"\nendstream\nendobj\n"
    else:
        yield b"%d 0 obj\n%s\nendobj\n" % (number, value)
