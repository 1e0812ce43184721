"""Multipart uploads to S3."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, BinaryIO, cast

from ...errors import UploadGone
from . import MultipartUpload
from .client import s3_errors

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


class S3Upload(MultipartUpload):
    """A multipart upload to S3; the protocol says what its methods do. `full_key` puts the prefix before a key."""

    def __init__(
        self, client: S3Client, bucket: str, full_key: Callable[[str], str], key: str, upload_id: str
    ) -> None:
        self._client = client
        self._bucket = bucket
        self._full_key = full_key
        self._key = key
        self._id = upload_id
        self._etags: dict[int, str] = {}

    @property
    def key(self) -> str:
        return self._key

    def write(self, part: int, data: bytes | bytearray | BinaryIO) -> None:
        with s3_errors(f"write part {part} of {self._key}"):
            answer = self._client.upload_part(
                Bucket=self._bucket,
                Key=self._full_key(self._key),
                UploadId=self._id,
                PartNumber=part,
                Body=cast(bytes, data),  # boto3 takes a bytearray; its types do not know it
            )
        self._etags[part] = answer["ETag"]

    def copy(self, part: int, key: str, start: int, stop: int, etag: str) -> None:
        with s3_errors(f"copy {key} into {self._key}"):
            answer = self._client.upload_part_copy(
                Bucket=self._bucket,
                Key=self._full_key(self._key),
                UploadId=self._id,
                PartNumber=part,
                CopySource={"Bucket": self._bucket, "Key": self._full_key(key)},
                CopySourceRange=f"bytes={start}-{stop - 1}",
                CopySourceIfMatch=etag,
            )
        self._etags[part] = answer["CopyPartResult"]["ETag"]

    def complete(self) -> None:
        with s3_errors(f"complete {self._key}"):
            self._client.complete_multipart_upload(
                Bucket=self._bucket,
                Key=self._full_key(self._key),
                UploadId=self._id,
                MultipartUpload={
                    "Parts": [{"PartNumber": part, "ETag": etag} for part, etag in sorted(self._etags.items())]
                },
            )

    def abort(self) -> None:
        try:
            with s3_errors(f"abort {self._key}"):
                self._client.abort_multipart_upload(
                    Bucket=self._bucket, Key=self._full_key(self._key), UploadId=self._id
                )
        except UploadGone:
            return
