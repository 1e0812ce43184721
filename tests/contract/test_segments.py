"""Segments as the bucket has them: their names say which pages are there, and what is damaged is found out."""

from __future__ import annotations

import dataclasses
import hashlib
import io
from collections.abc import Callable
from typing import Any

import pytest

from pipeline.adapters.bucket.bucket import S3Bucket
from pipeline.errors import DamagedSegment
from pipeline.exports.coverage import cover
from pipeline.exports.ids import new_id
from pipeline.exports.plan import Chunk, Plan
from pipeline.exports.segments import SegmentRepository, segment_key
from pipeline.pdf.segment_index import SegmentIndex
from pipeline.pdf.tally import Skipped
from pipeline.services import Services
from pipeline.tasks.segment_cache import SegmentCache

PLAN = Plan(20, 20, tuple(Chunk(n, 5 * n, 5, 50 * n, 50 * n + 50) for n in range(4)))


@pytest.fixture
def store(services: Services) -> S3Bucket:
    return services.bucket


@pytest.fixture
def segments(services: Services) -> SegmentRepository:
    return services.segments


def index(chunk: int, first: int, pages: int, data: bytes, **changes: Any) -> SegmentIndex:
    made = SegmentIndex(
        chunk, 4, first, pages, 0, [0], len(data), 16, pages, pages, pages,
        [], "ab", None, [Skipped(1, "s", "r")], ["w"],
    )  # fmt: skip
    return dataclasses.replace(made, **changes)


def store_segment(segments: SegmentRepository, export_id: str, chunk: int, first: int, pages: int) -> None:
    data = f"{chunk} {first} {pages}".encode()
    segments.write(export_id, index(chunk, first, pages, data), io.BytesIO(data))


def test_what_is_done_is_known_by_the_names_of_the_segments(store: S3Bucket, segments: SegmentRepository) -> None:
    export_id = new_id()
    for chunk, first, pages in ((0, 0, 5), (1, 5, 2), (1, 7, 3), (3, 15, 4)):
        store_segment(segments, export_id, chunk, first, pages)
    store.put(f"exports/{export_id}/segments/00002-00000010-000005.txt", b"not a segment")
    found = segments.found(export_id)
    assert found == {0: [(0, 5)], 1: [(5, 2), (7, 3)], 3: [(15, 4)]}
    assert segments.found(export_id, 1) == {1: [(5, 2), (7, 3)]}
    assert segments.found(export_id, 2) == {}
    picked, missing = cover(PLAN, found)
    assert [(chunk.number, first, pages) for chunk, first, pages in picked] == [
        (0, 0, 5), (1, 5, 2), (1, 7, 3), (3, 15, 4)]  # fmt: skip
    assert missing == [2, 3]


def test_a_segment_is_its_bytes_and_behind_them_its_index(store: S3Bucket, segments: SegmentRepository) -> None:
    export_id = new_id()
    store_segment(segments, export_id, 1, 5, 5)
    stored = store.get(segment_key(export_id, 1, 5, 5))
    read = segments.index(export_id, 1, 5, 5)
    assert stored is not None
    assert (read.etag, stored.data[: read.size]) == (stored.etag, b"1 5 5")
    assert read.sha256 == hashlib.sha256(b"1 5 5").hexdigest()
    assert dataclasses.replace(read, sha256="", etag="") == index(1, 5, 5, b"1 5 5")


def test_an_index_that_is_longer_than_what_is_read_at_first_is_read_whole(segments: SegmentRepository) -> None:
    export_id, data = new_id(), b"some bytes" * 10_000
    long = index(1, 5, 5, data, warnings=[f"warning {n}" for n in range(10_000)])
    segments.write(export_id, long, io.BytesIO(data))
    stored = segments.read(segment_key(export_id, 1, 5, 5))
    assert stored.index.warnings == long.warnings
    assert stored.body is None


DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "cut off": lambda data: data[:-10],
    "empty": lambda data: b"",
    "longer": lambda data: b"\xff" + data,
    "other bytes": lambda data: b"9" + data[1:],
    "no index": lambda data: b"[]" + b"%016d" % 2,
    "no length": lambda data: data[:-16] + b"-" * 16,
    "a length below nothing": lambda data: data[:-16] + b"-000000000000005",
    "a length beyond all": lambda data: data[:-16] + b"9" * 16,
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_segment_is_said_and_counts_no_more(
    store: S3Bucket, segments: SegmentRepository, damage: Callable[[bytes], bytes]
) -> None:
    export_id = new_id()
    store_segment(segments, export_id, 1, 5, 5)
    key = segment_key(export_id, 1, 5, 5)
    stored = store.get(key)
    assert stored is not None
    store.put(key, damage(stored.data))
    with pytest.raises(DamagedSegment, match=key):
        segments.read(key)
    assert segments.found(export_id) == {}
    with pytest.raises(DamagedSegment, match="gone"):
        segments.read(key)


def test_segments_on_the_shelf_are_read_once_as_far_as_there_is_room(
    store: S3Bucket, segments: SegmentRepository
) -> None:
    """Law 2: what is kept does not grow with the document."""
    export_id = new_id()
    for n in range(3):
        store_segment(segments, export_id, n, 5 * n, 5)
    keys = [segment_key(export_id, n, 5 * n, 5) for n in range(3)]
    one = len(index(0, 0, 5, b"0 0 5").encode()) + 150  # with its hash and ETag
    with SegmentCache(segments, max_bytes=2 * one) as shelf:
        first = [shelf.index(key) for key in keys]
        store.delete(keys[:2])
        assert [shelf.index(key) for key in keys] == first
        assert [shelf.body(key, 1, 3) for key in keys] == [b" 0", b" 5", None]
