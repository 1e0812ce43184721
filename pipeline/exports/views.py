"""An export as the API and the command line show it, and how far it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from math import ceil
from typing import Any

from ..adapters.redis.progress import Progress
from ..errors import RedisDown
from .export import Export, State
from .stores import Stores

SKIPPED_SHOWN = 100
RENDERED = 90  # percent at which all pages are drawn
JOINED = 99  # percent at which all bytes are joined
STEPS = ((60, 5), (600, 30), (float("inf"), 60))
"""Below so many seconds, an estimate is rounded up to so many: what changes less is cheaper to poll."""


def progress(stores: Stores, export: Export) -> Progress | None:
    """Live progress; what the stored segments say when Redis is down or was wiped; None before and after."""
    if export.state not in (State.RENDERING, State.ASSEMBLING):
        return None
    with suppress(RedisDown):
        if known := stores.redis.progress.load(export.id):
            return known
    found = stores.segments.found(export.id)
    return Progress(sum(pages for pieces in found.values() for _, pages in pieces), 0, 0)


def summary(export: Export, base_url: str) -> dict[str, Any]:
    """What a list shows of an export. Times are seconds since 1970."""
    return {
        "id": export.id,
        "document": export.document,
        "name": export.name,
        "state": export.state,
        "created_at": export.created_at,
        "finished_at": export.finished_at,
        "result": _result(export, 0, base_url),
        "failure": export.failure,
        "links": _links(export, base_url),
    }


def full(
    export: Export, progress: Progress | None, now: float, base_url: str, quotes: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """Everything about an export, with its live progress as far as it is known, and quotes as JSON."""
    return summary(export, base_url) | {
        "params": export.params,
        "notify": export.notify,
        "progress": _progress(export, progress or Progress(0, 0, 0), now),
        "cost": {"estimate": quotes, "charged": export.charge},
        "result": _result(export, SKIPPED_SHOWN, base_url),
    }


def percent(export: Export, progress: Progress) -> int:
    """0 to 100: planning and drawing up to 90, joining up to 99, ready 100."""
    if export.state is State.RENDERING:
        return RENDERED * min(progress.pages, export.pages) // max(1, export.pages)
    if export.state is State.ASSEMBLING:
        joined = min(progress.bytes, progress.bytes_total)
        return RENDERED + (JOINED - RENDERED) * joined // max(1, progress.bytes_total)
    return 100 if export.state in (State.READY, State.EXPIRED) else 0


def seconds_left(export: Export, progress: Progress, now: float) -> int | None:
    """How long drawing will take at the rate seen so far; None when that cannot be said."""
    if export.state is not State.RENDERING or not progress.pages or export.started_at is None:
        return None
    left = (now - export.started_at) * max(0, export.pages - progress.pages) / progress.pages
    step = next(step for below, step in STEPS if left < below)
    return ceil(left / step) * step


def _progress(export: Export, progress: Progress, now: float) -> dict[str, Any]:
    drawn = export.state in (State.ASSEMBLING, State.READY, State.EXPIRED)
    return {
        "pages_done": export.pages if drawn else min(progress.pages, export.pages),
        "pages": export.pages,
        "bytes_done": progress.bytes,
        "bytes_total": progress.bytes_total,
        "chunks": export.chunks,
        "percent": percent(export, progress),
        "seconds_left": seconds_left(export, progress, now),
    }


def _result(export: Export, skipped: int, base_url: str) -> dict[str, Any] | None:
    made = export.result
    if made is None:
        return None
    return {
        "name": made.name,
        "bytes": made.bytes,
        "pages": made.pages,
        "records": made.records,
        "drawn": made.drawn,
        "skipped_count": made.skipped_count,
        "skipped": made.skipped[:skipped],
        "warnings": made.warnings,
        "volumes": [
            {
                "name": file.name,
                "bytes": file.bytes,
                "first_page": file.first_page,
                "pages": file.pages,
                "download": f"{base_url}/exports/{export.id}/download/{number}",
            }
            for number, file in enumerate(made.volumes, 1)
        ],
    }


def _links(export: Export, base_url: str) -> dict[str, str]:
    here = f"{base_url}/exports/{export.id}"
    return {"self": here, "download": f"{here}/download", "page": f"{base_url}/#{export.id}"}
