"""Object storage as the program needs it: the protocols `Bucket` and `MultipartUpload`, and their values. Pure.

`s3.py` implements them. Another store, such as Google Cloud Storage, would be a second file beside it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import BinaryIO, Literal, Protocol

import msgspec

from .parts import Joining
from .rules import Lifecycle


class Timeouts(msgspec.Struct, frozen=True):
    """How long one call waits for a bucket that does not answer.

    `connect` and `read` are seconds, for the connection and for each read from it; `tries` counts all attempts.
    """

    connect: float
    read: float
    tries: int


BACKGROUND = Timeouts(5, 30, 3)  # joining and copying take their time
REQUEST = Timeouts(2, 4, 2)  # under 10 s in all: a web request may take 30


class StoredObject(msgspec.Struct, frozen=True):
    """An object that was read as a whole. A conditional write needs the ETag."""

    data: bytes
    etag: str


class Tail(msgspec.Struct, frozen=True):
    """The last bytes of an object of `size` bytes, and its ETag."""

    data: bytes
    size: int
    etag: str


class ObjectInfo(msgspec.Struct, frozen=True):
    """An object without its bytes: `size` in bytes, `modified` in seconds since 1970."""

    key: str
    size: int
    etag: str
    modified: float


class Bucket(Protocol):
    """One bucket under one prefix: keys are given and returned without the prefix.

    Thread-safe; a process opens its own after a fork. Every method raises StoreDown when the store does not
    answer or refuses, and NotSupported, a subclass of it, when the store does not know the operation.

    `joining`: how files are joined here, as learned when the store did not support another way.
    """

    joining: Joining

    # one object

    def get(self, key: str) -> StoredObject | None:
        """Return a whole object, None if there is none. For small objects."""
        ...

    def tail(self, key: str, size: int) -> Tail | None:
        """Return the last `size` bytes of an object, or all if it is shorter; None if it is missing or empty."""
        ...

    def head(self, key: str) -> ObjectInfo | None:
        """Return an object's size and ETag, None if there is none."""
        ...

    def read(self, key: str, start: int, stop: int, etag: str | None = None) -> Iterator[bytes]:
        """Yield bytes start..stop (exclusive) in blocks of at most 256 KiB.

        Raises NotFound, Conflict when the object no longer has this ETag, and ReadFailed when other bytes come.
        """
        ...

    def download(self, key: str, into: BinaryIO, limit: int) -> None:
        """Copy an object into a file. Raises NotFound, and UnreadableSource when it has more than `limit` bytes.

        Raises ReadFailed when the store has a checksum of the object, and its bytes have another.
        """
        ...

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

        `new`: write only if there is no object; `replacing`: only if it still has this ETag. Otherwise Conflict,
        unless a request was sent again and the object has these bytes: the first one wrote them.
        `sha256`, in hexadecimal: the store refuses bytes with another hash (StoreDown).
        """
        ...

    def write(self, key: str, pieces: Iterable[bytes], content_type: str = "application/jsonl") -> None:
        """Write an object of unknown size. Holds one part in memory; a failure leaves no object behind."""
        ...

    def delete(self, keys: Iterable[str]) -> None:
        """Remove any number of objects, a thousand per request. Missing ones are ignored."""
        ...

    def presign(self, key: str, name: str, seconds: int, method: Literal["GET", "HEAD"] = "GET") -> str:
        """Return a URL that downloads a PDF under a file name, without any other permission, for `seconds`.

        It works with the one method: the method is part of the signature.
        """
        ...

    def presign_put(self, key: str, size: int, seconds: int) -> str:
        """Return a URL to which an object of exactly `size` bytes can be sent (PUT), for `seconds`."""
        ...

    # many objects

    def entries(self, prefix: str, page_size: int = 1000, after: str = "") -> Iterator[ObjectInfo]:
        """Yield the objects under a prefix in key order, those behind the key `after`.

        `page_size` objects are asked for per request, at most 1,000.
        """
        ...

    def delete_under(self, prefix: str) -> None:
        """Remove every object under a prefix."""
        ...

    # multipart uploads

    def begin_upload(self, key: str, content_type: str = "application/pdf") -> MultipartUpload:
        """Begin an upload. The object appears when it is completed; until then its parts cost storage."""
        ...

    def upload(self, key: str, upload_id: str) -> MultipartUpload:
        """Return an upload that was begun, perhaps by another process, without asking for its parts."""
        ...

    def uploads(self, prefix: str) -> list[MultipartUpload]:
        """Return uploads under a prefix that were begun and neither completed nor aborted, at most 1,000."""
        ...

    # the bucket itself

    def set_lifecycle(self, days: Mapping[str, int]) -> Lifecycle:
        """Let the store remove objects under each prefix after a number of days, and unfinished uploads after one.

        It backs up the keeper's own clean-up. Other rules of the bucket stay. Nothing is written if all are there.
        """
        ...

    def allow_uploads(self, origin: str) -> None:
        """Let pages of this origin, such as https://pdf.example.org, send files by signed URLs (CORS).

        Other rules of the bucket stay. Raises NotSupported where the store has no such rules.
        """
        ...


class MultipartUpload(Protocol):
    """An object that is made of parts, sent in any order and from several threads.

    Part numbers run from 1 to 10,000. Every part but the last has 5 MiB to 5 GiB. Raises UploadGone when the
    upload was aborted.
    """

    @property
    def key(self) -> str:
        """The key of the object."""
        ...

    @property
    def id(self) -> str:
        """What tells this upload from others of the same key."""
        ...

    def write(self, part: int, data: bytes | bytearray | BinaryIO) -> None:
        """Send one part."""
        ...

    def presign(self, part: int, size: int, seconds: int) -> str:
        """Return a URL to which this part, of exactly `size` bytes, can be sent (PUT), for `seconds`."""
        ...

    def parts(self) -> dict[int, int]:
        """Return the sizes of the parts that the store has, by number; `complete` then uses them.

        Raises UploadGone when there is no such upload any more.
        """
        ...

    def copy(self, part: int, key: str, start: int, stop: int, etag: str) -> None:
        """Make bytes start..stop (exclusive) of another object a part, inside the store.

        Raises NotFound, Conflict when the object no longer has this ETag, and NotSupported.
        """
        ...

    def complete(self, numbers: Collection[int] | None = None) -> None:
        """Make the object from its parts, in the order of their numbers; from some of them if `numbers` are given.

        Raises NotSupported when the store refuses them, and their sizes differ or numbers are left out.
        """
        ...

    def abort(self) -> None:
        """Drop all parts. Does nothing when the upload is completed or aborted already."""
        ...
