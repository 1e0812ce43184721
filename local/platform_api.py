"""Heroku's Platform API for local dynos: the calls about formations and dynos, keys, limits and errors.

The answers follow the schema published as heroku/platform-api `schema.json`. The two errors of scaling, and the
quantities that the Heroku CLI sends ("+1"), are not in the schema; they follow real traffic.
"""

from __future__ import annotations

import hmac
import re
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

from flask import Flask, Response, jsonify, request
from werkzeug.exceptions import HTTPException

from .answers import Json, dyno_json, identity, row_json
from .app_calls import add_account_calls, add_app_calls, add_log_calls
from .dyno import DynoSpec
from .formation import Change, LocalFormation, Refused
from .paging import page
from .sizes import STANDARD, spelled

_ACCEPTED = re.compile(r"application/vnd\.heroku\+json;\s*version=3(\.[\w.-]+)?\s*(,|;|$)")
RATE_LIMITS_PAGE = "https://devcenter.heroku.com/articles/platform-api-reference#rate-limits"
FREE = ("rate_limits", "log_lines")  # calls that take no token
DAY = 86400
# The properties of POST /apps/…/dynos, and a check of each value.
_PROPERTIES: Mapping[str, Callable[[Any], bool]] = {
    "attach": lambda value: isinstance(value, bool),
    "command": lambda value: isinstance(value, str),
    "env": lambda value: (
        isinstance(value, dict) and all(re.fullmatch(r"\w+", k) and isinstance(v, str) for k, v in value.items())
    ),
    "force_no_tty": lambda value: value is None or isinstance(value, bool),
    "size": lambda value: isinstance(value, str) and spelled(value) is not None,
    "time_to_live": lambda value: type(value) is int and 0 < value <= DAY,
    "type": lambda value: isinstance(value, str) and re.fullmatch(r"[-\w]{1,128}", value) is not None,
}
ERROR_IDS = {
    400: "bad_request",
    401: "unauthorized",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    406: "not_acceptable",
    409: "conflict",
    416: "requested_range_not_satisfiable",
    422: "invalid_params",
    429: "rate_limit",
    500: "internal_server_error",
    503: "service_unavailable",
}


class Tokens:
    """The account's rate limit: 4,500 tokens, refilled by 75 a minute; a call takes one."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._left = float(capacity)
        self._seen = time.monotonic()
        self._lock = threading.Lock()

    def remaining(self) -> int:
        with self._lock:
            now = time.monotonic()
            self._left = min(self._capacity, self._left + (now - self._seen) * 75 / 60)
            self._seen = now
            return int(self._left)

    def take(self) -> None:
        """Take one token; Refused with 429 if none is left."""
        if self.remaining() < 1:
            raise Refused(429, "rate_limit", "Your account reached the API rate limit.", url=RATE_LIMITS_PAGE)
        with self._lock:
            self._left -= 1


def application(formation: LocalFormation, key: str, tokens: Tokens, log_folder: Path) -> Flask:
    """Return the API as a WSGI application. Each call needs the key, and version 3 in its Accept header.

    `log_folder` has the output of each dyno, in a file of its name.
    """
    api = Flask("local", static_folder=None)
    _add_checks(api, formation.app, key, tokens)
    _add_errors(api)
    add_account_calls(api, formation.app, tokens.remaining)
    add_app_calls(api, formation, json_body)
    add_log_calls(api, log_folder, json_body)
    _add_formation_calls(api, formation)
    _add_dyno_calls(api, formation)
    return api


def _add_checks(api: Flask, app: str, key: str, tokens: Tokens) -> None:
    app_id = identity("app", app)

    @api.before_request
    def admit() -> None:
        if request.endpoint == "log_lines":
            return  # the address itself is the secret, as with Heroku's
        _authorise(key)
        if not _ACCEPTED.search(request.headers.get("Accept", "")):
            raise Refused(406, "not_acceptable", "The Accept header must name a version of this API: 3.")
        if request.endpoint not in FREE:
            tokens.take()
        if request.view_args and request.view_args.pop("app", app_id) not in (app_id, app):
            raise Refused(404, "not_found", "Couldn't find that app.")

    @api.after_request
    def label(response: Response) -> Response:
        response.headers["RateLimit-Remaining"] = str(tokens.remaining())
        response.headers["Request-Id"] = str(uuid4())
        if request.method == "GET" and response.status_code == 200 and request.endpoint != "log_lines":
            response.add_etag()
            response.make_conditional(request)
        return response


def _add_errors(api: Flask) -> None:
    @api.errorhandler(Refused)
    def refuse(refused: Refused) -> tuple[Json, int]:
        return refused.body, refused.status

    @api.errorhandler(HTTPException)
    def fail(error: HTTPException) -> tuple[Json, int]:
        status = error.code or 500
        return {"id": ERROR_IDS.get(status, "bad_request"), "message": error.description or ""}, status


def _add_formation_calls(api: Flask, formation: LocalFormation) -> None:
    @api.get("/apps/<app>/formation")
    def formation_list() -> Response:
        return page([row_json(formation.app, row) for row in formation.rows.values()], "id")

    @api.get("/apps/<app>/formation/<kind>")
    def formation_info(kind: str) -> Json:
        return row_json(formation.app, formation.row(kind))

    @api.patch("/apps/<app>/formation")
    def formation_batch_update() -> Response:
        rows = formation.update([_update(each) for each in _updates(json_body())])
        return jsonify([row_json(formation.app, row) for row in rows])

    @api.patch("/apps/<app>/formation/<kind>")
    def formation_update(kind: str) -> Json:
        (row,) = formation.update([_update({"type": kind, **json_body()})])
        return row_json(formation.app, row)


def _add_dyno_calls(api: Flask, formation: LocalFormation) -> None:
    @api.get("/apps/<app>/dynos")
    def dyno_list() -> Response:
        return page([dyno_json(formation.app, dyno) for dyno in formation.dynos()], "id")

    @api.get("/apps/<app>/dynos/<name>")
    def dyno_info(name: str) -> Json:
        return dyno_json(formation.app, formation.dyno(name))

    @api.post("/apps/<app>/dynos")
    def dyno_create() -> tuple[Json, int]:
        dyno = formation.run(*_spec(json_body()))
        return dyno_json(formation.app, dyno), 201

    @api.delete("/apps/<app>/dynos")
    def dyno_restart_all() -> tuple[Json, int]:
        formation.restart()
        return {}, 202

    @api.delete("/apps/<app>/formations/<kind>")
    @api.post("/apps/<app>/formations/<kind>/actions/stop")
    def formation_restart(kind: str) -> tuple[Json, int]:
        formation.restart(kind)  # the dynos of a formation are replaced, also if they are only stopped
        return {}, 202

    @api.delete("/apps/<app>/dynos/<name>")
    @api.post("/apps/<app>/dynos/<name>/actions/stop")
    def dyno_restart(name: str) -> tuple[Json, int]:
        formation.stop_dyno(name)  # one of the formation is replaced
        return {}, 202


def _authorise(key: str) -> None:
    """Check the key: Basic with an empty user, as heroku3 and the CLI send it, or Bearer."""
    sent = request.authorization
    given = (sent.token or sent.password or "") if sent else ""
    if not hmac.compare_digest(given.encode(), key.encode()):
        raise Refused(401, "unauthorized", "Invalid credentials provided.")


def json_body() -> Mapping[str, Any]:
    """Return the body of the request; Refused with 400 if it is not a JSON object."""
    body = request.get_json(force=True, silent=True)
    if not isinstance(body, dict):
        raise Refused(400, "bad_request", "The request body is not a JSON object.")
    return body


def _updates(body: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    updates = body.get("updates")
    if set(body) != {"updates"} or not isinstance(updates, list):
        raise Refused(422, "invalid_params", "The body must hold one array: updates.")
    return updates


def _update(update: object) -> Change:
    """Return an entry of a formation update; Refused with 422 if it is not one."""
    allowed = {"type", "quantity", "size", "dyno_size"}
    if not isinstance(update, dict) or not {"type"} < set(update) <= allowed:
        raise Refused(422, "invalid_params", "An update must hold type, and quantity or size, and nothing else.")
    kind, quantity = update["type"], update.get("quantity")
    if not isinstance(kind, str) or not ("quantity" not in update or isinstance(quantity, int | str)):
        raise Refused(422, "invalid_params", "Type must be a string and quantity a whole number.")
    return Change(kind, quantity, _size(update))


def _size(update: Mapping[str, Any]) -> str | None:
    """Return the size in an update, spelled as Heroku does: `size`, or `dyno_size` with a name."""
    given = update.get("dyno_size", update.get("size"))
    name = given.get("name") if isinstance(given, dict) else given
    if name is None and {"size", "dyno_size"}.isdisjoint(update):
        return None
    if not isinstance(name, str) or not (size := spelled(name)):
        raise Refused(422, "invalid_params", f"No such dyno size: {name}.")
    return size


def _spec(body: Mapping[str, Any]) -> tuple[str, DynoSpec]:
    """Return the type and spec of a one-off dyno; Refused with 422 if a property is not right."""
    for name, value in body.items():
        if not _PROPERTIES.get(name, lambda _: False)(value):
            raise Refused(422, "invalid_params", f"The property {name} is unknown or has a wrong value.")
    if not body.get("command"):
        raise Refused(422, "invalid_params", "The body must hold a command.")
    if body.get("attach"):
        words = "An attached dyno is not available here, as output is not streamed. Use heroku run:detached."
        raise Refused(422, "invalid_params", words)
    size = spelled(body.get("size", STANDARD)) or STANDARD
    spec = DynoSpec(
        body["command"], size, body.get("env", {}), True, body.get("time_to_live", DAY)
    )  # fmt: skip
    return str(body.get("type", "run")), spec
