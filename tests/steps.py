"""Steps of an export taken one by one, as a worker takes them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from pipeline.services import Services, open_services
from pipeline.settings import Settings
from pipeline.tasks import flow
from pipeline.tasks.app import PipelineApp, make_app
from pipeline.tasks.outcomes import Outcome
from pipeline.tasks.queue import CeleryQueue

STOPPING = threading.Event()
"""Of a process that was told to stop."""
STOPPING.set()


def plan(s: Services, export_id: str) -> Outcome:
    return flow.take(s, "plan", export_id)


def measure(s: Services, export_id: str, number: int, stopping: threading.Event | None = None) -> Outcome:
    return flow.take(s, "measure", export_id, number, stopping)


def render(s: Services, export_id: str, chunk: int, stopping: threading.Event | None = None) -> Outcome:
    return flow.take(s, "render", export_id, chunk, stopping)


def assemble(s: Services, export_id: str) -> Outcome:
    return flow.take(s, "assemble", export_id)


def deliver(s: Services, export_id: str) -> Outcome:
    return flow.take(s, "deliver", export_id)


def pages_done(s: Services, export_id: str) -> int:
    """Return how many pages are drawn, as workers note it."""
    progress = s.redis.progress.load(export_id)
    return progress.pages if progress else 0


@contextmanager
def sending(settings: Settings) -> Iterator[tuple[Services, PipelineApp]]:
    """Services that send real messages; their connections are closed at the end."""
    app = make_app(settings)
    services = open_services(settings, CeleryQueue(app))
    try:
        yield services, app
    finally:
        app.close()
        services.redis.client.connection_pool.disconnect()
