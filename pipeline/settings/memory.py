"""How much memory this machine allows."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ..errors import InvalidSetting

MIB = 1024 * 1024
DEFAULT = 512 * MIB  # bytes; Heroku's smallest dyno
NO_LIMIT = 1 << 40  # bytes; cgroup v1 says "no limit" with a number near 2**63
CGROUP_FILES = ("sys/fs/cgroup/memory/memory.limit_in_bytes", "sys/fs/cgroup/memory.max")  # v1, v2


def memory_limit(environ: Mapping[str, str], root: Path = Path("/")) -> int:
    """Return the limit in bytes: DYNO_RAM (MB), else the cgroup's, else 512 MiB."""
    if ram := environ.get("DYNO_RAM", ""):
        if not ram.isdecimal() or not int(ram):
            raise InvalidSetting(f"DYNO_RAM is {ram!r}; a number of megabytes is needed.", field="DYNO_RAM")
        return int(ram) * MIB
    for path in CGROUP_FILES:
        try:
            limit = int((root / path).read_text())
        except (OSError, ValueError):  # no such controller, or "max"
            continue
        if limit < NO_LIMIT:
            return limit
    return DEFAULT
