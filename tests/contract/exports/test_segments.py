"""Segments in the bucket: keys tell which pages are stored, and damage is found."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable

import pytest
from msgspec.structs import replace

from pipeline.adapters.bucket import Bucket, Tail
from pipeline.adapters.bucket.s3 import S3Bucket
from pipeline.errors import DamagedSegment
from pipeline.exports.coverage import cover
from pipeline.exports.ids import new_id
from pipeline.exports.segments import SegmentRepository, segment_key
from pipeline.pdf.tally import Remark
from pipeline.settings import Settings

from ..lesser_s3 import Lacks, lesser
from .records import PLAN, index, store_segment


@pytest.fixture
def segments(bucket: Bucket) -> SegmentRepository:
    return SegmentRepository(bucket)


def test_keys_tell_which_pages_are_stored(bucket: Bucket, segments: SegmentRepository) -> None:
    export_id = new_id()
    for chunk, first, pages in ((0, 0, 5), (1, 5, 2), (1, 7, 3), (3, 15, 4)):
        store_segment(segments, export_id, chunk, first, pages)
    bucket.put(f"exports/{export_id}/segments/00002-00000010-000005.txt", b"not a segment")
    found = segments.found(export_id)
    assert found == {0: [(0, 5)], 1: [(5, 2), (7, 3)], 3: [(15, 4)]}
    assert segments.found(export_id, 1) == {1: [(5, 2), (7, 3)]}
    assert segments.found(export_id, 2) == {}
    picked, missing = cover(PLAN, found)
    assert [(chunk.number, first, pages) for chunk, first, pages in picked] == [
        (0, 0, 5), (1, 5, 2), (1, 7, 3), (3, 15, 4)]  # fmt: skip
    assert missing == [2, 3]


def test_a_segment_is_its_bytes_and_its_footer(bucket: Bucket, segments: SegmentRepository) -> None:
    export_id = new_id()
    store_segment(segments, export_id, 1, 5, 5)
    stored = bucket.get(segment_key(export_id, 1, 5, 5))
    read = segments.index(export_id, 1, 5, 5)
    assert stored is not None
    assert (read.etag, stored.data[: read.size]) == (stored.etag, b"1 5 5")
    assert read.sha256 == hashlib.sha256(b"1 5 5").hexdigest()
    assert replace(read, sha256="", etag="") == index(1, 5, 5, b"1 5 5")


def test_a_footer_longer_than_the_first_read_is_read_whole(segments: SegmentRepository) -> None:
    export_id, data = new_id(), b"some bytes" * 10_000
    long = index(1, 5, 5, data, remarks=[Remark(f"warning {n}") for n in range(10_000)])
    segments.write(export_id, long, io.BytesIO(data))
    stored = segments.read(segment_key(export_id, 1, 5, 5))
    assert stored.index.remarks == long.remarks
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
def test_a_damaged_segment_is_removed(
    bucket: Bucket, segments: SegmentRepository, damage: Callable[[bytes], bytes]
) -> None:
    export_id = new_id()
    store_segment(segments, export_id, 1, 5, 5)
    key = segment_key(export_id, 1, 5, 5)
    stored = bucket.get(key)
    assert stored is not None
    bucket.put(key, damage(stored.data))
    with pytest.raises(DamagedSegment, match=key):
        segments.read(key)
    assert segments.found(export_id) == {}
    with pytest.raises(DamagedSegment, match="gone"):
        segments.read(key)


def test_a_store_that_refuses_long_suffixes_removes_no_sound_segment(settings: Settings) -> None:
    """It answers 416 to a request for the last 64 KiB of a small segment."""
    export_id = new_id()
    with lesser(settings, Lacks(long_suffixes=True)) as lacking:
        segments = SegmentRepository(S3Bucket.open(lacking))
        store_segment(segments, export_id, 1, 5, 5)
        assert segments.read(segment_key(export_id, 1, 5, 5)).body == b"1 5 5"
        assert segments.found(export_id) == {1: [(5, 5)]}


def test_a_wrong_answer_removes_no_sound_segment(
    bucket: Bucket, segments: SegmentRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All its bytes are read before it is removed."""
    export_id = new_id()
    store_segment(segments, export_id, 1, 5, 5)
    monkeypatch.setattr(bucket, "tail", lambda *_: Tail(b"an error page of a proxy", 24, '"x"'))
    assert segments.read(segment_key(export_id, 1, 5, 5)).body == b"1 5 5"
    assert segments.found(export_id) == {1: [(5, 5)]}


def test_a_removed_segment_is_logged(
    bucket: Bucket, segments: SegmentRepository, caplog: pytest.LogCaptureFixture
) -> None:
    export_id = new_id()
    store_segment(segments, export_id, 1, 5, 5)
    key = segment_key(export_id, 1, 5, 5)
    bucket.put(key, b"")
    with pytest.raises(DamagedSegment):
        segments.read(key)
    assert f"the segment {key} is removed" in caplog.text
