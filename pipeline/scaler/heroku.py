"""Client of Heroku's Platform API; the only importer of heroku3.

heroku3 has no timeout, hides the Retry-After of a 429, and knows neither `type` nor `time_to_live` of a one-off
dyno. So it gets a session that has timeouts, retries and counts, and only its raw calls are used.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from email.utils import parsedate_to_datetime
from typing import Any

import heroku3.api
import requests
import urllib3
from requests.adapters import HTTPAdapter

from ..errors import HerokuDown, HerokuRefused, TooManyCalls
from ..settings import MIB, Settings
from .heroku_answers import ListedDyno, Processes, Unclear, dyno, processes, rows, text
from .prices import parse_sizes

MIN_SILENCE, SILENCE, MAX_SILENCE = 1.0, 60.0, 900.0  # seconds without a call after a 429: least, default, most
PAUSES = (0.5, 1.0)  # seconds between tries
REPEATABLE = ("GET", "PATCH")  # a PATCH sets an absolute quantity; a second POST would start a second dyno
MAX_ANSWER_BYTES = 8 * MIB
MAX_LIST_PAGES = 50  # of 200 rows, unless Heroku sends more in one
MAX_WORDS = 200  # characters of Heroku's own message
LIMIT_IDS = ("cannot_run_above_limit", "cannot_update_above_limit")
_STATUS_WORDS = {
    401: "the key is not valid",
    402: "the account has unpaid bills",
    403: "the key may not do this",
    404: "there is no such app or process type",
    409: "the app is being changed",
    422: "the quantity is not possible",
}
_UNPAID = "Do what Heroku says about the account. Until then, stop workers by hand: heroku ps:scale worker=0."
_UNSTOPPABLE = "Running workers cannot be stopped either, and go on costing money"


class AboveLimit(HerokuDown):
    """The plan allows only `limit` dynos. `shared`: the limit counts dynos of other types too."""

    def __init__(self, message: str, limit: int, shared: bool) -> None:
        super().__init__(message)
        self.limit = limit
        self.shared = shared


class Heroku:
    """One app on the Platform API. Every failure is HerokuDown, with a message for a person."""

    def __init__(self, settings: Settings, pauses: Sequence[float] = PAUSES) -> None:
        self._app = settings.heroku_app or ""
        self.configured = bool(settings.heroku_api_key and settings.heroku_app)
        self.refused: str | None = None
        """Why Heroku rejects this key; None once it accepts it again."""
        self._transport = _Transport(settings.heroku_timeout, pauses)
        session = _Session()
        session.trust_env = False  # no proxy that the environment names stands between
        session.auth = ("", settings.heroku_api_key or "")
        for scheme in ("https://", "http://"):
            session.mount(scheme, self._transport)
        # Not heroku3.from_key(): it makes a call of its own, and does not notice a wrong key.
        self._heroku = heroku3.api.Heroku(session)
        self._heroku._heroku_url = settings.heroku_api_url

    @property
    def calls(self) -> int:
        """The number of calls made, failed tries included."""
        return self._transport.calls

    @property
    def silent_seconds(self) -> float:
        """Seconds for which no call may be made after a 429."""
        return max(0.0, self._transport.silent_until - time.monotonic())

    def formation(self) -> dict[str, Processes]:
        """Return the quantity of each process type."""
        found = self._list("formation")
        return {text(row, "type"): processes(row) for row in found}

    def scale(self, kind: str, quantity: int) -> Processes:
        """Set the quantity of a process type. Returns what Heroku then reports; AboveLimit if it allows less."""
        return processes(self._ask("PATCH", "formation", kind, body={"quantity": quantity}))

    def dynos(self) -> list[ListedDyno]:
        """Return all dynos of the app, also those that start or are leaving."""
        return [dyno(row) for row in self._list("dynos")]

    def start(self, command: str, *, kind: str, size: str | None, seconds: int) -> ListedDyno:
        """Start a one-off dyno that Heroku ends after `seconds`. Never repeated.

        Raises Unclear if it may have started, or may still start.
        """
        body = {"attach": False, "command": command, "time_to_live": seconds, "type": kind}
        return dyno(self._ask("POST", "dynos", body=body | ({"size": size} if size else {})))

    def restart(self, name: str) -> None:
        """Restart a dyno of the formation, or stop a one-off dyno. Never repeated; does nothing if it is gone."""
        try:
            self._ask("DELETE", "dynos", name)
        except HerokuDown as error:
            if status_of(error) != 404:
                raise

    def prices(self) -> dict[str, float]:
        """Return dollars a second by size, as Heroku lists them for this app."""
        return parse_sizes([row for row in self._list("available-dyno-sizes") if isinstance(row, dict)])

    def check_write(self) -> None:
        """Raise HerokuDown if the key may only read. Requests an empty change.

        A key that may write gets an answer, or a 422: nothing to change.
        """
        try:
            self._ask("PATCH", "formation", body={"updates": []})
        except HerokuDown as error:
            if status_of(error) != 422:
                raise

    def _list(self, *path: str) -> list[object]:
        """Return all rows of a list. Heroku sends it in pages, and names the next one."""
        found: list[object] = []
        wanted: str | None = None
        for _ in range(MAX_LIST_PAGES):
            page, wanted = self._call("GET", path, wanted=wanted)
            found += rows(page)
            if wanted is None:
                return found
        raise HerokuDown(f"Heroku's list of {path[-1]} does not end: {len(found)} rows so far.")

    def _ask(self, method: str, *path: str, body: Mapping[str, Any] | None = None) -> Any:
        """Make a call. Returns the answer's JSON."""
        return self._call(method, path, body)[0]

    def _call(
        self, method: str, path: Sequence[str], body: Mapping[str, Any] | None = None, wanted: str | None = None
    ) -> tuple[Any, str | None]:
        """Make a call; of a list, for the range `wanted`. Returns the answer's JSON, and the next range, if any."""
        data = None if body is None else json.dumps(body)
        try:
            with _translated(method):
                answer = self._heroku._http_resource(method, ("apps", self._app, *path), data=data, valrange=wanted)
                if answer.status_code >= 300:
                    raise requests.HTTPError(response=answer)
                found = answer.json()
        except HerokuRefused as error:
            self.refused = error.message
            raise
        self.refused = None
        return found, answer.headers.get("Next-Range") if answer.status_code == 206 else None


def status_of(error: HerokuDown) -> int | None:
    """Return the HTTP status that Heroku answered, if it did."""
    status: int | None = getattr(getattr(error.__cause__, "response", None), "status_code", None)
    return status


class _Session(requests.Session):
    """Follows no redirect: a PATCH would become a GET, and what that answers would look like success."""

    def get_redirect_target(self, resp: requests.Response) -> None:  # noqa: ARG002  # the same for each answer
        return None


class _Transport(HTTPAdapter):
    """Sends requests: with a timeout, with retries where they are harmless, with none after a 429. Counts them."""

    def __init__(self, seconds: float, pauses: Sequence[float]) -> None:
        super().__init__()
        self._pauses = pauses
        self.calls = 0
        self.silent_until = 0.0
        self._seconds = seconds

    def send(self, request: Any, **options: Any) -> requests.Response:  # type: ignore[override]  # same call
        for pause in self._pauses if request.method in REPEATABLE else ():
            with suppress(requests.ConnectionError, requests.Timeout):
                answer = self._once(request, options)
                if answer.status_code < 500:
                    return answer
            time.sleep(pause)
        return self._once(request, options)

    def _once(self, request: Any, options: dict[str, Any]) -> requests.Response:
        if (left := self.silent_until - time.monotonic()) > 0:
            raise TooManyCalls(f"Heroku had too many calls. No call is made for {left:.0f} s.")
        self.calls += 1
        until = time.monotonic() + self._seconds
        answer = super().send(request, **options | {"timeout": self._seconds})
        answer._content = _read(answer, until)  # requests restarts its timeout at every byte
        if answer.status_code == 429:
            self.silent_until = time.monotonic() + silence(answer.headers.get("Retry-After"), time.time())
        return answer


def _read(answer: requests.Response, until: float) -> bytes:
    """Return the body; ReadTimeout if it takes too long or does not end."""
    body = bytearray()
    try:
        while piece := answer.raw.read1(65536, decode_content=True):
            body += piece
            if time.monotonic() > until or len(body) > MAX_ANSWER_BYTES:
                answer.close()
                raise requests.ReadTimeout("The answer took too long.")
    except (urllib3.exceptions.HTTPError, OSError) as error:
        raise requests.ConnectionError("The answer broke off.") from error
    return bytes(body)


def silence(retry_after: str | None, now: float) -> float:
    """Return seconds without a call after a 429. Heroku names seconds, epoch seconds or a date; else it is 60."""
    try:
        said = float(retry_after or "")
    except ValueError:
        try:
            said = parsedate_to_datetime(retry_after or "").timestamp()
        except (ValueError, OverflowError):
            return SILENCE
    seconds = said - now if said > 1e9 else said
    return min(MAX_SILENCE, max(MIN_SILENCE, seconds)) if seconds == seconds else SILENCE  # NaN is not itself


@contextmanager
def _translated(method: str) -> Iterator[None]:
    """Translate the errors of heroku3 and requests. Unclear if the call may have changed something."""
    unclear = HerokuDown if method == "GET" else Unclear
    try:
        yield
    except heroku3.api.RateLimitExceeded as error:
        raise TooManyCalls("Heroku refuses: too many calls in this hour.") from error
    except requests.HTTPError as error:
        raise _refusal(error, unclear) from error
    except (requests.RequestException, ValueError) as error:
        raise unclear(f"Heroku gave no usable answer: {type(error).__name__}.") from error


def _refusal(error: requests.HTTPError, unclear: type[HerokuDown]) -> HerokuDown:
    """Return the error for an answer of 300 and above, with Heroku's own words if it has some."""
    status, told = error.response.status_code, _error_body(error.response)
    if status < 400:
        return unclear(f"Heroku redirects ({status}). HEROKU_API_URL must be the API's own address.")
    words = f"Heroku refuses: {_STATUS_WORDS.get(status, f'it answered {status}')}."
    if status >= 500:
        return unclear(words)
    words = f"{words} {' '.join(str(told.get('message', '')).split())[:MAX_WORDS]}".rstrip()
    if status in (401, 402, 403):
        return HerokuRefused(f"{words} {_UNSTOPPABLE}.", advice=_UNPAID if status == 402 else None)
    limit = told.get("limit")
    if status == 422 and told.get("id") in LIMIT_IDS and type(limit) is int and limit >= 0:
        return AboveLimit(words, limit, shared=told["id"] == "cannot_update_above_limit")
    return HerokuDown(words)


def _error_body(answer: requests.Response) -> Mapping[str, Any]:
    with suppress(ValueError):
        found = answer.json()
        if isinstance(found, dict):
            return found
    return {}
