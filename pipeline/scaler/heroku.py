"""The one door to Heroku's Platform API, and the only importer of heroku3.

heroku3 has no time limit of its own, hides what a 429 says, and knows neither `type` nor `time_to_live` of
a one-off dyno: it is given a session that is patient and counts, and is asked for the calls themselves.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from email.utils import parsedate_to_datetime
from typing import Any

import heroku3.api
import requests
import urllib3
from requests.adapters import HTTPAdapter

from ..errors import HerokuDown, HerokuRefused, TooManyCalls
from ..settings import MIB, Settings
from .heroku_answers import Dyno, Processes, Unclear, dyno, processes, rows, text
from .prices import parse

SILENCE_LEAST, SILENCE, SILENCE_MOST = 1.0, 60.0, 900.0  # seconds without a call after a 429; the least, …
PAUSES = (0.5, 1.0)  # seconds between tries
REPEATABLE = ("GET", "PATCH")  # the quantity is absolute, so a PATCH is harmless twice; a POST starts two dynos
ANSWER_MOST = 8 * MIB
LIMIT_IDS = ("cannot_run_above_limit", "cannot_update_above_limit")
_SAY = {
    401: "the key is not valid",
    402: "the account has unpaid bills",
    403: "the key may not do this",
    404: "there is no such app or process type",
    409: "the app is being changed",
    422: "the quantity is not possible",
}
_UNSTOPPABLE = "Workers cannot be stopped either, and those that run go on costing money"


class AboveLimit(HerokuDown):
    """The plan does not allow so many dynos. `shared`: the limit counts dynos of other types too."""

    def __init__(self, message: str, limit: int, shared: bool) -> None:
        super().__init__(message)
        self.limit = limit
        self.shared = shared


class Heroku:
    """One app on the Platform API. HerokuDown says in words for a person what is wrong."""

    def __init__(self, settings: Settings) -> None:
        self._app = settings.heroku_app or ""
        self.configured = bool(settings.heroku_api_key and settings.heroku_app)
        self.refused: str | None = None
        """Why Heroku obeys this key no more, until it does again."""
        self._line = _Line(settings.heroku_timeout)
        session = requests.Session()
        session.trust_env = False  # a netrc would replace the key
        session.auth = ("", settings.heroku_api_key or "")
        for scheme in ("https://", "http://"):
            session.mount(scheme, self._line)
        # Not heroku3.from_key(): that asks the platform something, and a wrong key goes unnoticed.
        self._heroku = heroku3.api.Heroku(session)
        self._heroku._heroku_url = settings.heroku_api_url

    @property
    def calls(self) -> int:
        """How many calls were made, tries that failed included."""
        return self._line.calls

    @property
    def silent_seconds(self) -> float:
        """For how long no call may be made, because there were too many."""
        return max(0.0, self._line.silent_until - time.monotonic())

    def formation(self) -> dict[str, Processes]:
        """How many dynos of each process type there should be."""
        found = rows(self._ask("GET", "formation"))
        return {text(row, "type"): processes(row) for row in found}

    def scale(self, kind: str, quantity: int) -> Processes:
        """Run so many dynos of a type; what Heroku then says. AboveLimit when there is a limit."""
        return processes(self._ask("PATCH", "formation", kind, body={"quantity": quantity}))

    def dynos(self) -> list[Dyno]:
        """All of the app's, also those that start or are leaving."""
        return [dyno(row) for row in rows(self._ask("GET", "dynos"))]

    def start(self, command: str, *, kind: str, size: str | None, seconds: int) -> Dyno:
        """Start a one-off dyno that Heroku ends after so many seconds; never asked twice.

        Unclear when it may have been started, or may yet be.
        """
        body = {"attach": False, "command": command, "time_to_live": seconds, "type": kind}
        return dyno(self._ask("POST", "dynos", body=body | ({"size": size} if size else {})))

    def prices(self) -> dict[str, float]:
        """Dollars a second by size, as Heroku lists them for this app."""
        return parse([row for row in rows(self._ask("GET", "available-dyno-sizes")) if isinstance(row, dict)])

    def check_write(self) -> None:
        """Raise HerokuDown when the key may only read: ask for a change of nothing.

        Whoever may write is answered, or told that there is nothing to change (422).
        """
        try:
            self._ask("PATCH", "formation", body={"updates": []})
        except HerokuDown as error:
            if status_of(error) != 422:
                raise

    def _ask(self, method: str, *path: str, body: Mapping[str, Any] | None = None) -> Any:
        """What Heroku answers, from JSON."""
        data = None if body is None else json.dumps(body)
        try:
            with _translated(method):
                answer = self._heroku._http_resource(method, ("apps", self._app, *path), data=data)
                found = answer.json()
        except HerokuRefused as error:
            self.refused = error.message
            raise
        self.refused = None
        return found


def status_of(error: HerokuDown) -> int | None:
    """The HTTP status that Heroku answered, if it did."""
    status: int | None = getattr(getattr(error.__cause__, "response", None), "status_code", None)
    return status


class _Line(HTTPAdapter):
    """Carries a request: within a time limit, again when that is harmless, not at all after a 429, counted."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.calls = 0
        self.silent_until = 0.0
        self._seconds = seconds

    def send(self, request: Any, **options: Any) -> requests.Response:  # type: ignore[override]  # same call
        for pause in PAUSES if request.method in REPEATABLE else ():
            with suppress(requests.ConnectionError, requests.Timeout):
                answer = self._once(request, options)
                if answer.status_code < 500:
                    return answer
            time.sleep(pause)
        return self._once(request, options)

    def _once(self, request: Any, options: dict[str, Any]) -> requests.Response:
        if (left := self.silent_until - time.monotonic()) > 0:
            raise TooManyCalls(f"Heroku had too many calls; none is made for {left:.0f} s.")
        self.calls += 1
        until = time.monotonic() + self._seconds
        answer = super().send(request, **options | {"timeout": self._seconds})
        answer._content = _read(answer, until)  # requests would wait for each byte as long again
        if answer.status_code == 429:
            self.silent_until = time.monotonic() + silence(answer.headers.get("Retry-After"), time.time())
        return answer


def _read(answer: requests.Response, until: float) -> bytes:
    """The body, unless it is long in coming or endless."""
    body = bytearray()
    try:
        while piece := answer.raw.read1(65536, decode_content=True):
            body += piece
            if time.monotonic() > until or len(body) > ANSWER_MOST:
                answer.close()
                raise requests.ReadTimeout("The answer does not end.")
    except (urllib3.exceptions.HTTPError, OSError) as error:
        raise requests.ConnectionError("The answer broke off.") from error
    return bytes(body)


def silence(retry_after: str | None, now: float) -> float:
    """Seconds without a call after a 429: as Heroku says (seconds, a moment in epoch seconds, a date), or 60."""
    try:
        said = float(retry_after or "")
    except ValueError:
        try:
            said = parsedate_to_datetime(retry_after or "").timestamp()
        except (ValueError, OverflowError):
            return SILENCE
    seconds = said - now if said > 1e9 else said
    return min(SILENCE_MOST, max(SILENCE_LEAST, seconds)) if seconds == seconds else SILENCE  # NaN is not itself


@contextmanager
def _translated(method: str) -> Iterator[None]:
    """heroku3's errors, and those that it lets through, as ours. Unclear when something may have changed."""
    unclear = HerokuDown if method == "GET" else Unclear
    try:
        yield
    except heroku3.api.RateLimitExceeded as error:
        raise TooManyCalls("Heroku refuses: too many calls in this hour.") from error
    except requests.HTTPError as error:
        raise _refusal(error, unclear) from error
    except (requests.RequestException, ValueError) as error:
        raise unclear(f"Heroku does not answer sensibly: {type(error).__name__}.") from error


def _refusal(error: requests.HTTPError, unclear: type[HerokuDown]) -> HerokuDown:
    """What an answer of 400 and above means."""
    status = error.response.status_code
    words = f"Heroku refuses: {_SAY.get(status, f'it answered {status}')}."
    if status in (401, 402, 403):
        return HerokuRefused(f"{words} {_UNSTOPPABLE}.")
    if status >= 500:
        return unclear(words)
    told = _told(error.response)
    limit = told.get("limit")
    if status == 422 and told.get("id") in LIMIT_IDS and type(limit) is int and limit >= 0:
        return AboveLimit(words, limit, shared=told["id"] == "cannot_update_above_limit")
    return HerokuDown(f"{words} {str(told.get('message', ''))[:200]}".rstrip())


def _told(answer: requests.Response) -> Mapping[str, Any]:
    with suppress(ValueError):
        found = answer.json()
        if isinstance(found, dict):
            return found
    return {}
