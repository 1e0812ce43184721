"""The bucket keeps its word on a real S3 server, and says what is wrong when it cannot."""

from __future__ import annotations

import hashlib
import io
import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from threading import Thread
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

import pytest
import requests
from werkzeug.http import parse_options_header

from local.services import S3, free_port
from pipeline.adapters.bucket.s3 import S3Bucket
from pipeline.errors import Conflict, NotFound, StoreDown, UnreadableSource, UploadGone
from pipeline.settings import MIB, Settings


@pytest.fixture(scope="module")
def settings(s3_server: S3) -> Settings:
    """One store for all of these tests, which use different keys."""
    settings = Settings.from_env(
        {
            "S3_ENDPOINT_URL": s3_server.endpoint_url,
            "S3_BUCKET": s3_server.bucket,
            "S3_PREFIX": "test_store/",
            "AWS_ACCESS_KEY_ID": s3_server.key_id,
            "AWS_SECRET_ACCESS_KEY": s3_server.secret,
        }
    )
    S3Bucket.open(settings).create_bucket()
    return settings


@pytest.fixture(scope="module")
def store(settings: Settings) -> S3Bucket:
    return S3Bucket.open(settings)


def read(store: S3Bucket, key: str, start: int, stop: int, etag: str | None = None) -> bytes:
    return b"".join(store.read(key, start, stop, etag))


# one object


def test_what_was_written_is_read(store: S3Bucket) -> None:
    etag = store.put("a/b.json", b"{}")
    stored, entry = store.get("a/b.json"), store.head("a/b.json")
    assert stored is not None
    assert entry is not None
    assert (stored.data, stored.etag) == (b"{}", etag)
    assert (entry.key, entry.size, entry.etag) == ("a/b.json", 2, etag)
    assert abs(entry.modified - time.time()) < 60


def test_what_is_not_there_is_none_or_not_found(store: S3Bucket) -> None:
    assert store.get("nothing") is None
    assert store.head("nothing") is None
    with pytest.raises(NotFound, match="read nothing"):
        read(store, "nothing", 0, 1)
    with pytest.raises(NotFound):
        store.download("nothing", io.BytesIO(), 1)
    store.delete(["nothing"])


def test_a_new_object_is_written_once(store: S3Bucket) -> None:
    store.put("once", b"first", new=True)
    with pytest.raises(Conflict, match="write once"):
        store.put("once", b"second", new=True)
    assert read(store, "once", 0, 5) == b"first"


def test_an_object_is_replaced_only_if_nobody_else_did(store: S3Bucket) -> None:
    before = store.put("state", b"1")
    store.put("state", b"2", replacing=before)
    with pytest.raises(Conflict):
        store.put("state", b"3", replacing=before)
    assert read(store, "state", 0, 1) == b"2"


def test_bytes_that_do_not_have_the_promised_hash_are_refused(store: S3Bucket) -> None:
    store.put("good", io.BytesIO(b"bytes"), sha256=hashlib.sha256(b"bytes").hexdigest())
    with pytest.raises(StoreDown, match="write bad"):
        store.put("bad", io.BytesIO(b"bytes"), sha256=hashlib.sha256(b"others").hexdigest())
    assert store.head("bad") is None


def test_a_range_is_read_in_blocks_and_only_of_the_object_that_is_meant(store: S3Bucket) -> None:
    data = os.urandom(600_000)
    etag = store.put("data", data)
    blocks = list(store.read("data", 1000, 590_000, etag))
    assert b"".join(blocks) == data[1000:590_000]
    assert max(map(len, blocks)) <= 256 * 1024
    assert list(store.read("data", 7, 7)) == []
    store.put("data", data[::-1])
    with pytest.raises(Conflict):
        read(store, "data", 0, 10, etag)


def test_a_download_stops_at_the_limit(store: S3Bucket) -> None:
    store.put("photo", b"x" * (2 * MIB))
    whole, nothing = io.BytesIO(), io.BytesIO()
    store.download("photo", whole, 2 * MIB)
    with pytest.raises(UnreadableSource, match="photo has 2 MiB; the limit is 1 MiB"):
        store.download("photo", nothing, 2 * MIB - 1)
    assert (len(whole.getvalue()), nothing.getvalue()) == (2 * MIB, b"")


# many objects


def test_more_than_a_thousand_objects_are_removed_and_their_neighbours_stay(store: S3Bucket) -> None:
    """S3 lists and removes a thousand a request."""
    store.put("many-too", b"")
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: store.put(f"many/{n:05d}", b""), range(1005)))
    numbered = [f"many/{n:05d}" for n in range(1005)]
    assert [entry.key for entry in store.entries("many/")] == numbered
    assert [entry.key for entry in store.entries("many/", page_size=500)] == numbered
    store.delete_under("many/")
    assert [entry.key for entry in store.entries("many")] == ["many-too"]


def test_keys_are_told_without_the_prefix_and_neighbours_are_not_seen(settings: Settings) -> None:
    store, other, whole = (S3Bucket.open(replace(settings, bucket_prefix=name)) for name in ("mine/", "other/", ""))
    store.put("same", b"ours")
    other.put("same", b"theirs")
    assert [entry.key for entry in store.entries("")] == ["same"]
    assert [entry.key for entry in whole.entries("mine/")] == ["mine/same"]
    store.delete_under("")
    assert store.get("same") is None
    assert read(other, "same", 0, 6) == b"theirs"
    upload = store.begin_upload("file")
    assert [left.key for left in store.uploads("fi")] == ["file"]
    assert not other.uploads("")
    upload.abort()


# the file


def test_written_and_copied_parts_become_one_file_in_the_order_of_their_numbers(store: S3Bucket) -> None:
    segment, head, tail = os.urandom(6 * MIB), os.urandom(5 * MIB), b"%%EOF"
    etag = store.put("segment", segment)
    upload = store.begin_upload("file.pdf")
    upload.write(3, tail)
    upload.copy(2, "segment", 10, 10 + 5 * MIB, etag)
    upload.write(1, io.BytesIO(head))
    assert store.head("file.pdf") is None
    upload.complete()
    assert read(store, "file.pdf", 0, 11 * MIB) == head + segment[10 : 10 + 5 * MIB] + tail
    assert not store.uploads("file.pdf")


def test_a_part_is_not_copied_from_another_object_than_is_meant(store: S3Bucket) -> None:
    etag = store.put("segment", b"a" * 5 * MIB)
    store.put("segment", b"b" * 5 * MIB)
    upload = store.begin_upload("file.pdf")
    with pytest.raises(Conflict, match=r"copy segment into file\.pdf"):
        upload.copy(1, "segment", 0, 5 * MIB, etag)
    with pytest.raises(NotFound):
        upload.copy(1, "nothing", 0, 5 * MIB, etag)
    upload.abort()


def test_a_small_part_that_is_not_the_last_is_refused(store: S3Bucket) -> None:
    upload = store.begin_upload("small.pdf")
    upload.write(1, b"x" * (5 * MIB - 1))
    upload.write(2, b"y")
    with pytest.raises(StoreDown, match=r"complete small\.pdf: EntityTooSmall"):
        upload.complete()
    assert store.head("small.pdf") is None
    upload.abort()


def test_an_aborted_upload_leaves_nothing_and_cannot_go_on(store: S3Bucket) -> None:
    upload = store.begin_upload("exports/1/file.pdf")
    upload.write(1, b"x")
    (left,) = store.uploads("exports/1/")
    assert left.key == "exports/1/file.pdf"
    left.abort()
    assert store.uploads("exports/1/") == []
    with pytest.raises(UploadGone):
        upload.write(2, b"y")
    upload.abort()


# links


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("Álbum „é“ 2026.pdf", "_lbum ___ 2026.pdf"),
        ('a "quoted" \\ name.pdf', "a _quoted_ _ name.pdf"),
        ("line\r\nX-Evil: 1.pdf", "line__X-Evil: 1.pdf"),
    ],
)
def test_a_signed_link_gives_the_file_under_its_name(store: S3Bucket, name: str, plain: str) -> None:
    """`plain` is for clients that do not know RFC 8187."""
    store.put("file.pdf", b"%PDF", content_type="application/pdf")
    answer = requests.get(store.presign("file.pdf", name, 60), timeout=10)
    assert (answer.status_code, answer.content) == (200, b"%PDF")
    assert answer.headers["Content-Type"] == "application/pdf"
    assert "X-Evil" not in answer.headers
    assert parse_options_header(answer.headers["Content-Disposition"]) == ("attachment", {"filename": name})
    old = answer.headers["Content-Disposition"].partition("; filename*")[0]
    assert parse_options_header(old)[1]["filename"] == plain


def test_a_link_that_was_changed_or_is_too_old_is_refused(store: S3Bucket) -> None:
    store.put("file.pdf", b"%PDF")
    store.put("other.pdf", b"secret")
    url, short = store.presign("file.pdf", "file.pdf", 60), store.presign("file.pdf", "file.pdf", 1)
    assert requests.get(url.replace("/file.pdf?", "/other.pdf?"), timeout=10).status_code == 403
    assert requests.get(url.replace("Expires=60", "Expires=6000"), timeout=10).status_code == 403
    time.sleep(1.3)
    assert requests.get(short, timeout=10).status_code == 403
    assert requests.get(url, timeout=10).status_code == 200


# what is wrong


def test_a_wrong_secret_is_said(settings: Settings) -> None:
    store = S3Bucket.open(replace(settings, s3_secret="not-the-secret"))
    with pytest.raises(StoreDown, match=r"could not read a: SignatureDoesNotMatch"):
        store.get("a")
    with pytest.raises(StoreDown, match=r"could not write a: SignatureDoesNotMatch") as down:
        store.put("a", b"")
    assert "not-the-secret" not in str(down.value)


def test_a_bucket_that_is_not_there_is_said(settings: Settings) -> None:
    with pytest.raises(StoreDown, match="NoSuchBucket"):
        S3Bucket.open(replace(settings, bucket="nobodys")).get("a")


def test_a_store_that_nobody_listens_at_is_said_soon(settings: Settings) -> None:
    store = S3Bucket.open(replace(settings, s3_endpoint_url=f"http://127.0.0.1:{free_port()}"))
    began = time.monotonic()
    with pytest.raises(StoreDown, match=r"could not read a: .*Could not connect"):
        store.get("a")
    assert time.monotonic() - began < 30


def test_a_store_that_breaks_off_in_the_middle_is_said(settings: Settings) -> None:
    with broken_off() as url, pytest.raises(StoreDown, match="read a"):
        read(S3Bucket.open(replace(settings, s3_endpoint_url=url)), "a", 0, 1000)


@contextmanager
def broken_off() -> Iterator[str]:
    """An S3 server that promises a thousand bytes and sends ten."""

    def answer(environ: Any, start_response: Any) -> list[bytes]:
        start_response("206 Partial Content", [("Content-Length", "1000"), ("ETag", '"x"')])
        return [b"0123456789"]

    with make_server("127.0.0.1", 0, answer, handler_class=Silent) as server:
        thread = Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


class Silent(WSGIRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass
