"""A worker process: Celery, and beside it the heartbeat and the keeper.

`python -m pipeline worker` and `celery -A pipeline.celery worker` start the same worker.
"""

from __future__ import annotations

import logging
import os
import signal
import time
import uuid
from functools import cached_property
from typing import Any

# Heroku stops a dyno with SIGTERM, which Celery takes as "finish everything"; SIGQUIT is the one with a time limit.
# Celery reads this when it is imported.
os.environ.setdefault("REMAP_SIGTERM", "SIGQUIT")

import billiard
import celery.apps.worker
import celery.worker.consumer
from celery import bootsteps, signals
from celery.utils.nodenames import default_nodename, gethostname, nodename
from celery.worker import request, state

from ..adapters.bucket import REQUEST
from ..adapters.redis.messages import QUEUES
from ..adapters.redis.workers import Worker
from ..errors import RedisDown
from ..exports.links import check_secret_key
from ..services import open_services, worker_pool
from ..settings import Settings
from .app import FAILED, PipelineApp, make_app
from .heartbeat import HEARTBEAT_SECONDS, Heartbeat
from .keeper import Keeper
from .queue import CeleryQueue

LOOK_SECONDS = 1.0  # between two looks whether Redis takes writes again
STUCK_SECONDS = 2.0  # without a task, and with an acknowledgement that failed, before the worker reconnects
CHATTY = ("kombu", "pypdf", "celery.worker.strategy", "celery.app.trace")  # Celery's repeat each step's record
log = logging.getLogger(__name__)


def run(settings: Settings, *, one_off: str | None = None) -> int:
    """Work until told to stop, or, as a one-off dyno of this id, until not needed. Returns the exit code."""
    worker = make_app(settings).Worker(one_off=one_off, loglevel="INFO")
    worker.start()
    return int(worker.exitcode or 0)


class Companion:
    """What runs beside Celery in a worker process. Its connections open when it starts.

    Raises InvalidSetting before Celery starts. What it loads, the pool's processes share: they are forked later.
    """

    def __init__(self, app: PipelineApp, one_off: str | None) -> None:
        self._app = app
        self._one_off = one_off
        self._stopped = False
        self._told_at: float | None = None  # to stop, on the monotonic clock
        check_secret_key(app.settings)  # its keeper sends mails
        self.services = open_services(app.settings, CeleryQueue(app), REQUEST)

    @cached_property
    def heartbeat(self) -> Heartbeat:
        return Heartbeat(self.services.redis, worker_record(self._one_off), self._app.settings.linger_seconds)

    @cached_property
    def keeper(self) -> Keeper:
        return Keeper(self.services, worker_pool(self._app.settings, self.services.redis))

    @property
    def should_exit(self) -> bool:
        """True when this worker is a surplus one-off dyno."""
        return "heartbeat" in vars(self) and self.heartbeat.should_exit

    @property
    def hands_over(self) -> bool:
        """True while this process hands over a notice."""
        return "keeper" in vars(self) and self.keeper.hands_over

    def start_keeper(self) -> None:
        """Start the keeper. It ends when the worker is told to stop, so that another process leads at once."""
        self.keeper.start()
        signals.worker_shutting_down.connect(self._told_to_stop, weak=False)

    def _told_to_stop(self, **_: object) -> None:
        self._told_at = time.monotonic()
        self.keeper.stop()

    def stop(self) -> None:
        """Stop the keeper and the heartbeat, once. A notice that is being handed over may end first."""
        if self._stopped:
            return
        self._stopped = True
        until = (self._told_at or time.monotonic()) + self._app.settings.shutdown_seconds
        if "keeper" in vars(self):
            self.keeper.end(until)
        if "heartbeat" in vars(self):
            self.heartbeat.stop()


class PipelineConsumer(celery.worker.consumer.Consumer):  # type: ignore[misc]  # Celery has no types
    """Celery's consumer, which takes no message while Redis takes no writes."""

    def connect(self) -> Any:
        """Wait until Redis stores something, then connect.

        A full Redis hands a message out and then refuses to note that it was: the message is lost. And while Redis
        refuses writes, Celery 5.7 connects again several times a second, and leaves two connections open each time:
        small plans allow twenty in all.
        """
        said: type[RedisDown] | None = None
        while down := self._error_of_a_write():
            state.maybe_shutdown()
            if type(down) is not said:
                log.warning("worker: %s It takes no work until Redis takes writes. %s", down.message, down.advice)
            said = type(down)
            time.sleep(LOOK_SECONDS)
        connection = super().connect()
        self.controller.companion.heartbeat.expect_turns(expected=True)
        return connection

    def _error_of_a_write(self) -> RedisDown | None:
        try:
            self.controller.companion.services.redis.check_room()
        except RedisDown as error:
            return error
        return None


class PipelineWorker(celery.apps.worker.Worker):  # type: ignore[misc]  # Celery has no types
    """Celery's worker with a companion, and without features that cost connections and are not used here."""

    def __init__(self, app: PipelineApp | None = None, one_off: str | None = None, **options: Any) -> None:
        self.companion = Companion(app or self.app, one_off)
        steps = (app or self.app).steps
        steps["consumer"].add(consuming_step(self.companion))
        steps["worker"].add(exit_step(self.companion))
        for chatty in CHATTY:
            logging.getLogger(chatty).setLevel(logging.WARNING)
        options |= {
            "without_gossip": True,
            "without_mingle": True,
            "without_heartbeat": not (app or self.app).settings.monitoring,
            "optimization": "fair",
        }
        options["queues"] = options.get("queues") or list(QUEUES)
        options["hostname"] = node_name(options.get("hostname"))
        super().__init__(app, **options)

    def start(self) -> None:
        try:
            super().start()
        finally:
            self.companion.stop()

    def on_consumer_ready(self, consumer: Any) -> None:
        super().on_consumer_ready(consumer)
        self.companion.start_keeper()
        # Celery checks next that its child processes live. SIGTERM may have ended them too: that is no error.
        state.maybe_shutdown()


def node_name(given: str | None) -> str:
    """Return the name of this worker in Flower and `inspect`: that of its dyno, unless `-n` gives another.

    Without this, workers on one computer have the same name, and are taken for one.
    """
    usual: str = default_nodename(None)
    dyno = os.environ.get("DYNO")
    return str(nodename(dyno, gethostname())) if dyno and given in (None, usual) else given or usual


class ReportedTask(request.Request):  # type: ignore[misc]  # Celery has no types
    """A task as the worker reports it: one that ended its export is reported as failed.

    It does not raise, since a chord counts an error as its own end. What is returned says so instead.
    """

    def send_event(self, type: str, **fields: Any) -> None:
        said = str(fields.get("result", ""))[1:-1]  # Celery quotes it
        if type == "task-succeeded" and said.startswith(FAILED):
            words = said.removeprefix(FAILED).replace("\\'", "'")
            type, fields = "task-failed", {"exception": words, "traceback": ""}
        super().send_event(type, **fields)


def worker_record(one_off: str | None) -> Worker:
    """Return this worker as it reports itself."""
    # Two dynos may have one name for a moment, during a deploy.
    identity = one_off or os.environ.get("HEROKU_DYNO_ID") or str(uuid.uuid4())
    return Worker(identity, os.environ.get("DYNO", "worker"), one_off is not None, time.time())


class ConsumingStep(bootsteps.StartStopStep):  # type: ignore[misc]  # Celery has no types
    """Consumer bootstep that pauses and resumes consuming when the drain order changes.

    Pausing cancels the consumers: a message that Redis had already handed out goes back to its queue (kombu does
    that), and one that is at work is finished.
    """

    requires = ("celery.worker.consumer.tasks:Tasks",)
    companion: Companion
    _timer: Any = None
    _stuck_since: float | None = None
    _resuming = False  # not all queues are taken up yet

    def start(self, consumer: Any) -> None:
        """Called before the first message is read, and again after a lost connection."""
        self._stuck_since = None
        self.companion.heartbeat.start()
        self._turn(consumer)
        self._timer = consumer.timer.call_repeatedly(HEARTBEAT_SECONDS / 5, self._turn, (consumer,))

    def stop(self, consumer: Any) -> None:  # noqa: ARG002  # Celery's signature
        self.companion.heartbeat.expect_turns(expected=False)
        if self._timer:
            self._timer.cancel()

    terminate = stop

    def _turn(self, consumer: Any) -> None:
        heartbeat = self.companion.heartbeat
        paused = not consumer.task_consumer.queues
        stuck = is_stuck(consumer)
        busy = stuck or bool(state.reserved_requests)  # stuck, it takes no message: it must not count as idle
        if heartbeat.should_exit and paused and not busy:
            log.info("worker: it is not needed any more")
            state.should_stop = os.EX_OK
        heartbeat.update(busy=busy, paused=paused, hands_over=self.companion.hands_over)  # before it resumes
        if heartbeat.may_work and (paused or self._resuming):
            self._resume(consumer)
        elif not heartbeat.may_work and not paused:
            for queue in QUEUES:
                consumer.cancel_task_queue(queue)
        self._reconnect_when_stuck(stuck)

    def _resume(self, consumer: Any) -> None:
        """Take up all queues, in the order in which they are looked at.

        Celery asks Redis for the length of each. If Redis is away then, the worker has only those that were taken
        up so far when it is connected again: it goes on with the others.
        """
        self._resuming = True
        for queue in QUEUES:
            consumer.add_task_queue(queue)
        self._resuming = False

    def _reconnect_when_stuck(self, stuck: bool) -> None:
        """Raise what Celery takes for a lost connection: it connects anew, and its messages come back."""
        now = time.monotonic()
        self._stuck_since = (self._stuck_since or now) if stuck else None
        if self._stuck_since is not None and now - self._stuck_since >= STUCK_SECONDS:
            log.warning("worker: a message could not be acknowledged while Redis was away; it connects again")
            raise ConnectionResetError("a message could not be acknowledged")


def consuming_step(companion: Companion) -> type[ConsumingStep]:
    """Return the bootstep of this worker."""
    return type("Consuming", (ConsumingStep,), {"companion": companion})


def is_stuck(consumer: Any) -> bool:
    """Return whether this worker has no task and may not take a message for each process.

    kombu 5.7 forgets a message only after Redis took its acknowledgement. One that failed is never sent again, and
    its place is never free: with one process the worker reads nothing any more, not even that its connection was
    closed. A message that waits for its countdown has a place of its own.
    """
    places = consumer.task_consumer.channel.qos.can_consume_max_estimate()
    return not state.reserved_requests and places is not None and places < consumer.initial_prefetch_count


def exit_step(companion: Companion) -> type[bootsteps.StartStopStep]:
    """Worker bootstep that ends a surplus one-off dyno at once: it is paid to the last moment.

    Celery stops what was started last first: the consumer, which is paused, has closed its connection by now, and
    so has put back what Redis may have handed out meanwhile. Each acknowledgement was sent when its task was done.
    What is left is a pool without tasks, for which Celery and Python wait: 3.4 to 4 s in all, and 1 s without.
    """

    class Exit(bootsteps.StartStopStep):  # type: ignore[misc]  # Celery has no types
        requires = ("celery.worker.components:Pool",)

        def stop(self, worker: Any) -> None:  # noqa: ARG002  # Celery's signature
            if companion.should_exit and not state.reserved_requests:
                for child in billiard.active_children():
                    os.kill(child.pid, signal.SIGKILL)
                companion.stop()
                logging.shutdown()
                os._exit(os.EX_OK)

    return Exit
