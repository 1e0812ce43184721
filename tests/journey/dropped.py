"""A chord whose callback is never published, and noted in the file DROPPED_LOG instead.

Named by DOCUMENTS in the processes under test.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from celery.canvas import Signature

import tests.journey.slow  # noqa: F401  # the document that is asked for

_delay = Signature.delay


def _lose(self: Any, *arguments: Any, **options: Any) -> Any:
    if self.task in ("pipeline.assemble", "pipeline.wave"):
        with Path(os.environ["DROPPED_LOG"]).open("a") as file:
            file.write("x")
        return None
    return _delay(self, *arguments, **options)


Signature.delay = _lose
