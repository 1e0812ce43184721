"""One tool in a process of its own: makes one page to be warm, then the file that is measured.

    python -m bench.alone SUBJECT TOOL WARM_SOURCE SOURCE OUT PAGES

Imports and the reading of fonts happen in the warm-up, for everybody. Prints one line of JSON: seconds on
the clock, seconds of processor (all threads and children), bytes of memory at the peak, bytes of the file.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path

from .registry import find


def main(subject: str, name: str, warm: str, source: str, out: str, pages: str) -> None:
    tool = find(subject, name)
    tool.make(Path(warm), Path(out), 1)
    Path(out).unlink()
    before, began = processor(), time.perf_counter()
    tool.make(Path(source), Path(out), int(pages))
    seconds, used = time.perf_counter() - began, processor() - before
    found = {"wall": seconds, "cpu": used, "peak": peak(), "bytes": Path(out).stat().st_size}
    sys.stdout.write(json.dumps(found) + "\n")


def processor() -> float:
    """Seconds of processor that this process and its children have used."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def peak() -> int:
    """Bytes of memory at the peak. Not ru_maxrss on Linux: a child begins with its parent's."""
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return next(int(line.split()[1]) * 1024 for line in status.open() if line.startswith("VmHWM:"))


if __name__ == "__main__":
    main(*sys.argv[1:])
