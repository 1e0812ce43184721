"""Segments are kept on the disk, as far as there is room."""

from __future__ import annotations

from pipeline.exports.ids import new_id
from pipeline.exports.segments import segment_key
from pipeline.services import Services
from pipeline.tasks.segment_cache import SegmentCache

from ..exports.records import index, store_segment


def test_segments_are_read_once_while_there_is_room(services: Services) -> None:
    """Constant memory: what is kept does not grow with the document."""
    bucket, segments, export_id = services.bucket, services.segments, new_id()
    for n in range(3):
        store_segment(segments, export_id, n, 5 * n, 5)
    keys = [segment_key(export_id, n, 5 * n, 5) for n in range(3)]
    one = len(index(0, 0, 5, b"0 0 5").encode()) + 150  # with its hash and ETag
    with SegmentCache(segments, max_bytes=2 * one) as cache:
        first = [cache.index(key) for key in keys]
        bucket.delete(keys[:2])
        assert [cache.index(key) for key in keys] == first
        assert [cache.body(key, 1, 3) for key in keys] == [b" 0", b" 5", None]
