"""What the tests of worker pools share: settings that point at local dynos, and a step of resizing."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

from local.dynos import Dynos, Fault
from pipeline.scaler.formation import FormationPool
from pipeline.scaler.pool import WorkerPool
from pipeline.settings import Settings

Make = Callable[..., FormationPool]
LONG = 600.0  # seconds that no test takes


def settings_for(dynos: Dynos, **changes: str) -> Settings:
    """Returns settings with which a pool scales these dynos."""
    given = {"HEROKU_API_URL": dynos.url, "HEROKU_API_KEY": dynos.key, "HEROKU_APP_NAME": dynos.app}
    return Settings.from_env(given | {"HEROKU_TIMEOUT": "60"} | changes)


class Clock:
    """A clock of a module that stands still until a test moves it on; for all but the time of day."""

    time = staticmethod(time.time)

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def resized(pool: WorkerPool, wanted: int) -> int | None:
    """Take one step towards `wanted` workers. Returns the quantity after it."""
    pool.resize(wanted, wanted)
    return pool.status().quantity


def patches(dynos: Dynos) -> int:
    return sum(call.method == "PATCH" for call in dynos.requests)


def above(kind: str, limit: object) -> Fault:
    told = {"id": f"cannot_{kind}_above_limit", "message": "Cannot run more dynos.", "limit": limit, "size": 9}
    return Fault(422, body=json.dumps(told))
