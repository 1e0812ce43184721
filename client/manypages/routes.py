"""The routes behind <pdf-download>, for any web framework: `Routes.answer` turns a request into an answer."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable, Mapping
from hashlib import sha256
from http.client import responses
from typing import NamedTuple

from .client import Client
from .errors import InvalidRow, ManypagesError, NotFound, Refused, Unavailable
from .export import Export

METHODS = ("GET", "POST", "DELETE")
LONGEST_KEY = 200
TRIES = 3  # of each request that `start` makes; other requests are tried once, as the element asks again
Start = Callable[..., Export]
"""Called with a client and the keywords `subject` and `key`, which go into its `export`; returns the export."""

log = logging.getLogger(__name__)


class Answer(NamedTuple):
    """What the web framework sends back, in the order in which Flask and Starlette take it."""

    body: bytes
    status: int
    headers: dict[str, str]


class Routes:
    """Answers <pdf-download> with the exports of the app at `url`, to which `token` gives access.

    `timeout` is in seconds, for each wait for bytes. One object serves all threads.
    """

    def __init__(self, url: str, token: str, *, timeout: float = 20.0) -> None:
        self._url, self._token, self._timeout = url, token, timeout

    def answer(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes, subject: str, start: Start
    ) -> Answer:
        """Answer one request. Errors that `start` raises pass through, unless they are a ManypagesError.

        `path` is what follows the `src` of the element. `subject` names the user who is signed in, such as by a
        primary key, and is empty without one: an export is shown to the subject that asked for it, and to no other.
        """
        if not subject:
            return _problem(401, "You are not signed in.", "Sign in, and try again.")
        if method == "POST" and not headers.get("Content-Type", "").startswith("application/json"):
            return _problem(415, "The body is not JSON.")  # a form of another site cannot send JSON
        path = path.strip("/")
        tries = 1 if path else TRIES
        try:
            with Client(self._url, self._token, timeout=self._timeout, tries=tries) as client:
                return _Call(client, subject, headers.get("If-None-Match", ""), body, start).answer(method, path)
        except ManypagesError as error:
            return _refusal(error)


class _Call:
    """One request of a subject."""

    def __init__(self, client: Client, subject: str, etag: str, body: bytes, start: Start) -> None:
        self._client, self._subject, self._etag, self._body, self._start = client, subject, etag, body, start

    def answer(self, method: str, path: str) -> Answer:
        matches = [(allowed, re.fullmatch(pattern, path), act) for allowed, pattern, act in _ROUTES]
        found = [(allowed, match, act) for allowed, match, act in matches if match]
        for allowed, match, act in found:
            if allowed == method:
                return act(self, *match.groups(default="0"))
        if found:
            return _problem(405, f"{method} is not possible here.")
        return _problem(404, "There is no page at this address.")

    def begin(self) -> Answer:
        export = self._start(self._client, subject=self._subject, key=_key(self._body))
        if export.data.get("subject") != self._subject:
            raise ValueError("The export has another subject: pass `subject` and `key` on to client.export.")
        return _view(202, export)

    def look(self, export_id: str) -> Answer:
        """Show it, or answer 304. Of an ETag that belongs to another subject nothing is known."""
        mark = f'-{sha256(self._subject.encode()).hexdigest()[:16]}"'
        known = self._etag.removesuffix(mark) + '"' if self._etag.endswith(mark) else ""
        export, etag = self._client.look(export_id, known)
        headers = {"ETag": etag.removesuffix('"') + mark} if etag else {}
        return Answer(b"", 304, headers) if export is None else _view(200, self._checked(export), headers)

    def cancel(self, export_id: str) -> Answer:
        """Cancel it. One that is over is only shown: its file stays."""
        export = self._own(export_id)
        return _view(200, export if export.over else self._client.cancel(export))

    def retry(self, export_id: str) -> Answer:
        return _view(202, self._client.retry(self._own(export_id)))

    def file(self, export_id: str, volume: str) -> Answer:
        url = self._client.download_url(self._own(export_id), volume=int(volume))
        return Answer(b"", 303, {"Location": url, "Cache-Control": "no-store"})

    def _own(self, export_id: str) -> Export:
        return self._checked(self._client.get(export_id))

    def _checked(self, export: Export) -> Export:
        if export.data.get("subject") != self._subject:
            raise NotFound(f"There is no export {export.id}.", code="NoExport", status=404)
        return export


_ID = "([0-9a-z]{1,64})"
_ROUTES: tuple[tuple[str, str, Callable[..., Answer]], ...] = (
    ("POST", "", _Call.begin),
    ("GET", _ID, _Call.look),
    ("DELETE", _ID, _Call.cancel),
    ("POST", f"{_ID}/retry", _Call.retry),
    ("GET", f"{_ID}/file(?:/([0-9]{{1,6}}))?", _Call.file),
)


def _key(body: bytes) -> str:
    """Return the key of a request's body. Raises Refused."""
    try:
        key = json.loads(body)["key"]
    except (ValueError, KeyError, TypeError, RecursionError):
        key = None
    if not isinstance(key, str) or not 0 < len(key) <= LONGEST_KEY:
        message = f"key must be a text of 1 to {LONGEST_KEY} characters."
        raise Refused(message, code="InvalidRequest", field="key", status=422)
    return key


def _view(status: int, export: Export, headers: Mapping[str, str] | None = None) -> Answer:
    always = {"Content-Type": "application/json", "Cache-Control": "private, no-cache"}
    return Answer(json.dumps(export.data).encode(), status, {**always, **(headers or {})})


def _refusal(error: ManypagesError) -> Answer:
    if isinstance(error, Unavailable):
        log.warning("%s", error.message)
        return _problem(429 if error.status == 429 else 503, error.message, error.advice, code=error.code)
    if error.of_settings:
        log.error("The app that makes PDFs does not accept this address or token: %s", error)
        return _problem(500, "PDFs cannot be made at the moment.", "The log of this site says why.")
    status = error.status or (422 if isinstance(error, InvalidRow) else 409)
    return _problem(status, error.message, error.advice, code=error.code, field=error.field)


def _problem(status: int, detail: str, advice: str = "", **more: str) -> Answer:
    """Return an error as RFC 9457 has it."""
    told = {"title": responses.get(status, "Error"), "status": status, "detail": detail, "advice": advice, **more}
    headers = {"Content-Type": "application/problem+json", "Cache-Control": "no-store"}
    return Answer(json.dumps(told).encode(), status, headers)
