"""What becomes of characters that are no letters or signs. Pure.

The table is written here, from properties of Unicode that do not change with its versions, so that what is drawn
does not depend on the tables of the Python that runs.

| characters | drawn |
|---|---|
| White_Space | as a space; a line break ends a line in cells of a table, and is a space elsewhere |
| Default_Ignorable_Code_Point | not at all; those that shaping uses are kept for it |
| control characters, surrogates | as a box, and named in the result, like a character that no font has |
| all others: private use, or newer than Python's tables | where a font has them, else as a box, and named |
"""

from __future__ import annotations

import re
from unicodedata import bidirectional, category, normalize

REPLACEMENT = "\ufffd"
_SPACES = "\t-\r\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
_SHAPING = "\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200c-\u200f\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef"
_DROPPED = (
    "\xad\u061c\u200b\u202a-\u202e\u2060-\u206f\ufeff\ufff0-\ufff8\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "\U000e0000-\U000e00ff\U000e01f0-\U000e0fff"
)
_CONTROLS = "\0-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff"
_SPACE_OR_DROPPED = f"([{_SPACES}])|[{_DROPPED}]"  # compiled when it is first used, as are others
_CHANGED = re.compile(f"[{_SPACES}{_DROPPED}{_CONTROLS}]")
_INDENT = f"[ {_SPACES}]*"
_LINE_BREAK = "\r\n|[\n\v\f\r\x85\u2028\u2029]"
_CONTROL = f"[{_CONTROLS}]"
_IGNORABLE = f"[{_SHAPING}{_DROPPED}]"
# Scripts written from right to left stand in these blocks, and new ones are added there.
_BACKWARD = "[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefe\U00010800-\U00010fff\U0001e800-\U0001efff]"


def printable(text: str) -> str:
    """Return the text as one line in composed form (NFC): white space as spaces, without what draws nothing."""
    composed = normalize("NFC", text)
    if not composed.isprintable():  # false for all that is changed here, whatever Python's tables know
        composed = re.sub(_SPACE_OR_DROPPED, lambda found: " " if found[1] else "", composed)
    return composed.strip(" ")


def printable_lines(text: str) -> list[str]:
    """Return the text in the lines that its line breaks make, each as `printable` does, but indented as it was.

    There are no blank lines around it.
    """
    if text.isprintable():  # false for all line breaks
        return [_indented(text)]
    lines = [_indented(line) for line in re.split(_LINE_BREAK, text)]
    return "\n".join(lines).strip("\n").split("\n")


def _indented(line: str) -> str:
    shown = printable(line)
    return " " * len(re.match(_INDENT, line)[0]) + shown if shown else ""  # type: ignore[index]  # always matches


def shown_as_is(text: str) -> bool:
    """Return whether a text has neither line breaks, nor what `printable` changes, nor control characters."""
    return text.isprintable() or not _CHANGED.search(text)


def is_control(character: str) -> bool:
    """Return whether a character has no picture by its nature, although a font may have a glyph for it."""
    return re.match(_CONTROL, character) is not None


def draws_nothing(character: str) -> bool:
    """Return whether a character is invisible by its nature, so that none is missing when no font has it."""
    return re.match(_IGNORABLE, character) is not None


def is_mark(character: str) -> bool:
    """Return whether a character belongs to the letter before it; one newer than Python does not."""
    return category(character)[0] == "M"


def direction(character: str) -> str:
    """Return the class of a character in a line of mixed directions (UAX 9); newer letters by their block."""
    return bidirectional(character) or ("R" if re.match(_BACKWARD, character) else "L")
