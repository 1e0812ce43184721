"""Makes the process beside the web process print, or die and leave what it forked. Named by DOCUMENTS there."""

from __future__ import annotations

import os
import signal
import time

import __main__


def _die(*_: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _last(*_: object) -> None:
    time.sleep(600)


if hasattr(__main__, "LATE_SECONDS"):  # not in the process of the test
    if os.environ["UNRULY"] == "prints":
        print("imported", flush=True)
        os.register_at_fork(after_in_child=lambda: print("forked", flush=True))
    else:
        __main__._watch, __main__.work = _die, _last
