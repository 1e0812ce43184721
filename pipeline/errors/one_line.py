"""Text from outside, where it must not begin a line of its own: in logs, mails and on a terminal."""

from __future__ import annotations


def plain(text: str) -> str:
    """Replace control characters by spaces, so that text from outside stays on its line."""
    return "".join(c if c.isprintable() else " " for c in text)
