"""The slow document, and a log of tasks in each worker: which dyno had a task, from when to when.

Named by DOCUMENTS in the processes under test; appends lines to the file TASK_LOG, independent of the scaler.
"""

from __future__ import annotations

import os
import time
from typing import Any

from celery import signals

import tests.journey.slow  # noqa: F401  # the document under test


def _note(word: str, task_id: str) -> None:
    line = f"{time.time():.3f} {os.environ.get('DYNO', 'none')} {word} {task_id}\n"
    file = os.open(os.environ["TASK_LOG"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(file, line.encode())  # one write, so that lines of several processes stay whole
    os.close(file)


@signals.task_prerun.connect(weak=False)  # type: ignore[untyped-decorator]  # Celery has no types
def _took(task_id: str, **_: Any) -> None:
    """Note the start, not the receipt: a failed task waits in the worker for its retry, and can be requeued."""
    _note("took", task_id)


@signals.task_postrun.connect(weak=False)  # type: ignore[untyped-decorator]
def _did(task_id: str, **_: Any) -> None:
    _note("did", task_id)
