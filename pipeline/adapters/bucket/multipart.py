"""Multipart uploads: how segments become the parts of one object."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

from ...errors import UploadGone
from ...settings import MIB
from .client import translated


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


MIN_PART = 5 * MIB
MAX_PART = 5 * 1024 * MIB


@dataclass(frozen=True)
class Range:
    """Bytes start..stop of the source with this position in the list."""

    source: int
    start: int
    stop: int

    @property
    def size(self) -> int:
        return self.stop - self.start


@dataclass(frozen=True)
class Copy:
    """A part that S3 makes by itself."""

    range: Range


@dataclass(frozen=True)
class Gather:
    """A part whose ranges pass through this process."""

    ranges: tuple[Range, ...]


def parts(sizes: Iterable[int], least: int = MIN_PART, most: int = MAX_PART) -> Iterator[Copy | Gather]:
    """Cut a sequence of sources into parts, all of at least `least` bytes but for the last Gather.

    When something is waiting, the next source first fills it up to `least`; what is left of that source
    is copied if it is large enough, and waits itself if not. The last part always is a Gather, possibly
    empty, to which the caller adds what it has to write.
    """
    waiting: list[Range] = []
    held = 0
    for source, size in enumerate(sizes):
        taken = min(size, least - held) if held else 0
        if taken:
            waiting.append(Range(source, 0, taken))
            held += taken
        if held == least:
            yield Gather(tuple(waiting))
            waiting, held = [], 0
        start = taken
        while size - start >= least:
            left = size - start
            stop = size if left <= most else start + min(most, left - least)
            yield Copy(Range(source, start, stop))
            start = stop
        if start < size:
            waiting.append(Range(source, start, size))
            held += size - start
    yield Gather(tuple(waiting))
