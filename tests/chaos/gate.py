"""All requests to services pass here; the request at a chosen point of the journey meets a fault."""

from __future__ import annotations

import re
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from .points import Point

When = Literal["before", "after"]


@dataclass(frozen=True)
class Request:
    """A request to a service; `port` is its sender's. `text` is as in points.py."""

    service: str
    text: str
    port: int


@dataclass(frozen=True)
class Effect:
    """What happens to a request, or to its answer: cut off, half of it, or these bytes or this status instead."""

    cut: bool = False
    half: bool = False
    reply: bytes = b""
    status: int = 0


PASS = Effect()
Act = Callable[[Request], Effect]
Rule = Callable[[Request, When], Effect]


@dataclass
class _Watch:
    point: Point
    when: When
    act: Act


class Gate:
    """Knows at which request a fault begins, and what holds for all requests to a service meanwhile."""

    def __init__(self) -> None:
        self.reached = threading.Event()
        self.reached_at = 0.0  # by the monotonic clock
        self.error: Exception | None = None
        self.rules: dict[str, Rule] = {}
        self.segments: Counter[str] = Counter()  # how often each was passed on to the bucket
        self._watch: _Watch | None = None
        self._lock = threading.Lock()

    def watch(self, point: Point, when: When, act: Act) -> None:
        """Call `act` at the next request at this point: before it is passed on, or before its answer is."""
        with self._lock:
            self.reached.clear()
            self.error = None
            self.segments.clear()
            self._watch = _Watch(point, when, act)

    def rest(self) -> None:
        """Watch for nothing."""
        with self._lock:
            self._watch = None

    def forget_rule(self, service: str) -> None:
        self.rules.pop(service, None)  # another fault of the run may have replaced it

    def meet(self, request: Request, when: When) -> Effect:
        """Return what happens to a request; its sender waits until then."""
        if when == "after" and re.match(r"PUT exports/\S+/segments/", request.text):
            self.segments[request.text] += 1
        if (watch := self._taken(request, when)) and (effect := self._act(watch, request)) != PASS:
            return effect
        rule = self.rules.get(request.service)
        return rule(request, when) if rule else PASS

    def _taken(self, request: Request, when: When) -> _Watch | None:
        with self._lock:
            watch = self._watch
            if watch is None or (watch.point.service, watch.when) != (request.service, when):
                return None
            if not re.search(watch.point.pattern, request.text, re.DOTALL):
                return None
            self._watch = None
            return watch

    def _act(self, watch: _Watch, request: Request) -> Effect:
        try:
            return watch.act(request)
        except Exception as error:  # noqa: BLE001  # the run reports it
            self.error = error
            return PASS
        finally:
            self.reached_at = time.monotonic()
            self.reached.set()
