"""Stores that differ from S3: what they do otherwise is noticed, and got along with where that is possible."""

from __future__ import annotations

import hashlib
import io
import os

import pytest

from pipeline.adapters.bucket import StoredObject
from pipeline.adapters.bucket.s3 import S3Bucket
from pipeline.errors import Conflict, NotSupported, ReadFailed, StoreRefused, UploadGone
from pipeline.settings import MIB, Settings

from ...lesser_s3 import Lacks, lesser
from .conftest import read


@pytest.mark.parametrize("quotes", [True, False])
def test_an_etag_is_compared_with_or_without_its_quotes(settings: Settings, quotes: bool) -> None:
    with lesser(settings, Lacks(quotes=quotes)) as other:
        bucket, key = S3Bucket.open(other), f"quotes-{quotes}"
        first = bucket.put(key, b"1")
        second = bucket.put(key, b"2", replacing=first)
        for old in (first, '"0123456789abcdef0123456789abcdef"'):
            with pytest.raises(Conflict):
                bucket.put(key, b"3", replacing=old)
        assert bucket.put(key, b"4", replacing=second)
        assert read(bucket, key, 0, 1) == b"4"


@pytest.mark.parametrize(
    ("status", "code"),
    [(404, "NoSuchKey"), (409, "OperationAborted"), (409, "Anything"), (412, "Else"), (400, "InvalidRequest"),
     (405, "MethodNotAllowed"), (501, "NotImplemented"), (304, "NotModified")],
)  # fmt: skip
def test_the_loser_of_a_race_gets_a_conflict_whatever_the_code(settings: Settings, status: int, code: str) -> None:
    with lesser(settings, Lacks(lost=(status, code))) as other:
        bucket, key = S3Bucket.open(other), f"lost-{status}-{code}"
        before = bucket.put(key, b"1", new=True)
        with pytest.raises(Conflict):
            bucket.put(key, b"2", new=True)
        bucket.put(key, b"3", replacing=before)
        with pytest.raises(Conflict):
            bucket.put(key, b"4", replacing=before)
        bucket.delete([key])
        with pytest.raises(Conflict):
            bucket.put(key, b"5", replacing=before)
        assert bucket.get(key) is None


def test_a_refusal_is_not_taken_for_a_conflict(settings: Settings) -> None:
    with lesser(settings, Lacks(lost=(404, "NoSuchBucket"))) as other:
        bucket = S3Bucket.open(other)
        before = bucket.put("refused", b"1")
        bucket.put("refused", b"2", replacing=before)
        with pytest.raises(StoreRefused, match="there is no such bucket"):
            bucket.put("refused", b"3", replacing=before)


@pytest.mark.parametrize("lost", [None, (404, "NoSuchKey")])
def test_a_write_that_is_repeated_is_not_taken_for_that_of_another(
    settings: Settings, lost: tuple[int, str] | None
) -> None:
    """The first answer was lost; boto sends the request again, which finds what it wrote."""
    unanswered: dict[str, int] = {}
    with lesser(settings, Lacks(lost=lost, unanswered=unanswered)) as other:
        bucket, key = S3Bucket.open(other), f"repeated-{bool(lost)}"
        unanswered[key] = 1
        first = bucket.put(key, b"1", new=True)
        assert bucket.get(key) == StoredObject(b"1", first)
        unanswered[key] = 1
        second = bucket.put(key, b"2", replacing=first)
        assert bucket.get(key) == StoredObject(b"2", second)
        with pytest.raises(Conflict):
            bucket.put(key, b"2", new=True)


def test_an_upload_whose_completion_is_repeated_is_complete(settings: Settings) -> None:
    """The first answer was lost; boto sends the request again, and the upload is gone by then."""
    unanswered: dict[str, int] = {}
    with lesser(settings, Lacks(unanswered=unanswered, forgets=True)) as other:
        bucket = S3Bucket.open(other)
        bucket.put("completed", b"earlier")
        upload = bucket.begin_upload("completed")
        upload.write(1, bytes(5 * MIB))
        upload.write(2, b"the end")
        unanswered["completed?complete"] = 1
        upload.complete()
        assert unanswered == {"completed?complete": 0}
        there = bucket.head("completed")
        assert there is not None
        assert there.size == 5 * MIB + 7


def test_an_upload_that_was_aborted_meanwhile_is_not_taken_for_complete(settings: Settings) -> None:
    plain, unanswered = S3Bucket.open(settings), dict[str, int]()
    plain.put("aborted", b"earlier")
    with lesser(settings, Lacks(unanswered=unanswered, forgets=True)) as other:
        upload = S3Bucket.open(other).begin_upload("aborted")
        upload.write(1, b"later and longer")
        plain.upload("aborted", upload.id).abort()
        unanswered["aborted?complete"] = 1
        with pytest.raises(UploadGone):
            upload.complete()
        assert unanswered == {"aborted?complete": 0}


@pytest.mark.parametrize("new", [True, False])
def test_a_write_that_is_repeated_behind_that_of_another_is_a_conflict(settings: Settings, new: bool) -> None:
    key = f"behind-{new}"
    plain = S3Bucket.open(settings)
    before = None if new else plain.put(key, b"0")
    unanswered = {key: 1}
    with lesser(settings, Lacks(unanswered=unanswered, meanwhile=lambda: plain.put(key, b"2"))) as other:
        with pytest.raises(Conflict):
            S3Bucket.open(other).put(key, b"1", new=new, replacing=before)
        assert unanswered == {key: 0}
        assert read(plain, key, 0, 1) == b"2"


def test_a_store_that_refuses_every_etag_gives_a_conflict(settings: Settings) -> None:
    with lesser(settings, Lacks(own_etag=True)) as other:
        bucket = S3Bucket.open(other)
        with pytest.raises(Conflict):
            bucket.put("strict", b"2", replacing=bucket.put("strict", b"1"))


def test_a_part_copy_without_an_etag_takes_it_from_the_list(settings: Settings) -> None:
    segment, head = os.urandom(5 * MIB), os.urandom(5 * MIB)
    with lesser(settings, Lacks(copied_etag=True)) as other:
        bucket = S3Bucket.open(other)
        etag = bucket.put("segment", segment)
        upload = bucket.begin_upload("file.pdf")
        upload.copy(2, "segment", 0, 5 * MIB, etag)
        upload.write(1, head)
        upload.complete()
        assert read(bucket, "file.pdf", 0, 10 * MIB) == head + segment


def test_a_part_copy_whose_etag_is_nowhere_is_not_supported(settings: Settings) -> None:
    with lesser(settings, Lacks(copied_etag=True, listed_parts=True)) as other:
        bucket = S3Bucket.open(other)
        etag = bucket.put("segment", bytes(5 * MIB))
        upload = bucket.begin_upload("nowhere.pdf")
        with pytest.raises(NotSupported, match=r"part 1 of nowhere\.pdf"):
            upload.copy(1, "segment", 0, 5 * MIB, etag)
        upload.abort()


def test_parts_of_different_sizes_may_be_refused_and_equal_ones_are_taken(settings: Settings) -> None:
    with lesser(settings, Lacks(equal_parts=True)) as other:
        bucket = S3Bucket.open(other)
        upload = bucket.begin_upload("unequal.pdf")
        for number, size in enumerate((5 * MIB + 1, 5 * MIB, 1), 1):
            upload.write(number, io.BytesIO(bytes(size)))
        with pytest.raises(NotSupported, match="parts are of different sizes"):
            upload.complete()
        upload.abort()
        bucket.write("snapshot", (bytes(3 * MIB + 1) for _ in range(6)))
        entry = bucket.head("snapshot")
        assert entry is not None
        assert entry.size == 6 * (3 * MIB + 1)


def test_numbers_that_are_left_out_may_be_refused(settings: Settings) -> None:
    with lesser(settings, Lacks(gaps=True)) as other:
        bucket = S3Bucket.open(other)
        for numbers in ((1, 3), (2,), (1, 2)):
            upload = bucket.begin_upload("gaps.pdf")
            for number in numbers:
                upload.write(number, bytes(5 * MIB))
            if numbers == (1, 2):
                upload.complete()
            else:
                with pytest.raises(NotSupported, match="Numbers are left out"):
                    upload.complete()
                upload.abort()


def test_a_store_that_sends_the_whole_object_is_noticed(settings: Settings) -> None:
    with lesser(settings, Lacks(ranges=True)) as other:
        bucket = S3Bucket.open(other)
        etag = bucket.put("whole", b"0123456789")
        with pytest.raises(ReadFailed, match="sent 10 instead of 2 bytes of whole"):
            read(bucket, "whole", 2, 4, etag)
        with pytest.raises(ReadFailed):
            bucket.tail("whole", 4)


def test_bytes_that_change_on_their_way_are_noticed_by_their_checksum(settings: Settings) -> None:
    with lesser(settings, Lacks(flipped=frozenset({"flipped"}))) as other:
        bucket = S3Bucket.open(other)
        bucket.put("flipped", b"0123456789", sha256=hashlib.sha256(b"0123456789").hexdigest())
        with pytest.raises(ReadFailed, match="read flipped: what it sent does not match its checksum"):
            bucket.get("flipped")
        with pytest.raises(ReadFailed):
            bucket.download("flipped", io.BytesIO(), 100)
        bucket.put("sound", b"0123456789", sha256=hashlib.sha256(b"0123456789").hexdigest())
        stored = bucket.get("sound")
        assert stored is not None
        assert stored.data == b"0123456789"


def test_an_answer_without_an_etag_is_said(settings: Settings) -> None:
    with lesser(settings, Lacks(copied_etag=True)) as other:
        bucket = S3Bucket.open(other)
        bucket._client.meta.events.register("after-call.s3.PutObject", lambda parsed, **_: parsed.pop("ETag"))
        with pytest.raises(NotSupported, match="cannot write a: its answer has no ETag"):
            bucket.put("a", b"")
