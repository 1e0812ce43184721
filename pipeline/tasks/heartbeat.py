"""A worker says twice a second that it is up, and at once that it is idle or takes no work; and hears whether it
shall take work, or may leave."""

from __future__ import annotations

import logging
import threading
import time

import msgspec

from ..adapters.redis import Coordination
from ..adapters.redis.workers import DrainOrder, Worker
from ..errors import RedisDown

log = logging.getLogger(__name__)
HEARTBEAT_SECONDS = 0.5  # seconds
IDLE_SECONDS = 1.0  # seconds without a task, then a one-off worker may leave: the next message may be on its way


class Heartbeat:
    """A thread beside the worker's loop, which must not wait for Redis. They share a few flags."""

    def __init__(self, redis: Coordination, worker: Worker, linger: float) -> None:
        self._redis = redis
        self._worker = worker
        self._linger = linger
        self._stop = False
        self._news = threading.Event()  # there is something to say before the next tick
        self._thread = threading.Thread(target=self._run, name="presence", daemon=True)
        self._line: DrainOrder | None = None
        self._to_tell = False  # the keeper is to hear of it: there may be fewer workers now
        self.may_work = True
        self.gone = False
        """It is struck off the roster and shall end."""

    def start(self) -> None:
        """Hear once before any work is taken; then twice a second. Harmless twice: Celery's consumer starts again
        after it lost its connection."""
        if self._thread.ident is None:
            now = time.time()
            self._worker = msgspec.structs.replace(self._worker, since=now, idle_since=now)  # a boot is no idleness
            self._tick()
            self._thread.start()

    def stop(self) -> None:
        self._stop = True
        self._news.set()
        if self._thread.ident is not None:
            self._thread.join(2 * HEARTBEAT_SECONDS)
        try:
            self._redis.workers.sign_off(self._worker.id)
            self._redis.wakeup.wake()  # it is paid no more
        except RedisDown:
            log.info("presence: Redis is not told that this worker ends; it forgets by itself")

    def note(self, *, busy: bool, laid_down: bool) -> None:
        """What the worker's loop sees of itself at this moment."""
        line = self._line  # before `may_work`, which is set before it: who may work does not drain for this line
        drains = line.mark if line and laid_down and not self.may_work else ""
        before, idle_since = self._worker, time.time() if busy else self._worker.idle_since
        self._worker = msgspec.structs.replace(before, busy=busy, drains=drains, idle_since=idle_since)
        if (before.busy and not busy) or (drains and drains != before.drains):
            self._to_tell = True
            self._news.set()

    def _run(self) -> None:
        while not self.gone:
            self._news.wait(HEARTBEAT_SECONDS)
            self._news.clear()
            if self._stop:
                return
            self._tick()

    def _tick(self) -> None:
        tell, self._to_tell = self._to_tell, False  # before the report, or the keeper could look too early
        try:
            line = self._redis.workers.report(self._worker)
            if self._worker.one_off:
                self._consider_leaving(line)
            else:
                ordinal = self._worker.ordinal
                self.may_work = line is None or (line.ceiling > 0 if ordinal is None else ordinal <= line.ceiling)
            self._line = line
            if tell:
                self._redis.wakeup.wake()
        except RedisDown as error:  # then there are no messages either
            log.info("presence: %s", error.message)

    def _consider_leaving(self, line: DrainOrder | None) -> None:
        """When idle: at once if there are more than shall be; if nobody says how many, after a while in which
        nothing waited."""
        idle = 0.0 if self._worker.busy else time.time() - self._worker.idle_since
        alone = line is None and idle > self._linger and self._redis.messages.waiting() == 0
        if idle > IDLE_SECONDS and (line is not None or alone) and self._redis.workers.leave(self._worker.id):
            self.may_work, self.gone = False, True
