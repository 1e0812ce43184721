"""A memory limit for a process tree, where the kernel and our rights allow one.

Supports versions 1 (a `memory` controller of its own) and 2 (one tree for all controllers) of Linux's control
groups. The limit counts page cache too, and there is no swap. That is stricter than a dyno, which swaps at its
quota and is killed at twice that.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from uuid import uuid4

ROOT = Path("/sys/fs/cgroup")
SELF = Path("/proc/self/cgroup")


@dataclass(frozen=True)
class Cgroup:
    """A control group: a folder in the kernel's file system."""

    path: Path

    @property
    def procs(self) -> Path:
        """The file to write a process id to, to move that process into the group."""
        return self.path / "cgroup.procs"

    def pids(self) -> list[int]:
        """Return the processes inside, with all children."""
        return [int(line) for line in self._read("cgroup.procs").split()]

    def oom_kills(self) -> int:
        """Return how many processes the kernel killed here at the memory limit; 0 where it does not tell."""
        report = self._read("memory.oom_control") or self._read("memory.events")
        lines = dict(line.split(maxsplit=1) for line in report.splitlines())
        return int(lines.get("oom_kill", "0"))

    def _read(self, name: str) -> str:
        """Return a file of the group; empty if the group, or this file in this version, does not exist."""
        try:
            return (self.path / name).read_text()
        except OSError:  # a group removed between open and read says ENODEV, not ENOENT
            if (self.path / name).exists():
                raise
            return ""

    def remove(self, patience: float = 5.0) -> None:
        """Remove the empty group; OSError if a process is still inside after `patience` seconds."""
        deadline = time.monotonic() + patience
        while True:
            try:
                return self.path.rmdir()
            except OSError:  # a killed process leaves its group a moment after it is reaped
                if time.monotonic() > deadline:
                    raise
            time.sleep(0.02)


@cache
def available() -> bool:
    """Return whether a process can be limited here; tries it once."""
    try:
        name = f"pipeline-probe-{uuid4()}"  # threads may ask at the same time
        group = create(name, 64 * 1024 * 1024)
    except OSError:
        return False
    try:
        joining = subprocess.run(["sh", "-c", f"echo $$ > {group.procs}"], stderr=subprocess.DEVNULL)
        return joining.returncode == 0
    finally:
        group.remove()


def create(name: str, memory_bytes: int, root: Path = ROOT, own: Path = SELF) -> Cgroup:
    """Create a group with a memory limit and no swap; OSError where that is not possible."""
    group = Cgroup(_parent(root, own) / name)
    group.path.mkdir()
    try:
        _limit(group.path, memory_bytes)
    except OSError:
        group.path.rmdir()
        raise
    return group


def _limit(folder: Path, memory_bytes: int) -> None:
    """Write the limits, in the version at hand. The swap files are missing where swap is not counted."""
    if (folder / "memory.limit_in_bytes").exists():
        (folder / "memory.limit_in_bytes").write_text(str(memory_bytes))
        swap, nothing = "memory.memsw.limit_in_bytes", str(memory_bytes)  # memory and swap together
    else:
        (folder / "memory.max").write_text(str(memory_bytes))
        swap, nothing = "memory.swap.max", "0"
    if (folder / swap).exists():
        (folder / swap).write_text(nothing)


def _parent(root: Path, own: Path) -> Path:
    """Return the outermost group around our own process in which a limited group can be created.

    The outermost, because moving a process needs write access to the common parent (cgroups(7)).
    """
    for folder in _around_us(root, own):
        if not os.access(folder, os.W_OK):
            continue
        if (folder / "memory.limit_in_bytes").exists():
            return folder
        controllers = folder / "cgroup.subtree_control"
        if controllers.exists() and "memory" in controllers.read_text().split():
            return folder
    raise PermissionError(f"No memory controller under {root} that this user may write to.")


def _around_us(root: Path, own: Path) -> Iterator[Path]:
    """Yield the groups that hold our own process, outermost first, in hierarchies that may limit memory."""
    lines = own.read_text().splitlines() if own.exists() else []
    for _, controllers, inner in (line.split(":", 2) for line in lines):
        if controllers not in ("", "memory"):
            continue
        hierarchy = root / controllers
        path = hierarchy / inner.lstrip("/")
        outermost_first = reversed((path, *path.parents))
        yield from (folder for folder in outermost_first if folder.is_relative_to(hierarchy))
