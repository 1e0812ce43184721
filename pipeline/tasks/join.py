"""Segments and tails become files: the same on a laptop and in the bucket."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import BinaryIO

from ..errors import ExportFailed
from ..exports.export import File, Result
from ..exports.volumes import SegmentEntry, VolumePlan, volume_name
from ..pdf.assembly import About, Assembly, Totals
from ..pdf.overlay import Place
from ..pdf.segment_index import SegmentIndex
from ..pdf.tail_bound import TailBound
from ..pdf.tally import Skipped
from ..pdf.volume_index import write_contents

SKIPPED_SHOWN = 1000


def check_counts(totals: Totals, records: int) -> None:
    """ExportFailed unless every record was drawn or named as left out, and something was drawn."""
    if totals.records != records:
        raise ExportFailed(f"{records} entries were planned, but {totals.records} were drawn or named as left out.")
    if not totals.pages:
        raise ExportFailed(
            "Every entry was left out, so the document has no pages.",
            advice="Look at the inputs, or choose on_unreadable = placeholder to see what is wrong with each.",
        )


def result(
    inventory: TailBound,
    made: Sequence[FinishedFile],
    index: File | None,
    indexes: Iterable[SegmentIndex],
    noticed: tuple[str, ...] = (),
) -> Result:
    """What the files hold, counted over all segments; the first 1,000 skipped inputs by name.

    `noticed` are the warnings of the plan.
    """
    totals = inventory.totals
    skipped: list[Skipped] = []
    warnings: dict[str, None] = {}
    for each in indexes:
        skipped += each.skipped[: SKIPPED_SHOWN - len(skipped)]
        warnings.update(dict.fromkeys(each.warnings[: SKIPPED_SHOWN - len(warnings)]))
    own = [warning for each in made for warning in each.warnings]
    files = tuple(each.file for each in made)
    first = index or files[0]
    return Result(
        key=first.key,
        name=first.name,
        bytes=sum(file.bytes for file in (*files, *([index] if index else ()))),
        pages=totals.pages,
        records=totals.records,
        drawn=totals.drawn,
        skipped=tuple(skipped),
        skipped_count=totals.records - totals.drawn,
        warnings=(*noticed, *inventory.warnings, *own, *warnings),
        volumes=files if index else (),
        index=index,
    )


MB = 1_000_000


@dataclass(frozen=True)
class Volume:
    """A file that is to be made: its segments by their positions, and the tail behind them.

    A document that is not cut has no `place`.
    """

    place: Place | None
    name: str
    members: range
    assembly: Assembly


@dataclass(frozen=True)
class FinishedFile:
    """A file that was made: what the index and the result say of it."""

    file: File
    titles: tuple[str, ...]
    warnings: tuple[str, ...]


def volumes(
    planned: VolumePlan,
    segments: Sequence[SegmentEntry],
    inventory: TailBound,
    read: Callable[[range], Iterator[SegmentIndex]],
    about: About,
    name: str,
) -> Iterator[Volume]:
    """Every volume in order, or the whole document as one file; `read` gives the indexes of segments."""
    ranges = planned.fill(segments, inventory.overhead if planned.bytes else 0)
    count, before = len(ranges), 0
    for number, members in enumerate(ranges, 1):
        place = Place(number, count, before, inventory.totals.pages) if count > 1 else None
        assembly = Assembly(partial(read, members), about, place)
        yield Volume(place, volume_name(name, number, count) if place else name, members, assembly)
        before += assembly.totals.pages


def made(volume: Volume, key: str, size: int, most: int | None) -> FinishedFile:
    """A file that is there; with a warning when it is larger than `most` bytes."""
    pages = volume.assembly.totals.pages
    before = volume.place.before if volume.place else 0
    file = File(key, volume.name, size, before + 1, pages)
    warnings = []
    if most and size > most:
        warnings.append(f"{file.name} has {size:,} bytes, more than {most:,}: one page takes nearly all of it.")
    return FinishedFile(file, volume.assembly.titles, tuple(warnings))


def write_index(out: BinaryIO, about: About, shelf: Sequence[FinishedFile]) -> int:
    """The index of all volumes; its pages."""
    rows = [_row(number, each) for number, each in enumerate(shelf, 1)]
    pages, size = sum(each.file.pages for each in shelf), sum(each.file.bytes for each in shelf)
    summary = f"{len(shelf):,} volumes, {pages:,} pages, {size / MB:,.2f} MB"
    return write_contents(out, about, summary, rows)


def _row(number: int, each: FinishedFile) -> tuple[str, ...]:
    file, (first, last) = each.file, each.titles or ("", "")
    last_page = file.first_page + file.pages - 1
    return (
        f"{number:,}", file.name, f"{file.first_page:,}-{last_page:,}", f"{file.bytes / MB:,.2f}", first, last
    )  # fmt: skip
