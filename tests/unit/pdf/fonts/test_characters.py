"""What is drawn, whatever Unicode version this Python knows."""

from __future__ import annotations

from collections.abc import Iterator
from unicodedata import normalize

import pytest

from pipeline.pdf.fonts.bidi import base_level
from pipeline.pdf.fonts.characters import draws_nothing, is_control, printable, shown_as_is


def every() -> Iterator[str]:
    return map(chr, range(0x110000))


def test_each_character_is_kept_or_a_space_or_invisible_by_its_nature() -> None:
    for character in every():
        shown = printable(f"|{character}|")[1:-1]
        if shown == "":
            assert draws_nothing(character), hex(ord(character))
        elif shown == " ":
            assert character.isspace() and not "\x1c" <= character <= "\x1f", hex(ord(character))
        else:
            assert shown == normalize("NFC", character), hex(ord(character))


def test_text_shown_as_is_needs_no_change() -> None:
    as_is = [c for c in every() if shown_as_is(c)]
    assert all(printable(c) == normalize("NFC", c) and not is_control(c) for c in as_is if c != " ")
    assert {"\ue001", "\U00031350", "\U0010ffff", "\ufffd"} <= set(as_is)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("two\r\nlines", "two  lines"),
        (" a\tb\u3000", "a b"),
        ("e\u0301", "é"),
        ("co\u00adop\u200b", "coop"),
        ("\u202eabc\u202c", "abc"),
        ("\u06cc\u200c\u062e", "\u06cc\u200c\u062e"),  # a joiner, for shaping
        ("\x1c\x1d", "\x1c\x1d"),  # white space to Python, not to Unicode
        ("\u0600", "\u0600"),  # a sign, of the same category as what draws nothing
    ],
)
def test_a_text_becomes_one_line(text: str, line: str) -> None:
    assert printable(text) == line


def test_letters_newer_than_python_are_read_in_the_direction_of_their_block() -> None:
    assert base_level("\U00010d4a") == 1  # Garay, Unicode 16
    assert base_level("\U00031350") == 0
