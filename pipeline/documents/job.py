"""A document with its parameters and inputs: checked, cut into chunks, drawn a range at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from math import ceil, inf
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, BinaryIO

import msgspec

from ..errors import ChunkFailed, InvalidRequest
from ..exports.ids import new_id
from ..exports.plan import Plan, split_into_chunks
from ..exports.volumes import UNCUT, WHOLE, VolumeLimit, VolumePlan
from ..pdf.fonts import default_chain
from ..pdf.numbering import Lane
from ..pdf.segment import SegmentWriter
from ..pdf.segment_index import SegmentIndex
from ..settings import Settings
from . import Document, Range
from .inputs import Inputs, snapshot

Spool = Callable[[Iterable[bytes]], str]
"""Writes pieces down once and says where they are."""

ShouldStop = Callable[[int], bool]
"""Asked after each page, with the number of pages done: is it time to stop?"""


@dataclass(frozen=True)
class DocumentJob:
    """A document with its checked parameters and what it reads."""

    document: Document[Any]
    params: Any
    listing: str
    inputs: Inputs

    def check(self) -> None:
        """InvalidRequest for what can be seen without reading anything."""
        self.document.check(self.params, self.inputs)
        snapshot.check(self.params)

    def frozen(self, keep: Spool) -> DocumentJob:
        """The same job on a listing that can be cut: this one, or what was made of it and kept."""
        made = snapshot.snapshot(self.params, self.inputs.look(self.listing), self.inputs)
        if made is None:
            return self
        params = msgspec.structs.replace(self.params, format=made.format)
        return replace(self, params=params, listing=keep(made.pieces))

    def plan(self, settings: Settings, chunk_pages: int | None = None, volume: VolumeLimit = UNCUT) -> Plan:
        """Read the input once and cut the document; the plan names the version that was read."""
        seen = self.inputs.look(self.listing)
        inputs = self.inputs.pinned(seen) if seen else self.inputs
        survey = self.document.survey(self.params, self.listing, inputs)
        if survey.pages < 1:
            raise InvalidRequest("There is nothing in it: the document would have no pages.", field="params")
        if survey.pages > settings.max_pages:
            raise ChunkFailed(
                f"The document has {survey.pages} pages; {settings.max_pages} are allowed (MAX_PAGES).",
                advice="Ask for it in several exports.",
            )
        volumes = ceil(survey.pages / volume.pages) if volume.pages else 1
        if volumes > settings.max_chunks:
            raise ChunkFailed(
                f"The document would have {volumes} volumes; {settings.max_chunks} are allowed (MAX_CHUNKS).",
                advice="Ask for larger volumes.",
            )
        plan = split_into_chunks(survey, settings, chunk_pages, seen, volume)
        return replace(plan, fonts=default_chain().fingerprint)

    def planned(self, plan: Plan) -> DocumentJob:
        """The same job, reading what was read when it was planned, and nothing else."""
        if plan.listing is None:
            return self
        return replace(self, listing=plan.listing.key, inputs=self.inputs.pinned(plan.listing))


@contextmanager
def on_disk() -> Iterator[Spool]:
    """Keeps pieces in temporary files, as long as the context lasts."""
    with TemporaryDirectory() as folder:

        def keep(pieces: Iterable[bytes]) -> str:
            path = Path(folder) / new_id()
            with path.open("wb") as file:
                file.writelines(pieces)
            return str(path)

        yield keep


def draw_range(
    job: DocumentJob,
    part: Range,
    lane: Lane,
    first_slot: int,
    out: BinaryIO,
    between: ShouldStop,
    interruptions: tuple[type[BaseException], ...] = (),
    volumes: VolumePlan = WHOLE,
) -> SegmentIndex:
    """Draw planned pages from part.first on into a segment.

    It ends with the chunk, or earlier when it is as large as a segment may be, when `between` says so, or when
    one of `interruptions` is raised in the middle of a page: that page is taken back, and what was finished
    is kept. An interruption before any page was finished is raised again.
    """
    # By size, nobody knows yet which segments will stand first in a file.
    header = volumes.bytes is not None or (lane.chunk == lane.before and not first_slot)
    writer = SegmentWriter(out, lane, part.first, first_slot, header=header, overlay=volumes.several)
    most = volumes.segment_bytes or inf
    done, mark = 0, writer.rollback_point()
    with closing(job.document.draw(job.params, job.listing, part, job.inputs, writer)) as pages:
        try:
            for _ in pages:
                done, mark = done + 1, writer.rollback_point()
                if between(done) or writer.size >= most or part.first + done == part.stop:
                    break
        except interruptions:
            if not done:
                raise
            writer.roll_back(mark)
    return writer.finish(done)
