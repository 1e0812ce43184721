"""Records of exports that are written once: of several writers the first one counts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

import msgspec

from ..adapters.bucket import Bucket
from ..errors import Conflict, DamagedExport, ReadFailed

T = TypeVar("T")


class WrittenOnce(Generic[T]):
    """Reads and writes one record of each export. Keeps the last one: every message of an export asks for it."""

    def __init__(self, bucket: Bucket, name: str, decode: Callable[[bytes], T], what: str) -> None:
        """`name` is its key below exports/<id>/, `what` the word for it in messages."""
        self._bucket = bucket
        self._name = name
        self._decode = decode
        self._what = what
        self._last: tuple[str, T] | None = None

    def read(self, export_id: str) -> T | None:
        """Return the record; None if there is none. Raises DamagedExport."""
        if (last := self._last) and last[0] == export_id:
            return last[1]
        if (stored := self._bucket.get(self._key(export_id))) is None:
            return None
        try:
            record = self._decode(stored.data)
        except msgspec.DecodeError as error:
            raise DamagedExport(f"The {self._what} of export {export_id} cannot be read: {error}.") from error
        self._last = export_id, record
        return record  # another thread may have read another one meanwhile

    def write(self, export_id: str, record: T) -> T:
        """Store the record, unless there is one. Returns the one that counts: the first that was stored."""
        try:
            self._bucket.put(self._key(export_id), msgspec.json.encode(record), new=True)
            return record
        except Conflict:
            first = self.read(export_id)
        if first is None:
            raise ReadFailed(f"The {self._what} of export {export_id} was removed from the bucket.")
        return first

    def _key(self, export_id: str) -> str:
        return f"exports/{export_id}/{self._name}"
