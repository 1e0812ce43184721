"""The bucket: the one door to S3, and the only importer of boto3.

Keys are given without the bucket's prefix. Errors of the service become StoreDown, Conflict or NotFound.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any, BinaryIO
from urllib.parse import quote

import boto3
import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from .errors import Conflict, NotFound, NotSupported, StoreDown, UnreadableSource, UploadGone
from .settings import MIB, Settings

_BLOCK = 256 * 1024
_PART = 8 * MIB  # S3 takes 5 MiB or more, and 10,000 of them
_MISSING = {"NoSuchKey", "404", "NotFound", "InvalidRange", "416"}  # a range of no bytes
_UNKNOWN = {"NotImplemented", "MethodNotAllowed", "501", "405"}
_CHANGED = {"PreconditionFailed", "ConditionalRequestConflict", "412", "409"}


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


@dataclass(frozen=True)
class Patience:
    """How long one call waits for a bucket that does not answer: so many seconds for a connection, so many
    for each word, and how many tries."""

    connect: float
    read: float
    tries: int


PATIENT = Patience(5, 30, 3)  # joining and copying take their time
BRIEF = Patience(2, 4, 2)  # under 10 s in all: a request may take 30, the keeper's lease is for 15


class Store:
    """One bucket under one prefix. Thread-safe; make it anew after a fork."""

    def __init__(self, client: Any, bucket: str, prefix: str = "") -> None:
        self._client = client
        self._bucket = bucket
        self._prefix = prefix

    @classmethod
    def open(cls, settings: Settings, patience: Patience = PATIENT) -> Store:
        """Connect as the settings say; nothing is sent yet."""
        client = _session().client(
            "s3",
            region_name=settings.s3_region or "us-east-1",
            endpoint_url=settings.s3_endpoint_url,
            aws_access_key_id=settings.s3_key_id,
            aws_secret_access_key=settings.s3_secret,
            config=Config(
                signature_version="s3v4",
                connect_timeout=patience.connect,
                read_timeout=patience.read,
                retries={"mode": "standard", "total_max_attempts": patience.tries},
                max_pool_connections=8,
                s3={"addressing_style": "path" if settings.s3_endpoint_url else "virtual"},
                # S3-compatible stores differ in the newer trailing checksums; segments carry their own hash.
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
                # Put together for each call otherwise, from thirty pieces.
                user_agent=f"pipeline boto3/{boto3.__version__}",
            ),
        )
        return cls(client, settings.bucket, settings.bucket_prefix)

    # one object

    def get(self, key: str) -> Stored | None:
        """The whole object, or None; for small ones only."""
        try:
            with _translated(f"read {key}"):
                answer = self._client.get_object(Bucket=self._bucket, Key=self._prefix + key)
                with closing(answer["Body"]) as body:
                    return Stored(body.read(), answer["ETag"])
        except NotFound:
            return None

    def tail(self, key: str, most: int) -> Tail | None:
        """The last bytes of an object, so many or all of them; None when it has none, or is not there."""
        try:
            with _translated(f"read {key}"):
                answer = self._client.get_object(
                    Bucket=self._bucket, Key=self._prefix + key, Range=f"bytes=-{most}"
                )
                with closing(answer["Body"]) as body:
                    data = body.read()
        except NotFound:
            return None
        whole = answer.get("ContentRange", "").rpartition("/")[2]  # a store may answer a short object without it
        return Tail(data, int(whole or len(data)), answer["ETag"])

    def head(self, key: str) -> Entry | None:
        """Size and ETag without the bytes, or None."""
        try:
            with _translated(f"look at {key}"):
                answer = self._client.head_object(Bucket=self._bucket, Key=self._prefix + key)
        except NotFound:
            return None
        return Entry(key, answer["ContentLength"], answer["ETag"], _seconds(answer["LastModified"]))

    def read(self, key: str, start: int, stop: int, etag: str | None = None) -> Iterator[bytes]:
        """Bytes start..stop (exclusive) in blocks; with `etag`, Conflict when the object is another one."""
        if stop <= start:
            return
        condition = {"IfMatch": etag} if etag else {}
        with _translated(f"read {key}"):
            answer = self._client.get_object(
                Bucket=self._bucket, Key=self._prefix + key, Range=f"bytes={start}-{stop - 1}", **condition
            )
            with closing(answer["Body"]) as body:
                yield from body.iter_chunks(_BLOCK)

    def download(self, key: str, into: BinaryIO, limit: int) -> None:
        """Copy an object into a file; UnreadableSource when it is over `limit` bytes."""
        with _translated(f"read {key}"):
            answer = self._client.get_object(Bucket=self._bucket, Key=self._prefix + key)
            with closing(answer["Body"]) as body:
                if answer["ContentLength"] > limit:
                    raise UnreadableSource(
                        f"{key} has {answer['ContentLength'] // MIB} MiB; the limit is {limit // MIB} MiB."
                    )
                for block in body.iter_chunks(_BLOCK):
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
        with _translated(f"write {key}"):
            answer = self._client.put_object(
                Bucket=self._bucket,
                Key=self._prefix + key,
                Body=data,
                ContentType=content_type,
                **condition,
            )
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
        """Remove objects, a thousand a request; missing ones are fine."""
        batch = [{"Key": self._prefix + key} for key in keys]
        for at in range(0, len(batch), 1000):
            with _translated("remove objects"):
                answer = self._client.delete_objects(
                    Bucket=self._bucket, Delete={"Objects": batch[at : at + 1000], "Quiet": True}
                )
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
        with _translated(f"list {prefix}"):
            for page in pages:
                for item in page.get("Contents", ()):
                    key = item["Key"][len(self._prefix) :]
                    yield Entry(key, item["Size"], item["ETag"], _seconds(item["LastModified"]))

    def delete_under(self, prefix: str) -> None:
        """Remove everything under a prefix, in batches, so that memory does not depend on how much it is."""
        batch: list[str] = []
        for entry in self.entries(prefix):
            batch.append(entry.key)
            if len(batch) == 1000:
                self.delete(batch)
                batch.clear()
        self.delete(batch)

    # the file

    def begin_upload(self, key: str, content_type: str = "application/pdf") -> Upload:
        """Begin a multipart upload."""
        with _translated(f"begin {key}"):
            answer = self._client.create_multipart_upload(
                Bucket=self._bucket, Key=self._prefix + key, ContentType=content_type
            )
        return Upload(self._client, self._bucket, self._prefix, key, answer["UploadId"])

    def uploads(self, prefix: str) -> list[Upload]:
        """Multipart uploads that were begun under a prefix and neither completed nor aborted."""
        with _translated(f"list uploads of {prefix}"):
            answer = self._client.list_multipart_uploads(Bucket=self._bucket, Prefix=self._prefix + prefix)
        cut = len(self._prefix)
        return [
            Upload(self._client, self._bucket, self._prefix, item["Key"][cut:], item["UploadId"])
            for item in answer.get("Uploads", ())
        ]

    def presign(self, key: str, name: str, seconds: int) -> str:
        """A URL by which anybody can download the object under a file name, for `seconds`."""
        plain = "".join(c if " " <= c <= "~" and c not in '"\\' else "_" for c in name)
        disposition = f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"
        with _translated(f"sign {key}"):
            url: str = self._client.generate_presigned_url(
                "get_object",
                Params={
                    "Bucket": self._bucket,
                    "Key": self._prefix + key,
                    "ResponseContentDisposition": disposition,
                    "ResponseContentType": "application/pdf",
                },
                ExpiresIn=seconds,
            )
        return url

    # the bucket itself

    def create_bucket(self) -> None:
        """Make the bucket if it is not there (laptops and tests; on S3 it is made beforehand)."""
        with _translated(f"make the bucket {self._bucket}"):
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
        with _translated("set the lifecycle"):
            self._client.put_bucket_lifecycle_configuration(
                Bucket=self._bucket, LifecycleConfiguration={"Rules": rules}
            )


class Upload:
    """A multipart upload: parts in any order and from several threads, then complete or abort."""

    def __init__(self, client: Any, bucket: str, prefix: str, key: str, upload_id: str) -> None:
        self._client = client
        self._prefix = prefix
        self.key = key
        self._target = {"Bucket": bucket, "Key": prefix + key, "UploadId": upload_id}
        self._etags: dict[int, str] = {}

    def write(self, part: int, data: bytes | bytearray | BinaryIO) -> None:
        """Send one part (numbers begin at 1)."""
        with _translated(f"write part {part} of {self.key}"):
            answer = self._client.upload_part(PartNumber=part, Body=data, **self._target)
        self._etags[part] = answer["ETag"]

    def copy(self, part: int, key: str, start: int, stop: int, etag: str) -> None:
        """Make bytes start..stop of another object a part, inside S3; Conflict when its ETag differs."""
        source = {"Bucket": self._target["Bucket"], "Key": self._prefix + key}
        with _translated(f"copy {key} into {self.key}"):
            answer = self._client.upload_part_copy(
                PartNumber=part,
                CopySource=source,
                CopySourceRange=f"bytes={start}-{stop - 1}",
                CopySourceIfMatch=etag,
                **self._target,
            )
        self._etags[part] = answer["CopyPartResult"]["ETag"]

    def complete(self) -> None:
        """Make the object from its parts, in the order of their numbers."""
        parts = [{"PartNumber": part, "ETag": etag} for part, etag in sorted(self._etags.items())]
        with _translated(f"complete {self.key}"):
            self._client.complete_multipart_upload(MultipartUpload={"Parts": parts}, **self._target)

    def abort(self) -> None:
        """Forget all parts; harmless when it is already over."""
        try:
            with _translated(f"abort {self.key}"):
                self._client.abort_multipart_upload(**self._target)
        except UploadGone:
            return


def _session() -> boto3.session.Session:
    """A session whose answers hold times as they were sent: to parse those that nobody looks at costs a tenth
    of a call's processor time."""
    core = botocore.session.get_session()
    core.get_component("response_parser_factory").set_parser_defaults(timestamp_parser=str)
    return boto3.session.Session(botocore_session=core)


def _seconds(moment: str) -> float:
    """Seconds since 1970 of a time as headers have it (RFC 9110, 5.6.7), or as listings do (ISO 8601)."""
    iso = moment[:1].isdigit()
    return (datetime.fromisoformat(moment) if iso else parsedate_to_datetime(moment)).timestamp()


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


@contextmanager
def _translated(doing: str) -> Iterator[None]:
    try:
        yield
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "")
        if code in _MISSING:
            raise NotFound(f"The bucket could not {doing}: there is no such object.") from error
        if code in _UNKNOWN:
            raise NotSupported(f"The bucket cannot {doing}: {code}.") from error
        if code == "NoSuchUpload":
            raise UploadGone(f"The bucket could not {doing}: the upload was aborted.") from error
        if code in _CHANGED:
            raise Conflict(f"The bucket did not {doing}: somebody else changed it first.") from error
        raise StoreDown(f"The bucket could not {doing}: {code or error}.") from error
    except BotoCoreError as error:
        raise StoreDown(f"The bucket could not {doing}: {error}.") from error
