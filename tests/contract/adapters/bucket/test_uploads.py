"""Multipart uploads to a real S3 server."""

from __future__ import annotations

import io
import os

import pytest

from pipeline.adapters.bucket.s3 import S3Bucket
from pipeline.errors import Conflict, NotFound, StoreDown, UploadGone
from pipeline.settings import MIB

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
