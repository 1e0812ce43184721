"""A worker says every second that it is up, and hears whether it shall take work, or may leave."""

from __future__ import annotations

import logging
import threading
import time

import msgspec

from .errors import RedisDown
from .live import Live
from .roster import Line, Worker

log = logging.getLogger(__name__)
TICK = 1.0


class Presence:
    """A thread beside the worker's loop, which must not wait for Redis. They share a few flags."""

    def __init__(self, live: Live, worker: Worker, linger: float) -> None:
        self._live = live
        self._worker = worker
        self._linger = linger
        self._idle_since = 0.0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="presence", daemon=True)
        self._line: Line | None = None
        self._finished = False  # since the last tick
        self.may_work = True
        self.gone = False
        """It is struck off the roster and shall end."""

    def start(self) -> None:
        """Hear once before any work is taken; then every second. Harmless twice: Celery's consumer starts again
        after it lost its connection."""
        if self._thread.ident is None:
            self._worker = msgspec.structs.replace(self._worker, since=time.time())
            self._idle_since = time.monotonic()  # a boot is no idleness
            self._tick()
            self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join(2 * TICK)
        try:
            self._live.sign_off(self._worker.id)
            self._live.ring()  # it is paid no more
        except RedisDown:
            log.info("presence: Redis is not told that this worker ends; it forgets by itself")

    def note(self, *, busy: bool, laid_down: bool) -> None:
        """What the worker's loop sees of itself at this moment."""
        if busy:
            self._idle_since = time.monotonic()
        self._finished |= self._worker.busy and not busy
        drains = self._line.mark if self._line and laid_down and not self.may_work else ""
        self._worker = msgspec.structs.replace(self._worker, busy=busy, drains=drains)

    def _run(self) -> None:
        while not self.gone and not self._stop.wait(TICK):
            self._tick()

    def _tick(self) -> None:
        try:
            line = self._line = self._live.report(self._worker)
            if self._finished:  # there may be fewer workers now
                self._finished = False
                self._live.ring()
            if self._worker.one_off:
                self._consider_leaving(line)
            else:
                ordinal = self._worker.ordinal
                self.may_work = line is None or (line.above > 0 if ordinal is None else ordinal <= line.above)
        except RedisDown as error:  # then there are no messages either
            log.info("presence: %s", error.message)

    def _consider_leaving(self, line: Line | None) -> None:
        """When idle: at once if there are more than shall be; if nobody says how many, after a while in which
        nothing waited."""
        idle = 0.0 if self._worker.busy else time.monotonic() - self._idle_since
        alone = line is None and idle > self._linger and self._live.waiting() == 0
        if idle > TICK and (line is not None or alone) and self._live.leave(self._worker.id):
            self.may_work, self.gone = False, True
