"""S3, and other stores that speak its protocol."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from functools import partial
from itertools import chain, islice
from typing import TYPE_CHECKING, BinaryIO, Literal
from urllib.parse import quote

from ...errors import Conflict, NotFound, ReadFailed, StoreDown, StoreRefused, UnreadableSource
from ...settings import MIB, Settings
from . import BACKGROUND, Bucket, MultipartUpload, ObjectInfo, StoredObject, Tail, Timeouts, s3_rules
from .client import connect, s3_errors, status_of, timestamp, was_repeated
from .etags import EtagForms, same
from .parts import Joining
from .rules import Lifecycle
from .s3_upload import S3Upload

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import (
        GetObjectOutputTypeDef,
        GetObjectRequestTypeDef,
        ListObjectsV2RequestPaginateTypeDef,
        PutObjectRequestTypeDef,
    )

_BLOCK = 256 * 1024
_PART = 8 * MIB  # a part of an object of unknown size: S3 takes 5 MiB or more, and 1 to 10,000 of them
_LOST = (400, 404, 405, 500, 501)  # also answered, by some stores, to a conditional write that came second


class S3Bucket(Bucket):
    """A bucket in S3; the protocol says what its methods do. `prefix` stands before every key."""

    def __init__(self, client: S3Client, bucket: str, prefix: str = "") -> None:
        self._client = client
        self._bucket = bucket
        self._prefix = prefix
        self._forms = EtagForms()
        self.joining = Joining.COPIED

    @classmethod
    def open(cls, settings: Settings, timeouts: Timeouts = BACKGROUND) -> S3Bucket:
        """Connect to the bucket that the settings name. Nothing is sent yet."""
        return cls(connect(settings, timeouts), settings.bucket, settings.bucket_prefix)

    # one object

    def get(self, key: str) -> StoredObject | None:
        try:
            with self._got(self._whole(key)) as answer:
                return StoredObject(answer["Body"].read(), answer["ETag"])
        except NotFound:
            return None

    def tail(self, key: str, size: int) -> Tail | None:
        with suppress(NotFound), self._got(self._at(key) | {"Range": f"bytes=-{size}"}) as answer:
            if answer["ContentLength"] <= size:
                data = answer["Body"].read()
                whole = answer.get("ContentRange", "").rpartition("/")[2]  # left out for a short object, by some
                return Tail(data, int(whole or len(data)), answer["ETag"])
        # It is missing; or shorter than `size`, to which a store may answer 416; or a store sends the whole object.
        there = self.head(key)
        if there is None or not there.size:
            return None
        data = b"".join(self.read(key, max(0, there.size - size), there.size, there.etag))
        return Tail(data, there.size, there.etag)

    def head(self, key: str) -> ObjectInfo | None:
        try:
            with s3_errors(f"look at {key}"):
                answer = self._client.head_object(Bucket=self._bucket, Key=self._full_key(key))
        except NotFound:
            return None
        return ObjectInfo(key, answer["ContentLength"], answer["ETag"], timestamp(answer["LastModified"]))

    def read(self, key: str, start: int, stop: int, etag: str | None = None) -> Iterator[bytes]:
        if stop <= start:
            return
        with self._got(self._at(key) | {"Range": f"bytes={start}-{stop - 1}"}, etag) as answer:
            if etag and not same(answer["ETag"], etag):  # a store may ignore the condition
                raise Conflict(f"The bucket did not read {key}: another process changed it first.")
            if answer["ContentLength"] != stop - start:
                sent = answer["ContentLength"]
                raise ReadFailed(f"The bucket sent {sent} instead of {stop - start} bytes of {key}.")
            yield from answer["Body"].iter_chunks(_BLOCK)

    def download(self, key: str, into: BinaryIO, limit: int) -> None:
        with self._got(self._whole(key)) as answer:
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
        request: PutObjectRequestTypeDef = {
            "Bucket": self._bucket,
            "Key": self._full_key(key),
            "Body": data,
            "ContentType": content_type,
        }
        if sha256:
            request["ChecksumSHA256"] = base64.b64encode(bytes.fromhex(sha256)).decode()
        if not new and not replacing:
            return self._put(key, request)
        try:
            return self._put_if(key, request, replacing)
        except Conflict as error:
            if was_repeated(error) and (there := self.get(key)) and there.data == data:
                return there.etag  # the answer was lost; what was sent again found what it had written
            raise

    def _put_if(self, key: str, request: PutObjectRequestTypeDef, replacing: str | None) -> str:
        """Write an object that has this ETag, or that is not there. Raises Conflict otherwise."""

        def replace(form: str) -> str:
            return self._put(key, request | {"IfMatch": form})

        try:
            if replacing:
                return self._forms.send("write", replacing, replace, partial(self.head, key))
            return self._put(key, request | {"IfNoneMatch": "*"})
        except StoreRefused:
            raise
        except (NotFound, StoreDown) as error:
            if status_of(error) in _LOST and not self._holds(key, replacing):
                raise Conflict(f"The bucket did not write {key}: another process changed it first.") from error
            raise

    def write(self, key: str, pieces: Iterable[bytes], content_type: str = "application/jsonl") -> None:
        parts = _parts(pieces)
        first = next(parts, b"")
        if len(first) < _PART:  # it is all; an upload must have a part
            self.put(key, first, content_type=content_type)
            return
        upload = self.begin_upload(key, content_type)
        try:
            for number, part in enumerate(chain([first], parts), 1):
                upload.write(number, part)
            upload.complete()
        except BaseException:
            with suppress(StoreDown):
                upload.abort()
            raise

    def delete(self, keys: Iterable[str]) -> None:
        names = iter(keys)
        while batch := list(islice(names, 1000)):
            with s3_errors("remove objects"):
                answer = self._client.delete_objects(
                    Bucket=self._bucket,
                    Delete={"Objects": [{"Key": self._full_key(key)} for key in batch], "Quiet": True},
                )
            if errors := answer.get("Errors"):
                raise StoreDown(f"{errors[0]['Key']} could not be removed: {errors[0].get('Message', '')}")

    def presign(self, key: str, name: str, seconds: int, method: Literal["GET", "HEAD"] = "GET") -> str:
        """See Bucket. The file name is sent twice, as in RFC 6266: in ASCII, and as it is (RFC 8187)."""
        ascii_name = "".join(c if " " <= c <= "~" and c not in '"\\' else "_" for c in name)
        with s3_errors(f"sign {key}"):
            return self._client.generate_presigned_url(
                "get_object" if method == "GET" else "head_object",
                Params={
                    "Bucket": self._bucket,
                    "Key": self._full_key(key),
                    "ResponseContentDisposition": (
                        f"attachment; filename=\"{ascii_name}\"; filename*=UTF-8''{quote(name, safe='')}"
                    ),
                    "ResponseContentType": "application/pdf",
                },
                ExpiresIn=seconds,
            )

    def presign_put(self, key: str, size: int, seconds: int) -> str:
        with s3_errors(f"sign {key}"):
            params = {"Bucket": self._bucket, "Key": self._full_key(key), "ContentLength": size}
            return self._client.generate_presigned_url("put_object", Params=params, ExpiresIn=seconds)

    # many objects

    def entries(self, prefix: str, page_size: int = 1000, after: str = "") -> Iterator[ObjectInfo]:
        request: ListObjectsV2RequestPaginateTypeDef = {
            "Bucket": self._bucket,
            "Prefix": self._full_key(prefix),
            "PaginationConfig": {"PageSize": page_size},
        }
        if after:
            request["StartAfter"] = self._full_key(after)
        pages = self._client.get_paginator("list_objects_v2").paginate(**request)
        with s3_errors(f"list {prefix}"):
            for page in pages:
                for item in page.get("Contents", ()):
                    key = item["Key"].removeprefix(self._prefix)
                    yield ObjectInfo(key, item["Size"], item["ETag"], timestamp(item["LastModified"]))

    def delete_under(self, prefix: str) -> None:
        self.delete(entry.key for entry in self.entries(prefix))

    # multipart uploads

    def begin_upload(self, key: str, content_type: str = "application/pdf") -> MultipartUpload:
        with s3_errors(f"begin {key}"):
            answer = self._client.create_multipart_upload(
                Bucket=self._bucket, Key=self._full_key(key), ContentType=content_type
            )
        return self._upload(key, answer["UploadId"])

    def upload(self, key: str, upload_id: str) -> MultipartUpload:
        return self._upload(key, upload_id)

    def uploads(self, prefix: str) -> list[MultipartUpload]:
        with s3_errors(f"list uploads of {prefix}"):
            answer = self._client.list_multipart_uploads(Bucket=self._bucket, Prefix=self._full_key(prefix))
        return [
            self._upload(item["Key"].removeprefix(self._prefix), item["UploadId"])
            for item in answer.get("Uploads", ())
        ]

    # the bucket itself

    def create_bucket(self) -> None:
        """Make the bucket if it is not there. For laptops and tests: on S3 it is made beforehand."""
        with suppress(Conflict), s3_errors(f"make the bucket {self._bucket}"):
            self._client.create_bucket(Bucket=self._bucket)

    def set_lifecycle(self, days: Mapping[str, int]) -> Lifecycle:
        return s3_rules.set_lifecycle(self._client, self._bucket, self._prefix, days)

    def allow_uploads(self, origin: str) -> None:
        s3_rules.allow_uploads(self._client, self._bucket, self._prefix, origin)

    def _full_key(self, key: str) -> str:
        return self._prefix + key

    def _at(self, key: str) -> GetObjectRequestTypeDef:
        return {"Bucket": self._bucket, "Key": self._full_key(key)}

    def _whole(self, key: str) -> GetObjectRequestTypeDef:
        """Ask for a whole object and its checksum, if there is one: botocore compares it at the end."""
        return {**self._at(key), "ChecksumMode": "ENABLED"}

    def _upload(self, key: str, upload_id: str) -> S3Upload:
        return S3Upload(self._client, self._bucket, self._full_key, key, upload_id, self._forms, self.head)

    def _put(self, key: str, request: PutObjectRequestTypeDef) -> str:
        with s3_errors(f"write {key}"):
            return self._client.put_object(**request)["ETag"]

    def _holds(self, key: str, replacing: str | None) -> bool:
        """Return whether the condition of a write that was refused is true: the refusal has another reason."""
        there = self.head(key)
        return there is not None and same(there.etag, replacing) if replacing else there is None

    @contextmanager
    def _got(self, request: GetObjectRequestTypeDef, etag: str | None = None) -> Iterator[GetObjectOutputTypeDef]:
        """Yield the answer to a request for an object, of this ETag if one is given; close its body afterwards."""
        key = request["Key"].removeprefix(self._prefix)

        def get(form: str) -> GetObjectOutputTypeDef:
            with s3_errors(f"read {key}"):
                return self._client.get_object(**(request | {"IfMatch": form} if form else request))

        answer = self._forms.send("read", etag, get, partial(self.head, key)) if etag else get("")
        with s3_errors(f"read {key}"), closing(answer["Body"]):
            yield answer


def _parts(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Cut pieces into parts of _PART bytes, the last one of what is left: Cloudflare R2 wants them equal."""
    waiting = bytearray()
    for piece in pieces:
        waiting += piece
        while len(waiting) >= _PART:
            yield bytes(waiting[:_PART])
            del waiting[:_PART]
    if waiting:
        yield bytes(waiting)
