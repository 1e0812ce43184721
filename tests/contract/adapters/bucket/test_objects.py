"""Objects on a real S3 server: read, written on conditions, listed, removed."""

from __future__ import annotations

import hashlib
import io
import os
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from pipeline.adapters.bucket import REQUEST
from pipeline.adapters.bucket.client import SMALL_BODY, connect
from pipeline.adapters.bucket.s3 import S3Bucket
from pipeline.adapters.https import Fetcher, Limits
from pipeline.documents.inputs.bucket import BucketInputs
from pipeline.errors import Conflict, InvalidRequest, NotFound, StoreDown, UnreadableSource
from pipeline.settings import MIB, Settings

from .conftest import read


def test_an_object_is_read_as_it_was_written(bucket: S3Bucket) -> None:
    etag = bucket.put("a/b.json", b"{}")
    stored, entry = bucket.get("a/b.json"), bucket.head("a/b.json")
    assert stored is not None
    assert entry is not None
    assert (stored.data, stored.etag) == (b"{}", etag)
    assert (entry.key, entry.size, entry.etag) == ("a/b.json", 2, etag)
    assert abs(entry.modified - time.time()) < 60


@pytest.mark.parametrize(("size", "asked"), [(0, False), (SMALL_BODY, False), (SMALL_BODY + 1, True)])
def test_only_before_a_large_body_the_store_is_asked(settings: Settings, size: int, asked: bool) -> None:
    """To ask takes a round trip, for which a request waits, and a worker."""
    client = connect(settings, REQUEST)
    asking: list[bool] = []
    client.meta.events.register(
        "before-send.s3.PutObject", lambda request, **_: asking.append("Expect" in request.headers)
    )
    bucket, data = S3Bucket(client, settings.bucket, settings.bucket_prefix), os.urandom(size)
    bucket.put("sized", data)
    bucket.put("sized", io.BytesIO(data), sha256=hashlib.sha256(data).hexdigest())
    assert asking == [asked, asked]
    stored = bucket.get("sized")
    assert stored and stored.data == data


@pytest.mark.parametrize(
    ("name", "allowed"),
    [
        ("Screenshot 2026-11-29 at 9.41.07\u202fAM.png", True),
        ("a\u00a0b\u200e.jpg", True),
        ("\U0001f468\u200d\U0001f469.jpg", True),
        ("\ue001\U00031350.jpg", True),
        ("a\nb.jpg", False),
        ("\x7f.jpg", False),
        ("\ud800.jpg", False),
    ],
    ids=["screenshot", "no-break space", "joiner", "unknown", "line break", "control", "surrogate"],
)
def test_a_key_of_any_text_is_stored_and_read(bucket: S3Bucket, name: str, allowed: bool) -> None:
    inputs, key = BucketInputs(bucket, Fetcher(Limits())), f"inputs/{name}"
    if not allowed:
        with pytest.raises(InvalidRequest, match="neither a key"):
            inputs.check(key)
        return
    inputs.check(key)
    bucket.put(key, b"photo")
    with inputs.open(key) as file:
        assert file.read() == b"photo"
    assert key in [entry.key for entry in bucket.entries("inputs/")]


def test_a_missing_object_is_none_or_not_found(bucket: S3Bucket) -> None:
    assert bucket.get("nothing") is None
    assert bucket.head("nothing") is None
    with pytest.raises(NotFound, match="read nothing"):
        read(bucket, "nothing", 0, 1)
    with pytest.raises(NotFound):
        bucket.download("nothing", io.BytesIO(), 1)
    bucket.delete(["nothing"])


def test_a_new_object_is_written_once(bucket: S3Bucket) -> None:
    bucket.put("once", b"first", new=True)
    with pytest.raises(Conflict, match="write once"):
        bucket.put("once", b"second", new=True)
    assert read(bucket, "once", 0, 5) == b"first"


def test_an_object_is_replaced_if_its_etag_is_the_same(bucket: S3Bucket) -> None:
    before = bucket.put("state", b"1")
    bucket.put("state", b"2", replacing=before)
    with pytest.raises(Conflict):
        bucket.put("state", b"3", replacing=before)
    assert read(bucket, "state", 0, 1) == b"2"


def test_bytes_with_another_hash_are_refused(bucket: S3Bucket) -> None:
    bucket.put("good", io.BytesIO(b"bytes"), sha256=hashlib.sha256(b"bytes").hexdigest())
    with pytest.raises(StoreDown, match="write bad"):
        bucket.put("bad", io.BytesIO(b"bytes"), sha256=hashlib.sha256(b"others").hexdigest())
    assert bucket.head("bad") is None


def test_a_range_is_read_in_blocks_and_of_one_version(bucket: S3Bucket) -> None:
    data = os.urandom(600_000)
    etag = bucket.put("data", data)
    blocks = list(bucket.read("data", 1000, 590_000, etag))
    assert b"".join(blocks) == data[1000:590_000]
    assert max(map(len, blocks)) <= 256 * 1024
    assert list(bucket.read("data", 7, 7)) == []
    bucket.put("data", data[::-1])
    with pytest.raises(Conflict):
        read(bucket, "data", 0, 10, etag)


@pytest.mark.parametrize("size", [0, 1, 8 * MIB - 1, 8 * MIB, 8 * MIB + 1, 16 * MIB])
def test_an_object_of_unknown_size_is_written_whole(bucket: S3Bucket, size: int) -> None:
    data = bytes(range(256)) * (size // 256 + 1)
    pieces = (data[at : min(size, at + 5 * MIB)] for at in range(0, size, 5 * MIB))
    bucket.write("streamed", pieces, "text/csv")
    stored = bucket.get("streamed")
    assert stored is not None
    assert stored.data == data[:size]
    assert not bucket.uploads("streamed")


def test_a_download_stops_at_the_limit(bucket: S3Bucket) -> None:
    bucket.put("photo", b"x" * (2 * MIB))
    whole, nothing = io.BytesIO(), io.BytesIO()
    bucket.download("photo", whole, 2 * MIB)
    with pytest.raises(UnreadableSource, match="photo has 2 MiB; the limit is 1 MiB"):
        bucket.download("photo", nothing, 2 * MIB - 1)
    assert (len(whole.getvalue()), nothing.getvalue()) == (2 * MIB, b"")


def test_more_than_a_thousand_objects_are_removed(bucket: S3Bucket) -> None:
    """S3 lists and removes a thousand a request."""
    bucket.put("many-too", b"")
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: bucket.put(f"many/{n:05d}", b""), range(1005)))
    numbered = [f"many/{n:05d}" for n in range(1005)]
    assert [entry.key for entry in bucket.entries("many/")] == numbered
    assert [entry.key for entry in bucket.entries("many/", page_size=500)] == numbered
    bucket.delete_under("many/")
    assert [entry.key for entry in bucket.entries("many")] == ["many-too"]


def test_keys_have_no_prefix_and_other_prefixes_are_not_seen(settings: Settings) -> None:
    bucket, other, whole = (
        S3Bucket.open(replace(settings, bucket_prefix=name)) for name in ("mine/", "other/", "")
    )
    bucket.put("same", b"ours")
    other.put("same", b"theirs")
    assert [entry.key for entry in bucket.entries("")] == ["same"]
    assert [entry.key for entry in whole.entries("mine/")] == ["mine/same"]
    bucket.delete_under("")
    assert bucket.get("same") is None
    assert read(other, "same", 0, 6) == b"theirs"
    upload = bucket.begin_upload("file")
    assert [left.key for left in bucket.uploads("fi")] == ["file"]
    assert not other.uploads("")
    upload.abort()
