"""Heroku's Platform API for local dynos: the calls about apps, formations and dynos, and their errors.

The answers follow the schema published as heroku/platform-api `schema.json`. The two errors of scaling, and the
quantities that the Heroku CLI sends ("+1"), are not in the schema; they follow real traffic.
"""

from __future__ import annotations

import hmac
import re
import threading
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import NAMESPACE_URL, uuid4, uuid5

from flask import Flask, Response, jsonify, request
from werkzeug.exceptions import HTTPException

from pipeline.scaler.prices import MONTHLY

from .dyno import DynoSpec, LocalDyno
from .formation import SIZE, LocalFormation, Refused, Row

Json = dict[str, Any]

_ACCEPTED = re.compile(r"application/vnd\.heroku\+json;\s*version=3(\.[\w.-]+)?\s*(,|;|$)")
DAY = 86400
# The properties of POST /apps/…/dynos, and a check of each value.
_PROPERTIES: Mapping[str, Callable[[Any], bool]] = {
    "attach": lambda value: value is False,  # output is not streamed here
    "command": lambda value: isinstance(value, str),
    "env": lambda value: (
        isinstance(value, dict) and all(re.fullmatch(r"\w+", k) and isinstance(v, str) for k, v in value.items())
    ),
    "force_no_tty": lambda value: value is None or isinstance(value, bool),
    "size": lambda value: isinstance(value, str),
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
            raise Refused(429, "rate_limit", "Your account reached the API rate limit.")
        with self._lock:
            self._left -= 1


def application(formation: LocalFormation, key: str, tokens: Tokens) -> Flask:
    """Returns the API as a WSGI application. Each call needs the key, and version 3 in its Accept header."""
    api = Flask("local", static_folder=None)
    _add_checks(api, formation.app, key, tokens)
    _add_errors(api)
    _add_app_calls(api, formation, tokens)
    _add_formation_calls(api, formation)
    _add_dyno_calls(api, formation)
    return api


def _add_checks(api: Flask, app: str, key: str, tokens: Tokens) -> None:
    app_id = _id("app", app)

    @api.before_request
    def admit() -> None:
        _authorise(key)
        if not _ACCEPTED.search(request.headers.get("Accept", "")):
            raise Refused(406, "not_acceptable", "The Accept header must name a version of this API: 3.")
        if request.endpoint != "rate_limits":  # this call takes no token
            tokens.take()
        if request.view_args and request.view_args.pop("app", app_id) not in (app_id, app):
            raise Refused(404, "not_found", "Couldn't find that app.")

    @api.after_request
    def label(response: Response) -> Response:
        response.headers["RateLimit-Remaining"] = str(tokens.remaining())
        response.headers["Request-Id"] = str(uuid4())
        return response


def _add_errors(api: Flask) -> None:
    @api.errorhandler(Refused)
    def refuse(refused: Refused) -> tuple[Json, int]:
        return refused.body, refused.status

    @api.errorhandler(HTTPException)
    def fail(error: HTTPException) -> tuple[Json, int]:
        status = error.code or 500
        return {"id": ERROR_IDS.get(status, "bad_request"), "message": error.description or ""}, status


def _add_app_calls(api: Flask, formation: LocalFormation, tokens: Tokens) -> None:
    born = datetime.now(UTC)

    @api.get("/account/rate-limits")
    def rate_limits() -> Json:
        return {"remaining": tokens.remaining()}

    @api.get("/apps/<app>")
    def app_info() -> Json:
        return app_json(formation.app, born)

    @api.get("/apps/<app>/available-dyno-sizes")
    def dyno_sizes() -> Response:
        return jsonify([size_json(name, dollars) for name, dollars in MONTHLY.items()])


def _add_formation_calls(api: Flask, formation: LocalFormation) -> None:
    @api.get("/apps/<app>/formation")
    def formation_list() -> Response:
        return jsonify([row_json(formation.app, row) for row in formation.rows.values()])

    @api.get("/apps/<app>/formation/<kind>")
    def formation_info(kind: str) -> Json:
        return row_json(formation.app, formation.row(kind))

    @api.patch("/apps/<app>/formation")
    def formation_batch_update() -> Response:
        rows = formation.scale(dict(map(_update, _updates(_body()))))
        return jsonify([row_json(formation.app, row) for row in rows])

    @api.patch("/apps/<app>/formation/<kind>")
    def formation_update(kind: str) -> Json:
        (row,) = formation.scale(dict([_update({"type": kind, **_body()})]))
        return row_json(formation.app, row)


def _add_dyno_calls(api: Flask, formation: LocalFormation) -> None:
    @api.get("/apps/<app>/dynos")
    def dyno_list() -> Response:
        return jsonify([dyno_json(formation.app, dyno) for dyno in formation.dynos()])

    @api.get("/apps/<app>/dynos/<name>")
    def dyno_info(name: str) -> Json:
        return dyno_json(formation.app, formation.dyno(name))

    @api.post("/apps/<app>/dynos")
    def dyno_create() -> tuple[Json, int]:
        dyno = formation.run(*_spec(_body()))
        return dyno_json(formation.app, dyno), 201

    @api.delete("/apps/<app>/dynos/<name>")
    def dyno_restart(name: str) -> tuple[Json, int]:
        formation.stop_dyno(name)  # one of the formation is replaced
        return {}, 202

    @api.post("/apps/<app>/dynos/<name>/actions/stop")
    def dyno_stop(name: str) -> tuple[Json, int]:
        formation.stop_dyno(name)
        return {}, 202


def app_json(name: str, born: datetime) -> Json:
    """Returns an app as the API shows it."""
    stack = {"id": _id("stack", "heroku-24"), "name": "heroku-24"}
    return {
        "acm": False,
        "archived_at": None,
        "build_stack": stack,
        "buildpack_provided_description": "Python",
        "created_at": _time(born),
        "generation": {"id": _id("generation", "cedar"), "name": "cedar"},
        "git_url": f"https://git.heroku.com/{name}.git",
        "id": _id("app", name),
        "internal_routing": None,
        "maintenance": False,
        "name": name,
        "organization": None,
        "owner": {"email": "owner@example.com", "id": _id("account", "owner")},
        "region": {"id": _id("region", "us"), "name": "us"},
        "released_at": _time(born),
        "repo_size": None,
        "slug_size": None,
        "space": None,
        "stack": stack,
        "team": None,
        "updated_at": _time(born),
        "web_url": None,
    }


def size_json(name: str, dollars: float) -> Json:
    """A dyno size with its price as the API shows it."""
    return {
        "architecture": "amd64",
        "compute": 1,
        "cost": {"cents": round(dollars * 100), "unit": "month"},
        "dedicated": name.startswith("performance"),
        "generation": {"id": _id("generation", "cedar"), "name": "cedar"},
        "id": _id("dyno-size", name),
        "memory": 0.5,
        "name": name,
        "precise_dyno_units": round(dollars / 25, 2),
        "private_space_only": False,
    }


def row_json(app: str, row: Row) -> Json:
    """Returns a process type of the formation as the API shows it."""
    return {
        "app": {"id": _id("app", app), "name": app},
        "command": row.command,
        "created_at": _time(row.created_at),
        "dyno_size": {"id": _id("dyno-size", SIZE), "name": SIZE},
        "id": row.id,
        "quantity": row.quantity,
        "size": SIZE,
        "type": row.kind,
        "updated_at": _time(row.updated_at),
    }


def dyno_json(app: str, dyno: LocalDyno) -> Json:
    """Returns a dyno as the API shows it."""
    return {
        "app": {"id": _id("app", app), "name": app},
        "attach_url": None,
        "command": dyno.spec.command,
        "created_at": _time(dyno.created_at),
        "id": dyno.id,
        "name": dyno.name,
        "release": {"id": _id("release", app), "version": 1},
        "size": dyno.spec.size,
        "state": dyno.state.value,
        "type": dyno.kind,
        "updated_at": _time(dyno.updated_at),
    }


def _authorise(key: str) -> None:
    """Check the key: Basic with an empty user, as heroku3 and the CLI send it, or Bearer."""
    sent = request.authorization
    given = (sent.token or sent.password or "") if sent else ""
    if not hmac.compare_digest(given.encode(), key.encode()):
        raise Refused(401, "unauthorized", "Invalid credentials provided.")


def _body() -> Mapping[str, Any]:
    body = request.get_json(force=True, silent=True)
    if not isinstance(body, dict):
        raise Refused(400, "bad_request", "The request body is not a JSON object.")
    return body


def _updates(body: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    updates = body.get("updates")
    if set(body) != {"updates"} or not isinstance(updates, list):
        raise Refused(422, "invalid_params", "The body must hold one array: updates.")
    return updates


def _update(update: object) -> tuple[str, int | str]:
    """Returns an entry as (type, quantity). Refuses other properties: local dynos have one size."""
    if not isinstance(update, dict) or set(update) != {"type", "quantity"}:
        raise Refused(422, "invalid_params", "An update must hold type and quantity, and nothing else.")
    kind, quantity = update["type"], update["quantity"]
    if not isinstance(kind, str) or not isinstance(quantity, int | str):
        raise Refused(422, "invalid_params", "Type must be a string and quantity a whole number.")
    return kind, quantity


def _spec(body: Mapping[str, Any]) -> tuple[str, DynoSpec]:
    """Returns the type and spec of a one-off dyno; Refused with 422 if a property is not right."""
    for name, value in body.items():
        if not _PROPERTIES.get(name, lambda _: False)(value):
            raise Refused(422, "invalid_params", f"The property {name} is unknown or has a wrong value.")
    if not body.get("command"):
        raise Refused(422, "invalid_params", "The body must hold a command.")
    spec = DynoSpec(
        body["command"], str(body.get("size", SIZE)), body.get("env", {}), True, body.get("time_to_live", DAY)
    )  # fmt: skip
    return str(body.get("type", "run")), spec


def _id(kind: str, name: str) -> str:
    return str(uuid5(NAMESPACE_URL, f"local:{kind}/{name}"))


def _time(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
