"""Copies a segment into the file as soon as it is stored: the worker that drew it does, so that all workers share
what the store takes to copy. The join copies what is missing."""

from __future__ import annotations

import logging

from ...adapters.bucket import MultipartUpload
from ...adapters.bucket.parts import MIN_PART, Joining, whole_number
from ...errors import Conflict, NotFound, NotSupported, StoreDown
from ...exports.export import Export
from ...exports.joins import Join, JoinRepository, identity
from ...exports.names import result_key
from ...exports.plan import Plan
from ...exports.segments import segment_key
from ...pdf.segment_index import SegmentIndex
from ...services import Services
from .kept_upload import KEPT_BYTES

log = logging.getLogger(__name__)


def copy_early(s: Services, export: Export, plan: Plan, index: SegmentIndex, etag: str) -> None:
    """Copy a segment into the upload of the file, if it is one large file, and the store copies such parts."""
    large = index.size >= MIN_PART and index.size * len(plan.chunks) >= KEPT_BYTES and len(plan.chunks) > 1
    if not large or plan.volumes.several or s.bucket.joining is not Joining.COPIED:
        return
    key = segment_key(export.id, index.chunk, index.first, index.planned)
    joins = JoinRepository(s.bucket, export.id, result_key(export))
    part = whole_number(index.first, plan.pages)
    try:
        if upload := _upload(s, joins, export):
            joins.note_copy(upload.id, part, identity(key, etag))
            upload.copy(part, key, 0, index.size, etag)
    except NotSupported as error:
        log.info("export %s: %s Segments are not copied early.", export.id, error.message)
        s.bucket.joining = Joining.EQUAL
    except (StoreDown, NotFound, Conflict) as error:  # also when the upload is gone
        log.info("export %s: %s The segment is copied when the file is joined.", export.id, error.message)


def _upload(s: Services, joins: JoinRepository, export: Export) -> MultipartUpload | None:
    """Return the upload of the file, begun if there is none; None once the file is joined."""
    key = result_key(export)
    if (join := joins.read()) is None:
        begun = s.bucket.begin_upload(key)
        if joins.write_first(Join(begun.id)):
            return begun
        join = joins.read()
        if join is None or join.upload != begun.id:  # otherwise it was noted, though the answer was lost
            begun.abort()
    return s.bucket.upload(key, join.upload) if join and not join.made_from else None
