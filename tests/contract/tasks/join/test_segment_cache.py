"""Segments are kept on the disk, as far as there is room."""

from __future__ import annotations

from unittest import mock

import pytest

from pipeline.exports.ids import new_id
from pipeline.exports.segments import segment_key
from pipeline.services import Services
from pipeline.tasks.join import segment_cache
from pipeline.tasks.join.segment_cache import PAGES_AHEAD, SegmentCache
from pipeline.tasks.read_ahead import AHEAD, read_ahead

from ...exports.records import index, store_segment


def test_segments_are_read_once_while_there_is_room(services: Services) -> None:
    """Constant memory: what is kept does not grow with the document."""
    bucket, segments, export_id = services.bucket, services.segments, new_id()
    for n in range(3):
        store_segment(segments, export_id, n, 5 * n, 5)
    keys = [segment_key(export_id, n, 5 * n, 5) for n in range(3)]
    one = len(index(0, 0, 5, b"0 0 5").encode()) + 150  # with its hash and ETag
    with SegmentCache(segments, max_bytes=2 * one) as cache:
        first = [cache.index(keys[0])]
        assert cache.body(keys[0], 1, 3) == b" 0", "what is kept next goes behind all, not behind what was read"
        first += [cache.index(key) for key in keys[1:]]
        bucket.delete(keys[:2])
        assert [cache.index(key) for key in keys] == first
        assert [cache.body(key, 1, 3) for key in keys] == [b" 0", b" 5", None]


@pytest.mark.parametrize(("pages", "at_once"), [(5, AHEAD), (PAGES_AHEAD // 2, 2), (2 * PAGES_AHEAD, 1)])
def test_few_indexes_of_large_segments_are_in_memory(services: Services, pages: int, at_once: int) -> None:
    segments, export_id = services.segments, new_id()
    for n in range(3):
        store_segment(segments, export_id, n, pages * n, pages)
    keys = [segment_key(export_id, n, pages * n, pages) for n in range(3)]
    with (
        mock.patch.object(segment_cache, "read_ahead", wraps=read_ahead) as reading,
        SegmentCache(segments) as cache,
    ):
        assert [index.chunk for index in cache.indexes(keys)] == [0, 1, 2]
    assert reading.call_args.args[2] == at_once
