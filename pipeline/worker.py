"""A worker process: Celery, and the keeper beside it."""

from __future__ import annotations

import logging
import os
from typing import Any

from .settings import Settings

# Heroku stops a dyno with SIGTERM, which Celery takes as "finish everything"; SIGQUIT is the one with a
# time limit. Celery reads this when it is imported.
os.environ.setdefault("REMAP_SIGTERM", "SIGQUIT")

from celery import signals

from .keeper import Keeper
from .live import QUEUES
from .scaler.resize import Formation
from .services import open_services
from .tasks.app import CeleryMessages, make_app


def run(settings: Settings) -> int:
    """Work until the dyno is told to go; the exit code."""
    app = make_app(settings)

    @signals.worker_ready.connect(weak=False)  # type: ignore[untyped-decorator]  # Celery has no types
    def keep(**_: Any) -> None:
        keeper = Keeper(open_services(settings, CeleryMessages(app)), Formation(settings))
        keeper.start()
        # Another leads at once when this one gives its lease back.
        signals.worker_shutting_down.connect(lambda **_: keeper.stop(), weak=False)

    for chatty in ("kombu", "pypdf"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    worker = app.Worker(
        queues=list(QUEUES), loglevel="INFO", optimization="fair",
        without_gossip=True, without_mingle=True, without_heartbeat=True,
    )  # fmt: skip
    worker.start()
    return int(worker.exitcode or 0)
