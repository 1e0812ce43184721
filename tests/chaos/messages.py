"""What can go wrong with messages: they come twice, never, late, or were never sent by the program."""

from __future__ import annotations

import dataclasses
import json
from typing import Any
from uuid import uuid4

import redis

from pipeline.adapters.redis.messages import QUEUES

from ..steps import sending
from .stage import Stage

LATE_SECONDS = 6.0  # longer than REPAIR_PATIENCE: the keeper has sent them again


def double(stage: Stage) -> None:
    """Send a copy of each message that waits, and of each that is at work."""
    with redis.Redis(port=stage.redis_port) as client:
        for queue in QUEUES:
            for message in client.lrange(queue, 0, -1):
                client.lpush(queue, _copy(json.loads(message)))
        for value in client.hvals("unacked"):
            message, _, queue = json.loads(value)
            client.lpush(queue, _copy(message))


def drop(stage: Stage) -> None:
    """Remove all messages that wait."""
    with redis.Redis(port=stage.redis_port) as client:
        client.delete(*QUEUES)


def delay(stage: Stage) -> None:
    """Remove all messages that wait, and send them again later."""
    with redis.Redis(port=stage.redis_port) as client:
        held = [(queue, message) for queue in QUEUES for message in client.lrange(queue, 0, -1)]
        client.delete(*QUEUES)

    def send() -> None:
        with redis.Redis(port=stage.redis_port) as client:
            for queue, message in held:
                client.lpush(queue, message)

    stage.later(LATE_SECONDS, send)


def forge(stage: Stage) -> None:
    """Send messages for chunks and exports that cannot exist, and steps before their time."""
    direct = dataclasses.replace(stage.running.settings, redis_url=f"redis://127.0.0.1:{stage.redis_port}/0")
    known = [key.rpartition("/")[2] for key in stage.active()]
    with sending(direct) as (_, app):
        for export_id in (*known, "../../secrets"):
            for chunk in (99_999, -1):
                app.tasks["pipeline.render"].apply_async((export_id, chunk))
            app.tasks["pipeline.wave"].apply_async(([], export_id, 0, 0))
            app.tasks["pipeline.assemble"].apply_async(([], export_id))
            app.tasks["pipeline.deliver"].apply_async((export_id,))
            app.tasks["pipeline.plan"].apply_async((export_id,))


def _copy(message: dict[str, Any]) -> str:
    return json.dumps({**message, "properties": {**message["properties"], "delivery_tag": str(uuid4())}})
