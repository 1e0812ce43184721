"""How an export was made: a map of its chunks, and which process drew when.

exports/<id>/work.json    the fields of its progress, as Redis had them when it was over
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from math import ceil

import msgspec

from ..adapters.bucket import Bucket
from ..adapters.redis.progress import Piece, pages_drawn, pieces
from .export import Export, State
from .plan import Chunk, Plan

MAX_CELLS = 400  # of a map: neighbours share one above it, so that it costs no more for a million pages
MAX_SPANS = 200  # of one process: neighbours with less between them than can be seen are one
MAX_PROCESSES = 40

_fields = msgspec.json.Decoder(dict[str, str])


@dataclass(frozen=True)
class Cell:
    """Neighbouring chunks: pages from `first_page`, counted from 1, and what was drawn of them.

    `seconds` is how long drawing took, `tries` the most attempts at one piece, `process` what draws one now.
    """

    first_page: int
    pages: int
    chunks: int
    done: int
    seconds: float
    tries: int
    process: str


@dataclass(frozen=True)
class Process:
    """When a process drew: pairs of seconds since 1970."""

    name: str
    spans: Sequence[tuple[float, float]]


def keep(bucket: Bucket, export: Export, fields: Mapping[str, str]) -> None:
    """Store the progress of an export that is over. What was stored before a retry stays."""
    if fields:
        before = stored(bucket, export) if export.retried_at else {}
        bucket.put(_key(export), msgspec.json.encode(merged(before, fields)))


def merged(before: Mapping[str, str], fields: Mapping[str, str]) -> dict[str, str]:
    """Return the progress with what was stored before a retry, whose events were counted anew."""
    return {**{f"{name}r" if name.startswith("h") else name: value for name, value in before.items()}, **fields}


def stored(bucket: Bucket, export: Export) -> dict[str, str]:
    """Return the progress as it was stored; empty if there is none, or another version wrote it: it is only shown,
    and must not keep an export from being closed."""
    found = bucket.get(_key(export))
    try:
        return _fields.decode(found.data) if found else {}
    except msgspec.DecodeError:
        return {}


def unfinished(plan: Plan, fields: Mapping[str, str], most: int) -> list[int]:
    """Return the numbers of the first chunks with pages left, at most `most`: those that may be at work now."""
    drawn = pages_drawn(fields)
    left = (chunk.number for chunk in plan.chunks if drawn.get(chunk.number, 0) < chunk.pages)
    return [number for number, _ in zip(left, range(most), strict=False)]


def cells(export: Export, plan: Plan, fields: Mapping[str, str], at_work: Mapping[int, str]) -> list[Cell]:
    """Return the map of an export; `at_work` names the process for each chunk that is drawn now."""
    drawn, by_chunk = pages_drawn(fields), _by_chunk(pieces(fields))
    all_drawn = export.state in (State.ASSEMBLING, State.READY, State.EXPIRED)
    size = max(1, ceil(len(plan.chunks) / MAX_CELLS))
    return [
        _cell(plan.chunks[at : at + size], {} if all_drawn else drawn, all_drawn, by_chunk, at_work)
        for at in range(0, len(plan.chunks), size)
    ]


def processes(fields: Mapping[str, str]) -> list[Process]:
    """Return the processes that drew, in the order in which they began."""
    done = pieces(fields)
    if not done:
        return []
    visible = (done[-1].ended - min(piece.ended - piece.seconds for piece in done)) / MAX_SPANS
    by_name: dict[str, list[Piece]] = {}
    for piece in done:
        by_name.setdefault(piece.process, []).append(piece)
    found = [Process(name, list(_spans(drawn, visible))) for name, drawn in by_name.items()]
    return sorted(found, key=lambda each: each.spans[0])[:MAX_PROCESSES]


def _cell(
    chunks: Sequence[Chunk], drawn: Mapping[int, int], all_drawn: bool, by_chunk: Mapping[int, list[Piece]],
    at_work: Mapping[int, str],
) -> Cell:  # fmt: skip
    numbers, pages = [chunk.number for chunk in chunks], sum(chunk.pages for chunk in chunks)
    done = [piece for number in numbers for piece in by_chunk.get(number, ())]
    return Cell(
        chunks[0].first_page + 1,
        pages,
        len(chunks),
        pages if all_drawn else sum(min(chunk.pages, drawn.get(chunk.number, 0)) for chunk in chunks),
        round(sum(piece.seconds for piece in done), 3),
        max((piece.tries for piece in done), default=0),
        next((at_work[number] for number in numbers if number in at_work), ""),
    )


def _by_chunk(done: Sequence[Piece]) -> dict[int, list[Piece]]:
    ordered = sorted(done, key=lambda piece: piece.chunk)
    return {chunk: list(some) for chunk, some in groupby(ordered, key=lambda piece: piece.chunk)}


def _spans(done: Sequence[Piece], visible: float) -> Iterator[tuple[float, float]]:
    """Yield when a process drew, without gaps that are too short to see."""
    times = sorted((piece.ended - piece.seconds, piece.ended) for piece in done)
    start, stop = times[0]
    for begin, end in times[1:]:
        if begin - stop > visible:
            yield round(start, 1), round(stop, 1)
            start = begin
        stop = max(stop, end)
    yield round(start, 1), round(stop, 1)


def _key(export: Export) -> str:
    return f"exports/{export.id}/work.json"
