"""The first page of a document before it is asked for: planned from the first records, drawn, made a picture.

It happens in the process beside the web process (`process.py`), within limits of time and memory. Nothing is
stored.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from tempfile import NamedTemporaryFile
from threading import BoundedSemaphore
from typing import Annotated, Any

import msgspec
from msgspec import Meta
from msgspec.structs import replace

from ... import documents, errors
from ...documents.inputs.first import MOST, FirstRecords, Head, head_of
from ...documents.job import DocumentJob
from ...errors import InvalidRequest, PipelineError, PreviewFailed, QuotaReached, ServiceDown
from ...exports.accepting import listing_key
from ...exports.ids import new_id
from ...exports.plan import Plan
from ...pdf.assembly import Assembly, VolumePosition
from ...pdf.catalog import About
from ...pdf.fonts import check_fonts
from ...pdf.picture import picture_of_first_page
from ...pdf.tally import MissingCharacters, Skipped
from ...services import Services
from ..drawing import draw_chunk
from .pipe import Busy, ChildPipe

log = logging.getLogger(__name__)
PREVIEW_SECONDS = 12.0  # then its process is killed
PATIENCE = 6.0  # seconds until a small export in hand is made, or put off
AT_ONCE = 2  # one that is made, and one that waits
BUSY_SECONDS = 5


@dataclass(frozen=True)
class PreviewRequest:
    """What to preview: a checked request. `records` are JSON lines that came inside it."""

    document: str
    params: Mapping[str, Any]
    owner: str
    records: bytes | None


class Preview(msgspec.Struct, frozen=True):
    """The first page of a document, and what is not exact about the records that were read for it."""

    image: Annotated[bytes, Meta(description="the page as a picture: WebP in base 64")]
    width: Annotated[int, Meta(description="pixels")]
    height: Annotated[int, Meta(description="pixels")]
    text: Annotated[str, Meta(description="of the page")]
    pages: Annotated[int | None, Meta(description="of the whole document, about, unless all was read")]
    whole: Annotated[bool, Meta(description="all records were read")]
    warnings: Sequence[str]
    skipped: Annotated[Sequence[Skipped], Meta(description="records of the page that cannot be read")]


class Refused(msgspec.Struct, frozen=True):
    """Why there is no preview: an error by its class."""

    code: str
    message: str
    advice: str
    field: str | None

    def error(self) -> PipelineError:
        """Return the error, which was raised in another process."""
        kind: type[PipelineError] = getattr(errors, self.code)
        return kind(self.message, field=self.field, advice=self.advice)


class Previewed(msgspec.Struct, frozen=True):
    """The answer of the process that previews: one of the two."""

    preview: Preview | None = None
    refused: Refused | None = None

    def result(self) -> Preview:
        """Return the preview. Raises why there is none."""
        if self.preview is None:
            raise self.refused.error() if self.refused else PreviewFailed("The preview has no answer.")
        return self.preview


_previewed = msgspec.json.Decoder(Previewed).decode


class Previews:
    """Has previews made, one at a time."""

    def __init__(self, pipe: ChildPipe) -> None:
        self._pipe = pipe
        self._room = BoundedSemaphore(AT_ONCE)

    def stop(self) -> None:
        """Stop the process that makes them."""
        self._pipe.stop()

    def make(self, wanted: PreviewRequest) -> Preview:
        """Return the first page. Raises what prevents it, PreviewFailed over the limits, QuotaReached while others
        are made."""
        if not self._room.acquire(blocking=False):
            raise _busy()
        try:
            told = self._pipe.ask({"preview": wanted}, patience=PATIENCE)
        except Busy:
            raise _busy() from None
        finally:
            self._room.release()
        if told is None:
            limits = f"more than {PREVIEW_SECONDS:.0f} s, or more memory than there is for a preview"
            raise PreviewFailed(f"The first page was not made: it took {limits}, or its process ended.")
        return _previewed(told).result()


def _busy() -> QuotaReached:
    return QuotaReached("Other previews and small exports are made at this moment.", BUSY_SECONDS)


def try_preview(s: Services, wanted: PreviewRequest) -> Previewed:
    """Return the first page of a document, or why there is none."""
    try:
        return Previewed(preview(s, wanted))
    except PipelineError as error:
        kept = isinstance(error, InvalidRequest | ServiceDown)
        code = error.code if kept else PreviewFailed.__name__
        return Previewed(refused=Refused(code, error.message, error.advice, error.field))
    except Exception as error:
        log.exception("the preview of %s", wanted.document)
        words = f"Internal error ({type(error).__name__})."
        return Previewed(refused=Refused(PreviewFailed.__name__, words, "It was logged; please report it.", None))


def preview(s: Services, wanted: PreviewRequest) -> Preview:
    """Return the first page of a document."""
    document = documents.find(wanted.document)
    params = documents.decode(document, wanted.params)
    job = DocumentJob(document, params, params.listing or listing_key("preview"), s.inputs.of(wanted.owner))
    size, head, job = _begun(job, wanted.records)
    plan = job.plan(s.settings)
    check_fonts(plan.fonts)
    pages: int | None = plan.pages
    if not head.whole:
        pages = ceil(plan.pages * size / len(head.data)) if size else None
        plan = replace(plan, pages=max(plan.pages + 1, pages or 0))  # it goes on behind what was read
    return _drawn(job, plan, s.settings.max_image_pixels, pages, head)


def _begun(job: DocumentJob, records: bytes | None) -> tuple[int, Head, DocumentJob]:
    """Return how many bytes the whole listing has, 0 if that is not known; its first records; the job on them."""
    if records is not None:
        job = replace(job, inputs=FirstRecords(job.inputs, records))
    heads: list[Head] = []

    def keep(pieces: Iterable[bytes]) -> str:
        heads.append(head_of(pieces))
        return job.listing

    found = job.inputs.find(job.listing)
    begun = job.snapshot(keep)
    if found and not heads:
        inputs = job.inputs.pinned(found)
        head = head_of(inputs.blocks(job.listing, 0, MOST))
        return found.size, head, replace(begun, inputs=FirstRecords(job.inputs, head.data))
    if heads:
        return 0, heads[0], replace(begun, inputs=FirstRecords(job.inputs, heads[0].data))
    return 0, Head(b"", whole=True), begun


def _drawn(job: DocumentJob, plan: Plan, max_image_pixels: int, pages: int | None, head: Head) -> Preview:
    with NamedTemporaryFile(suffix=".pdf") as file:
        index = draw_chunk(job.planned(plan), plan, plan.chunks[0], 0, 0, max_image_pixels, file, lambda _: True)  # type: ignore[arg-type]  # a binary file
        if not index.pages:
            words = "Every record of the first page is left out."
            raise PreviewFailed(words, advice="; ".join(each.reason for each in index.skipped[:3]))
        about = About(job.params.title, time.time(), new_id(), plan.language)
        for block in Assembly(lambda: iter([index]), about, VolumePosition(1, 1, 0, plan.pages)).tail():
            file.write(block)
        file.flush()
        seen = picture_of_first_page(file.name)
    warnings = [*plan.warnings, *map(str, index.remarks), *MissingCharacters(index.missing).warnings]
    if not head.whole:
        only = f"Only the first {plan.records:,} records were read: sums and numbers of pages are not those of all."
        warnings.insert(0, only)
    return Preview(seen.data, seen.width, seen.height, seen.text, pages, head.whole, warnings, index.skipped)
