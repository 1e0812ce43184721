"""A worker process: Celery, and beside it the keeper and word of its presence."""

from __future__ import annotations

import logging
import os
import signal
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from ..errors import RedisDown
from ..settings import Settings

# Heroku stops a dyno with SIGTERM, which Celery takes as "finish everything"; SIGQUIT is the one with a
# time limit. Celery reads this when it is imported.
os.environ.setdefault("REMAP_SIGTERM", "SIGQUIT")

import billiard
from celery import bootsteps, signals
from celery.worker import state

from ..adapters.bucket import REQUEST
from ..adapters.redis.messages import QUEUES
from ..adapters.redis.workers import Worker
from ..services import Services, open_services, worker_pool
from .app import CeleryMessages, make_app
from .heartbeat import HEARTBEAT_SECONDS, Heartbeat
from .keeper import Keeper

RELEASED_WITHIN = 5.0  # seconds for the keeper to end its turn and give its lease back
log = logging.getLogger(__name__)


def run(settings: Settings, *, one_off: str | None = None) -> int:
    """Work until told to go, or, as a one-off dyno of this id, until not needed; the exit code."""
    app = make_app(settings)
    services = open_services(settings, CeleryMessages(app), REQUEST)
    presence = Heartbeat(services.redis, introduction(one_off), settings.linger_seconds)
    stop_keeping = keep_beside(services)
    app.steps["consumer"].add(duty(presence))
    app.steps["worker"].add(departure(presence, stop_keeping))
    for chatty in ("kombu", "pypdf"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    worker = app.Worker(
        queues=list(QUEUES), loglevel="INFO", optimization="fair",
        without_gossip=True, without_mingle=True, without_heartbeat=True,
    )  # fmt: skip
    worker.start()
    stop_keeping()
    presence.stop()
    return int(worker.exitcode or 0)


def introduction(one_off: str | None) -> Worker:
    """This worker, as others see it."""
    # Two dynos may bear one name for a moment, during a deploy.
    identity = one_off or os.environ.get("HEROKU_DYNO_ID") or str(uuid.uuid4())
    return Worker(identity, os.environ.get("DYNO", "worker"), one_off is not None, time.time())


def keep_beside(services: Services) -> Callable[[], None]:
    """Run the keeper from when the worker is ready; what stops it."""
    keeper = Keeper(services, worker_pool(services.settings, services.redis))
    threads = []

    @signals.worker_ready.connect(weak=False)  # type: ignore[untyped-decorator]  # Celery has no types
    def keep(**_: Any) -> None:
        threads.append(keeper.start())
        # Another leads at once when this one gives its lease back.
        signals.worker_shutting_down.connect(lambda **_: keeper.stop(), weak=False)

    def stop() -> None:
        keeper.stop()
        with suppress(RedisDown):
            services.redis.wakeup.wake()  # should it wait for one
        for thread in threads:
            thread.join(RELEASED_WITHIN)

    return stop


def duty(presence: Heartbeat) -> type[bootsteps.StartStopStep]:
    """A part of Celery's consumer that takes up work and lays it down, as presence has heard.

    Laying down is cancelling the consumers: a message that Redis had already handed out goes back to its
    queue (kombu does that), and one that is being worked on is finished.
    """

    class Duty(bootsteps.StartStopStep):  # type: ignore[misc]  # Celery has no types
        requires = ("celery.worker.consumer.tasks:Tasks",)
        _timer: Any = None

        def start(self, consumer: Any) -> None:
            """Before the first message is asked for, and again after the connection was lost."""
            presence.start()
            self._turn(consumer)
            self._timer = consumer.timer.call_repeatedly(HEARTBEAT_SECONDS / 5, self._turn, (consumer,))

        def stop(self, consumer: Any) -> None:  # noqa: ARG002  # Celery's signature
            if self._timer:
                self._timer.cancel()

        terminate = stop

        def _turn(self, consumer: Any) -> None:
            laid_down = not consumer.task_consumer.queues
            busy = bool(state.reserved_requests)
            if presence.gone and laid_down and not busy:
                log.info("worker: it is not needed any more")
                state.should_stop = os.EX_OK
            presence.note(busy=busy, laid_down=laid_down)  # before it takes up work, and a line falls meanwhile
            if presence.may_work == laid_down:
                change = consumer.add_task_queue if laid_down else consumer.cancel_task_queue
                for queue in QUEUES:  # in the order in which they are looked at
                    change(queue)

    return Duty


def departure(presence: Heartbeat, stop_keeping: Callable[[], None]) -> type[bootsteps.StartStopStep]:
    """The end of a one-off dyno that is not needed: paid to the last moment, so it ends with its work.

    Celery stops what was started last first: the consumer, which has laid down its work, has closed its
    connection by now, and so has put back what Redis may have handed out meanwhile. Each acknowledgement was
    sent when its task was done. What is left is a pool without tasks, for which Celery waits 1.5 s and Python
    another one: 3.4 to 4 s in all, and 1 s without.
    """

    class Departure(bootsteps.StartStopStep):  # type: ignore[misc]  # Celery has no types
        requires = ("celery.worker.components:Pool",)

        def stop(self, worker: Any) -> None:  # noqa: ARG002  # Celery's signature
            if presence.gone and not state.reserved_requests:
                for child in billiard.active_children():
                    os.kill(child.pid, signal.SIGKILL)
                stop_keeping()
                presence.stop()
                logging.shutdown()
                os._exit(os.EX_OK)

    return Departure
