"""Segments as the bucket has them: which pages are drawn, and their bytes.

    exports/<id>/segments/<chunk>-<first>-<pages>.seg   bytes, behind them their index (sealing.py)

These keys are written here and nowhere else. A segment's name says which pages it holds, so one listing tells
what is done.
"""

from __future__ import annotations

import dataclasses
import hashlib
from typing import BinaryIO

from .errors import Conflict, DamagedSegment, NotFound
from .export import Chunk
from .pdf.assembly import chain
from .pdf.segment_index import SegmentIndex
from .plan import Plan
from .sealing import TAIL, Stored, opened, sealed
from .store import Store

Found = dict[int, list[tuple[int, int]]]
"""Chunk -> the (first page, pages) of its stored segments."""


class Segments:
    """Finding, writing and reading the segments of exports."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def found(self, export_id: str, chunk: int | None = None) -> Found:
        """Which segments are stored, of one chunk or of all; as their names say."""
        prefix = f"exports/{export_id}/segments/" + (f"{chunk:05d}-" if chunk is not None else "")
        found: Found = {}
        for entry in self._store.entries(prefix):
            if entry.key.endswith(".seg"):
                number, first, pages = entry.key.rsplit("/", 1)[1].removesuffix(".seg").split("-")
                found.setdefault(int(number), []).append((int(first), int(pages)))
        return found

    def write(self, export_id: str, index: SegmentIndex, file: BinaryIO) -> None:
        """Store a segment: its bytes and behind them its index, in one write, so that one fits the other."""
        file.seek(0)
        digest = hashlib.file_digest(file, "sha256")  # type: ignore[arg-type]  # BinaryIO lacks readinto
        tail = sealed(dataclasses.replace(index, sha256=digest.hexdigest()))
        digest.update(tail)
        file.seek(index.size)
        file.write(tail)
        file.seek(0)
        key = segment_key(export_id, index.chunk, index.first, index.planned)
        self._store.put(key, file, content_type="application/octet-stream", sha256=digest.hexdigest())

    def read(self, key: str) -> Stored:
        """A segment as it is stored; DamagedSegment when it is not one, after dropping it."""
        tail = self._store.tail(key, TAIL)
        try:
            if tail is None:
                raise DamagedSegment(f"The segment {key} is gone.")
            return opened(tail, lambda start, stop: b"".join(self._store.read(key, start, stop, tail.etag)))
        except (DamagedSegment, NotFound, Conflict, ValueError) as error:  # msgspec's errors are ValueErrors
            self.drop(key)
            raise DamagedSegment(f"The segment {key} is damaged: {error}") from error

    def index(self, export_id: str, chunk: int, first: int, pages: int) -> SegmentIndex:
        return self.read(segment_key(export_id, chunk, first, pages)).index

    def drop(self, key: str) -> None:
        """Forget a segment that is not what it says, so that its pages are rendered again."""
        self._store.delete([key])


def chosen(plan: Plan, found: Found) -> tuple[list[tuple[Chunk, int, int]], list[int]]:
    """The segments that make up the document, in order, as (chunk, first page, pages); and the chunks
    of which pages are missing."""
    picked: list[tuple[Chunk, int, int]] = []
    missing: list[int] = []
    for chunk in plan.chunks:
        pieces = chain(chunk.number, chunk.first_page, chunk.pages, found.get(chunk.number, ()))
        picked += [(chunk, first, pages) for first, pages in pieces]
        if sum(pages for _, pages in pieces) < chunk.pages:
            missing.append(chunk.number)
    return picked, missing


def segment_key(export_id: str, chunk: int, first: int, pages: int) -> str:
    return f"exports/{export_id}/segments/{chunk:05d}-{first:08d}-{pages:06d}.seg"
