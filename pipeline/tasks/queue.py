"""Sends messages to workers with Celery."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import celery
from celery import chord
from kombu.exceptions import OperationalError

from ..adapters.redis.connection import redis_errors
from ..adapters.redis.messages import QUEUES
from ..errors import RedisDown
from ..services import Message

SHORT, SMALL, LARGE = QUEUES


class CeleryQueue:
    """A queue of Celery. Raises RedisDown when a message cannot be sent; sends no message twice."""

    def __init__(self, app: celery.Celery) -> None:
        self._app = app

    def send(self, message: Message) -> None:
        """Send a message. Chunks are a chord: they run side by side, then the assembly.

        The chord is fast, but not the record: the keeper sends again what was lost.
        """
        with _queue_errors():
            if message.step == "render":
                self._send_chord(message)
                return
            # The callback of a chord is given the results of its parts first.
            arguments: tuple[object, ...] = (
                ([], message.export_id) if message.step == "assemble" else (message.export_id,)
            )
            # Without Celery's own retry: the request must not wait; the keeper sends it again.
            self._app.tasks[f"pipeline.{message.step}"].apply_async(arguments, queue=SHORT, retry=False)

    def _send_chord(self, message: Message) -> None:
        queue = LARGE if message.large else SMALL
        render, assemble = self._app.tasks["pipeline.render"], self._app.tasks["pipeline.assemble"]
        header = [render.si(message.export_id, chunk).set(queue=queue) for chunk in message.chunks]
        chord(header, app=self._app)(assemble.s(message.export_id).set(queue=SHORT))


@contextmanager
def _queue_errors() -> Iterator[None]:
    try:
        with redis_errors():
            yield
    except (OperationalError, RuntimeError) as error:
        # RuntimeError is what Celery's result store raises when it has retried often enough.
        raise RedisDown(f"Redis takes no messages: {type(error).__name__}.") from error
