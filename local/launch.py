"""Replaces itself by another program that dies with its parent, inside a cgroup if one is named.

    python -I -S launch.py PARENT_PID CGROUP_PROCS_FILE_OR_EMPTY COMMAND [ARGUMENT...]

A program and not a `preexec_fn`: Python code between fork and exec can deadlock when the parent has
threads. It costs about 30 ms.
"""

import ctypes
import os
import signal
import sys
from pathlib import Path

PR_SET_PDEATHSIG = 1  # <linux/prctl.h>


def main(parent: int, procs: str, *command: str) -> None:
    """Join the cgroup, make the kernel kill this process with its parent, and run the command in its place."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it ended before the line above, so nothing would kill us
            sys.exit(f"{command[0]} was not started: its parent process is gone.")
    if procs:
        Path(procs).write_text(str(os.getpid()))
    for ignored_by_python in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(ignored_by_python, signal.SIG_DFL)
    os.execvp(command[0], command)  # noqa: S606 - becoming the command is the point; no shell is involved


if __name__ == "__main__":
    main(int(sys.argv[1]), *sys.argv[2:])
