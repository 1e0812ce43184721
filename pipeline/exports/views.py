"""An export as JSON, as the API and the command line show it; percent done and seconds left."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import ceil
from typing import Any

from ..adapters.redis.progress import Progress
from . import notices
from .export import Export, Result, State

MAX_SKIPPED = 100  # skipped inputs that are shown
RENDERED = 90  # percent when all pages are drawn
JOINED = 99  # percent when all bytes are joined
API = "/v1"  # the path below which the HTTP API is
ROUNDING = ((60, 5), (600, 30), (float("inf"), 60))
"""Estimates below the first number of seconds are rounded up to the second: fewer changes are cheaper to poll."""
NONE_YET = Progress(0, 0, 0)


def summary(export: Export, base_url: str, keep_seconds: float) -> dict[str, Any]:
    """Return what a list shows of an export; its file is kept for `keep_seconds`. Times are seconds since 1970."""
    return {
        "id": export.id,
        "document": export.document,
        "name": export.name,
        "subject": export.subject or None,
        "state": export.state,
        "created_at": export.created_at,
        "finished_at": export.finished_at,
        "expires_at": export.created_at + keep_seconds,
        "result": _result(export, 0, base_url),
        "failure": export.failure,
        "mail": _mail(export),
        "links": _links(export, base_url),
    }


def full(
    export: Export, progress: Progress | None, now: float, base_url: str, keep_seconds: float,
    quotes: Sequence[Mapping[str, Any]],
) -> dict[str, Any]:  # fmt: skip
    """Return everything about an export. `progress` is None when there is none; `quotes` are JSON."""
    return summary(export, base_url, keep_seconds) | {
        "params": export.params,
        "notify": export.notify,
        "progress": _progress(export, progress or NONE_YET, now),
        "cost": {"estimate": quotes, "charged": export.charge},
        "result": _result(export, MAX_SKIPPED, base_url),
    }


def percent(export: Export, progress: Progress) -> int:
    """Return 0 to 100: planning 0, drawing up to 90, joining up to 99, ready 100."""
    if export.state is State.RENDERING:
        return RENDERED * min(progress.pages, export.pages) // max(1, export.pages)
    if export.state is State.ASSEMBLING:
        joined = min(progress.bytes, progress.bytes_total)
        return RENDERED + (JOINED - RENDERED) * joined // max(1, progress.bytes_total)
    return 100 if export.state in (State.READY, State.EXPIRED) else 0


def seconds_left(export: Export, progress: Progress, now: float) -> int | None:
    """Return how long drawing will take at the rate so far, rounded up; None while that is not known."""
    if export.state is not State.RENDERING or not progress.pages or export.planned_at is None:
        return None
    left = (now - export.planned_at) * max(0, export.pages - progress.pages) / progress.pages
    step = next(step for below, step in ROUNDING if left < below)
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


def _result(export: Export, max_skipped: int, base_url: str) -> dict[str, Any] | None:
    result = export.result
    if result is None:
        return None
    return {
        "name": result.name,
        "bytes": result.bytes,
        "pages": result.pages,
        "records": result.records,
        "drawn": result.drawn,
        "skipped_count": result.skipped_count,
        "skipped": result.skipped[:max_skipped],
        "warnings": result.warnings,
        "volumes": _volumes(export, result, base_url),
    }


def _volumes(export: Export, result: Result, base_url: str) -> list[dict[str, Any]]:
    return [
        {
            "name": file.name,
            "bytes": file.bytes,
            "first_page": file.first_page,
            "pages": file.pages,
            "download": f"{address(export, base_url)}/download/{number}",
        }
        for number, file in enumerate(result.volumes, 1)
    ]


def _mail(export: Export) -> dict[str, str] | None:
    state = notices.state(export)
    return None if state is None else {"state": state, "problem": export.notice_problem}


def address(export: Export, base_url: str) -> str:
    """Return the URL of an export."""
    return f"{base_url}{API}/exports/{export.id}"


def _links(export: Export, base_url: str) -> dict[str, str]:
    here = address(export, base_url)
    return {"self": here, "download": f"{here}/download", "page": f"{base_url}/#{export.id}"}
