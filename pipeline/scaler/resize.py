"""The formation: the one door to Heroku, and the only importer of heroku3.

Calls are absolute quantities, so repeating one is harmless. heroku3 has no time limit of its own: it is
given a session that has one, and that repeats what is idempotent.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import heroku3
import heroku3.api
import requests
from requests.adapters import HTTPAdapter
from urllib3.util.retry import Retry

from ..errors import HerokuDown
from ..settings import Settings

_SAY = {
    401: "the key is not valid",
    403: "the key may not do this",
    404: "there is no such app or process type",
    409: "the app is being changed",
    422: "the quantity is not possible",
    429: "too many calls in this hour",
}


class _Patient(HTTPAdapter):
    """A time limit for every request."""

    def __init__(self, seconds: float, **options: Any) -> None:
        self._seconds = seconds
        super().__init__(**options)

    def send(self, request: Any, **options: Any) -> requests.Response:  # type: ignore[override]  # same call
        options["timeout"] = self._seconds
        return super().send(request, **options)


class Formation:
    """The workers of one app. HerokuDown says what is wrong in words for a person."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._session = _session(settings.heroku_timeout)
        self._app: Any = None

    @property
    def configured(self) -> bool:
        """Whether there is anything to scale."""
        return bool(self._settings.heroku_api_key and self._settings.heroku_app)

    def quantity(self) -> int:
        """How many workers the platform is told to run."""
        with self._opened() as app:
            for process in app.process_formation():
                if process.type == self._settings.worker_type:
                    return int(process.quantity)
        raise HerokuDown(
            f"{self._settings.heroku_app} has no process type {self._settings.worker_type}.",
            advice="Deploy the Procfile, or correct WORKER_TYPE.",
        )

    def resize(self, quantity: int) -> int:
        """Run so many workers; the number that the platform now says."""
        with self._opened() as app:
            return int(app.scale_formation_process(self._settings.worker_type, quantity).quantity)

    def check_write(self) -> None:
        """Raise HerokuDown when the key may only read: ask for a change of nothing.

        Whoever may write is answered, or told that there is nothing to change (422).
        """
        try:
            with self._opened() as app:
                app.batch_scale_formation_processes({})
        except HerokuDown as error:
            if status_of(error) != 422:
                raise

    @contextmanager
    def _opened(self) -> Iterator[Any]:
        """heroku3's app. Opened late and again after an error, since opening it asks the platform."""
        try:
            with _translated():
                if self._app is None:
                    heroku3.api.HEROKU_URL = self._settings.heroku_api_url
                    connection = heroku3.from_key(self._settings.heroku_api_key, session=self._session)
                    self._app = connection.app(self._settings.heroku_app)
                yield self._app
        except HerokuDown:
            self._app = None
            raise


def status_of(error: HerokuDown) -> int | None:
    """The HTTP status that Heroku answered, if it did."""
    status: int | None = getattr(getattr(error.__cause__, "response", None), "status_code", None)
    return status


def _session(seconds: float) -> requests.Session:
    """A session with a time limit, which repeats what may be repeated: the quantity is absolute, so a PATCH
    is harmless twice; a POST would start a dyno twice."""
    retry = Retry(
        total=2,
        backoff_factor=0.5,
        status_forcelist=(500, 502, 503, 504),
        allowed_methods={"GET", "PATCH"},
        raise_on_status=False,
        respect_retry_after_header=False,  # it may say an hour, and the keeper has other work
    )
    session = requests.Session()
    adapter = _Patient(seconds, max_retries=retry)
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    return session


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except heroku3.api.RateLimitExceeded as error:
        raise HerokuDown(f"Heroku refuses: {_SAY[429]}.") from error
    except requests.HTTPError as error:
        status = error.response.status_code if error.response is not None else 0
        raise HerokuDown(f"Heroku refuses: {_SAY.get(status, f'it answered {status}')}.") from error
    except (requests.RequestException, ValueError, KeyError, TypeError, AttributeError) as error:
        # heroku3 lets what it cannot parse through as these.
        raise HerokuDown(f"Heroku does not answer sensibly: {type(error).__name__}.") from error
