"""The Celery application: its configuration, with the reason for each choice, and its tasks."""

from __future__ import annotations

import os
import signal
import ssl
import threading
from functools import cached_property
from typing import Any

import celery
from celery.backends.redis import RedisBackend
from kombu.entity import Exchange, Queue

from ..adapters.bucket import BACKGROUND, Timeouts
from ..adapters.redis.messages import PLAN, QUEUES
from ..exports.waves import Wave
from ..services import Services, open_services
from ..settings import Settings
from . import flow
from .outcomes import Again
from .queue import CeleryQueue, PutBack
from .retry import Fail, Retry
from .schedules.celery_beat import define_tasks
from .schedules.entries import beat_schedule
from .stall import stall_limits

RESULT_SECONDS = 7 * 86400  # after EXPORT_DEADLINE, or the chord of an export that waits loses its counter
FAILED = "failed: "  # what a task returns when it ended its export begins so; Celery's events show it
SCHEDULER = "pipeline.tasks.schedules.celery_beat:BeatScheduler"

REQUEST = "pipeline.tasks.worker:ReportedTask"  # by name: only a worker may import what reads REMAP_SIGTERM
SHOWN = 900  # characters of its message; events leave out a longer text

stopping = threading.Event()
"""Set in a worker process when its dyno is told to stop: finish the page and store what is done."""


class Results(RedisBackend):  # type: ignore[misc]  # Celery has no types
    """A result backend that waits for no result.

    Without this, a process that sends a chord subscribes to the result of each part, and keeps an object for it
    until the process ends (Celery 5.7.0).
    """

    def add_pending_result(self, result: Any, **_: Any) -> Any:
        return result

    def on_task_call(self, producer: Any, task_id: str) -> None:
        pass


class PipelineApp(celery.Celery):  # type: ignore[misc]  # Celery has no types
    """A Celery application with the worker of `worker.py`."""

    settings: Settings

    @cached_property
    def Worker(self) -> Any:  # noqa: N802  # Celery's name
        return self.subclass_with_self("pipeline.tasks.worker:PipelineWorker", name="Worker")


def make_app(settings: Settings) -> PipelineApp:
    """Return the Celery application of these settings, with its tasks."""
    results = f"{__name__}:Results+{settings.broker_url}"
    app = PipelineApp("pipeline", broker=settings.broker_url, backend=results, set_as_current=False)
    app.settings = settings
    app.conf.update(
        **_messages(settings), **_limits(settings), **_connections(settings), **_results(settings),
        timezone=settings.timezone, beat_schedule=beat_schedule(settings), beat_scheduler=SCHEDULER,
        worker_send_task_events=settings.monitoring, event_queue_expires=60, worker_hijack_root_logger=False,
    )  # fmt: skip
    _define_tasks(app, settings)
    return app


def _messages(settings: Settings) -> dict[str, Any]:
    """How messages are written, routed and acknowledged."""
    return {
        # JSON only: write access to Redis must not be enough to run code.
        "task_serializer": "json",
        "result_serializer": "json",
        "accept_content": ["json"],
        # A message is acknowledged after its work, and comes back when the worker dies. Attempts are
        # counted before the work, so a message that always kills its worker does not loop.
        "task_acks_late": True,
        "task_reject_on_worker_lost": True,
        "worker_deduplicate_successful_tasks": False,  # its fast path forgets to count chord parts
        # One message at a time per process: a long chunk must not hold others back.
        "worker_prefetch_multiplier": 1,
        "visibility_timeout": settings.visibility_timeout,
        "task_queues": [Queue(name, Exchange(name), name) for name in QUEUES],  # type: ignore[no-untyped-call]
        "task_default_queue": PLAN,
    }


def _limits(settings: Settings) -> dict[str, Any]:
    """How much time and memory a task may use, and how many run at once."""
    return {
        "worker_consumer": "pipeline.tasks.worker:PipelineConsumer",
        "worker_concurrency": settings.concurrency,
        # CPython does not give all memory back: a process is replaced now and then. KiB.
        "worker_max_memory_per_child": settings.memory_per_process * 6 // 10 // 1024,
        "worker_max_tasks_per_child": 1000,  # a new process costs as much as twenty chunks
        "task_soft_time_limit": settings.soft_time_limit,
        "task_time_limit": settings.time_limit,
        # With REMAP_SIGTERM=SIGQUIT a stopped worker has this long to finish, inside Heroku's 30 s.
        "worker_soft_shutdown_timeout": settings.shutdown_seconds,
        "worker_cancel_long_running_tasks_on_connection_loss": False,  # a task that finishes stores a segment
    }


def _connections(settings: Settings) -> dict[str, Any]:
    """How Redis is reached. There are few connections: Heroku's smallest Redis allows twenty."""
    transport = {
        # A message of a dead worker comes back after this. It must be longer than a chunk takes, and longer than
        # the 21 s for which Celery holds the claim on a chord's callback. That of a longer step finds the lease
        # taken.
        "visibility_timeout": settings.visibility_timeout,
        "unacked_restore_interval": 5,
        "unacked_restore_throttle": 1,
        # Read the queues in the order of QUEUES.
        "queue_order_strategy": "priority",
        "priority_steps": [0],  # messages have no priority: a worker waits for five keys instead of twenty
        "socket_keepalive": True,
        # A connection can be dead without being closed, when the machine of Redis vanished: no read waits longer. A
        # wait for messages ends on the server after a second; one without an answer is noticed within 21 s.
        "socket_timeout": 10,
        "health_check_interval": 10,
        "socket_connect_timeout": 2,
        "max_retries": 0,  # a web request must not wait for Redis; the keeper sends lost messages again
    }
    tls = {"ssl_cert_reqs": ssl.CERT_NONE}  # Heroku's certificate is self-signed
    encrypted = {"broker_use_ssl": tls, "redis_backend_use_ssl": tls}
    return {
        **(encrypted if settings.broker_url.startswith("rediss:") else {}),
        "broker_transport_options": transport,
        "broker_connection_retry_on_startup": True,
        # Redis answers with an error, such as READONLY, during a failover: connect again, do not end the process.
        "broker_channel_error_retry": True,
        "broker_pool_limit": 1,
        "redis_max_connections": 4,
        "redis_socket_timeout": 10,
        "redis_socket_connect_timeout": 2,
        "worker_enable_remote_control": settings.monitoring,  # it costs connections
    }


def _results(settings: Settings) -> dict[str, Any]:
    """What is kept of finished tasks: only the chord's count of its parts."""
    return {
        "result_backend_transport_options": {"visibility_timeout": settings.visibility_timeout},
        "result_backend_always_retry": True,
        "result_expires": settings.export_deadline + RESULT_SECONDS,
        "task_ignore_result": True,
        "task_track_started": False,
        "result_extended": False,
    }


def _define_tasks(app: PipelineApp, settings: Settings) -> None:
    opened: dict[int, Services] = {}

    def services() -> Services:
        """Return this process's services, opened after the fork: processes must not share connections."""
        process = os.getpid()
        if process not in opened:
            # Heroku sends SIGTERM to every process of a dyno: finish the page, store what is done, requeue the
            # rest. Set here, because billiard ignores SIGTERM after its own initialisers have run.
            signal.signal(signal.SIGTERM, lambda *_: stopping.set())
            opened[process] = open_services(settings, CeleryQueue(app))
        return opened[process]

    def take(task: Any, step: str, export_id: str, part: int | Wave | None = None) -> str | None:
        """Do a step. Celery sends the message again when the step is not done."""
        match flow.handle(services(), step, export_id, part, stopping):
            case Again(reason):
                raise task.retry(countdown=0, exc=PutBack(reason))
            case Retry(after, error):
                raise task.retry(countdown=after, exc=PutBack(error.message))
            case Fail(error):
                return f"{FAILED}{error.message[:SHOWN]}"
        return None

    def take_long(task: Any, step: str, export_id: str, part: int | None = None) -> str | None:
        """Do a step that takes as long as its input is large: under limits on time without progress."""
        with stall_limits(settings.soft_time_limit, settings.time_limit):
            return take(task, step, export_id, part)

    options: dict[str, Any] = {"bind": True, "shared": False, "max_retries": None, "Request": REQUEST}
    # Celery knows limits on the time in total only, and those of the app if a task has none.
    long = options | {"soft_time_limit": settings.export_deadline, "time_limit": settings.export_deadline}

    @app.task(name="pipeline.plan", **long)  # type: ignore[untyped-decorator]  # Celery has no types
    def plan(self: Any, export: str) -> str | None:
        return take_long(self, "plan", export)

    @app.task(name="pipeline.render", **options)  # type: ignore[untyped-decorator]
    def render(self: Any, export: str, chunk: int) -> str | None:
        return take(self, "render", export, chunk)

    @app.task(name="pipeline.measure", **long)  # type: ignore[untyped-decorator]
    def measure(self: Any, export: str, chunk: int) -> str | None:
        return take_long(self, "measure", export, chunk)

    # The callbacks of a chord ignore what its parts returned: only the bucket is trusted.

    @app.task(name="pipeline.wave", **options)  # type: ignore[untyped-decorator]
    def wave(self: Any, _: list[None], export: str, number: int, width: int) -> str | None:
        return take(self, "wave", export, Wave(number, width))

    @app.task(name="pipeline.assemble", **long)  # type: ignore[untyped-decorator]
    def assemble(self: Any, _: list[None], export: str) -> str | None:
        return take_long(self, "assemble", export)

    @app.task(name="pipeline.deliver", **options)  # type: ignore[untyped-decorator]
    def deliver(self: Any, export: str) -> str | None:
        return take(self, "deliver", export)

    define_tasks(app, services)


def open_with_celery(settings: Settings, timeouts: Timeouts = BACKGROUND) -> Services:
    """Return the services of a process that sends messages to workers."""
    return open_services(settings, CeleryQueue(make_app(settings)), timeouts)
