"""A worker whose loop hangs after a few turns. Named by DOCUMENTS in the process under test."""

from __future__ import annotations

import sys
import time
from itertools import count
from typing import Any

from pipeline.tasks import heartbeat

HANG_SECONDS = 2.0


def _hang(consumer: Any) -> bool:
    if next(_turns) > 5:
        time.sleep(1000)
    return False


_turns = count()
if "celery" in sys.argv[0]:  # not in the process of the test
    from pipeline.tasks import worker

    worker.is_stuck = _hang
    heartbeat.HANG_SECONDS = HANG_SECONDS
