"""What people who are signed in see beyond the API: all exports, how each was made, the scaler; and what
they do about exports."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from flask import Blueprint, Response, current_app, request
from werkzeug.wrappers import Response as AnyResponse

from .. import documents
from ..errors import InvalidRequest, NotFound, RedisDown
from ..exports import history, lists, log, views
from ..exports.export import WORKING, Export, State
from ..exports.ids import is_id
from ..exports.lists import Wanted
from ..exports.plan import Plan
from ..exports.removal import remove
from ..scaler.quotes import represent
from ..tasks import flow
from ..tasks.step import lease_name
from .answers import conditional_answer, json_answer
from .api import asked_again, retried, to_file
from .auth import caller, need_change, only_people, services
from .forms import params_in_words

blueprint = Blueprint("overview", __name__, url_prefix="/panel")
blueprint.before_request(only_people)  # tokens see their own exports, by the API
EXTENSION = "overview"
LISTED = 20
LOGGED = 15
LOOKED_AT = 256  # chunks whose leases are looked up; those at work are among the first that are left


def recent() -> Response:
    """List all exports, newest first, a page at a time.

    It costs one listing, and a read for each export shown that changed or was not read lately, however many there
    are.
    """
    s, asked = services(), request.args
    after, state = asked.get("after"), asked.get("state")
    if (after and not is_id(after)) or (state and state not in list(State)):
        raise InvalidRequest("This page of the list does not exist.", field="after" if after else "state")
    wanted = Wanted(
        asked.get("owner") or None,
        asked.get("subject") or None,
        State(state) if state else None,
        asked.get("document") or None,
    )
    page = lists.page(s.bucket, current_app.extensions[EXTENSION].find, wanted, LISTED, after or None)
    return conditional_answer({"exports": [_row(export) for export in page.exports], "next": page.after})


def show(export_id: str) -> Response:
    """Show an export, who asked for it, how it was made, and the newest of its log: `log` says how many."""
    s, export = services(), services().exports.load(export_id)
    most = request.args.get("log", LOGGED, int)
    if not 1 <= most <= log.MOST:
        raise InvalidRequest(f"log is a number from 1 to {log.MOST}.", field="log")
    plan, fields = _plan(export), _fields(export)
    entries, number = log.newest(export, plan, fields, most)
    return conditional_answer(
        {
            "export": represent(s, export),
            "owner": export.owner,
            "times": {name: getattr(export, name) for name in ("started_at", "planned_at", "rendered_at")},
            "records": export.records,
            "work": _work(export, plan, fields) if plan else None,
            "log": {"entries": entries, "all": number, "most": log.MOST},
            "params": params_in_words(export.document, export.params),
            "known": export.document in documents.names(),
            "may_change": caller().may_change(export),
        }
    )


def cancel_or_remove(export_id: str) -> Response:
    """Cancel what runs, and remove what is over: 204."""
    s, export = services(), _changeable(export_id)
    if export.state.over:
        remove(s, export)
    else:
        flow.cancel(s, export_id)
    return Response(status=204)


def retry(export_id: str) -> Response:
    """Let a failed export go on: 204."""
    retried(_changeable(export_id))
    return Response(status=204)


def ask_again(export_id: str) -> Response:
    """Request the same again for its owner, as a new export: its id."""
    submitted = asked_again(_changeable(export_id))
    return json_answer({"id": submitted.export.id, "queued": submitted.queued}, 202)


def download(export_id: str) -> AnyResponse:
    return to_file(services().exports.load(export_id))


def download_volume(export_id: str, volume: int) -> AnyResponse:
    return to_file(services().exports.load(export_id), volume)


def scaler() -> Response:
    """Show workers and limits, the last decisions, and samples of the last hour."""
    decisions = services().redis.decisions
    return conditional_answer(
        {"scaler": decisions.state(), "decisions": decisions.latest(), "history": decisions.hour()}
    )


def _changeable(export_id: str) -> Export:
    """Return an export that the person may change. Raises NotAllowed."""
    export = services().exports.load(export_id)
    need_change(export)
    return export


def _row(export: Export) -> dict[str, Any]:
    s = services()
    progress = s.progress(export) if export.state in WORKING else None
    return {
        "export": views.summary(export, s.settings.base_url, s.settings.keep_seconds),
        "owner": export.owner,
        "pages": export.pages,
        "percent": views.percent(export, progress) if progress else 0,
    }


def _plan(export: Export) -> Plan | None:
    try:
        return services().exports.plan(export.id)
    except NotFound:
        return None


def _fields(export: Export) -> dict[str, str]:
    """Return the progress of an export: from Redis while it is made, and as it was stored when it was over."""
    s, fields = services(), dict[str, str]()
    with suppress(RedisDown):
        fields = s.redis.progress.fields(export.id)
    if export.state.over or export.retried_at or not fields:
        return history.merged(history.stored(s.bucket, export), fields)
    return fields


def _work(export: Export, plan: Plan, fields: dict[str, str]) -> dict[str, Any]:
    """Return the map of chunks and the processes that drew."""
    s, at_work = services(), {}
    if export.state is State.RENDERING:
        with suppress(RedisDown):
            left = history.unfinished(plan, fields, LOOKED_AT)
            names = {lease_name("render", export.id, number): number for number in left}
            at_work = {names[name]: holder for name, holder in s.redis.leases.holders(list(names)).items()}
    return {"cells": history.cells(export, plan, fields, at_work), "processes": history.processes(fields)}
