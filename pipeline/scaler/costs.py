"""What exports cost: the time of workers, shared between the exports that overlapped; pure.

Billing runs from the request that starts a worker to the request that ends it, so booting and waiting are
paid for too. Whoever has work at a moment shares that moment, in proportion to the work it has done by
the second; a moment without any belongs to the export that ended last, or else to the one that came next.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from ..exports.export import Charge


@dataclass(frozen=True)
class Change:
    """From `at` on there were so many workers, each at `price` dollars a second."""

    at: float
    workers: int
    price: float


@dataclass(frozen=True)
class Span:
    """An export from its request to its end, and the worker seconds that were spent on it."""

    export_id: str
    begin: float
    end: float
    work: float

    @property
    def rate(self) -> float:
        """Work by the second; never nothing, so that equals share equally, nor less, as by clocks that differ."""
        return max(self.work, 1e-6) / max(self.end - self.begin, 1e-3)


def shared(changes: Sequence[Change], spans: Sequence[Span], until: float) -> dict[str, Charge]:
    """What each export is charged of the workers' time up to `until`. The shares sum up to all of it.

    `changes` are in the order of time. Costs one sort and one pass, whatever overlaps.
    """
    shares = {span.export_id: Charge() for span in spans}
    if not spans:
        return shares
    waiting = sorted(spans, key=lambda span: span.begin, reverse=True)
    alive: list[Span] = []
    last = waiting[-1]
    for begin, end, workers, price in _stretches(changes, spans, until):
        while waiting and waiting[-1].begin <= begin:
            alive.append(waiting.pop())
            last = max(last, alive[-1], key=lambda span: span.end)
        alive = [span for span in alive if span.end > begin]
        those = alive or [last]
        whole = sum(span.rate for span in those)
        for span in those:
            seconds = workers * (end - begin) * span.rate / whole
            before = shares[span.export_id]
            shares[span.export_id] = Charge(before.dyno_seconds + seconds, before.dollars + seconds * price)
    return shares


def _stretches(
    changes: Sequence[Change], spans: Iterable[Span], until: float
) -> Iterable[tuple[float, float, int, float]]:
    """Begin, end, workers and price of stretches in which nothing changes and somebody is paid."""
    borders = sorted({moment for span in spans for moment in (span.begin, span.end)})
    moments = sorted({*(change.at for change in changes), *borders, until})
    left = list(reversed(changes))
    now = Change(0.0, 0, 0.0)
    for begin, end in pairwise(moment for moment in moments if moment <= until):
        while left and left[-1].at <= begin:
            now = left.pop()
        if now.workers:
            yield begin, end, now.workers, now.price
