"""One thread of a process that renews all leases it holds.

A thread for each lease would cost as much processor time as half a page of a table.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from math import inf
from typing import Protocol

log = logging.getLogger(__name__)
RENEW_SECONDS = 1.0  # at the latest; a short lease is renewed three times in its life


class Renewable(Protocol):
    """What is renewed as long as it is held."""

    def renew(self) -> bool:
        """Renew it. Return False when it must not be renewed again."""

    def pause(self) -> float:
        """Return the seconds until it must be renewed again."""


class Renewals:
    """Renews what is added, until it is removed. Thread-safe. After a fork it is empty: its thread is gone."""

    def __init__(self) -> None:
        self._begin()
        os.register_at_fork(after_in_child=self._begin)

    def _begin(self) -> None:
        self._due: dict[Renewable, float] = {}
        self._changed = threading.Condition()
        self._wakes = inf  # when the thread looks again by itself
        self._thread: threading.Thread | None = None

    def add(self, held: Renewable) -> None:
        """Renew it from now on. Most leases end before the thread wakes: it is woken only if it sleeps too long."""
        with self._changed:
            if self._thread is None:
                thread = threading.Thread(target=self._run, name="renewals", daemon=True)
                thread.start()  # it may raise: then nothing is held, and the next one tries again
                self._thread = thread
            due = self._due[held] = time.monotonic() + held.pause()
            if due < self._wakes:
                self._changed.notify()

    def remove(self, held: Renewable) -> None:
        """Stop renewing it. A renewal that has begun may still arrive."""
        with self._changed:
            self._due.pop(held, None)

    def _run(self) -> None:
        while True:
            for held in self._wait():
                try:
                    again = held.renew()
                except Exception:
                    again = True
                    log.exception("a lease could not be renewed; it is tried again")
                if again:
                    self._put_off(held)
                else:
                    self.remove(held)

    def _wait(self) -> list[Renewable]:
        """Wait until something must be renewed, and return it."""
        with self._changed:
            while True:
                now = time.monotonic()
                if due := [held for held, at in self._due.items() if at <= now]:
                    return due
                self._wakes = min(self._due.values(), default=inf)
                self._changed.wait(None if self._wakes == inf else self._wakes - now)

    def _put_off(self, held: Renewable) -> None:
        with self._changed:
            if held in self._due:
                self._due[held] = time.monotonic() + held.pause()


def pause_for(seconds: float) -> float:
    """Return the pause between two renewals of a lease of this many seconds."""
    return min(RENEW_SECONDS, seconds / 3)
