"""Workers as one-off dynos: each exits by itself when it is idle and there is a surplus.

So shrinking is a drain order in Redis and no call. Growing is a POST, which must not be repeated blindly: each
start has an id. The id stands in the dyno's command line, where Heroku's list shows it, and is the worker's own
id in Redis.
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
from .heroku_answers import ListedDyno, Unclear
from .pool import Limit, PoolStatus, took_effect_at
from .silent import BOOTS, SilenceWatch, UpDyno

log = logging.getLogger(__name__)
COMMAND = "exec python -m pipeline worker --one-off"
KIND = "run"  # Heroku's own name for one-off dynos; they do not count towards the formation's limits
EXIT_SECONDS = 10.0  # from leaving to being gone; after that the worker was killed in between
MISSED_SECONDS = 2.0  # without a report until a worker counts as dead; after a wipe of Redis all report within 1 s
ALIVE = ("starting", "up", "idle")


class OneOffPool:
    """The one-off dynos of one app that run our worker."""

    def __init__(
        self,
        settings: Settings,
        redis: Coordination,
        *,
        exit_seconds: float = EXIT_SECONDS,
        missed_seconds: float = MISSED_SECONDS,
        forget_seconds: float = FORGET_SECONDS,
    ) -> None:
        self._settings = settings
        self._redis = redis
        self._exit_seconds = exit_seconds
        self._missed_seconds = missed_seconds
        self._forget_seconds = forget_seconds
        self._heroku = Heroku(settings)
        self._limit = Limit()
        self._known: dict[str, float | None] | None = None  # dynos that start or run: start id -> when ordered
        self._up: set[str] = set()  # those of them whose worker has reported
        self._missing: dict[str, float] = {}  # those that stopped reporting -> since when
        self._watch = SilenceWatch()
        self._suspects: set[str] = set()  # workers that seem dead, but whose dyno may be listed
        self._before: set[str] = set()  # start ids that were known before Heroku's list had to be read again
        self._leaving: dict[str, float] = {}  # workers that are leaving -> until when that is believed
        self._ended_at: float | None = None  # when the last worker that is no longer counted was gone
        self._ordered_at: float | None = None

    @property
    def configured(self) -> bool:
        return self._heroku.configured

    def quantity(self) -> int:
        """Ask Heroku. Workers that are leaving do not count, though Heroku lists them for seconds."""
        self._ended_at = None
        return len(self._listed())

    def forget(self) -> None:
        """Trust Heroku's list: a worker that was up and cannot reach Redis yet is still there."""
        self._set_aside()
        self._up.clear()
        self._suspects.clear()
        self._watch.forget()

    def refresh(self) -> None:
        """Stop counting workers that reported once and are not in Redis any more: they left or died.

        If Redis was wiped this is wrong, and harmless: Heroku's list is read before another dyno is started.
        """
        now, up = time.monotonic(), {worker.id for worker in self._redis.workers.up()}
        known = self._known if self._known is not None else {}
        self._up = (self._up | up) & known.keys()
        self._missing = {start_id: self._missing.get(start_id, now) for start_id in self._up - up}
        gone = self._before - known.keys() - self._leaving.keys()
        left = self._redis.workers.left({*self._missing, *self._leaving, *gone})
        ended = [moment for moment in left.values() if moment]
        unknown = any(not left.get(start_id) for start_id in gone)
        if self._known is not None:
            self._before.clear()
        for start_id, missing_since in list(self._missing.items()):
            if start_id in left:
                self._leaving[start_id] = now + self._exit_seconds
            elif now - missing_since > self._missed_seconds:
                # It died. Its last report was forget_seconds before it went missing.
                ended.append(time.time() - (now - missing_since) - self._forget_seconds)
                self._suspects.add(start_id)
            else:
                continue
            self._up.discard(start_id)
            del known[start_id], self._missing[start_id]
        self._ended_at = None if unknown else max(ended, default=None)
        self._leaving = {
            start_id: until for start_id, until in self._leaving.items() if until > now and not left.get(start_id)
        }

    def changed_at(self, previous: int) -> float | None:
        """New workers are the youngest; workers that are gone reported when they went."""
        new = len(self._known or ()) + len(self._leaving) - previous
        moments = sorted(since for since in (self._known or {}).values() if since)
        if new < 0:
            return self._ended_at
        return moments[-new] if 0 < new <= len(moments) else None

    def resize(self, wanted: int, ceiling: int) -> None:
        wanted = self._limit.clip(wanted)
        self._redis.workers.drain(max(ceiling, wanted))
        self.refresh()
        known = self._known
        if known is None or wanted > len(known):
            known = self._listed()
        for start_id in [secrets.token_hex(8) for _ in range(wanted - len(known))]:
            self._known = None  # not known if the call fails
            asked = time.time()
            try:
                reported = self._start(start_id)
            except AboveLimit as above:
                self._limit = Limit.noticed(len(known))
                log.warning("scaler: Heroku allows %d one-off dynos: %s", len(known), above.message)
                break
            known[start_id] = took_effect_at(asked, reported)
            self._ordered_at = time.time()
        self._known = known

    def restart_silent(self, boot_seconds: float) -> None:
        reporting = {worker.id for worker in self._redis.workers.up()}
        late = time.time() - BOOTS * boot_seconds
        known = {start_id for start_id, since in (self._known or {}).items() if since and since < late}
        short = bool((known | self._suspects) - reporting)
        for dyno in self._watch.find(short, reporting, boot_seconds, self._dynos_up):
            log.warning("scaler: dyno %s is up and silent; it is stopped", dyno.name)
            self._heroku.restart(dyno.name)
            self._suspects.discard(dyno.worker)
            if self._known is not None:
                self._known.pop(dyno.worker, None)

    def _dynos_up(self) -> list[UpDyno]:
        """Return our dynos that are up; those that are leaving are silent, and stop by themselves."""
        found = [dyno for dyno in ours(self._heroku.dynos()) if dyno.state == "up"]
        up = [UpDyno(dyno.name, start_id_of(dyno), dyno.updated) for dyno in found]
        left = self._redis.workers.left(dyno.worker for dyno in up)
        self._suspects &= {dyno.worker for dyno in up}
        return [dyno for dyno in up if dyno.worker not in left]

    def prices(self) -> dict[str, float]:
        return self._heroku.prices()

    def status(self) -> PoolStatus:
        heroku = self._heroku
        quantity = None if self._known is None else len(self._known)
        return PoolStatus(
            "one-off", quantity, self._limit.current, heroku.refused, heroku.silent_seconds, heroku.calls,
            self._ordered_at, len(self._leaving),
        )  # fmt: skip

    def check(self) -> int:
        """Return the quantity. Raises HerokuDown when the key may not change it, or when workers of the formation
        run beside the one-off dynos: nothing would stop those."""
        self._heroku.check_write()
        kind = self._settings.worker_type
        if (formation := self._heroku.formation().get(kind)) and formation.quantity:
            raise HerokuDown(
                f"{formation.quantity} {kind} dynos of the formation run beside one-off ones; nothing stops them.",
                advice=f"heroku ps:scale {kind}=0",
            )
        return self.quantity()

    def _listed(self) -> dict[str, float | None]:
        """Read Heroku's list. Returns the start ids of the dynos that start or run, and when each was ordered."""
        listed = {start_id_of(dyno): dyno.since for dyno in ours(self._heroku.dynos())}
        left = self._redis.workers.left(listed)
        for start_id in [start_id for start_id, gone in left.items() if gone is None]:
            self._leaving.setdefault(start_id, time.monotonic() + self._exit_seconds)
        self._set_aside()
        self._known = {start_id: since for start_id, since in listed.items() if start_id not in left}
        return self._known

    def _set_aside(self) -> None:
        """Forget the dynos until Heroku's list is read. Of those that it lacks, Redis may know when they ended."""
        self._before |= (self._known or {}).keys()
        self._known = None

    def _start(self, start_id: str) -> float | None:
        """Start one dyno. Returns when Heroku received the order, if it says so.

        After an unclear answer, Heroku's list tells whether the dyno is there. If not, it may still come: then this
        raises, and the next turn reads the list again before it orders.
        """
        command = f"{COMMAND} {start_id}"
        seconds = self._settings.one_off_seconds
        try:
            return self._heroku.start(command, kind=KIND, size=self._settings.one_off_size, seconds=seconds).since
        except Unclear:
            for dyno in ours(self._heroku.dynos()):
                if start_id_of(dyno) == start_id:
                    log.info("scaler: Heroku's answer was unclear, but the dyno is there")
                    return dyno.since
            raise


def ours(dynos: Sequence[ListedDyno]) -> list[ListedDyno]:
    """Return the dynos that run or will run our worker."""
    return [dyno for dyno in dynos if dyno.state in ALIVE and dyno.command.startswith(COMMAND)]


def start_id_of(dyno: ListedDyno) -> str:
    """Return the start id in a dyno's command line."""
    return dyno.command.removeprefix(COMMAND).strip()
