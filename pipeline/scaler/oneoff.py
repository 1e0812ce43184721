"""Workers as one-off dynos: each leaves by itself when it is idle and there are more than shall be.

Down is therefore only a word in Redis. Up is a POST, which must not be repeated blindly: each start has an
id, which stands in the dyno's command line, where Heroku's list shows it.
"""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Sequence

from ..live import Live
from ..settings import Settings
from .heroku import AboveLimit, Dyno, Heroku, Unclear
from .way import Limit, Standing

log = logging.getLogger(__name__)
COMMAND = "exec python -m pipeline worker --one-off"
KIND = "run"  # Heroku's own name for one-off dynos, which its limits for the formation leave alone
ALIVE = ("starting", "up", "idle")


class OneOffs:
    """The one-off dynos of one app that run our worker."""

    def __init__(self, settings: Settings, live: Live) -> None:
        self._settings = settings
        self._live = live
        self._heroku = Heroku(settings)
        self._limit = Limit()
        self._now: int | None = None
        self._ordered_at: float | None = None

    @property
    def configured(self) -> bool:
        return self._heroku.configured

    def quantity(self) -> int:
        """How many dynos of ours start or run."""
        self._now = len(ours(self._heroku.dynos()))
        return self._now

    def resize(self, wanted: int) -> int:
        """Say how many workers shall stay; start those that are missing, counted by Heroku's own list."""
        wanted = self._limit.clip(wanted)
        self._live.drain(wanted)
        if self._now is None or wanted > self._now:
            self.quantity()
        while (now := self._now or 0) < wanted:
            self._now = None  # if the call fails, nobody knows
            try:
                self._start(secrets.token_hex(8))
            except AboveLimit as above:
                self._limit = Limit.of(now)
                log.warning("scaler: Heroku allows %d one-off dynos: %s", now, above.message)
                wanted = now
            else:
                self._ordered_at = time.time()
                now += 1
            self._now = now
        return self._now or 0

    def standing(self) -> Standing:
        h = self._heroku
        told = (h.refused, h.silent_seconds, h.calls)
        return Standing("one-off", self._now, self._limit.now, *told, self._ordered_at)

    def check(self) -> int:
        """The quantity; HerokuDown when the key may not change anything."""
        self._heroku.check_write()
        return self.quantity()

    def _start(self, start_id: str) -> None:
        """One more dyno. After an unclear answer the list says whether there is one; if there is none, it may
        still come, and the next turn counts again before it asks."""
        command = f"{COMMAND} {start_id}"
        seconds = int(self._settings.one_off_seconds)
        try:
            self._heroku.start(command, kind=KIND, size=self._settings.one_off_size, seconds=seconds)
        except Unclear:
            if not any(dyno.command == command for dyno in self._heroku.dynos()):
                raise
            log.info("scaler: Heroku's answer was unclear, but the dyno is there")


def ours(dynos: Sequence[Dyno]) -> list[Dyno]:
    """Those that run or will run our worker."""
    return [dyno for dyno in dynos if dyno.command.startswith(COMMAND) and dyno.state in ALIVE]
