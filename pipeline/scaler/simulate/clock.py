"""Simulated time: a queue of future events."""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush
from itertools import count


class Clock:
    """Stands still until it is set to the next event. Events of the same moment keep their order."""

    def __init__(self) -> None:
        self.now = 0.0
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = count()

    def at(self, when: float, event: Callable[[], None]) -> None:
        """Schedule an event."""
        heappush(self._events, (when, next(self._numbers), event))

    def next_before(self, end: float) -> tuple[float, Callable[[], None]] | None:
        """Return the next event and its time; None if there is none before `end`."""
        if not self._events or self._events[0][0] >= end:
            return None
        at, _, event = heappop(self._events)
        return at, event
