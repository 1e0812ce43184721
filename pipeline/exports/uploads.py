"""Files that callers hand in, straight to the bucket: begun, completed, used by exports, removed.

inputs/uploads/<owner>/<folder>/<id>-<name>    a file; <owner> is a hash, <folder> the id of its first file
handed/<id>                                    a file that no export uses yet; oldest first
used/<folder>/<export id>                      an export uses files of the folder
used/<folder>/kept                             the folder stays when its exports are removed
"""

from __future__ import annotations

import hashlib
import logging
import re
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import msgspec

from ..adapters.bucket import Bucket, MultipartUpload
from ..errors import InvalidRequest, NotFound, UploadGone
from ..settings import MIB
from .export import Export
from .ids import created, is_id, new_id
from .lists import AT_ONCE

log = logging.getLogger(__name__)
UPLOADS = "inputs/uploads/"
PART = 8 * MIB  # of an upload in parts; a caller holds one in memory
MAX_PARTS = 10_000  # of S3
MAX_NAME = 100
KEPT = "kept"


@dataclass(frozen=True)
class Upload:
    """A file that is being handed in: `size` and `part` in bytes. `size` is None if the caller does not know it.

    `person`: who hands it in, of several with one owner.
    """

    id: str
    key: str
    size: int | None
    part: int
    person: str = ""

    @property
    def folder(self) -> str:
        """The id of the first file of the folder."""
        return self.key.split("/")[3]

    @property
    def whole(self) -> bool:
        """Whether the file is sent by one PUT, not in parts."""
        return self.size is not None and self.size <= self.part


_uploads = msgspec.json.Decoder(Upload)  # made while there is one thread, see encoding.py


class Uploads:
    """The files that one owner hands in, or one person of it. `limit`: the bytes that a file may have."""

    def __init__(self, bucket: Bucket, owner: str, limit: int, person: str = "") -> None:
        self._bucket = bucket
        self._folder = folder_of(owner)
        self._limit = limit
        self._person = person

    def begin(self, name: str, size: int | None, beside: str | None) -> Upload:
        """Begin a file; `beside` is the id of an earlier one, whose folder it joins."""
        if size is not None and not 0 < size <= self._limit:
            raise wrong_size(size, self._limit)
        file_id = new_id()
        folder = self.find(beside).folder if beside else file_id
        key = f"{self._folder}{folder}/{file_id}-{_plain(name)}"
        upload = Upload(file_id, key, size, max(PART, -(-self._limit // MAX_PARTS)), self._person)
        self._bucket.put(_mark(file_id), msgspec.json.encode(upload), new=True)
        if not upload.whole:
            self._bucket.begin_upload(key, "application/octet-stream")
        return upload

    def find(self, file_id: str) -> Upload:
        """Return a file that no export uses yet. Raises NotFound, also for files of other owners and people."""
        upload = _read(self._bucket, file_id) if is_id(file_id) else None
        mine = upload and upload.key.startswith(self._folder) and self._person in ("", upload.person)
        if upload is None or not mine:
            raise _unknown(file_id)
        return upload

    def url(self, upload: Upload, seconds: int) -> str | None:
        """Return the URL for a file that is sent by one PUT."""
        whole = upload.size if upload.whole else None
        return None if whole is None else self._bucket.presign_put(upload.key, whole, seconds)

    def part_urls(self, upload: Upload, sizes: dict[int, int], seconds: int) -> dict[int, str]:
        """Return the URLs for parts of these sizes, by number. Raises InvalidRequest over the limit."""
        most = self._limit if upload.size is None else upload.size
        for number, size in sizes.items():
            if size > upload.part or (number - 1) * upload.part + size > most:
                raise InvalidRequest(
                    f"Part {number} of {size:,} bytes does not fit: parts have {upload.part:,} bytes, the last one"
                    f" fewer, and the file at most {most:,}.",
                    field="parts",
                )
        parts = self._parts_of(upload)
        return {number: parts.presign(number, size, seconds) for number, size in sizes.items()}

    def done(self, upload: Upload) -> dict[int, int] | None:
        """Return the sizes of the parts that are there; None if the file is complete."""
        if self._bucket.head(upload.key):
            return None
        return {} if upload.whole else self._parts_of(upload).parts()

    def complete(self, upload: Upload) -> None:
        """Make the file from its parts. Does nothing if it is complete, also when another request completes it at
        this moment: a caller that had no answer asks again."""
        if self._bucket.head(upload.key):
            return
        if upload.whole:
            raise _incomplete(upload, {})
        try:
            self._complete(upload)
        except (NotFound, UploadGone):
            if not self._bucket.head(upload.key):
                raise

    def _complete(self, upload: Upload) -> None:
        parts = self._parts_of(upload)
        sizes = parts.parts()
        even = all(size == upload.part for number, size in sizes.items() if number < len(sizes))
        total = sum(sizes.values())
        if not sizes or max(sizes) != len(sizes) or not even or upload.size not in (None, total):
            raise _incomplete(upload, sizes)
        if total > self._limit:
            raise wrong_size(total, self._limit)
        parts.complete()

    def remove(self, upload: Upload) -> None:
        """Remove a file that no export uses. Raises NotFound if one uses files of its folder."""
        if _is_used(self._bucket, upload.folder):
            raise _unknown(upload.id)
        _remove_file(self._bucket, upload)

    def _parts_of(self, upload: Upload) -> MultipartUpload:
        for parts in self._bucket.uploads(upload.key):
            if parts.key == upload.key:
                return parts
        advice = "Complete an input once only, and begin a new one after a day."
        raise NotFound(f"Input {upload.id} takes no parts: it is complete, or was given up.", advice=advice)


def folder_of(owner: str) -> str:
    """Return the prefix below which everything is that an owner handed in."""
    return f"{UPLOADS}{hashlib.sha256(owner.encode()).hexdigest()[:32]}/"


def is_foreign(key: str, owner: str) -> bool:
    """Return whether a key names a file that another owner handed in."""
    return key.startswith(UPLOADS) and not key.startswith(folder_of(owner))


def shown(key: str) -> str:
    """Return the name of a file that was handed in, without the folders of its key; other keys as they are."""
    return re.sub(rf"^{UPLOADS}[0-9a-f]{{32}}/[0-9a-z]{{26}}/[0-9a-z]{{26}}-", "", key)


def named_folders(owner: str, *texts: bytes) -> tuple[str, ...]:
    """Return the folders of an owner that a request names, in its parameters or in records inside it."""
    pattern = re.compile(re.escape(folder_of(owner)).encode() + rb"([0-9a-z]{26})/")
    return tuple(sorted({found.decode() for text in texts for found in pattern.findall(text)}))


def note_use(bucket: Bucket, export: Export, *, keep: bool) -> None:
    """Note that an accepted export uses what it names: it does not expire, but goes with its last export."""
    _side_by_side(lambda folder: bucket.put(f"used/{folder}/{KEPT if keep else export.id}", b""), export.uploads)
    bucket.delete(map(_mark, export.uploads))


def release(bucket: Bucket, export: Export) -> None:
    """Remove the files that an export used, unless others use them or they are kept."""

    def release_folder(folder: str) -> None:
        bucket.delete([f"used/{folder}/{export.id}"])
        if not _is_used(bucket, folder):
            bucket.delete_under(f"{folder_of(export.owner)}{folder}/")

    _side_by_side(release_folder, export.uploads)


def expired(bucket: Bucket, seconds: float) -> Iterator[str]:
    """Yield the ids of files that no export used within `seconds` after they were begun, oldest first."""
    for entry in bucket.entries("handed/"):
        file_id = entry.key.removeprefix("handed/")
        if not is_id(file_id):
            continue  # written by another program; what comes behind it still expires
        if created(file_id) > time.time() - seconds:
            return
        yield file_id


def remove_expired(bucket: Bucket, file_id: str) -> bool:
    """Remove a file that no export used in time, or only the mark of a used one. Returns whether the file is
    removed: a mark that cannot be read stays."""
    if (upload := _read(bucket, file_id)) is None:
        return False
    if _is_used(bucket, upload.folder):
        bucket.delete([_mark(file_id)])
        return False
    _remove_file(bucket, upload)
    return True


def _remove_file(bucket: Bucket, upload: Upload) -> None:
    for parts in bucket.uploads(upload.key):
        parts.abort()
    bucket.delete([upload.key, _mark(upload.id)])


def _side_by_side(do: Callable[[str], object], folders: Sequence[str]) -> None:
    """Do this for each folder. There may be thousands, each of one file, and a web thread waits."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for _ in pool.map(do, folders):
            pass


def _read(bucket: Bucket, file_id: str) -> Upload | None:
    """Return what a mark says; None if there is none, or it cannot be read."""
    stored = bucket.get(_mark(file_id))
    try:
        return _uploads.decode(stored.data) if stored else None
    except msgspec.DecodeError as error:
        log.warning("the mark of the input %s cannot be read: %s", file_id, error)
        return None


def _is_used(bucket: Bucket, folder: str) -> bool:
    return any(True for _ in bucket.entries(f"used/{folder}/", page_size=1))


def _mark(file_id: str) -> str:
    return f"handed/{file_id}"


def _plain(name: str) -> str:
    """Return a file name as a step of a key: letters, digits, dots and lines, the end of it if it is long."""
    return re.sub(r"[^\w.-]+", "_", name.rpartition("/")[2])[-MAX_NAME:] or "file"


def _unknown(file_id: str) -> NotFound:
    return NotFound(f"There is no input {file_id}, or an export uses it already.", field="id")


def _incomplete(upload: Upload, sizes: dict[int, int]) -> InvalidRequest:
    there = f"{sum(sizes.values()):,} bytes in {len(sizes)} parts" if sizes else "nothing"
    advice = (
        f"Send what is missing, in parts of {upload.part:,} bytes; GET /v1/inputs/{upload.id} lists what arrived."
    )
    return InvalidRequest(f"The input is not complete: {there} arrived.", field="parts", advice=advice)


def wrong_size(size: int, limit: int) -> InvalidRequest:
    """Return the error for a file that is empty or too large."""
    return InvalidRequest(
        f"The input has {size:,} bytes; it may have 1 to {limit:,} (MAX_INPUT_BYTES).",
        field="bytes",
        advice="Ask for it in several exports, or raise MAX_INPUT_BYTES.",
    )
