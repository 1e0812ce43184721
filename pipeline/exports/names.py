"""Names of the files of a result: for people, and for keys."""

from __future__ import annotations

import re
import time
import unicodedata
from itertools import accumulate, islice, takewhile

from wcwidth import iter_graphemes

from .export import Export

TITLE_LETTERS = 80
TITLE_BYTES = 200  # of the 255 that file systems allow; the rest is for the day, the volume and a suffix


def file_name(export: Export) -> str:
    """Returns the file name that people see: title and day. A long title is cut between letters."""
    title = " ".join("".join(c if _belongs_in_a_name(c) else " " for c in export.name).split())
    sizes = accumulate(len(letter.encode()) for letter in iter_graphemes(title))
    size = max(takewhile(TITLE_BYTES.__ge__, islice(sizes, TITLE_LETTERS)), default=0)
    day = time.strftime("%Y-%m-%d", time.gmtime(export.created_at))
    return f"{title.encode()[:size].decode().strip() or 'document'} {day}.pdf"


def ascii_name(name: str) -> str:
    """Returns a file name for a key: ASCII letters, digits, dots and dashes."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return re.sub(r"[^A-Za-z0-9.]+", "-", plain).strip("-.") or "document.pdf"


def _belongs_in_a_name(character: str) -> bool:
    """True for letters, digits, and what belongs to a letter: marks, and the joiners U+200C and U+200D."""
    return character.isalnum() or unicodedata.category(character)[0] == "M" or character in " -_.\u200c\u200d"
