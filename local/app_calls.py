"""Calls of the Platform API about the account, the app, its config vars, releases and logs."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from flask import Flask, Response, request

from pipeline.scaler.prices import MONTHLY

from . import answers
from .answers import Json
from .formation import LocalFormation, Refused, Release
from .paging import page

LOG_LINES = 100  # shown unless the session says otherwise
MAX_LOG_BYTES = 1 << 20  # of each file's end


def add_account_calls(api: Flask, app: str, remaining: Callable[[], int]) -> None:
    """Add the calls about the account. `remaining`: how many calls are left."""
    born = datetime.now(UTC)

    @api.get("/account")
    @api.get("/users/~")
    def account() -> Json:
        return answers.account_json(born)

    @api.get("/account/rate-limits")
    def rate_limits() -> Json:
        return {"remaining": remaining()}

    @api.get("/apps")
    @api.get("/users/~/apps")
    def app_list() -> Response:
        return page([answers.app_json(app, born)], "id", "name")


def add_app_calls(api: Flask, formation: LocalFormation, body: Callable[[], Mapping[str, Any]]) -> None:
    """Add the calls about the app. `body`: returns the request's."""
    app, born = formation.app, datetime.now(UTC)

    @api.get("/apps/<app>")
    def app_info() -> Json:
        return answers.app_json(app, born)

    @api.get("/apps/<app>/available-dyno-sizes")
    def dyno_sizes() -> Response:
        return page([answers.size_json(name, dollars) for name, dollars in MONTHLY.items()], "id", "name")

    @api.get("/addon-attachments")
    @api.get("/apps/<app>/addons")
    def addons() -> Response:
        return page([], "id")  # services run beside the dynos, without an add-on

    @api.get("/apps/<app>/collaborators")
    def collaborators() -> Response:
        return page([answers.collaborator_json(app, born)], "id")

    @api.get("/apps/<app>/config-vars")
    def config_vars() -> Json:
        return dict(formation.release.config_vars)

    @api.patch("/apps/<app>/config-vars")
    def config_update() -> Json:
        formation.set_config(_config_changes(body()))
        return dict(formation.release.config_vars)

    @api.get("/apps/<app>/releases")
    def release_list() -> Response:
        current = formation.release
        rows = [answers.release_json(app, each, each is current) for each in formation.releases]
        return page(rows, "version", "id")

    @api.get("/apps/<app>/releases/<name>")
    def release_info(name: str) -> Json:
        return answers.release_json(app, _release(formation, name), name == str(formation.release.version))

    @api.get("/apps/<app>/releases/<name>/config-vars")
    def release_config_vars(name: str) -> Json:
        return dict(_release(formation, name).config_vars)


def add_log_calls(api: Flask, folder: Path, body: Callable[[], Mapping[str, Any]]) -> None:
    """Add log sessions over the files of a folder, one file of each dyno."""
    sessions: dict[str, Mapping[str, Any]] = {}

    @api.post("/apps/<app>/log-sessions")
    def log_session() -> tuple[Json, int]:
        asked = body()
        if asked.get("tail"):
            raise Refused(422, "invalid_params", f"Lines that come later are not streamed. Follow {folder}/*.log.")
        name = secrets.token_urlsafe(16)
        sessions[name] = asked
        return answers.log_session_json(f"{request.host_url}streams/{name}"), 201

    @api.get("/streams/<name>")
    def log_lines(name: str) -> Response:
        if name not in sessions:
            raise Refused(404, "not_found", "This log session is over.")
        lines = list(_log_lines(folder, sessions.pop(name)))  # a session is read once
        return Response("".join(f"data: {line}\n\n" for line in lines), content_type="text/event-stream")


def _release(formation: LocalFormation, version: str) -> Release:
    """Return a release by its version; Refused with 404 if there is none."""
    for release in formation.releases:
        if version == str(release.version):
            return release
    raise Refused(404, "not_found", f"Couldn't find that release ({version}).")


def _config_changes(body: Mapping[str, Any]) -> Mapping[str, str | None]:
    """Return changes of config vars; Refused with 422 if a value is not a string or null."""
    for name, value in body.items():
        if not (value is None or isinstance(value, str)):
            raise Refused(422, "invalid_params", f"The value of {name} must be a string or null.")
    return body


def _log_lines(folder: Path, asked: Mapping[str, Any]) -> Iterator[str]:
    """Yield the last lines of each dyno that was asked for, as Heroku writes them.

    The files hold no times, so a line has the time at which its file was last written.
    """
    wanted = str(asked.get("dyno") or "")
    for file in sorted(folder.glob("*.log")):
        if wanted in ("", file.stem, file.stem.partition(".")[0]) and asked.get("source") in (None, "app"):
            with file.open("rb") as log:
                log.seek(max(0, file.stat().st_size - MAX_LOG_BYTES))
                lines = log.read().decode(errors="replace").splitlines()
            written = datetime.fromtimestamp(file.stat().st_mtime, UTC).isoformat(timespec="seconds")
            for line in lines[-int(asked.get("lines") or LOG_LINES) :]:
                yield f"{written} app[{file.stem}]: {line}"
