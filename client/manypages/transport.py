"""Requests to the app and to the bucket: timeouts, bounded retries with back-off, errors in words."""

from __future__ import annotations

import random
import time
from collections.abc import Mapping
from io import BytesIO
from typing import Any

import requests
from requests.auth import AuthBase

from .errors import ManypagesError, NotFound, Refused, Unavailable

PASSING = (408, 425, 429, *range(500, 600))  # another try may succeed; proxies have codes of their own
LONGEST = 20.0  # seconds between two tries
CONNECT = 10.0  # seconds
API = "/v1"  # the version of the API that this client speaks


class Token(AuthBase):
    """Adds the bearer token. As `auth` of a session, it is not replaced by a line of ~/.netrc."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


def unsigned(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Add nothing: the URL is signed, and the bucket refuses a second way to sign."""
    return request


class Transport:
    """One session. `tries` counts all attempts of a request; `timeout` is in seconds, for each wait for bytes."""

    def __init__(self, url: str, token: str, timeout: float, tries: int) -> None:
        self._url = url.rstrip("/") + API
        self._token = Token(token)
        self._timeout = (min(CONNECT, timeout), timeout)
        self._tries = tries
        self._session = requests.Session()

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def call(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> requests.Response:
        """Send a request to the app. Raises Refused, or Unavailable after all tries.

        A request that is sent again must do no harm: its caller adds an idempotency key.
        """
        return self._retried(
            lambda: self._send(method, self._url + path, self._token, json=body, headers=headers), "The app"
        )

    def put(self, url: str, data: bytes) -> None:
        """Send bytes to the bucket, in small pieces: of bytes, all would have to be taken within one timeout."""
        self._retried(lambda: self._send("PUT", url, unsigned, data=BytesIO(data)), "The bucket")

    def get(self, url: str, headers: Mapping[str, str]) -> requests.Response:
        """Open a file of the bucket. The caller reads and closes it, and tries again itself."""
        return self._send("GET", url, unsigned, headers=headers, stream=True)

    def _send(self, method: str, url: str, auth: Any, **more: Any) -> requests.Response:
        return self._session.request(method, url, auth=auth, timeout=self._timeout, allow_redirects=False, **more)

    def _retried(self, send: Any, what: str) -> requests.Response:
        for attempt in range(1, self._tries + 1):
            response = None
            try:
                response = send()
                error = error_of(response)
                if error is None:
                    return response  # type: ignore[no-any-return]
            except requests.RequestException as failed:
                error = not_sent(what, failed)
            full = error.status == 429 and asked_pause(response) > LONGEST  # a quota is reached for longer
            if full or not isinstance(error, Unavailable) or attempt == self._tries:
                raise error
            time.sleep(pause(attempt, response))
        raise AssertionError("tries is below 1")


def pause(attempt: int, response: requests.Response | None = None) -> float:
    """Return the seconds to wait before the next try: what the server asks for, else 0.5, 1, 2 … and some luck."""
    if asked := asked_pause(response):
        return min(asked, LONGEST)
    return min(LONGEST, 0.25 * 2.0**attempt) * random.uniform(0.75, 1.25)  # noqa: S311  # no secret


def asked_pause(response: requests.Response | None) -> float:
    """Return the seconds for which the server asks (Retry-After); 0 if it does not."""
    asked = response.headers.get("Retry-After", "") if response is not None else ""
    return float(asked) if asked.isdigit() else 0.0


WRONG_URL = (
    requests.exceptions.MissingSchema, requests.exceptions.InvalidSchema, requests.exceptions.InvalidURL,
)  # fmt: skip


def not_sent(what: str, error: Exception) -> ManypagesError:
    """Return the error for a request without an answer. A wrong address will be as wrong at the next try."""
    if isinstance(error, WRONG_URL):
        advice = "Correct the address that the client is given, such as https://pdfs.example.org."
        return Refused(f"{what} has an address that is no URL.", code="WrongAddress", advice=advice)
    return unavailable(what, error)


def unavailable(what: str, error: Exception) -> Unavailable:
    """Return the error for a server that does not answer."""
    return Unavailable(f"{what} does not answer ({type(error).__name__}).", advice="Try again later.")


def error_of(response: requests.Response) -> ManypagesError | None:
    """Return the error that an answer means; None for success."""
    status = response.status_code
    if status < 300 or status in (302, 304):
        return None
    if status < 400:
        advice = f"Take the address to which it leads: {response.headers.get('Location', 'unknown')}."
        return Refused("The address of the app redirects.", code="Redirect", advice=advice, status=status)
    try:
        told = response.json()["error"]
        about = {name: told.get(name) or "" for name in ("code", "advice", "field")}
        message = str(told["message"])
    except (ValueError, KeyError, TypeError, AttributeError):
        about, message = {}, f"The answer to {response.request.method} was {status} {response.reason}."
    passing = status in PASSING or about.get("code") == "Conflict"
    kind = Unavailable if passing else NotFound if status in (404, 410) else Refused
    return kind(message, status=status, **about)
