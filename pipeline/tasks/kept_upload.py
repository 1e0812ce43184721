"""The upload of a joined file, which a later attempt continues if the file is large.

A record in the bucket, exports/<id>/joins/<hash>, names the upload. The hash is of all that its parts are made
from: the segments with their ETags, and how they are cut. So a part of another plan, of a segment that was drawn
again or of another way to join is never taken.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

import msgspec

from ..adapters.bucket import Bucket, MultipartUpload, ObjectInfo
from ..adapters.bucket.parts import MIN_PART, Joining
from ..errors import UploadGone
from ..exports.volumes import SegmentEntry

KEPT_BYTES = 4 * MIN_PART  # a smaller file is joined again in seconds


class _Record(msgspec.Struct, frozen=True):
    """The id of an upload, and the ETag of the file after it was completed."""

    upload: str
    etag: str = ""


class KeptUpload:
    """The upload of one file from these segments, in parts of `part_size` bytes or more. `parts` are the sizes of
    those that an earlier attempt has stored, by number."""

    upload: MultipartUpload

    def __init__(
        self, bucket: Bucket, export_id: str, key: str, segments: Sequence[SegmentEntry], way: Joining,
        part_size: int,
    ) -> None:  # fmt: skip
        self._bucket = bucket
        self._key = key
        self._way = way
        total = sum(each.size for each in segments)
        self._full = total // part_size  # parts before the tail, if all have the same size
        self.is_large = total >= KEPT_BYTES
        made_from = [key, way.value, part_size, [(each.key, each.etag, each.size) for each in segments]]
        name = hashlib.sha256(msgspec.json.encode(made_from)).hexdigest()
        self._record_key = f"exports/{export_id}/joins/{name}"
        self._record = self._read() if self.is_large else None
        self.parts: Mapping[int, int] = {}

    def finished(self) -> ObjectInfo | None:
        """Returns the file, if an earlier attempt completed it and then died."""
        there = self._bucket.head(self._key) if self._record and self._record.etag else None
        return there if there and self._record and there.etag == self._record.etag else None

    def open(self) -> None:
        """Find the upload of an earlier attempt, or begin one. Every other upload of this file is aborted."""
        found: MultipartUpload | None = None
        for left in self._bucket.uploads(self._key):
            if self._record and left.id == self._record.upload and (parts := self._usable(left)):
                found, self.parts = left, parts
            else:
                left.abort()
        self.upload = found or self._bucket.begin_upload(self._key)
        if self.is_large and not found:
            self._write(_Record(self.upload.id))

    def note_finished(self, file: ObjectInfo) -> None:
        """Note that the upload is completed."""
        if self.is_large:
            self._write(_Record(self.upload.id, file.etag))

    def _usable(self, upload: MultipartUpload) -> Mapping[int, int]:
        """Returns the parts of an upload; none if it cannot be continued.

        Stores that want parts in order, such as rclone, refuse a number that was used, also for the tail.
        """
        try:
            parts = upload.parts()
        except UploadGone:
            return {}
        in_order = sorted(parts) == list(range(1, len(parts) + 1)) and len(parts) <= self._full
        return parts if in_order or self._way is not Joining.SENT else {}

    def _read(self) -> _Record | None:
        stored = self._bucket.get(self._record_key)
        try:
            return msgspec.json.decode(stored.data, type=_Record) if stored else None
        except msgspec.DecodeError:  # then the file is joined from its beginning
            return None

    def _write(self, record: _Record) -> None:
        self._bucket.put(self._record_key, msgspec.json.encode(record))
