"""Multipart uploads to a real S3 server."""

from __future__ import annotations

import io
import os

import pytest

from pipeline.adapters.bucket.s3 import S3Bucket
from pipeline.errors import Conflict, NotFound, StoreDown, UploadGone
from pipeline.settings import MIB, Settings

from ...lesser_s3 import Lacks, lesser
from .conftest import read


def test_parts_become_one_file_in_the_order_of_their_numbers(bucket: S3Bucket) -> None:
    segment, head, tail = os.urandom(6 * MIB), os.urandom(5 * MIB), b"%%EOF"
    etag = bucket.put("segment", segment)
    upload = bucket.begin_upload("file.pdf")
    upload.write(3, tail)
    upload.copy(2, "segment", 10, 10 + 5 * MIB, etag)
    upload.write(1, io.BytesIO(head))
    assert bucket.head("file.pdf") is None
    upload.complete()
    assert read(bucket, "file.pdf", 0, 10 * MIB + len(tail)) == head + segment[10 : 10 + 5 * MIB] + tail
    assert not bucket.uploads("file.pdf")


def test_a_part_is_copied_from_the_right_version_only(bucket: S3Bucket) -> None:
    etag = bucket.put("segment", b"a" * 5 * MIB)
    bucket.put("segment", b"b" * 5 * MIB)
    upload = bucket.begin_upload("file.pdf")
    with pytest.raises(Conflict, match=r"copy segment into file\.pdf"):
        upload.copy(1, "segment", 0, 5 * MIB, etag)
    with pytest.raises(NotFound):
        upload.copy(1, "nothing", 0, 5 * MIB, etag)
    upload.abort()


def test_a_small_part_that_is_not_the_last_is_refused(bucket: S3Bucket) -> None:
    upload = bucket.begin_upload("small.pdf")
    upload.write(1, b"x" * (5 * MIB - 1))
    upload.write(2, b"y")
    with pytest.raises(StoreDown, match=r"complete small\.pdf: EntityTooSmall"):
        upload.complete()
    assert bucket.head("small.pdf") is None
    upload.abort()


def test_an_aborted_upload_leaves_nothing(bucket: S3Bucket) -> None:
    upload = bucket.begin_upload("exports/1/file.pdf")
    upload.write(1, b"x")
    (left,) = bucket.uploads("exports/1/")
    assert left.key == "exports/1/file.pdf"
    left.abort()
    assert bucket.uploads("exports/1/") == []
    with pytest.raises(UploadGone):
        upload.write(2, b"y")
    upload.abort()


@pytest.mark.parametrize("answers_lost", [1, 2])
def test_an_upload_whose_completion_had_no_answer_is_complete(settings: Settings, answers_lost: int) -> None:
    """It is asked for again, and there is no such upload any more. A large one may take longer than is waited."""
    lacks = Lacks(unanswered={"unanswered.pdf?complete": answers_lost}, forgets=True)
    with lesser(settings, lacks) as lossy:
        bucket = S3Bucket.open(lossy)
        upload = bucket.begin_upload("unanswered.pdf")
        upload.write(1, b"x" * 5 * MIB)
        upload.write(2, b"y")
        upload.complete()
        assert read(bucket, "unanswered.pdf", 5 * MIB - 1, 5 * MIB + 1) == b"xy"
        assert not bucket.uploads("unanswered.pdf")


def test_an_upload_that_another_process_aborted_is_gone_though_an_answer_was_lost(
    settings: Settings, bucket: S3Bucket
) -> None:
    """Nothing is there, or the file of an earlier upload: of another size."""
    for number in range(2):
        upload = bucket.begin_upload("aborted.pdf")
        upload.write(1, b"x" * (number + 1))
        lacks = Lacks(undone={"aborted.pdf?complete": 1}, meanwhile=upload.abort)
        with lesser(settings, lacks) as lossy:
            same = S3Bucket.open(lossy).upload("aborted.pdf", upload.id)
            same.parts()
            with pytest.raises(UploadGone):
                same.complete()
        other = bucket.begin_upload("aborted.pdf")
        other.write(1, b"another")
        other.complete()
