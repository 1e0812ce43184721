"""Multipart uploads to S3."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from functools import partial
from io import SEEK_END
from typing import TYPE_CHECKING, BinaryIO, cast

from ...errors import NotSupported, StoreDown, UploadGone
from . import MultipartUpload, ObjectInfo
from .client import s3_errors, status_of, was_repeated
from .etags import EtagForms

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


class S3Upload(MultipartUpload):
    """A multipart upload to S3; the protocol says what its methods do. `full_key` puts the prefix before a key."""

    def __init__(
        self, client: S3Client, bucket: str, full_key: Callable[[str], str], key: str, upload_id: str,
        forms: EtagForms, head: Callable[[str], ObjectInfo | None],
    ) -> None:  # fmt: skip
        self._client = client
        self._bucket = bucket
        self._full_key = full_key
        self._key = key
        self._id = upload_id
        self._forms = forms
        self._head = head
        self._etags: dict[int, str] = {}
        self._sizes: dict[int, int] = {}

    @property
    def key(self) -> str:
        return self._key

    @property
    def id(self) -> str:
        return self._id

    def write(self, part: int, data: bytes | bytearray | BinaryIO) -> None:
        with s3_errors(f"write part {part} of {self._key}"):
            answer = self._client.upload_part(
                Bucket=self._bucket,
                Key=self._full_key(self._key),
                UploadId=self._id,
                PartNumber=part,
                Body=cast(bytes, data),  # boto3 takes a bytearray; its types do not know it
            )
            self._etags[part], self._sizes[part] = answer["ETag"], _size(data)

    def presign(self, part: int, size: int, seconds: int) -> str:
        params = {
            "Bucket": self._bucket,
            "Key": self._full_key(self._key),
            "UploadId": self._id,
            "PartNumber": part,
            "ContentLength": size,
        }
        with s3_errors(f"sign part {part} of {self._key}"):
            return self._client.generate_presigned_url("upload_part", Params=params, ExpiresIn=seconds)

    def parts(self) -> dict[int, int]:
        pages = self._client.get_paginator("list_parts").paginate(
            Bucket=self._bucket, Key=self._full_key(self._key), UploadId=self._id
        )
        with s3_errors(f"list the parts of {self._key}"):
            found = [part for page in pages for part in page.get("Parts", ())]
        self._etags = {part["PartNumber"]: part["ETag"] for part in found}
        self._sizes = {part["PartNumber"]: part["Size"] for part in found}
        return dict(self._sizes)

    def copy(self, part: int, key: str, start: int, stop: int, etag: str) -> None:
        def call(form: str) -> str | None:
            with s3_errors(f"copy {key} into {self._key}"):
                answer = self._client.upload_part_copy(
                    Bucket=self._bucket,
                    Key=self._full_key(self._key),
                    UploadId=self._id,
                    PartNumber=part,
                    CopySource={"Bucket": self._bucket, "Key": self._full_key(key)},
                    CopySourceRange=f"bytes={start}-{stop - 1}",
                    CopySourceIfMatch=form,
                )
            return answer.get("CopyPartResult", {}).get("ETag")

        copied = self._forms.send("copy", etag, call, partial(self._head, key))
        self._etags[part], self._sizes[part] = copied or self._listed(part, stop - start), stop - start

    def _listed(self, part: int, size: int) -> str:
        """Return the ETag of a part as the store lists it. Raises NotSupported if it does not."""
        with s3_errors(f"list part {part} of {self._key}"):
            answer = self._client.list_parts(
                Bucket=self._bucket, Key=self._full_key(self._key), UploadId=self._id,
                PartNumberMarker=part - 1, MaxParts=1,
            )  # fmt: skip
            found = answer.get("Parts", [])
            if [(each["PartNumber"], each["Size"]) for each in found] == [(part, size)]:
                return found[0]["ETag"]
        raise NotSupported(f"The bucket cannot copy a part of {self._key}: neither answer nor list has its ETag.")

    def complete(self, numbers: Collection[int] | None = None) -> None:
        numbers = sorted(self._etags if numbers is None else numbers)
        try:
            with s3_errors(f"complete {self._key}"):
                self._client.complete_multipart_upload(
                    Bucket=self._bucket,
                    Key=self._full_key(self._key),
                    UploadId=self._id,
                    MultipartUpload={
                        "Parts": [{"PartNumber": part, "ETag": self._etags[part]} for part in numbers]
                    },
                )
        except UploadGone as error:
            if not (was_repeated(error) and self._is_made(numbers)):
                raise
            # Its answer was lost, or took longer than is waited for one; what was sent again found nothing to do.
        except StoreDown as error:
            if status_of(error) == 400 and (reason := self._unusual(numbers)):
                raise NotSupported(f"{error.message} {reason}") from error
            raise

    def _is_made(self, numbers: Sequence[int]) -> bool:
        """Return whether the object is there, with the size of these parts."""
        made = self._head(self._key)
        return made is not None and made.size == sum(self._sizes[part] for part in numbers)

    def _unusual(self, numbers: Sequence[int]) -> str:
        """Return what some stores refuse about these parts, empty if nothing is known."""
        *even, rest = (self._sizes[part] for part in numbers)
        if len(set(even)) > 1 or rest > max(even, default=rest):
            return "Its parts are of different sizes."
        return "Numbers are left out between its parts." if numbers[-1] > len(numbers) else ""

    def abort(self) -> None:
        try:
            with s3_errors(f"abort {self._key}"):
                self._client.abort_multipart_upload(
                    Bucket=self._bucket, Key=self._full_key(self._key), UploadId=self._id
                )
        except UploadGone:
            return


def _size(data: bytes | bytearray | BinaryIO) -> int:
    return len(data) if isinstance(data, bytes | bytearray) else data.seek(0, SEEK_END)
