"""A PostgreSQL server of the system, for one test module."""

from __future__ import annotations

import os
import pwd
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from local.services import free_port


@contextmanager
def postgres() -> Iterator[int]:
    """Run a PostgreSQL server as the system has it; its port. In CI it must be there; .ci/run installs it."""
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    if not programs and not os.environ.get("CI"):
        pytest.skip("There is no PostgreSQL here; on Debian: apt-get install postgresql")
    assert programs, "PostgreSQL is needed in CI"
    port, root = free_port(), os.geteuid() == 0
    user: dict[str, Any] = {"user": "postgres"} if root else {}  # it does not run as root
    with TemporaryDirectory(prefix="pg") as folder:
        if root:
            os.chown(folder, pwd.getpwnam("postgres").pw_uid, -1)
        data, run = f"{folder}/data", {"check": True, "cwd": folder, "stdout": subprocess.DEVNULL, **user}
        subprocess.run([str(programs[-1] / "initdb"), "-D", data, "-A", "trust", "-U", "shop", "-N"], **run)
        options = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c fsync=off"
        control = [str(programs[-1] / "pg_ctl"), "-D", data, "-w", "-l", f"{folder}/log"]
        subprocess.run([*control, "-o", options, "start"], **run)
        try:
            yield port
        finally:
            subprocess.run([*control, "-m", "immediate", "stop"], **run)
