"""The heartbeat of a worker: it reports what the worker does, and hears whether it may work or should exit.

It also sees that the worker's loop turns. One that hangs takes no message, and nothing else would notice: its
process lives and reports. So the process ends, and another one starts.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable
from signal import SIGKILL

import msgspec

from ..adapters.redis import Coordination
from ..adapters.redis.workers import DrainOrder, Worker
from ..errors import RedisDown

log = logging.getLogger(__name__)
HEARTBEAT_SECONDS = 0.5  # between two reports
HANG_SECONDS = 30.0  # without a turn of the loop, which takes one ten times a second
IDLE_SECONDS = 1.0  # without a task before a one-off worker may leave: the next message may be on its way


class Heartbeat:
    """A thread beside the worker's loop, which must not wait for Redis. They share a few flags.

    It reports twice a second, and at once when the worker becomes idle or pauses.
    """

    def __init__(
        self, redis: Coordination, worker: Worker, linger: float, end: Callable[[], None] | None = None
    ) -> None:
        """`linger`: seconds that a one-off worker stays without work and without a drain order. `end` ends the
        process when its loop hangs."""
        self._redis = redis
        self._worker = worker
        self._linger = linger
        self._stop = False
        self._news = threading.Event()  # there is something to report before the next heartbeat
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)
        self._order: DrainOrder | None = None
        self._end = end or end_process
        self._unturned: int | None = None  # reports since the loop turned; None while it need not
        self._wake_keeper = False  # there may be fewer workers now
        self._hands_over = False
        self.may_work = True
        self.should_exit = False  # it is unregistered, so it must end

    def start(self) -> None:
        """Report once before any work is taken, then twice a second. Celery's consumer calls it again after it lost
        its connection: then it does nothing."""
        if self._thread.ident is None:
            now = time.time()
            self._worker = msgspec.structs.replace(self._worker, since=now, idle_since=now)  # booting is not idle
            self._report()
            self._thread.start()

    def stop(self) -> None:
        """Stop reporting and unregister the worker."""
        self._stop = True
        self._news.set()
        if self._thread.ident is not None:
            self._thread.join(2 * HEARTBEAT_SECONDS)
        try:
            self._redis.workers.sign_off(self._worker.id)
            self._redis.wakeup.wake()  # it is not paid any more
        except RedisDown:
            log.info("heartbeat: Redis does not know that this worker ends; it forgets the worker by itself")

    def expect_turns(self, *, expected: bool) -> None:
        """From now on, the loop turns; or it need not, since it waits for Redis or ends."""
        self._unturned = 0 if expected else None

    def update(self, *, busy: bool, paused: bool, hands_over: bool = False) -> None:
        """Note what the worker's loop does at this moment, and whether the keeper beside it hands over a notice.

        Such a worker is not counted as busy, but neither drained nor surplus.
        """
        self._unturned = 0
        self._hands_over = hands_over
        order = self._order  # read before `may_work`, which is set before it
        drains = order.mark if order and paused and not self.may_work and not hands_over else ""
        before, idle_since = self._worker, time.time() if busy else self._worker.idle_since
        self._worker = msgspec.structs.replace(before, busy=busy, drains=drains, idle_since=idle_since)
        if (before.busy and not busy) or (drains and drains != before.drains):
            self._wake_keeper = True
        if self._wake_keeper or drains != before.drains:
            self._news.set()

    def _run(self) -> None:
        while not self.should_exit:
            self._news.wait(HEARTBEAT_SECONDS)
            self._news.clear()
            if self._stop:
                return
            try:
                self._report()
            except Exception:  # without it, a worker that works would be taken for dead
                log.exception("heartbeat: internal error; it goes on")

    def _report(self) -> None:
        wake, self._wake_keeper = self._wake_keeper, False  # before the report, or the keeper could look too early
        try:
            order = self._redis.workers.report(self._worker)
            if self._worker.one_off:
                self._exit_when_surplus(order)
            else:
                ordinal = self._worker.ordinal
                above_zero = order is None or order.ceiling > 0
                self.may_work = above_zero if order is None or ordinal is None else ordinal <= order.ceiling
            self._order = order
            if wake:
                self._redis.wakeup.wake()
            self._end_when_the_loop_hangs()
        except RedisDown as error:  # then there are no messages either
            log.info("heartbeat: %s", error.message)

    def _exit_when_surplus(self, order: DrainOrder | None) -> None:
        """When idle: exit at once if there is a surplus; without a drain order, after `linger` seconds with empty
        queues."""
        idle = 0.0 if self._worker.busy else time.time() - self._worker.idle_since
        may_go = idle > IDLE_SECONDS and not self._hands_over
        unneeded = order is None and idle > self._linger and self._redis.messages.waiting() == 0
        if may_go and (order is not None or unneeded) and self._redis.workers.leave(self._worker.id):
            self.may_work, self.should_exit = False, True

    def _end_when_the_loop_hangs(self) -> None:
        """Reports are counted, not seconds: those for which the whole process was stopped do not count."""
        if self._unturned is None:
            return
        self._unturned += 1
        if self._unturned > HANG_SECONDS / HEARTBEAT_SECONDS:
            self._end()


def end_process() -> None:
    """Log where the main thread hangs, and end this process at once. Its message comes back."""
    frame = sys._current_frames().get(threading.main_thread().ident or 0)
    where = "".join(traceback.format_stack(frame)) if frame else "unknown"
    log.critical("heartbeat: the loop of this worker has not turned for %.0f s, so it ends. It hangs at\n%s",
                 HANG_SECONDS, where)  # fmt: skip
    os.kill(os.getpid(), SIGKILL)
