"""One line of the log for each export that is requested, downloaded, cancelled or removed: what, whose, for whom.

`owner` is the name of the token, or panel; `subject` the end user whom the caller named.
"""

from __future__ import annotations

import logging
from typing import Any

from ..logs import fields
from .export import Export

log = logging.getLogger(__name__)


def note(action: str, export: Export, **more: Any) -> None:
    """Write the line: `action` is a word such as requested; `more` are further fields."""
    named = {"export": export.id, "owner": export.owner, "subject": export.subject, "document": export.document}
    log.info("export %s is %s", export.id, action, extra=fields(action=action, **named, **more))
