"""Lists of exports, newest first. They are marks in the bucket, so that a list costs no more as others grow:

everyone/<descending id>           all exports
owners/<hash>/<descending id>      the exports of an owner
subjects/<hash>/<descending id>    those that one end user of an owner asked for
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice

import msgspec

from ..adapters.bucket import Bucket
from .export import Export, State
from .ids import descending

AT_ONCE = 4  # records that are read side by side; a bucket takes about 20 ms for each
EVERYONE, OWNERS, SUBJECTS = "everyone/", "owners/", "subjects/"
LOOKED_AT = 200  # records that one page reads at most, however few of them match


@dataclass(frozen=True)
class Wanted:
    """What a list shows. None stands for any; `subject` is an end user of the owner."""

    owner: str | None = None
    subject: str | None = None
    state: State | None = None
    document: str | None = None

    @property
    def prefix(self) -> str:
        """Where the marks are."""
        if self.owner is None:
            return EVERYONE
        return _owner_prefix(self.owner) if self.subject is None else _subject_prefix(self.owner, self.subject)

    def matches(self, export: Export) -> bool:
        """Return whether an export has this state, is of this document, and was asked for by this end user."""
        return (
            self.state in (None, export.state)
            and self.document in (None, export.document)
            and self.subject in (None, export.subject)
        )


@dataclass(frozen=True)
class Page:
    """A part of a list. `after` is the id after which the next page begins; None at the end.

    A page may have fewer exports than asked for, or none, and still be followed by others.
    """

    exports: tuple[Export, ...]
    after: str | None


def marks(export: Export) -> list[str]:
    """Return the keys under which an export is listed."""
    prefixes = [EVERYONE, _owner_prefix(export.owner)]
    if export.subject:
        prefixes.append(_subject_prefix(export.owner, export.subject))
    return [prefix + descending(export.id) for prefix in prefixes]


def page(
    bucket: Bucket, find: Callable[[str], Export | None], wanted: Wanted, limit: int, after: str | None = None
) -> Page:
    """Return up to `limit` exports that are wanted, from behind the id `after`. `find` reads a record."""
    begin = wanted.prefix + descending(after) if after else ""
    entries = bucket.entries(wanted.prefix, page_size=min(1000, limit + 1), after=begin)
    ids = (descending(entry.key.rsplit("/", 1)[1]) for entry in entries)
    found: list[Export] = []
    left = max(LOOKED_AT, limit)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        while batch := list(islice(ids, limit)):
            for export_id, export in zip(batch, pool.map(find, batch), strict=True):
                left -= 1
                if export and wanted.matches(export):
                    found.append(export)
                if len(found) == limit or not left:
                    more = export_id != batch[-1] or next(ids, None) is not None
                    return Page(tuple(found), export_id if more else None)
    return Page(tuple(found), None)


def _owner_prefix(owner: str) -> str:
    return f"{OWNERS}{_hash(owner.encode())}/"


def _subject_prefix(owner: str, subject: str) -> str:
    return f"{SUBJECTS}{_hash(msgspec.json.encode([owner, subject]))}/"


def _hash(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:32]
