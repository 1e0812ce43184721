"""Workers as one-off dynos: each leaves by itself when it is idle and there are more than shall be.

Down is therefore only a word in Redis. Up is a POST, which must not be repeated blindly: each start has an
id, which stands in the dyno's command line, where Heroku's list shows it, and is the worker's own in Redis.
"""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Sequence

from ..adapters.redis import Coordination
from ..adapters.redis.workers import FORGET_SECONDS
from ..errors import HerokuDown
from ..settings import Settings
from .heroku import AboveLimit, Heroku
from .heroku_answers import Dyno, Unclear
from .pool import Limit, PoolStatus, later

log = logging.getLogger(__name__)
COMMAND = "exec python -m pipeline worker --one-off"
KIND = "run"  # Heroku's own name for one-off dynos, which its limits for the formation leave alone
EXIT_MOST = 10.0  # seconds; who said that it leaves and not that it is gone was killed in between
MISSED = 2.0  # seconds; after Redis was wiped each worker is there again within one
ALIVE = ("starting", "up", "idle")


class OneOffs:
    """The one-off dynos of one app that run our worker."""

    def __init__(self, settings: Settings, redis: Coordination) -> None:
        self._settings = settings
        self._redis = redis
        self._heroku = Heroku(settings)
        self._limit = Limit()
        self._known: dict[str, float | None] | None = None  # id of a start -> when, if its dyno starts or runs
        self._up: set[str] = set()  # those of them whose worker said that it is up
        self._missing: dict[str, float] = {}  # those of them that are up no more, and since when
        self._leaving: dict[str, float] = {}  # who said that it leaves, and until when that is believed
        self._ended: float | None = None  # when the last of those was gone that are not counted any more
        self._ordered_at: float | None = None

    @property
    def configured(self) -> bool:
        return self._heroku.configured

    def quantity(self) -> int:
        """How many dynos of ours start or run; who has said that it leaves is listed for seconds yet."""
        self._ended = None
        return len(self._listed())

    def _listed(self) -> dict[str, float | None]:
        listed = ours(self._heroku.dynos())
        left = self._redis.workers.left(listed)
        for start_id in [start_id for start_id, gone in left.items() if gone is None]:
            self._leaving.setdefault(start_id, time.monotonic() + EXIT_MOST)
        self._known = {start_id: since for start_id, since in listed.items() if start_id not in left}
        return self._known

    def forget(self) -> None:
        """Whoever was up and cannot say so yet is there, if Heroku lists it."""
        self._known = None
        self._up.clear()

    def roll_call(self) -> None:
        """Who was up and is not in Redis any more has left, or died: no call is needed to know that. Should Redis
        have been wiped, Heroku's list is asked all the same before any other dyno is started."""
        now, up = time.monotonic(), {worker.id for worker in self._redis.workers.up()}
        known = self._known if self._known is not None else {}
        self._up = (self._up | up) & known.keys()
        self._missing = {start_id: self._missing.get(start_id, now) for start_id in self._up - up}
        left = self._redis.workers.left({*self._missing, *self._leaving})
        ended = [moment for moment in left.values() if moment]
        for start_id, missed in list(self._missing.items()):
            if start_id in left:
                self._leaving[start_id] = now + EXIT_MOST
            elif now - missed > MISSED:
                # It died. PRESENT before it was missed it said for the last time that it is up.
                ended.append(time.time() - (now - missed) - FORGET_SECONDS)
            else:
                continue
            self._up.discard(start_id)
            del known[start_id], self._missing[start_id]
        self._ended = max(ended, default=None)
        waited = {start_id: until for start_id, until in self._leaving.items() if until > now}
        self._leaving = {start_id: until for start_id, until in waited.items() if not left.get(start_id)}

    def since(self, before: int) -> float | None:
        """Those that are new are the youngest; those that are gone said when."""
        new = len(self._known or ()) + len(self._leaving) - before
        moments = sorted(since for since in (self._known or {}).values() if since)
        if new < 0:
            return self._ended
        return moments[-new] if 0 < new <= len(moments) else None

    def resize(self, wanted: int, line: int | None = None) -> int:
        """Say how many workers may stay; start those that are missing, counted by Heroku's own list."""
        wanted = self._limit.clip(wanted)
        self._redis.workers.drain(wanted if line is None else max(line, wanted))
        self.roll_call()
        known = self._known
        if known is None or wanted > len(known):
            known = self._listed()
        for start_id in [secrets.token_hex(8) for _ in range(wanted - len(known))]:
            self._known = None  # if the call fails, nobody knows
            asked = time.time()
            try:
                said = self._start(start_id)
            except AboveLimit as above:
                self._limit = Limit.of(len(known))
                log.warning("scaler: Heroku allows %d one-off dynos: %s", len(known), above.message)
                break
            known[start_id] = later(asked, said)
            self._ordered_at = time.time()
        self._known = known
        return len(known)

    def prices(self) -> dict[str, float]:
        return self._heroku.prices()

    def standing(self) -> PoolStatus:
        h = self._heroku
        told = (h.refused, h.silent_seconds, h.calls)
        now = None if self._known is None else len(self._known)
        return PoolStatus("one-off", now, self._limit.now, *told, self._ordered_at, len(self._leaving))

    def check(self) -> int:
        """The quantity; HerokuDown when the key may not change anything, or workers run that nobody stops."""
        self._heroku.check_write()
        kind = self._settings.worker_type
        if (beside := self._heroku.formation().get(kind)) and beside.quantity:
            raise HerokuDown(
                f"{beside.quantity} of the formation's {kind} run beside one-off workers, and nobody stops them.",
                advice=f"heroku ps:scale {kind}=0",
            )
        return self.quantity()

    def _start(self, start_id: str) -> float | None:
        """One more dyno. After an unclear answer the list says whether there is one; if there is none, it may
        still come, and the next turn counts again before it asks."""
        command = f"{COMMAND} {start_id}"
        seconds = int(self._settings.one_off_seconds)
        try:
            return self._heroku.start(command, kind=KIND, size=self._settings.one_off_size, seconds=seconds).since
        except Unclear:
            for start, since in ours(self._heroku.dynos()).items():
                if start == start_id:
                    log.info("scaler: Heroku's answer was unclear, but the dyno is there")
                    return since
            raise


def ours(dynos: Sequence[Dyno]) -> dict[str, float | None]:
    """The id of each start that runs or will run our worker, and when it was."""
    alive = [dyno for dyno in dynos if dyno.state in ALIVE and dyno.command.startswith(COMMAND)]
    return {dyno.command.removeprefix(COMMAND).strip(): dyno.since for dyno in alive}
