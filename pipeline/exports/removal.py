"""Removes an export that is over on request: its files, its record, and what was handed in for it."""

from __future__ import annotations

from ..adapters.bucket import Bucket
from . import audit
from .accepting import KEPT, REQUESTS
from .export import Channel, Export
from .lists import marks
from .notices import remove_mark
from .repository import UNBILLED, ExportRepository, not_closed
from .uploads import release


def remove(bucket: Bucket, exports: ExportRepository, export: Export) -> None:
    """Remove an export; the same request is a new one afterwards. Raises IllegalStep while workers may write to it.

    The record goes last, so that what broke off can be done again.
    """
    if not export.state.over:
        raise not_closed(export.id)
    exports.check_closed(export.id)
    remove_mark(bucket, export.id, *Channel)
    exports.remove_result(export)
    release(bucket, export)
    claim = bucket.get(REQUESTS + export.request_key)
    if claim and claim.data.decode() == export.id:
        bucket.delete([REQUESTS + export.request_key])
    bucket.delete([KEPT + export.id, UNBILLED + export.id, *marks(export)])
    bucket.delete_under(f"exports/{export.id}/")
    audit.note("removed", export)
