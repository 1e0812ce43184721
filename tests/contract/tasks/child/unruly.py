"""Makes the process beside the web process print, or die and leave what it forked. Named by DOCUMENTS there."""

from __future__ import annotations

import os
import signal
import sys
import time

from pipeline.tasks.child import process


def _die(*_: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _last(*_: object) -> None:
    time.sleep(600)


if "pytest" not in sys.modules:  # not in the process of the test
    if os.environ["UNRULY"] == "prints":
        print("imported", flush=True)
        os.register_at_fork(after_in_child=lambda: print("forked", flush=True))
    else:
        vars(process).update(_watch=_die, work=_last)
