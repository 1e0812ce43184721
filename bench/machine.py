"""What the figures were measured on and with."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from collections.abc import Iterable
from pathlib import Path

import psutil

from .measure import PEERS

_ASK = """
import json, sys
from importlib.metadata import PackageNotFoundError, version
def found(name):
    try: return version(name)
    except PackageNotFoundError: return "missing"
print(json.dumps({name: found(name) for name in sys.argv[1:]}))
"""


def described() -> dict[str, str]:
    """Processor, cores, memory, system, Python; and how busy it was."""
    return {
        "processor": _processor(),
        "cores": str(os.cpu_count()),
        "memory": f"{psutil.virtual_memory().total / 1e9:.0f} GB",
        "system": f"{platform.system()} {platform.release().split('-')[0]}",
        "python": platform.python_version(),
        "load before": f"{os.getloadavg()[0]:.1f}",
    }


def versions(packages: Iterable[str]) -> dict[str, str]:
    """Versions in the peers' environment; empty when there is none."""
    if not PEERS.exists():
        return {}
    asked = subprocess.run(
        [str(PEERS), "-c", _ASK, *sorted(set(packages))], capture_output=True, text=True, check=True
    )
    found: dict[str, str] = json.loads(asked.stdout)
    return found


def _processor() -> str:
    path = Path("/proc/cpuinfo")
    lines = path.read_text().splitlines() if path.exists() else []
    names = (line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor() or platform.machine())
