"""Joins segments and tails into files, in the bucket and in a folder alike.

`join` reads the indexes of all segments in several passes, one at a time: what it holds does not grow with the
pages, only with the number of segments. It writes to an `Output`: `bucket.py` or `folder.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import BinaryIO, Protocol

import msgspec
from msgspec.structs import replace

from ...errors import ExportFailed
from ...exports.export import MB, File, Result
from ...exports.plan import Plan
from ...exports.strict import refuse
from ...exports.volumes import SegmentEntry, VolumePlan, index_name, volume_name
from ...pdf.assembly import Assembly, Totals, VolumePosition
from ...pdf.catalog import About
from ...pdf.segment_index import SegmentIndex
from ...pdf.tail_bound import TailBound
from ...pdf.tally import Remarks, Skipped
from ...pdf.volume_index import write_volume_index

SKIPPED_SHOWN = 1000
LINKS_SHOWN = 3


class Volume(msgspec.Struct, frozen=True):
    """A file to be made: the positions of its segments, and the tail after them.

    A document that is not cut has no `position`.
    """

    position: VolumePosition | None
    name: str
    members: range
    assembly: Assembly


class Written(msgspec.Struct, frozen=True):
    """Where a file is, its size in bytes, and whether it was written just now."""

    key: str
    bytes: int
    new: bool


class FinishedFile(msgspec.Struct, frozen=True):
    """A file that was made, with what the index and the result say about it."""

    file: File
    titles: tuple[str, ...]
    warnings: tuple[str, ...]


class LeftOut:
    """What segments tell of what is not in the file: the first 1,000 skipped inputs, and remarks."""

    def __init__(self) -> None:
        self.skipped: list[Skipped] = []
        self.remarks = Remarks()

    def add(self, index: SegmentIndex) -> None:
        """Add what a segment tells; they come in order."""
        self.skipped += index.skipped[: SKIPPED_SHOWN - len(self.skipped)]
        self.remarks.extend(index.remarks)


class Segments(Protocol):
    """The segments of a document, in order."""

    def all(self) -> Iterator[tuple[str, SegmentIndex]]:
        """Yield key and index of every segment; the first pass."""

    def some(self, members: range) -> Iterator[SegmentIndex]:
        """Yield the indexes at these positions. Raises DamagedSegment when one changed since the first pass."""


class Output(Protocol):
    """Where files are written. An incomplete file is never visible."""

    def write(self, volume: Volume, segments: Sequence[SegmentEntry]) -> Written:
        """Write a file from its tail and its members of all `segments`, or find it when it was written before."""

    def write_index(self, name: str, draw: Callable[[BinaryIO], int]) -> File:
        """Write the index of the volumes; `draw` writes it to a file and returns its pages."""

    def finish(self) -> None:
        """Make all files visible."""


def join(
    plan: Plan, segments: Segments, about: About, name: str, output: Output, may_go_on: Callable[[], bool]
) -> Result | None:
    """Join all segments into one file, or into volumes with an index of them.

    Returns None when `may_go_on` returns False between two volumes: the written ones are found the next time.
    """
    bound, left = TailBound(), LeftOut()
    about = replace(about, language=plan.language, creator=plan.creator or about.creator)
    entries = []
    for key, each in segments.all():
        left.add(each)
        entries.append(SegmentEntry(each.chunk, each.size, each.pages, bound.add(each), key, each.etag))
    check_counts(bound.totals, plan.records)
    refuse(plan.strict, bound.warnings)
    files: list[FinishedFile] = []
    worked = False
    for volume in volumes(plan.volumes, entries, bound, segments.some, about, name):
        if worked and not may_go_on():
            return None
        written = output.write(volume, entries)
        worked = worked or written.new
        files.append(finished(volume, written, plan.volumes.bytes))
    index, notes = None, list(plan.warnings)
    if len(files) > 1:
        index = output.write_index(index_name(name), partial(draw_index, about, files, bound, notes))
    made = result(bound, files, index, left, tuple(notes))
    refuse(plan.strict, made.warnings)
    output.finish()
    return made


def volumes(
    planned: VolumePlan,
    segments: Sequence[SegmentEntry],
    bound: TailBound,
    read: Callable[[range], Iterator[SegmentIndex]],
    about: About,
    name: str,
) -> Iterator[Volume]:
    """Yield every volume in order, or the document as one file. `read` returns the indexes of segments."""
    ranges = planned.fill(segments, bound.overhead if planned.bytes else 0)
    count, before = len(ranges), 0
    for number, members in enumerate(ranges, 1):
        position = VolumePosition(number, count, before, bound.totals.pages) if count > 1 else None
        assembly = Assembly(partial(read, members), about, position)
        yield Volume(position, volume_name(name, number, count) if position else name, members, assembly)
        before += assembly.totals.pages


def finished(volume: Volume, written: Written, limit: int | None) -> FinishedFile:
    """Describe a written file, with warnings: it is larger than `limit` bytes, or links lead nowhere."""
    pages = volume.assembly.totals.pages
    before = volume.position.before if volume.position else 0
    file = File(written.key, volume.name, written.bytes, before + 1, pages)
    warnings = []
    if limit and written.bytes > limit:
        warnings.append(
            f"{file.name} has {file.bytes:,} bytes, more than {limit:,}: one page takes nearly all of it."
        )
    if lost := volume.assembly.lost_links:
        named = ", ".join(lost[:LINKS_SHOWN]) + (" and others" if len(lost) > LINKS_SHOWN else "")
        warnings.append(f"Links in {file.name} lead to places that it does not have: {named}.")
    return FinishedFile(file, volume.assembly.titles, tuple(warnings))


def draw_index(
    about: About, files: Sequence[FinishedFile], bound: TailBound, notes: list[str], out: BinaryIO
) -> int:
    """Draw the index of all volumes, and note in `bound` and `notes` what it lacks. Returns its pages."""
    rows = [_index_row(number, each) for number, each in enumerate(files, 1)]
    pages, size = sum(each.file.pages for each in files), sum(each.file.bytes for each in files)
    summary = f"{len(files):,} volumes, {pages:,} pages, {size / MB:,.2f} MB"
    index = write_volume_index(out, about, summary, rows)
    bound.miss(index)
    notes += map(str, index.remarks)
    return index.pages


def check_counts(totals: Totals, records: int) -> None:
    """Raise ExportFailed unless every record was drawn or named as left out, and something was drawn."""
    if totals.records != records:
        raise ExportFailed(
            f"{records} entries were planned, but {totals.records} were drawn or named as left out.",
            advice="The document's `draw` must count each of its records once, as drawn or as skipped.",
        )
    if not totals.pages:
        raise ExportFailed(
            "Every entry was left out, so the document has no pages.",
            advice="Look at the inputs, or choose on_unreadable = placeholder to see what is wrong with each.",
        )


def result(
    bound: TailBound,
    files: Sequence[FinishedFile],
    index: File | None,
    left: LeftOut,
    plan_warnings: tuple[str, ...],
) -> Result:
    """Return the result of all files: counts over all segments, and what was left out."""
    totals = bound.totals
    nothing = (f"None of the {totals.records:,} records could be drawn.",) if not totals.drawn else ()
    own = [warning for each in files for warning in each.warnings]
    made = tuple(each.file for each in files)
    first = index or made[0]
    return Result(
        key=first.key,
        name=first.name,
        bytes=sum(file.bytes for file in (*made, *([index] if index else ()))),
        pages=totals.pages,
        records=totals.records,
        drawn=totals.drawn,
        skipped=tuple(left.skipped),
        skipped_count=totals.records - totals.drawn,
        warnings=(*nothing, *plan_warnings, *bound.warnings, *own, *map(str, left.remarks)),
        volumes=made if index else (),
        index=index,
    )


def _index_row(number: int, each: FinishedFile) -> tuple[str, ...]:
    file, (first, last) = each.file, each.titles or ("", "")
    last_page = file.first_page + file.pages - 1
    return (
        f"{number:,}", file.name, f"{file.first_page:,}-{last_page:,}", f"{file.bytes / MB:,.2f}", first, last
    )  # fmt: skip
