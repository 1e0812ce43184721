"""Schedules for the `celery` command: the scheduler of `celery beat`, and tasks for other schedulers."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable
from typing import Any

import celery.beat

from ...errors import RedisDown
from ...services import Services, open_services
from ..queue import CeleryQueue, PutBack
from .beat import POLICY
from .entries import TASKS
from .jobs import open_beat

log = logging.getLogger(__name__)


class BeatScheduler(celery.beat.Scheduler):  # type: ignore[misc]  # Celery has no types
    """Runs in this process what is due, as the keeper does: at zero workers a message would wait for one."""

    def setup_schedule(self) -> None:
        super().setup_schedule()
        self._beat = open_beat(open_services(self.app.settings, CeleryQueue(self.app)))

    def tick(self, *_: object) -> float:
        """Run what is due. Returns the seconds until the next run."""
        try:
            return self._beat.run_due()
        except RedisDown as error:
            log.warning("schedules: %s %s", error.message, error.advice)
            return self._beat.without_redis()


def define_tasks(app: celery.Celery, services: Callable[[], Services]) -> None:
    """Define a task for each kind of schedule: a message of another scheduler, such as RedBeat, runs in a worker.

    Its header names the entry. It does nothing unless that is due. While it is due and cannot be done, the message
    comes back: the next one of that scheduler may be a day away.
    """

    def run(task: Any) -> None:
        name = (task.request.headers or {}).get("schedule", "")
        if not open_beat(services()).run(name):
            pause = POLICY.pause(task.request.retries + 1, random.random())  # noqa: S311  # jitter, no secret
            raise task.retry(countdown=pause, exc=PutBack(f"schedule {name} is still due"))

    for name in TASKS:
        app.task(run, name=name, bind=True, shared=False, max_retries=None)
