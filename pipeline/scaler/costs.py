"""Shares the cost of the workers between the exports that overlapped. No I/O.

Workers are billed from the request that starts them to the request that ends them, so booting and idling are paid
for too. At each moment the exports that have work share the cost, in proportion to their work per second. A moment
without any export belongs to the one that ended last, or else to the next one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from ..exports.export import Charge


@dataclass(frozen=True)
class Change:
    """From `at` on there are this many workers, each at `price` dollars a second."""

    at: float
    workers: int
    price: float


@dataclass(frozen=True)
class ExportSpan:
    """An export from its request to its end, and the worker seconds spent on it."""

    export_id: str
    begin: float
    end: float
    work: float

    @property
    def rate(self) -> float:
        """Work per second. Above zero: exports without work share equally, and clocks may differ."""
        return max(self.work, 1e-6) / max(self.end - self.begin, 1e-3)


def share_costs(changes: Sequence[Change], spans: Sequence[ExportSpan], until: float) -> dict[str, Charge]:
    """Return each export's share of the workers' time up to `until`. The shares sum up to all of it.

    `changes` are in order of time. Between two moments at which something changes, each export that has work then
    is looked at: the time grows with the square of exports that all overlap.
    """
    shares = {span.export_id: Charge() for span in spans}
    if not spans:
        return shares
    waiting = sorted(spans, key=lambda span: span.begin, reverse=True)
    alive: list[ExportSpan] = []
    last = waiting[-1]
    for begin, end, workers, price in _intervals(changes, spans, until):
        while waiting and waiting[-1].begin <= begin:
            alive.append(waiting.pop())
            last = max(last, alive[-1], key=lambda span: span.end)
        alive = [span for span in alive if span.end > begin]
        payers = alive or [last]
        total = sum(span.rate for span in payers)
        for span in payers:
            seconds = workers * (end - begin) * span.rate / total
            before = shares[span.export_id]
            shares[span.export_id] = Charge(before.dyno_seconds + seconds, before.dollars + seconds * price)
    return shares


def _intervals(
    changes: Sequence[Change], spans: Iterable[ExportSpan], until: float
) -> Iterable[tuple[float, float, int, float]]:
    """Begin, end, workers and price of the intervals in which nothing changes and workers are paid."""
    borders = sorted({moment for span in spans for moment in (span.begin, span.end)})
    moments = sorted({*(change.at for change in changes), *borders, until})
    left = list(reversed(changes))
    now = Change(0.0, 0, 0.0)
    for begin, end in pairwise(moment for moment in moments if moment <= until):
        while left and left[-1].at <= begin:
            now = left.pop()
        if now.workers:
            yield begin, end, now.workers, now.price
