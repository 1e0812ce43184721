"""Steps of an export taken one by one, as a worker takes them."""

from __future__ import annotations

import threading

from pipeline.services import Services
from pipeline.tasks import flow
from pipeline.tasks.step import Outcome

STOPPING = threading.Event()
"""Of a process that was told to stop."""
STOPPING.set()


def plan(s: Services, export_id: str) -> Outcome:
    return flow.take(s, "plan", export_id)


def render(s: Services, export_id: str, chunk: int, stopping: threading.Event | None = None) -> Outcome:
    return flow.take(s, "render", export_id, chunk, stopping)


def assemble(s: Services, export_id: str) -> Outcome:
    return flow.take(s, "assemble", export_id)


def deliver(s: Services, export_id: str) -> Outcome:
    return flow.take(s, "deliver", export_id)
