"""A folder of pictures as records, in the order in which a person would count them. Imports no service."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import Any

import msgspec

from ..documents import Document, record_fields
from ..documents.inputs import PICTURES
from ..documents.params import MAX_REMARK
from ..errors import InvalidRequest
from ..pdf.tally import Remarks

# Written by systems, not by people: Windows, and the indexes of Synology and of ZIP files from a Mac
_SYSTEM_FILES = {"thumbs.db", "ehthumbs.db", "desktop.ini"}
_SYSTEM_FOLDERS = {"@eadir", "__macosx", "$recycle.bin", "system volume information"}

_DIGITS = re.compile("([0-9]+)")

LINKED_FOLDER = "A folder behind a link is left out"
OUTSIDE = "A picture behind a link to outside the folder is left out"
NO_FILE = "What is no file (a pipe, or a link that leads nowhere) is left out"
OTHER = "A file whose name does not end like that of a picture is left out"


class Pictures(msgspec.Struct, frozen=True):
    """The pictures below a folder, as paths relative to it in natural order, and what was left out, in words."""

    names: list[str]
    left_out: tuple[str, ...]


def pictures(folder: Path) -> Pictures:
    """Return the pictures below a folder. What is hidden, or written by a system, is left out and not named.

    Raises InvalidRequest if there is no folder, or no picture in it.
    """
    if not folder.is_dir():
        raise InvalidRequest(f"There is no folder {folder}.", field="source", advice="Check the path.")
    found = sorted(_entries(folder), key=lambda entry: natural(entry[0]))
    remarks = Remarks()
    for name, words in found:
        if words:
            remarks.add(words, os.fsencode(name).decode("utf-8", "replace"))
    names = [name for name, words in found if not words]
    if not names:
        known = " ".join(sorted(PICTURES))
        raise InvalidRequest(
            f"There are no pictures in {folder.absolute()}.", field="source", advice=f"Pictures end in {known}."
        )
    return Pictures(names, tuple(str(each)[:MAX_REMARK] for each in remarks))


def is_picture(path: Path) -> bool:
    """Return whether this is the file of a picture, by its name."""
    return path.is_file() and path.name.lower().endswith(PICTURES)


def chosen(source: Path) -> tuple[Path, Pictures]:
    """Return a folder, and the pictures there that `source` names: one of them, or a folder for all."""
    return (source.parent, Pictures([source.name], ())) if is_picture(source) else (source, pictures(source))


def check_source(document: Document[Any], source: Path) -> None:
    """Raise InvalidRequest for pictures where a document takes records without a source."""
    if (source.is_dir() or is_picture(source)) and "source" not in record_fields(document):
        what = "a folder" if source.is_dir() else "a picture"
        advice = "Name a file of records: JSON lines, or for a table also CSV or Parquet."
        raise InvalidRequest(
            f"{source} is {what}; {document.name} takes no pictures.", field="source", advice=advice
        )


def natural(name: str) -> tuple[list[list[Any]], str]:
    """Return a sort key that puts 2.jpg before 10.jpg, folder by folder."""
    parts = [_DIGITS.split(part.casefold()) for part in name.split("/")]
    return [[int(text) if i % 2 else text for i, text in enumerate(part)] for part in parts], name


def listing(names: Iterable[str], captions: bool, below: str = "") -> Iterator[bytes]:
    """Yield one JSON line for each picture: its path, and as caption its file name without the suffix."""
    for name in names:
        record = {"source": below + name} | ({"caption": PurePosixPath(name).stem} if captions else {})
        try:
            yield msgspec.json.encode(record) + b"\n"
        except UnicodeEncodeError:
            raise InvalidRequest(
                f"The file name {name!r} is not UTF-8.", field="source", advice="Rename the file."
            ) from None


@contextmanager
def listed(source: Path | None, captions: bool) -> Iterator[tuple[Path, Path, tuple[str, ...]]]:
    """Yield a listing file, the folder that its paths are relative to, and what the listing leaves out, in words.

    A file is its own listing; a folder or a picture gets a temporary one; without a source the listing is empty.
    """
    if source and source.is_file() and not is_picture(source):
        yield source, source.parent, ()
        return
    if source and not source.exists():
        raise InvalidRequest(f"{source} is neither a folder nor a file.", field="source", advice="Check the path.")
    above, found = chosen(source) if source else (None, Pictures([], ()))
    with TemporaryDirectory() as folder:
        path = Path(folder) / f"{source.resolve().name if source else 'nothing'}.jsonl"
        with path.open("wb") as file:
            file.writelines(listing(found.names, captions))
        yield path, above or Path(folder), found.left_out


def _entries(folder: Path) -> Iterator[tuple[str, str]]:
    """Yield the name of each entry that people put there, and why it is left out; empty for a picture.

    A folder that cannot be read raises: it must not look like an empty one.
    """
    real, waiting = os.path.realpath(folder), [("", os.fspath(folder))]
    while waiting:
        above, path = waiting.pop()
        with os.scandir(path) as entries:
            for entry in entries:
                name, lower = above + entry.name, entry.name.lower()
                if lower.startswith("."):
                    continue
                if not (Path(entry).is_dir() if entry.is_symlink() else entry.is_dir()):
                    if lower not in _SYSTEM_FILES:
                        yield name, _why_left_out(entry, real)
                elif lower not in _SYSTEM_FOLDERS:
                    if entry.is_symlink():
                        yield name, LINKED_FOLDER
                    else:
                        waiting.append((f"{name}/", entry.path))


def _why_left_out(entry: os.DirEntry[str], real: str) -> str:
    if not entry.name.lower().endswith(PICTURES):
        return OTHER
    if not entry.is_symlink():
        return "" if entry.is_file() else NO_FILE
    if not Path(entry).is_file():
        return NO_FILE
    return "" if Path(os.path.realpath(entry.path)).is_relative_to(real) else OUTSIDE
