"""The upload of a joined file, if it is large, with the parts that it has: those that workers copied while segments
were drawn (`early_parts.py`), and those of an earlier attempt.

Its record says what its parts are made from: a hash of the segments with their ETags, and of how they are cut. So a
part of another plan, of a segment that was drawn again or of another way to join is never taken.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

import msgspec

from ...adapters.bucket import Bucket, MultipartUpload, ObjectInfo
from ...adapters.bucket.parts import MIN_PART, Joining, NumberedPart
from ...errors import UploadGone
from ...exports.joins import Join, JoinRepository, identity
from ...exports.volumes import SegmentEntry

KEPT_BYTES = 4 * MIN_PART  # a smaller file is joined again in seconds


class KeptUpload:
    """The upload of one file from these segments, in these parts. `parts` are the sizes of those that are stored,
    by number."""

    upload: MultipartUpload

    def __init__(
        self, bucket: Bucket, export_id: str, key: str, segments: Sequence[SegmentEntry], way: Joining,
        planned: Sequence[NumberedPart],
    ) -> None:  # fmt: skip
        self._bucket = bucket
        self._key = key
        self._segments = segments
        self._way = way
        self._planned = planned
        self._joins = JoinRepository(bucket, export_id, key)
        self.is_large = sum(each.size for each in segments) >= KEPT_BYTES
        cut = [(number, [(each.source, each.start, each.stop) for each in part.ranges]) for number, part in planned]
        made_from = [key, way.value, cut, [(each.key, each.etag, each.size) for each in segments]]
        self._made_from = hashlib.sha256(msgspec.json.encode(made_from)).hexdigest()
        self._join = self._joins.read() if self.is_large else None
        self.parts: Mapping[int, int] = {}

    def finished(self) -> ObjectInfo | None:
        """Return the file, if an earlier attempt completed it: then it died, or had no answer for long."""
        known = self._join
        there = self._bucket.head(self._key) if known and known.size and self._is_ours(known) else None
        return there if there and known and there.size == known.size and there.etag != known.before else None

    def open(self) -> None:
        """Find the upload to go on with, or begin one. Every other upload of this file is aborted."""
        found: MultipartUpload | None = None
        for left in self._bucket.uploads(self._key):
            if self._join and left.id == self._join.upload and (parts := self._usable(left, self._join)):
                found, self.parts = left, parts
            else:
                left.abort()
        self.upload = found or self._bucket.begin_upload(self._key)
        if self.is_large and not (found and self._join and self._is_ours(self._join)):
            self._joins.write(Join(self.upload.id, self._made_from))  # before a part is stored

    def note_size(self, size: int) -> None:
        """Note that all parts are stored: the upload is completed next, to a file of this size."""
        if self.is_large:
            there = self._bucket.head(self._key)
            self._joins.write(Join(self.upload.id, self._made_from, size, there.etag if there else ""))

    def _is_ours(self, join: Join) -> bool:
        return join.made_from == self._made_from

    def _usable(self, upload: MultipartUpload, join: Join) -> Mapping[int, int]:
        """Return the parts of an upload; none if it cannot be continued.

        Stores that want parts in order, such as rclone, refuse a number that was used, also for the tail.
        """
        try:
            if self._is_ours(join) and self._way is Joining.SENT:
                return self._in_order(upload.parts())
            if self._is_ours(join) or (not join.made_from and self._way is Joining.COPIED):
                return self._known(upload.parts(), join)
        except UploadGone:
            pass
        return {}

    def _in_order(self, parts: Mapping[int, int]) -> Mapping[int, int]:
        full = len(self._planned) - 1  # the last one is completed by the tail
        return parts if sorted(parts) == list(range(1, len(parts) + 1)) and len(parts) <= full else {}

    def _known(self, parts: Mapping[int, int], join: Join) -> Mapping[int, int]:
        """Return the parts that hold what is planned: copied from this segment and no other, or by this join."""
        copies = self._joins.copies(upload_id=join.upload) if self._way is Joining.COPIED else {}
        known = {}
        for number, part in self._planned:
            copied = copies.get(number)
            held = [self._segments[each.source] for each in part.ranges]
            wanted = {identity(each.key, each.etag) for each in held}  # its size says that the part is all of it
            if number in parts and (copied == wanted if copied else self._is_ours(join)):
                known[number] = parts[number]
        return known
