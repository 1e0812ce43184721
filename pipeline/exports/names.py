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
# Control characters, what file systems forbid, what turns the direction of a name around. All else stays, whatever
# Python's tables know of it.
_NOT_IN_NAMES = re.compile(r"[\0-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff" r'/\\:*?"<>|]')


def file_name(export: Export) -> str:
    """Return the file name that people see: title and day. A long title is cut between letters."""
    title = " ".join(_NOT_IN_NAMES.sub(" ", export.name).split())
    sizes = accumulate(len(letter.encode()) for letter in iter_graphemes(title))
    size = max(takewhile(TITLE_BYTES.__ge__, islice(sizes, TITLE_LETTERS)), default=0)
    day = time.strftime("%Y-%m-%d", time.gmtime(export.created_at))
    return f"{title.encode()[:size].decode().strip() or 'document'} {day}.pdf"


def result_key(export: Export) -> str:
    """Return the key of the file of an export that is not cut into volumes."""
    return f"exports/{export.id}/result/{ascii_name(file_name(export))}"


def ascii_name(name: str) -> str:
    """Return a file name for a key: ASCII letters, digits, dots and dashes."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return re.sub(r"[^A-Za-z0-9.]+", "-", plain).strip("-.") or "document.pdf"
