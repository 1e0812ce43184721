"""A file that is sent in parts, or copied inside S3, before it is there as a whole."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, BinaryIO

from .errors import UploadGone
from .s3 import translated


class Upload:
    """A multipart upload: parts in any order and from several threads, then complete or abort."""

    def __init__(self, client: Any, at: Callable[[str], dict[str, str]], key: str, upload_id: str) -> None:
        self._client = client
        self._at = at
        self.key = key
        self._target = at(key) | {"UploadId": upload_id}
        self._etags: dict[int, str] = {}

    def write(self, part: int, data: bytes | bytearray | BinaryIO) -> None:
        """Send one part (numbers begin at 1)."""
        with translated(f"write part {part} of {self.key}"):
            answer = self._client.upload_part(PartNumber=part, Body=data, **self._target)
        self._etags[part] = answer["ETag"]

    def copy(self, part: int, key: str, start: int, stop: int, etag: str) -> None:
        """Make bytes start..stop of another object a part, inside S3; Conflict when its ETag differs."""
        with translated(f"copy {key} into {self.key}"):
            answer = self._client.upload_part_copy(
                PartNumber=part,
                CopySource=self._at(key),
                CopySourceRange=f"bytes={start}-{stop - 1}",
                CopySourceIfMatch=etag,
                **self._target,
            )
        self._etags[part] = answer["CopyPartResult"]["ETag"]

    def complete(self) -> None:
        """Make the object from its parts, in the order of their numbers."""
        parts = [{"PartNumber": part, "ETag": etag} for part, etag in sorted(self._etags.items())]
        with translated(f"complete {self.key}"):
            self._client.complete_multipart_upload(MultipartUpload={"Parts": parts}, **self._target)

    def abort(self) -> None:
        """Forget all parts; harmless when it is already over."""
        try:
            with translated(f"abort {self.key}"):
                self._client.abort_multipart_upload(**self._target)
        except UploadGone:
            return
