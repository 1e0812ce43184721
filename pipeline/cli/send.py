"""Send a folder of pictures, or a listing, to the bucket for an export.

Keys contain a hash of the contents, so a repeated command sends only what is missing.
"""

from __future__ import annotations

import hashlib
import os
import re
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from mimetypes import guess_type
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from ..documents.inputs import SENT
from .folder import chosen, listing

if TYPE_CHECKING:
    from ..adapters.bucket import Bucket
    from ..tasks.inline import OnProgress

INPUT_DAYS = 7  # the bucket removes sent inputs after this time
FRESH = (INPUT_DAYS - 2) * 86400.0  # seconds; older inputs are sent again, so they outlive the export
AT_ONCE = 4

T = TypeVar("T")
U = TypeVar("U")


def send_listing(bucket: Bucket, path: Path, owner: str) -> str:
    """Send a listing, unless it is in the bucket already. Returns its key."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        key = f"{_prefix(owner, digest)}{path.name}"
        there = bucket.head(key)
        if there is None or time.time() - there.modified > FRESH:
            file.seek(0)
            bucket.put(key, file, content_type=guess_type(path.name)[0] or "application/octet-stream")
    return key


class PictureUpload:
    """The upload of a folder's pictures, or of one. Its prefix depends on the contents of the pictures."""

    def __init__(self, source: Path, owner: str, show: OnProgress) -> None:
        """Read every picture once, to hash it."""
        self._folder, found = chosen(source)
        self.names, self.left_out = found.names, found.left_out
        self._show = show
        self._sizes = {name: (self._folder / name).stat().st_size for name in self.names}
        self.prefix = _prefix(owner, self._digest())

    def send(self, bucket: Bucket, captions: bool) -> str:
        """Send the missing pictures, then the listing. Returns the listing's key."""
        lines = b"".join(listing(self.names, captions, self.prefix))
        there = {e.key: e.size for e in bucket.entries(self.prefix) if time.time() - e.modified < FRESH}
        missing = [name for name in self.names if there.get(self.prefix + name) != self._sizes[name]]
        for done, _ in enumerate(in_threads(lambda name: self._put(bucket, name), missing), 1):
            self._show("sending pictures", done, len(missing))
        key = f"{self.prefix}{hashlib.sha256(lines).hexdigest()[:16]}.jsonl"
        if key not in there:
            bucket.put(key, lines, content_type="application/jsonl")
        return key

    def _put(self, bucket: Bucket, name: str) -> None:
        with (self._folder / name).open("rb") as file:
            bucket.put(self.prefix + name, file, content_type=guess_type(name)[0] or "application/octet-stream")

    def _digest(self) -> str:
        """Hash names and contents: another picture may have the same name and size."""
        whole = hashlib.sha256()
        lines = in_threads(lambda name: _line(self._folder, name), self.names)
        for done, line in enumerate(lines, 1):
            self._show("reading pictures", done, len(self.names))
            whole.update(line)
        return whole.hexdigest()


def in_threads(call: Callable[[T], U], items: Iterable[T]) -> Iterator[U]:
    """Yield `call(item)` for each item, in order; `AT_ONCE` run at a time.

    After an error or Ctrl-C, calls that have not begun are dropped.
    """
    pool = ThreadPoolExecutor(AT_ONCE)
    try:
        yield from pool.map(call, items)
    finally:
        # `with` would run all that is queued when Ctrl-C comes while the queue is being filled.
        pool.shutdown(cancel_futures=True)


def _prefix(owner: str, digest: str) -> str:
    """Return the prefix of an owner's inputs with this hash."""
    return f"{SENT}{re.sub('[^A-Za-z0-9]+', '-', owner)}-{digest[:32]}/"


def _line(folder: Path, name: str) -> bytes:
    """Return a picture's name and the hash of its contents."""
    with (folder / name).open("rb") as file:
        return os.fsencode(name) + b"\0" + hashlib.file_digest(file, "sha256").digest()
