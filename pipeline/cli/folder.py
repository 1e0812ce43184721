"""A folder of pictures as records: listed for a local rendering, or sent to the bucket for an export."""

from __future__ import annotations

import hashlib
import os
import re
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from mimetypes import guess_type
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import msgspec

from ..documents.inputs import SENT
from ..errors import InvalidRequest

if TYPE_CHECKING:
    from ..adapters.bucket.bucket import S3Bucket
    from ..tasks.inline import OnProgress

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".gif", ".tif", ".tiff", ".bmp")
INPUT_DAYS = 7  # the bucket removes what was sent after so many
FRESH = (INPUT_DAYS - 2) * 86400.0  # what was sent longer ago is sent again, before it goes under an export
AT_ONCE = 4

T = TypeVar("T")


def pictures(folder: Path) -> list[str]:
    """Pictures below a folder, as paths relative to it, in the order a person would count them.

    Hidden files and folders are left out. InvalidRequest when there is no folder, or no picture in it.
    """
    if not folder.is_dir():
        raise InvalidRequest(f"There is no folder {folder}.", field="source", advice="Check the path.")
    names = sorted(_files(folder), key=natural)
    if not names:
        known = " ".join(sorted(SUFFIXES))
        raise InvalidRequest(
            f"There are no pictures in {folder}.", field="source", advice=f"Pictures end in {known}."
        )
    return names


def natural(name: str) -> tuple[list[list[Any]], str]:
    """A sort key by which 2.jpg comes before 10.jpg, folder by folder."""
    parts = [re.split(r"([0-9]+)", part.casefold()) for part in name.split("/")]
    return [[int(text) if i % 2 else text for i, text in enumerate(part)] for part in parts], name


def listing(names: Iterable[str], captions: bool, below: str = "") -> Iterator[bytes]:
    """One record a line: where the picture is, and its file name without the suffix as caption."""
    for name in names:
        record = {"source": below + name} | ({"caption": PurePosixPath(name).stem} if captions else {})
        try:
            yield msgspec.json.encode(record) + b"\n"
        except UnicodeEncodeError:
            raise InvalidRequest(
                f"The file name {name!r} is not UTF-8.", field="source", advice="Rename the file."
            ) from None


@contextmanager
def listed(source: Path | None, captions: bool) -> Iterator[tuple[Path, Path]]:
    """A listing file and the folder that its sources are below: of a folder, a listing as it is, or an
    empty one when there is no source."""
    if source and source.is_file():
        yield source, source.parent
        return
    if source and not source.exists():
        raise InvalidRequest(f"{source} is neither a folder nor a file.", field="source", advice="Check the path.")
    names = pictures(source) if source else []
    with TemporaryDirectory() as folder:
        path = Path(folder) / f"{source.resolve().name if source else 'nothing'}.jsonl"
        with path.open("wb") as file:
            file.writelines(listing(names, captions))
        yield path, source or Path(folder)


def send_listing(store: S3Bucket, path: Path, owner: str) -> str:
    """Send a listing, unless it is there; its key, which follows from what it holds."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        key = f"{_place(owner, digest)}{path.name}"
        there = store.head(key)
        if there is None or time.time() - there.modified > FRESH:
            file.seek(0)
            store.put(key, file, content_type=guess_type(path.name)[0] or "application/octet-stream")
    return key


def _place(owner: str, digest: str) -> str:
    """Where somebody's inputs with this hash stand in the bucket."""
    return f"{SENT}{re.sub('[^A-Za-z0-9]+', '-', owner)}-{digest[:32]}/"


class Upload:
    """A folder's way into the bucket. Its place follows from what the pictures hold, so that sending it
    again sends only what is missing."""

    def __init__(self, folder: Path, owner: str, show: OnProgress) -> None:
        """Reads every picture once."""
        self._folder = folder
        self._show = show
        self.names = pictures(folder)
        self._sizes = {name: (folder / name).stat().st_size for name in self.names}
        self.prefix = _place(owner, self._digest())

    def send(self, store: S3Bucket, captions: bool) -> str:
        """Send what is not there yet, and the listing beside it; the listing's key."""
        lines = b"".join(listing(self.names, captions, self.prefix))
        there = {e.key: e.size for e in store.entries(self.prefix) if time.time() - e.modified < FRESH}
        missing = [name for name in self.names if there.get(self.prefix + name) != self._sizes[name]]
        for _ in self._each("sending pictures", missing, lambda name: self._put(store, name)):
            pass
        key = f"{self.prefix}{hashlib.sha256(lines).hexdigest()[:16]}.jsonl"
        if key not in there:
            store.put(key, lines, content_type="application/jsonl")
        return key

    def _put(self, store: S3Bucket, name: str) -> None:
        with (self._folder / name).open("rb") as file:
            store.put(self.prefix + name, file, content_type=guess_type(name)[0] or "application/octet-stream")

    def _digest(self) -> str:
        """Of names and contents: a name and a size alone may be another picture's too."""
        whole = hashlib.sha256()
        for line in self._each("reading pictures", self.names, lambda name: _line(self._folder, name)):
            whole.update(line)
        return whole.hexdigest()

    def _each(self, what: str, names: list[str], do: Callable[[str], T]) -> Iterator[T]:
        """Do it for every name, several at once; what has not begun is dropped when one fails."""
        with ThreadPoolExecutor(AT_ONCE) as pool:
            for done, value in enumerate(pool.map(do, names), 1):
                self._show(what, done, len(names))
                yield value


def _files(folder: Path) -> Iterator[str]:
    for path, folders, files in os.walk(folder, onerror=_fail):
        folders[:] = [name for name in folders if not name.startswith(".")]
        below = Path(path).relative_to(folder).as_posix()
        above = "" if below == "." else f"{below}/"
        for name in files:
            if not name.startswith(".") and name.lower().endswith(SUFFIXES):
                yield above + name


def _fail(error: OSError) -> NoReturn:
    """A folder that cannot be read must not look like an empty one."""
    raise error


def _line(folder: Path, name: str) -> bytes:
    """A picture's name and the hash of what it holds."""
    with (folder / name).open("rb") as file:
        return os.fsencode(name) + b"\0" + hashlib.file_digest(file, "sha256").digest()
