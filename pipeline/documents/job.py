"""A document with its parameters and inputs: check it, take a snapshot, plan it, draw a range of it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, closing, contextmanager
from math import ceil, inf
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, BinaryIO

import msgspec
from msgspec.structs import replace

from ..errors import ChunkFailed, InvalidRequest
from ..exports.ids import new_id
from ..exports.plan import Listing, Plan, Survey, split_into_chunks
from ..exports.strict import refuse
from ..exports.volumes import UNCUT, WHOLE, VolumeLimit, VolumePlan
from ..pdf.fonts import default_chain
from ..pdf.numbering import Lane
from ..pdf.segment import SegmentWriter
from ..pdf.segment_index import SegmentIndex
from ..settings import Settings
from . import Document, Expands, InputRange, Measured, Measures, Pages, Range
from .failure import Interruptions, document_errors, drawn_pages
from .inputs import Inputs, snapshot, split
from .inputs.snapshot import Snapshot

if TYPE_CHECKING:
    from ..exports.frozen import Shares
    from .inputs.key_ranges import RangedQuery

Spool = Callable[[Iterable[bytes]], str]
"""Writes pieces to a new listing and returns its key or path."""

ShouldStop = Callable[[int], bool]
"""Asked after each page, with the number of pages drawn so far: stop here?"""


class DocumentJob(msgspec.Struct, frozen=True):
    """A document, its checked parameters, and what it reads."""

    document: Document[Any]
    params: Any
    listing: str
    inputs: Inputs

    def check(self) -> None:
        """Raise InvalidRequest for errors that show without reading any input."""
        with document_errors(self.document.name, "while it was checked"):
            self.document.check(self.params, self.inputs)
        snapshot.check(self.params)

    def snapshot(self, spool: Spool) -> DocumentJob:
        """Return the job on lines of text, which can be cut by byte ranges.

        A query, a Parquet file, UTF-16 text, or records that the document expands are written to `spool` first.
        Any other listing is used as it is.
        """
        from ..exports.frozen import is_pieces

        found = self.inputs.find(self.listing)
        taken = None if is_pieces(self.listing) else snapshot.take(self.params, found, self.inputs)
        if isinstance(self.document, Expands):
            taken = self._expanded(self.document, taken, found) or taken
        if taken is None:
            return self
        params = msgspec.structs.replace(self.params, format=taken.format)
        return replace(self, params=params, listing=spool(taken.pieces))

    def divide(self) -> Shares | None:
        """Return the shares in which the listing becomes lines; None if that is done at once, or it is lines."""
        return snapshot.divide(self.params, self.inputs.find(self.listing), self.inputs) if self.listing else None

    @property
    def has_key(self) -> bool:
        """True for a query that several processes can read, each some ranges of its key."""
        return snapshot.has_key(self.params)

    def hold(self) -> AbstractContextManager[RangedQuery | None]:
        """Open such a query, and holds the snapshot that all ranges are read from."""
        return snapshot.hold(self.params)

    def share_lines(self, shares: Shares, number: int, start: int) -> Iterator[list[bytes]]:
        """Yield the lines of a share from a row on, a batch at a time. An empty batch is progress, too."""
        return snapshot.share_lines(self.params, shares, number, start, self.inputs)

    def frozen(self, listing: Listing) -> DocumentJob:
        """Return the job on the lines of all shares."""
        return replace(self, params=msgspec.structs.replace(self.params, format="jsonl"), listing=listing.key)

    def _expanded(self, document: Expands, taken: Snapshot | None, found: Listing | None) -> Snapshot | None:
        """Return the snapshot, or the listing, with the records that the document adds to it."""
        if taken:
            blocks: Iterable[bytes] = taken.pieces
        elif found:
            blocks = self.inputs.pinned(found).blocks(found.key)
        else:
            return None
        pieces = document.expand(self.params, (line for _, line in split(blocks)), self.inputs)
        return Snapshot(pieces, "jsonl") if pieces is not None else None

    def plan(
        self, settings: Settings, chunk_pages: int | None = None, volume: VolumeLimit = UNCUT,
        interruptions: Interruptions = (),
    ) -> Plan:  # fmt: skip
        """Read the input once and split the document into chunks. The plan names the version that was read."""
        listing = self.inputs.find(self.listing)
        job = self.on(listing) if listing else self
        with job._counting(interruptions):
            survey = self.document.survey(self.params, self.listing, job.inputs)
        return job.cut(survey, listing, settings, chunk_pages, volume)

    def sample(self, interruptions: Interruptions = ()) -> Mapping[str, Any]:
        """Return what the beginning of the listing tells, for `measure` and `pages`."""
        with self._counting(interruptions):
            return self._measures.sample(self.params, self.listing, self.inputs)

    def measure(
        self, facts: Mapping[str, Any], part: InputRange, interruptions: Interruptions = ()
    ) -> Iterator[Measured]:
        """Yield what is known of a range of the listing, piece by piece."""
        with self._counting(interruptions):
            yield from self._measures.measure(self.params, self.listing, facts, part, self.inputs)

    def pages(self, facts: Mapping[str, Any], saved: bytes | None, interruptions: Interruptions = ()) -> Pages:
        """Return what finds the pages from what was measured."""
        with self._counting(interruptions):
            return self._measures.pages(self.params, self.listing, facts, saved)

    def surveyed(self, pages: Pages, interruptions: Interruptions = ()) -> Survey:
        """Return what the pages tell, when everything was added to them."""
        with self._counting(interruptions):
            return pages.survey()

    def _counting(self, interruptions: Interruptions) -> AbstractContextManager[None]:
        return document_errors(self.document.name, "while its pages were counted", interruptions)

    @property
    def _measures(self) -> Measures:
        if not isinstance(self.document, Measures):
            raise AssertionError(f"{self.document.name} is not counted by ranges")
        return self.document

    def cut(
        self, survey: Survey, listing: Listing | None, settings: Settings, chunk_pages: int | None,
        volume: VolumeLimit,
    ) -> Plan:  # fmt: skip
        """Split a surveyed document into chunks."""
        survey = replace(survey, warnings=(*self.params.left_out, *survey.warnings))
        if survey.pages < 1:
            raise InvalidRequest("The input has no records, so the document would be empty.", field="params")
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
        plan = split_into_chunks(survey, settings, chunk_pages, listing, volume)
        refuse(self.params.strict, survey.warnings)
        told = language(self.params)
        return replace(
            plan, fonts=default_chain().fingerprint, strict=self.params.strict, language=told,
            creator=settings.house_name,
        )  # fmt: skip

    def planned(self, plan: Plan) -> DocumentJob:
        """Return the job on the version of the listing that was planned; any other raises InputChanged."""
        return self.on(plan.listing) if plan.listing else self

    def on(self, listing: Listing) -> DocumentJob:
        """Return the job on this version of a listing."""
        return replace(self, listing=listing.key, inputs=self.inputs.pinned(listing))


def language(params: Any) -> str:
    """Return the language of a document as a tag (RFC 5646), from its parameter `locale` if it has one. Without,
    English, as the words that this package writes.

    >>> language(TableParams(locale="de_DE"))
    'de-DE'
    """
    locale = str(getattr(params, "locale", "") or "en")
    return re.split("[.@]", locale)[0].replace("_", "-")


@contextmanager
def spool_to_disk() -> Iterator[Spool]:
    """Yield a spool that writes temporary files; they are removed when the context ends."""
    with TemporaryDirectory() as folder:

        def spool(pieces: Iterable[bytes]) -> str:
            path = Path(folder) / new_id()
            with path.open("wb") as file:
                file.writelines(pieces)
            return str(path)

        yield spool


def draw_range(
    job: DocumentJob,
    part: Range,
    lane: Lane,
    first_slot: int,
    out: BinaryIO,
    should_stop: ShouldStop,
    interruptions: Interruptions = (),
    volumes: VolumePlan = WHOLE,
) -> SegmentIndex:
    """Draw planned pages from part.first on into a segment, and return its index.

    The segment ends with the chunk, or earlier: when it has the size that a segment may have, when
    `should_stop` says so, or when one of `interruptions` is raised within a page. Then that page is rolled
    back and the pages before it are kept. An interruption within the first page is raised again.
    """
    # With volumes by size, it is not known yet which segments begin a file: all of them get a header.
    header = volumes.bytes is not None or (lane.chunk == lane.before and not first_slot)
    writer = SegmentWriter(
        out, lane, part.first, first_slot, header=header, overlay=volumes.several, language=language(job.params)
    )
    max_size = volumes.segment_bytes or inf
    done, mark = 0, writer.rollback_point()
    with closing(job.document.draw(job.params, job.listing, part, job.inputs, writer)) as pages:
        try:
            writer.tally.place = f"page {part.first + 1}"
            for _ in drawn_pages(pages, job.document.name, part.first, interruptions):
                done, mark = done + 1, writer.rollback_point()
                if should_stop(done) or writer.size >= max_size or part.first + done == part.stop:
                    break
                writer.tally.place = f"page {part.first + done + 1}"
        except interruptions:
            if not done:
                raise
            writer.roll_back(mark)
    return writer.finish(done)
