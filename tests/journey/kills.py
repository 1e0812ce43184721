"""Who can be killed in the middle of an export."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from signal import SIGKILL

from local.laptop import Laptop
from pipeline.adapters.redis import Coordination

from ..waiting import until


def workers(running: Laptop) -> None:
    """Kill the processes of all dynos."""
    for dyno in running.dynos.dynos():
        dyno.signal(SIGKILL)


def leader(running: Laptop) -> None:
    """Kill the process whose keeper leads: that of the web server, or that of a worker with its whole dyno."""
    leases = Coordination.open(running.settings).leases

    def killed() -> bool:
        holder = leases.holders(["keeper"]).get("keeper", "")
        pid = int(holder.rpartition(" ")[2] or 0)
        pids = next((pids for dyno in running.dynos.dynos() if pid in (pids := dyno.pids())), {pid})
        with suppress(ProcessLookupError):  # the lease of one that was killed before
            for each in pids if pid else ():
                os.kill(each, SIGKILL)
            return bool(pid)
        return False

    until(killed, "the leader is killed")


KILLS: Mapping[str, Callable[[Laptop], None]] = {"workers": workers, "leader": leader}
