"""Time as a list of what happens next."""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush
from itertools import count


class Clock:
    """It stands still until it is set to what happens next; what happens at one moment keeps its order."""

    def __init__(self) -> None:
        self.now = 0.0
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = count()

    def at(self, when: float, happens: Callable[[], None]) -> None:
        heappush(self._events, (when, next(self._numbers), happens))

    def next_before(self, end: float) -> tuple[float, Callable[[], None]] | None:
        """When something happens, and what; None when nothing does any more."""
        if not self._events or self._events[0][0] >= end:
            return None
        at, _, happens = heappop(self._events)
        return at, happens
