"""Sends messages to workers with Celery."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import celery
from celery import chord, signals
from kombu.exceptions import OperationalError

from ..adapters.redis.connection import redis_errors
from ..adapters.redis.messages import ASSEMBLE, DELIVER, LARGE, LATER, PLAN, SENT_AT, SMALL
from ..errors import RedisDown
from ..services import Message

QUEUE_OF = {"plan": PLAN, "assemble": ASSEMBLE, "deliver": DELIVER}


class PutBack(Exception):
    """Says in Celery's events why a task goes on later."""


class CeleryQueue:
    """A queue of Celery. Raises RedisDown when a message cannot be sent; sends no message twice."""

    def __init__(self, app: celery.Celery) -> None:
        self._app = app

    def send(self, message: Message) -> None:
        """Send a message. Chunks and ranges are a chord: they run side by side, then comes what follows all.

        The chord is fast, but not the record: the keeper sends again what was lost.
        """
        with _queue_errors():
            if message.chunks:
                self._send_chord(message)
                return
            # The callback of a chord is given the results of its parts first.
            results: tuple[object, ...] = ([],) if message.step == "assemble" else ()
            task, named = self._app.tasks[f"pipeline.{message.step}"], {"export": message.export_id}
            # Without Celery's own retry: the request must not wait; the keeper sends it again.
            task.apply_async(results, named, queue=QUEUE_OF[message.step], retry=False)

    def _send_chord(self, message: Message) -> None:
        tasks, named = self._app.tasks, {"export": message.export_id}
        queue = (LATER if message.later else LARGE) if message.wave else SMALL
        task = tasks[f"pipeline.{message.step}"]
        header = [task.si(**named, chunk=chunk).set(queue=queue) for chunk in message.chunks]
        if message.wave:
            callback = tasks["pipeline.wave"].s(**named, number=message.wave.number, width=message.wave.width)
        elif message.step == "measure":
            callback = tasks["pipeline.plan"].si(**named)
        else:
            callback = tasks["pipeline.assemble"].s(**named)
        chord(header, app=self._app)(callback.set(queue=ASSEMBLE))


@signals.before_task_publish.connect(weak=False)  # type: ignore[untyped-decorator]  # Celery has no types
def _note_time(sender: str, headers: dict[str, Any], **_: object) -> None:
    """Write into each message, also one that is put back, when it was sent: Redis does not know."""
    if sender.startswith("pipeline."):  # not those of a program that imports this package
        headers[SENT_AT] = time.time()


@contextmanager
def _queue_errors() -> Iterator[None]:
    try:
        with redis_errors():
            yield
    except (OperationalError, RuntimeError) as error:
        # RuntimeError is what Celery's result store raises when it has retried often enough.
        raise RedisDown(f"Redis takes no messages: {type(error).__name__}.") from error
