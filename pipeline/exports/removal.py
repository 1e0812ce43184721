"""Removes an export that is over on request: its files, its record, and what was handed in for it."""

from __future__ import annotations

from contextlib import suppress

from ..errors import RedisDown
from . import audit
from .accepting import KEPT, REQUESTS
from .export import Channel, Export
from .lists import marks
from .notices import remove_mark
from .repository import UNBILLED, not_closed
from .stores import Stores
from .uploads import release


def remove(s: Stores, export: Export) -> None:
    """Remove an export; the same request is a new one afterwards. Raises IllegalStep while workers may write to it.

    The record goes last, so that what broke off can be done again.
    """
    if not export.state.over:
        raise not_closed(export.id)
    s.exports.check_closed(export.id)
    remove_mark(s.bucket, export.id, *Channel)
    s.exports.remove_result(export)
    release(s.bucket, export)
    claim = s.bucket.get(REQUESTS + export.request_key)
    if claim and claim.data.decode() == export.id:
        s.bucket.delete([REQUESTS + export.request_key])
    s.bucket.delete([KEPT + export.id, UNBILLED + export.id, *marks(export)])
    s.bucket.delete_under(f"exports/{export.id}/")
    audit.note("removed", export)
    with suppress(RedisDown):  # polls read the bucket every 30 s in any case
        s.redis.polls.note_change(export.id)
