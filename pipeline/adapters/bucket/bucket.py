"""The bucket and the objects in it.

Keys are given without the bucket's prefix. Errors of the service become StoreDown, Conflict or NotFound.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from itertools import islice
from typing import Any, BinaryIO
from urllib.parse import quote

from ...errors import NotFound, StoreDown, UnreadableSource
from ...settings import MIB, Settings
from .client import BACKGROUND, Timeouts, connect, timestamp, translated
from .multipart import Upload

_BLOCK = 256 * 1024
_PART = 8 * MIB  # S3 takes 5 MiB or more, and 10,000 of them


@dataclass(frozen=True)
class Stored:
    """An object that was read: its bytes and the ETag to change it by."""

    data: bytes
    etag: str


@dataclass(frozen=True)
class Tail:
    """The last bytes of an object of `size` bytes, and its ETag."""

    data: bytes
    size: int
    etag: str


@dataclass(frozen=True)
class Entry:
    """An object that was listed or looked at."""

    key: str
    size: int
    etag: str
    modified: float


class S3Bucket:
    """One bucket under one prefix. Thread-safe; make it anew after a fork."""

    def __init__(self, client: Any, bucket: str, prefix: str = "") -> None:
        self._client = client
        self._bucket = bucket
        self._prefix = prefix

    @classmethod
    def open(cls, settings: Settings, patience: Timeouts = BACKGROUND) -> S3Bucket:
        """Connect as the settings say; nothing is sent yet."""
        return cls(connect(settings, patience), settings.bucket, settings.bucket_prefix)

    # one object

    def get(self, key: str) -> Stored | None:
        """The whole object, or None; for small ones only."""
        try:
            with self._got(key) as answer:
                return Stored(answer["Body"].read(), answer["ETag"])
        except NotFound:
            return None

    def tail(self, key: str, most: int) -> Tail | None:
        """The last bytes of an object, so many or all of them; None when it has none, or is not there."""
        try:
            with self._got(key, Range=f"bytes=-{most}") as answer:
                data = answer["Body"].read()
        except NotFound:
            return None
        whole = answer.get("ContentRange", "").rpartition("/")[2]  # a store may answer a short object without it
        return Tail(data, int(whole or len(data)), answer["ETag"])

    def head(self, key: str) -> Entry | None:
        """Size and ETag without the bytes, or None."""
        try:
            with translated(f"look at {key}"):
                answer = self._client.head_object(**self._at(key))
        except NotFound:
            return None
        return Entry(key, answer["ContentLength"], answer["ETag"], timestamp(answer["LastModified"]))

    def read(self, key: str, start: int, stop: int, etag: str | None = None) -> Iterator[bytes]:
        """Bytes start..stop (exclusive) in blocks; with `etag`, Conflict when the object is another one."""
        if stop <= start:
            return
        condition = {"IfMatch": etag} if etag else {}
        with self._got(key, Range=f"bytes={start}-{stop - 1}", **condition) as answer:
            yield from answer["Body"].iter_chunks(_BLOCK)

    def download(self, key: str, into: BinaryIO, limit: int) -> None:
        """Copy an object into a file; UnreadableSource when it is over `limit` bytes."""
        with self._got(key) as answer:
            size = answer["ContentLength"]
            if size > limit:
                raise UnreadableSource(f"{key} has {size // MIB} MiB; the limit is {limit // MIB} MiB.")
            for block in answer["Body"].iter_chunks(_BLOCK):
                into.write(block)

    def put(
        self,
        key: str,
        data: bytes | BinaryIO,
        *,
        content_type: str = "application/json",
        new: bool = False,
        replacing: str | None = None,
        sha256: str | None = None,
    ) -> str:
        """Write an object and return its ETag.

        `new`: only if there is none yet; `replacing`: only if it still has this ETag. Else Conflict.
        `sha256`, in hexadecimal: the store refuses bytes with another one.
        """
        condition = {"IfNoneMatch": "*"} if new else {"IfMatch": replacing} if replacing else {}
        if sha256:
            condition["ChecksumSHA256"] = base64.b64encode(bytes.fromhex(sha256)).decode()
        with translated(f"write {key}"):
            answer = self._client.put_object(**self._at(key), Body=data, ContentType=content_type, **condition)
        return str(answer["ETag"])

    def write(self, key: str, pieces: Iterable[bytes], content_type: str = "application/jsonl") -> None:
        """Write an object of unknown size as it is made, holding one part of it; all of it, or nothing."""
        upload = self.begin_upload(key, content_type)
        try:
            for number, part in enumerate(_parts(pieces), 1):
                upload.write(number, part)
            upload.complete()
        except BaseException:
            with suppress(StoreDown):
                upload.abort()
            raise

    def delete(self, keys: Iterable[str]) -> None:
        """Remove objects, however many, a thousand at a time; missing ones are fine."""
        names = iter(keys)
        while batch := [{"Key": self._prefix + key} for key in islice(names, 1000)]:
            with translated("remove objects"):
                answer = self._client.delete_objects(Bucket=self._bucket, Delete={"Objects": batch, "Quiet": True})
            if errors := answer.get("Errors"):
                raise StoreDown(f"{errors[0]['Key']} could not be removed: {errors[0].get('Message', '')}")

    # many objects

    def entries(self, prefix: str, at_once: int = 1000, after: str = "") -> Iterator[Entry]:
        """Objects under a prefix in key order, from behind the key `after`; so many are asked for at once,
        1,000 at most."""
        pages = self._client.get_paginator("list_objects_v2").paginate(
            Bucket=self._bucket,
            Prefix=self._prefix + prefix,
            StartAfter=self._prefix + after if after else "",
            PaginationConfig={"PageSize": at_once},
        )
        with translated(f"list {prefix}"):
            for page in pages:
                for item in page.get("Contents", ()):
                    key = item["Key"][len(self._prefix) :]
                    yield Entry(key, item["Size"], item["ETag"], timestamp(item["LastModified"]))

    def delete_under(self, prefix: str) -> None:
        """Remove everything under a prefix."""
        self.delete(entry.key for entry in self.entries(prefix))

    # the file

    def begin_upload(self, key: str, content_type: str = "application/pdf") -> Upload:
        """Begin a multipart upload."""
        with translated(f"begin {key}"):
            answer = self._client.create_multipart_upload(**self._at(key), ContentType=content_type)
        return Upload(self._client, self._at, key, answer["UploadId"])

    def uploads(self, prefix: str) -> list[Upload]:
        """Multipart uploads that were begun under a prefix and neither completed nor aborted."""
        with translated(f"list uploads of {prefix}"):
            answer = self._client.list_multipart_uploads(Bucket=self._bucket, Prefix=self._prefix + prefix)
        cut = len(self._prefix)
        return [
            Upload(self._client, self._at, item["Key"][cut:], item["UploadId"])
            for item in answer.get("Uploads", ())
        ]

    def presign(self, key: str, name: str, seconds: int) -> str:
        """A URL by which anybody can download the object under a file name, for `seconds`."""
        plain = "".join(c if " " <= c <= "~" and c not in '"\\' else "_" for c in name)
        disposition = f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"
        with translated(f"sign {key}"):
            url: str = self._client.generate_presigned_url(
                "get_object",
                Params=self._at(key)
                | {"ResponseContentDisposition": disposition, "ResponseContentType": "application/pdf"},
                ExpiresIn=seconds,
            )
        return url

    # the bucket itself

    def create_bucket(self) -> None:
        """Make the bucket if it is not there (laptops and tests; on S3 it is made beforehand)."""
        with translated(f"make the bucket {self._bucket}"):
            try:
                self._client.create_bucket(Bucket=self._bucket)
            except self._client.exceptions.BucketAlreadyOwnedByYou:
                return

    def expire_by_itself(self, days: dict[str, int]) -> None:
        """Lifecycle: objects under each prefix go after so many days, unfinished uploads after one.

        It is a net below the keeper's own clean-up. It replaces the rules that the bucket has.
        """
        rules = [
            {
                "ID": f"pipeline {prefix}",
                "Status": "Enabled",
                "Filter": {"Prefix": self._prefix + prefix},
                "Expiration": {"Days": count},
                "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1},
            }
            for prefix, count in days.items()
        ]
        with translated("set the lifecycle"):
            self._client.put_bucket_lifecycle_configuration(
                Bucket=self._bucket, LifecycleConfiguration={"Rules": rules}
            )

    def _at(self, key: str) -> dict[str, str]:
        return {"Bucket": self._bucket, "Key": self._prefix + key}

    @contextmanager
    def _got(self, key: str, **how: str) -> Iterator[dict[str, Any]]:
        """The answer to a request for an object; its body is closed afterwards."""
        with translated(f"read {key}"):
            answer = self._client.get_object(**self._at(key), **how)
            with closing(answer["Body"]):
                yield answer


def _parts(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Pieces gathered into parts; only the last may be small."""
    waiting = bytearray()
    for piece in pieces:
        waiting += piece
        if len(waiting) >= _PART:
            yield bytes(waiting)
            waiting.clear()
    if waiting:
        yield bytes(waiting)
