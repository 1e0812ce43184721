"""What happens in a simulation: the fixed traces, random ones, and those that were recorded in a file.

A file has one event a line, times in seconds from its beginning:

    {"event": "export", "at": 0.0, "chunks": [6.1, 5.9], "planning": 2.0, "assembly": 4.0}
    {"event": "crash", "at": 40.0, "dyno": 2}

`chunks` are the seconds that each took; `planning`, `assembly` and `deadline` may be missing.
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

Seconds = Annotated[float, msgspec.Meta(ge=0)]
Work = Annotated[float, msgspec.Meta(ge=0, le=30 * 86400)]
Moment = Annotated[float, msgspec.Meta(ge=0, le=366 * 86400)]  # not since 1970: each second is gone through


class Request(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="event", tag="export"):
    """An export that is asked for, and what it takes."""

    at: Moment
    chunks: tuple[Work, ...]
    planning: Work = 0.0
    assembly: Work = 0.0
    deadline: Seconds | None = None  # after `at`


class Crash(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="event", tag="crash"):
    """The dyno at this place dies with all that it has in hand; the platform starts it again."""

    at: Moment
    dyno: Annotated[int, msgspec.Meta(ge=1)]


@dataclass(frozen=True)
class Trace:
    """Events under a name."""

    name: str
    requests: Sequence[Request]
    crashes: Sequence[Crash] = ()


def fixed() -> list[Trace]:
    """The five that the figures in docs/scaling.md are of."""
    dice = Random(7)  # noqa: S311  # a repeatable simulation, no secret
    bursts = [_request(dice, at + n * 2, 20) for at in (0, 400, 900) for n in range(3)]
    overlaps = [_request(dice, 25 * n + dice.uniform(0, 20), dice.randint(10, 60)) for n in range(12)]
    # Most chunks are short and a few are very long, at random places.
    tail = [dice.lognormvariate(1.2, 1.0) for _ in range(150)]
    return [
        Trace("single", [_request(dice, 0, 40)]),
        Trace("bursts", bursts),
        Trace("overlaps", overlaps),
        Trace("long tail", [Request(0, tuple(tail), planning=2, assembly=5)]),
        Trace("crash", [_request(dice, 0, 120)], [Crash(40, 1)]),
    ]


def chance(seed: int) -> Trace:
    """An hour or so of exports of all sizes, with crashes."""
    dice = Random(seed)  # noqa: S311
    at, requests = 0.0, []
    for _ in range(dice.randint(1, 12)):
        requests.append(_request(dice, at, min(400, int(dice.lognormvariate(2.5, 1.2)) + 1)))
        at += dice.expovariate(1 / dice.choice((5, 60, 400)))
    crashes = [Crash(dice.uniform(0, at + 120), dice.randint(1, 8)) for _ in range(dice.randint(0, 4))]
    return Trace(f"random {seed}", requests, crashes)


def recorded(path: Path) -> Trace:
    """A trace from a file of JSON lines; InvalidRequest names the line that is wrong."""
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
        raise InvalidRequest(f"{path} has no export.", field="trace", advice="Each is one line of JSON.")
    return Trace(path.stem, requests, [event for event in events if isinstance(event, Crash)])


def of(export: Export, begin: float) -> Request | None:
    """What an export took, in a trace that begins then; none of one that was not made, or not timed.

    What each chunk took is not kept, so all of them take their mean.
    """
    made, times = export.result, (export.started_at, export.planned_at, export.rendered_at, export.finished_at)
    if made is None or not made.seconds or not export.chunks or None in times:
        return None
    started, planned, rendered, finished = (moment or 0.0 for moment in times)
    return Request(
        round(max(0.0, export.created_at - begin), 3),  # ids and times are not taken at the same moment
        (round(made.seconds / export.chunks, 3),) * export.chunks,
        round(max(0.0, planned - started), 3),
        round(max(0.0, finished - rendered), 3),
        export.ready_by and max(0.0, round(export.ready_by - export.created_at, 3)),
    )


def _request(dice: Random, at: float, chunks: int) -> Request:
    """About six seconds a chunk, as CHUNK_SECONDS' planner would cut them, give or take."""
    return Request(at, tuple(6 * dice.lognormvariate(0, 0.15) for _ in range(chunks)), planning=2, assembly=4)
