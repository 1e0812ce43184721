"""The chord that counts the parts of an export, in a real Redis."""

from __future__ import annotations

import dataclasses
from typing import Any

from pipeline.services import Message
from pipeline.settings import Settings
from pipeline.tasks.app import make_app
from pipeline.tasks.queue import CeleryQueue

DAY = 86400


def test_a_chord_counts_its_parts_for_longer_than_an_export_may_take(settings: Settings, client: Any) -> None:
    """EXPORT_DEADLINE has no upper limit."""
    app = make_app(dataclasses.replace(settings, export_deadline=30.0 * DAY))
    try:
        CeleryQueue(app).send(Message("render", "01m8kg7dgtfcpaf8n1vtbj021r", (0, 1)))
        (counter,) = client.keys("celery-taskset-meta-*")
        assert client.ttl(counter) > 30 * DAY
    finally:
        app.close()
