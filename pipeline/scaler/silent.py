"""Finds dynos that Heroku lists as up, but whose worker does not report: it is frozen, or cannot reach Redis.

Heroku restarts a dyno whose process ends, but not one whose process hangs. So the leader restarts it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from ..adapters.redis.workers import FORGET_SECONDS
from .learned import BOOT_SECONDS, MAX_BOOT_SECONDS

BOOTS = 2.0  # learned boots after which a worker that does not report is late; after a restart in vain, twice that
HEARD_SECONDS = 3600.0  # for which it is remembered that a worker reported
MAX_PAUSE = 60.0  # seconds between two looks at Heroku's list, while workers are missing and no dyno is silent


@dataclass(frozen=True)
class UpDyno:
    """A dyno that Heroku lists as up. `worker`: by which its worker is known in Redis; `since`: when it came up."""

    name: str
    worker: str
    since: float | None


def patience(boot_seconds: float, in_vain: int) -> float:
    """Return the seconds that a dyno has to boot, after this many rounds of restarts that did not help.

    It may boot more slowly than any before. Restarted too early each time, it would never work.
    """
    return min(BOOTS * boot_seconds * 2.0 ** min(in_vain, 30), max(MAX_BOOT_SECONDS, BOOTS * boot_seconds))


def silent_dynos(
    up: Sequence[UpDyno],
    reporting: Collection[str],
    heard: Mapping[str, float],
    now: float,
    patience: float,
    first_patience: float,
) -> list[UpDyno]:
    """Return the dynos that have been up for longer than `patience` seconds, and whose worker does not report.

    `heard`: when each worker last reported. A dyno that has not done so since it came up has `first_patience`.
    """

    def is_late(worker: str, since: float) -> bool:
        booted = heard.get(worker, 0.0) > since
        return now - since > (patience if booted else first_patience)

    return [
        dyno for dyno in up
        if dyno.worker not in reporting and dyno.since is not None and is_late(dyno.worker, dyno.since)
    ]  # fmt: skip


def to_restart(
    silent: Sequence[UpDyno],
    silent_since: Mapping[str, float],
    restarted_at: Mapping[str, float],
    now: float,
    patience: float,
) -> list[UpDyno]:
    """Return the dynos to restart: those silent for FORGET_SECONDS, and not restarted within `patience` seconds.

    `silent_since` and `restarted_at` are by name; in seconds since 1970, as all times here.
    """
    return [
        dyno for dyno in silent
        if now - silent_since.get(dyno.name, now) >= FORGET_SECONDS
        and now - restarted_at.get(dyno.name, 0.0) >= patience
    ]  # fmt: skip


class SilenceWatch:
    """Remembers which dynos are silent, and which were restarted. Its state is a cache and may be lost."""

    def __init__(self) -> None:
        self._silent_since: dict[str, float] = {}
        self._restarted_at: dict[str, float] = {}
        self._heard: dict[str, float] = {}  # when each worker last reported
        self._ask_at = self._pause = 0.0
        self._in_vain = 0  # rounds of restarts since all workers reported
        self._unable: dict[str, str] = {}  # name -> worker, of dynos that were silent and have not reported since

    @property
    def unable(self) -> tuple[str, ...]:
        """The names of dynos that are not able to work: silent, or restarted and not up yet."""
        return tuple(sorted(self._unable))

    def forget(self) -> None:
        """Redis was away, or another process led: silence counts from now on."""
        self._silent_since.clear()
        self._unable.clear()

    def find(
        self, short: bool, reporting: Collection[str], boot_seconds: float, listed: Callable[[], Sequence[UpDyno]]
    ) -> list[UpDyno]:
        """Return the dynos to restart now, and counts them as restarted. Call it once per turn.

        `short`: workers are missing that had time to boot. Only then Heroku is asked for its list (`listed`).
        """
        now = time.time()
        self._heard = {name: at for name, at in self._heard.items() if now - at < HEARD_SECONDS}
        self._heard |= dict.fromkeys(reporting, now)
        self._unable = {name: worker for name, worker in self._unable.items() if worker not in reporting}
        self._silent_since = {name: since for name, since in self._silent_since.items() if name in self._unable}
        if not short:
            self._ask_at = self._pause = 0.0
            self._in_vain = 0
        if not short or now < self._ask_at:
            return []
        patient = patience(boot_seconds, self._in_vain)
        first = patience(max(boot_seconds, BOOT_SECONDS), self._in_vain)  # a busy machine boots it far more slowly
        silent = silent_dynos(listed(), reporting, self._heard, now, patient, first)
        self._silent_since = {dyno.name: self._silent_since.get(dyno.name, now) for dyno in silent}
        restarted = {name for name, at in self._restarted_at.items() if now - at < patient}
        self._unable = {name: worker for name, worker in self._unable.items() if name in restarted}
        self._unable |= {dyno.name: dyno.worker for dyno in silent}
        found = to_restart(silent, self._silent_since, self._restarted_at, now, patient)
        self._in_vain += bool(found)
        for dyno in found:
            self._restarted_at[dyno.name] = now
            del self._silent_since[dyno.name]  # of what comes up in its place, silence counts anew
        least = max(FORGET_SECONDS, boot_seconds)
        self._pause = least if silent else min(MAX_PAUSE, max(least, 2 * self._pause))
        self._ask_at = now + self._pause
        return found
