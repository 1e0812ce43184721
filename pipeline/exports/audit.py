"""One line of the log for each export that is requested, retried, downloaded, cancelled, removed or expired.

`owner` is the name of the token, or panel; `subject` the end user whom the caller named, or the person who asked on
the panel. `by` is who did it, in a web process: a person, the name of a token, or panel for the one password.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from ..logs import fields
from .export import Export

log = logging.getLogger(__name__)
_by: ContextVar[str] = ContextVar("by", default="")


@contextmanager
def doing(by: str) -> Iterator[None]:
    """Name who does what is noted inside."""
    before = _by.set(by)
    try:
        yield
    finally:
        _by.reset(before)


def note(action: str, export: Export, **more: Any) -> None:
    """Write the line: `action` is a word such as requested; `more` are further fields."""
    named = {"export": export.id, "owner": export.owner, "subject": export.subject, "document": export.document}
    if by := _by.get():
        named["by"] = by
    log.info("export %s is %s", export.id, action, extra=fields(action=action, **(named | more)))
