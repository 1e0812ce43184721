"""Schedules for the `celery` command: the scheduler of `celery beat`, and tasks for other schedulers."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import celery.beat

from ...errors import RedisDown
from ...services import Services, open_services
from ..queue import CeleryQueue
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

    Its header names the entry. It does nothing unless that is due.
    """

    def run(task: Any) -> None:
        open_beat(services()).run((task.request.headers or {}).get("schedule", ""))

    for name in TASKS:
        app.task(run, name=name, bind=True, shared=False)
