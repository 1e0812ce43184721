"""Traces: what happens in a simulation. Five fixed ones, and those recorded in a file.

A file has one event per line, with times in seconds from its beginning:

    {"event": "export", "at": 0.0, "chunks": [6.1, 5.9], "planning": 2.0, "assembly": 4.0}
    {"event": "crash", "at": 40.0, "dyno": 2}

`chunks` are the seconds that each chunk took; `planning`, `assembly` and `deadline` are optional.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Annotated

import msgspec

from ...errors import InvalidRequest
from ...exports.export import Export

_Seconds = Annotated[float, msgspec.Meta(ge=0)]
_WorkSeconds = Annotated[float, msgspec.Meta(ge=0, le=30 * 86400)]
_TraceSeconds = Annotated[float, msgspec.Meta(ge=0, le=366 * 86400)]  # not epoch seconds: every second is simulated


class Request(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="event", tag="export"):
    """A request for an export, and the work it takes."""

    at: _TraceSeconds
    chunks: tuple[_WorkSeconds, ...]
    planning: _WorkSeconds = 0.0
    assembly: _WorkSeconds = 0.0
    deadline: _Seconds | None = None  # after `at`


class Crash(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="event", tag="crash"):
    """The dyno with this number dies with its work; the platform starts it again."""

    at: _TraceSeconds
    dyno: Annotated[int, msgspec.Meta(ge=1)]


@dataclass(frozen=True)
class Trace:
    """Events under a name."""

    name: str
    requests: Sequence[Request]
    crashes: Sequence[Crash] = ()


def fixed_traces() -> list[Trace]:
    """Return the five traces of the figures in docs/scaling.md."""
    random = Random(7)  # noqa: S311  # a repeatable simulation, no secret
    bursts = [request(random, at + n * 2, 20) for at in (0, 400, 900) for n in range(3)]
    overlaps = [request(random, 25 * n + random.uniform(0, 20), random.randint(10, 60)) for n in range(12)]
    # Most chunks are short and a few are very long, at random places.
    tail = [random.lognormvariate(1.2, 1.0) for _ in range(150)]
    return [
        Trace("single", [request(random, 0, 40)]),
        Trace("bursts", bursts),
        Trace("overlaps", overlaps),
        Trace("long tail", [Request(0, tuple(tail), planning=2, assembly=5)]),
        Trace("crash", [request(random, 0, 120)], [Crash(40, 1)]),
    ]


def request(random: Random, at: float, chunks: int) -> Request:
    """Return a request with chunks of about six seconds."""
    return Request(at, tuple(6 * random.lognormvariate(0, 0.15) for _ in range(chunks)), planning=2, assembly=4)


def load_trace(path: Path) -> Trace:
    """Read a trace from a file of JSON lines; InvalidRequest names the line that is wrong."""
    decoder = msgspec.json.Decoder(Request | Crash)
    events: list[Request | Crash] = []
    for number, line in enumerate(path.read_bytes().splitlines(), 1):
        if line.strip():
            try:
                events.append(decoder.decode(line))
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                raise InvalidRequest(f"{path}, line {number}: {error}.", field="trace") from error
    requests = sorted((event for event in events if isinstance(event, Request)), key=lambda event: event.at)
    if not requests:
        raise InvalidRequest(f"{path} has no export.", field="trace", advice="Add one: a line of JSON for each.")
    return Trace(path.stem, requests, [event for event in events if isinstance(event, Crash)])


def from_export(export: Export, begin: float) -> Request | None:
    """Return what an export took, in a trace that begins at `begin`; None if it was not made or not timed.

    The seconds of single chunks are not kept, so each gets their mean.
    """
    made, times = export.result, (export.started_at, export.planned_at, export.rendered_at, export.finished_at)
    if made is None or not made.seconds or not export.chunks or None in times:
        return None
    started, planned, rendered, finished = (moment or 0.0 for moment in times)
    return Request(
        round(max(0.0, export.created_at - begin), 3),  # ids are nearly in order of time
        (round(made.seconds / export.chunks, 3),) * export.chunks,
        round(max(0.0, planned - started), 3),
        round(max(0.0, finished - rendered), 3),
        export.ready_by and max(0.0, round(export.ready_by - export.created_at, 3)),
    )
