"""What is there to do: from the ledger, the broker and the formation."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from ..live import Live
from .decide import Demand, Dyno, Snapshot

BOOT_SECONDS = 15.0  # until it is measured


@dataclass(frozen=True)
class Work:
    """What is outstanding of one export. Before its plan is made, `chunks` is a guess of one."""

    export_id: str
    chunks: int


class Gauge:
    """Takes snapshots and remembers since when nothing is outstanding."""

    def __init__(self, chunk_seconds: float) -> None:
        self._chunk_seconds = chunk_seconds
        self._idle_since: float | None = None

    def snapshot(self, work: Sequence[Work], live: Live, workers: int) -> Snapshot:
        """A snapshot of now. A message in a dead worker's hands counts only while its export is not over.

        Who is busy is not known, so all are while anything is outstanding.
        """
        unfinished = {item.export_id for item in work}
        unacknowledged = sum(export_id in unfinished for export_id in live.unacknowledged())
        waiting = live.waiting()
        now = time.monotonic()
        if work or waiting or unacknowledged:
            self._idle_since = None
        elif self._idle_since is None:
            self._idle_since = now
        return Snapshot(
            now=now,
            demands=[Demand(item.export_id, item.chunks, self._chunk_seconds) for item in work],
            dynos=[Dyno(number, now, True, self._idle_since is None) for number in range(1, workers + 1)],
            boot_seconds=BOOT_SECONDS,
            waiting=waiting,
            unacknowledged=unacknowledged,
            idle_seconds=0.0 if self._idle_since is None else now - self._idle_since,
        )
