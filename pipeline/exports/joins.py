"""Where the parts of a joined file come from, in the bucket, until the export is over. Written by this module:

    exports/<id>/joins/<file>                       the upload that the file is joined in
    exports/<id>/joins/<file>-<upload>/<part>-<segment>   written before a worker copies a segment that it drew

<file>, <upload> and <segment> are hashes: of the file's key, of the upload's id, of the segment's key and ETag.
"""

from __future__ import annotations

import hashlib

import msgspec

from ..adapters.bucket import Bucket
from ..errors import Conflict


class Join(msgspec.Struct, frozen=True):
    """The upload of a file. `made_from` is a hash of all segments and of how they are cut, empty while they are
    drawn. `size` is that of the file, once all its parts are stored; `before` the ETag of what was there then."""

    upload: str
    made_from: str = ""
    size: int = 0
    before: str = ""


class JoinRepository:
    """Finds and writes what is known of one file of an export."""

    def __init__(self, bucket: Bucket, export_id: str, key: str) -> None:
        self._bucket = bucket
        self._record_key = f"exports/{export_id}/joins/{_hash(key)}"

    def read(self) -> Join | None:
        """Return the upload; None if there is none, or its record is damaged: then the file is joined anew."""
        stored = self._bucket.get(self._record_key)
        try:
            return msgspec.json.decode(stored.data, type=Join) if stored else None
        except msgspec.DecodeError:
            return None

    def write(self, join: Join) -> None:
        """Store which upload it is."""
        self._bucket.put(self._record_key, msgspec.json.encode(join))

    def write_first(self, join: Join) -> bool:
        """Store which upload it is, unless another process did; then False."""
        try:
            self._bucket.put(self._record_key, msgspec.json.encode(join), new=True)
        except Conflict:
            return False
        return True

    def note_copy(self, upload_id: str, part: int, segment: str) -> None:
        """Note that a segment, as `identity` names it, will be copied into a part."""
        self._bucket.put(f"{self._copies(upload_id)}{part:05d}-{segment}", b"")

    def copies(self, upload_id: str) -> dict[int, set[str]]:
        """Return the segments that were copied into parts, or were going to be."""
        found: dict[int, set[str]] = {}
        for entry in self._bucket.entries(self._copies(upload_id)):
            part, segment = entry.key.rsplit("/", 1)[1].split("-")
            found.setdefault(int(part), set()).add(segment)
        return found

    def _copies(self, upload_id: str) -> str:
        return f"{self._record_key}-{_hash(upload_id)}/"


def identity(key: str, etag: str) -> str:
    """Return what tells a stored segment from any other, also from one that is stored under its key later."""
    return _hash(f"{key} {etag}")


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]
