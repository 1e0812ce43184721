"""Objects that arrive after their export was closed: stored by a worker that was slow, or frozen.

Finding them costs listings only.
"""

from __future__ import annotations

from ..adapters.bucket import Bucket, MultipartUpload
from .accepting import ACTIVE, KEPT
from .repository import STEP_FOLDERS


def kept_ids(bucket: Bucket, after: str) -> list[str]:
    """Return the ids of exports that have not expired, oldest first, made after the id `after`."""
    return [entry.key.removeprefix(KEPT) for entry in bucket.entries(KEPT, after=KEPT + after)]


def leftovers(bucket: Bucket, export_id: str) -> list[str]:
    """Return the keys of what the steps of an export left. Once it is closed, only a failed one has any."""
    entries = bucket.entries(f"exports/{export_id}/")
    return [entry.key for entry in entries if entry.key.split("/")[2] in STEP_FOLDERS]


def late_uploads(bucket: Bucket) -> list[MultipartUpload]:
    """Return the unfinished uploads of exports that are closed."""
    uploads = bucket.uploads("exports/")
    # Listed after the uploads: an export is active before it has any.
    active = {entry.key.removeprefix(ACTIVE) for entry in bucket.entries(ACTIVE)}
    return [upload for upload in uploads if upload.key.split("/")[1] not in active]
