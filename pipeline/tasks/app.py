"""Celery: how workers are run, each choice with its reason, and how messages are sent."""

from __future__ import annotations

import os
import random
import signal
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import celery
import redis
from billiard.exceptions import SoftTimeLimitExceeded
from celery import chord
from celery.backends.redis import RedisBackend
from celery.utils.log import get_task_logger
from kombu.exceptions import OperationalError

from ..adapters.bucket import BACKGROUND, Timeouts
from ..adapters.redis.messages import QUEUES
from ..errors import OverLimit, PipelineError, RedisDown
from ..services import Services, open_services
from ..settings import Settings
from . import flow
from .alone import stopping
from .render import PutBack

SHORT, SMALL, LARGE = QUEUES
RESULTS_KEPT = 8 * 86400  # longer than an export may wait (EXPORT_DEADLINE), or its chord loses its counter
RETRIES = 8
log = get_task_logger(__name__)


class Results(RedisBackend):  # type: ignore[misc]  # Celery has no types
    """Results in Redis, for which nobody waits.

    Without this, whoever sends a chord subscribes to each part's result and keeps an object for it, for
    as long as the process lives (Celery 5.7.0).
    """

    def add_pending_result(self, result: Any, **_: Any) -> Any:
        return result

    def on_task_call(self, producer: Any, task_id: str) -> None:
        pass


def make_app(settings: Settings) -> celery.Celery:
    """The Celery application of these settings, with its tasks."""
    results = f"{__name__}:Results+{settings.redis_url}"
    app = celery.Celery("pipeline", broker=settings.redis_url, backend=results, set_as_current=False)
    transport = {
        # A message of a dead worker comes back after this; it must be longer than any task runs, and
        # longer than the 21 s for which Celery holds the claim on a chord's callback.
        "visibility_timeout": settings.visibility_timeout,
        "unacked_restore_interval": 5,
        "unacked_restore_throttle": 1,
        # Look at the queues in the order of QUEUES: what is short or small never waits behind what is large.
        "queue_order_strategy": "priority",
        "socket_keepalive": True,
        "health_check_interval": 60,
        "socket_connect_timeout": 2,
        "max_retries": 0,  # a request must not wait for Redis; the keeper sends again what was not sent
    }
    if settings.redis_url.startswith("rediss:"):
        tls = {"ssl_cert_reqs": ssl.CERT_NONE}  # Heroku's certificate is self-signed
        app.conf.update(broker_use_ssl=tls, redis_backend_use_ssl=tls)
    app.conf.update(
        # JSON only: whoever can write to Redis must not be able to run code.
        task_serializer="json",
        result_serializer="json",
        accept_content=["json"],
        # A message is done when its work is done, and comes back when the worker dies. Attempts are
        # counted before the work, so one that always kills its worker does not loop.
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        worker_deduplicate_successful_tasks=False,  # its fast path forgets to count chord parts
        # One message at a time a process: a long chunk must not hold others back.
        worker_prefetch_multiplier=1,
        worker_concurrency=settings.concurrency,
        # CPython does not give all memory back: a fresh process now and then. KiB.
        worker_max_memory_per_child=settings.memory_per_process * 6 // 10 // 1024,
        worker_max_tasks_per_child=1000,  # a fresh one costs as much as twenty chunks
        task_soft_time_limit=settings.soft_time_limit,
        task_time_limit=settings.time_limit,
        # With REMAP_SIGTERM=SIGQUIT a stopped worker gets so long to finish, inside Heroku's 30 s.
        worker_soft_shutdown_timeout=settings.shutdown_seconds,
        worker_cancel_long_running_tasks_on_connection_loss=False,  # what finishes is a stored segment
        broker_transport_options=transport,
        result_backend_transport_options={"visibility_timeout": settings.visibility_timeout},
        visibility_timeout=settings.visibility_timeout,
        broker_connection_retry_on_startup=True,
        # Few connections: Heroku's smallest Redis allows twenty.
        broker_pool_limit=1,
        redis_max_connections=4,
        redis_socket_timeout=10,
        redis_socket_connect_timeout=2,
        result_backend_always_retry=True,
        # Nobody asks for a result; the chord keeps count of its parts by itself, for as long as this.
        result_expires=RESULTS_KEPT,
        task_ignore_result=True,
        task_track_started=False,
        result_extended=False,
        task_default_queue=SHORT,
        worker_send_task_events=False,
        worker_enable_remote_control=False,  # nothing uses it, and it costs connections
        worker_hijack_root_logger=False,
        event_queue_expires=60,
    )
    _define_tasks(app, settings)
    return app


def _define_tasks(app: celery.Celery, settings: Settings) -> None:
    opened: dict[int, Services] = {}

    def services() -> Services:
        """This process's own, made after the fork: connections must not be shared."""
        process = os.getpid()
        if process not in opened:
            # Heroku sends SIGTERM to every process of a dyno: finish the page, keep what is done, put the
            # rest back. Set here, since billiard ignores SIGTERM after its own initialisers have run.
            signal.signal(signal.SIGTERM, lambda *_: stopping.set())
            opened[process] = open_services(settings, CeleryMessages(app))
        return opened[process]

    def task(name: str, step: Callable[..., Any]) -> None:
        @app.task(name=name, bind=True, shared=False, max_retries=None)  # type: ignore[untyped-decorator]  # Celery has no types
        def run(self: Any, export_id: str, *arguments: Any) -> None:
            _run(self, services(), step, export_id, *arguments)

    task("pipeline.plan", flow.plan)
    task("pipeline.render", lambda s, export_id, chunk: flow.render(s, export_id, chunk, stopping.is_set))

    @app.task(name="pipeline.assemble", bind=True, shared=False, max_retries=None)  # type: ignore[untyped-decorator]  # Celery has no types
    def assemble(self: Any, _: list[None], export_id: str) -> None:
        """The chord's callback; of its parts it is told nothing, it trusts the bucket alone."""
        _run(self, services(), flow.assemble, export_id)

    task("pipeline.deliver", flow.deliver)


def _run(task: Any, services: Services, step: Callable[..., Any], export_id: str, *arguments: Any) -> None:
    """One step of an export. Errors that may pass are retried with growing pauses; others end the export."""
    name = f"{task.name} {export_id} {' '.join(map(str, arguments[:1]))}".rstrip()
    try:
        step(services, export_id, *arguments)
    except PutBack as back:
        log.info("%s: %s", name, back)
        raise task.retry(countdown=0) from None
    except (PipelineError, SoftTimeLimitExceeded, MemoryError) as error:
        told = error if isinstance(error, PipelineError) else OverLimit(f"{name} ran out of {_ran_out(error)}.")
        tries = _tries(services, name) if told.retry else RETRIES + 1
        if tries <= RETRIES:
            pause = backoff(tries - 1, random.random())  # noqa: S311  # jitter, no secret
            log.warning("%s: %s Trying again in %.1f s.", name, told.message, pause)
            step_name = str(arguments[0]) if arguments else task.name.removeprefix("pipeline.")
            flow.note_retry(services, export_id, step_name, pause)
            raise task.retry(countdown=pause) from None
        log.error("%s: %s", name, told.message)
        flow.fail(services, export_id, told)
    except Exception as error:  # a mistake of ours must end the export too, and be seen
        log.exception("%s", name)
        flow.fail(services, export_id, PipelineError(f"The program made a mistake: {type(error).__name__}."))


def _tries(services: Services, name: str) -> int:
    """How often this step has failed. Counted here, not by Celery: a chunk that was put back is no error.

    While Redis is down nobody can count; it is tried again as if it were the first time.
    """
    try:
        return services.redis.counters.count_attempt(f"error:{name}")
    except RedisDown:
        return 1


def _ran_out(error: BaseException) -> str:
    return "memory" if isinstance(error, MemoryError) else "time"


def backoff(retries: int, chance: float) -> float:
    """Seconds before the next try: doubling from half a second to 30 s, then shortened by up to a half."""
    pause: float = min(30.0, 0.5 * 2**retries)
    return pause * (0.5 + chance / 2)


def open_with_celery(settings: Settings, timeouts: Timeouts = BACKGROUND) -> Services:
    """Everything the settings name, for who asks workers but is none."""
    return open_services(settings, CeleryMessages(make_app(settings)), timeouts)


class CeleryMessages:
    """Messages by way of Celery. RedisDown when they cannot be sent; they are never sent twice by us."""

    def __init__(self, app: celery.Celery) -> None:
        self._app = app

    def plan(self, export_id: str) -> None:
        self._send("pipeline.plan", export_id)

    def render(self, export_id: str, chunks: list[int], large: bool) -> None:
        """A chord: the chunks side by side, then the assembly. Fast, but not the record (see keeper)."""
        queue = LARGE if large else SMALL
        render = self._app.tasks["pipeline.render"]
        assemble = self._app.tasks["pipeline.assemble"]
        header = [render.si(export_id, chunk).set(queue=queue) for chunk in chunks]
        with _translated():
            chord(header, app=self._app)(assemble.s(export_id).set(queue=SHORT))

    def assemble(self, export_id: str) -> None:
        self._send("pipeline.assemble", [], export_id)

    def deliver(self, export_id: str) -> None:
        self._send("pipeline.deliver", export_id)

    def _send(self, name: str, *arguments: Any) -> None:
        # retry: the request must not wait; the keeper sends it again.
        with _translated():
            self._app.tasks[name].apply_async(arguments, queue=SHORT, retry=False)


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (OperationalError, OSError, redis.RedisError, RuntimeError) as error:
        # RuntimeError is what Celery's result store raises when it has retried often enough.
        raise RedisDown(f"Redis takes no messages: {type(error).__name__}.") from error
