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

    `changes` are in order of time. This takes n log n steps for n exports and changes: running sums say what a unit
    of rate has cost so far, and an export pays for what they grew by from its beginning to its end.
    """
    shares = {span.export_id: Charge() for span in spans}
    if not spans:
        return shares
    waiting = sorted(spans, key=lambda span: span.begin)[::-1]
    at_work = sorted(spans, key=_over, reverse=True)  # with those that wait
    last, total = waiting[-1], 0
    now = (0, 0)  # the running sums: seconds, dollars
    before: dict[str, tuple[int, int]] = {}  # what they were when the export began
    for begin, end, workers, price in _intervals(changes, spans, until):
        while waiting and waiting[-1].begin <= begin:
            span = waiting.pop()
            before[span.export_id] = now
            total += _rate(span)
            last = max(last, span, key=lambda span: span.end)
        while at_work and _over(at_work[-1]) <= begin:
            span = at_work.pop()
            total -= _rate(span)
            shares[span.export_id] += _grown(span, before[span.export_id], now)
        seconds = workers * (end - begin)
        if total:
            now = now[0] + _fixed(seconds) // total, now[1] + _fixed(seconds * price) // total
        else:
            shares[last.export_id] += Charge(seconds, seconds * price)
    for span in at_work:
        shares[span.export_id] += _grown(span, before.get(span.export_id, now), now)
    return shares


def _over(span: ExportSpan) -> float:
    """Return when an export ends; not before its beginning, though clocks may differ."""
    return max(span.begin, span.end)


def _fixed(number: float) -> int:
    """Return a number in units of 2**-200. Floats would not do: a small rate beside a large one would be lost."""
    return int(number * 2.0**200)


def _rate(span: ExportSpan) -> int:
    """Return the rate in units of 2**-80, at least one."""
    return int(span.rate * 2.0**80) or 1


def _grown(span: ExportSpan, before: tuple[int, int], now: tuple[int, int]) -> Charge:
    """Return what an export pays while the sums grow from `before` to `now`."""
    seconds, dollars = (_rate(span) * (after - then) / 2**200 for then, after in zip(before, now, strict=True))
    return Charge(seconds, dollars)


def _intervals(
    changes: Sequence[Change], spans: Iterable[ExportSpan], until: float
) -> Iterable[tuple[float, float, int, float]]:
    """Begin, end, workers and price of the intervals in which nothing changes and workers are paid."""
    borders = (moment for span in spans for moment in (span.begin, span.end))
    moments = sorted({*(change.at for change in changes), *borders, until})
    left = list(reversed(changes))
    now = Change(0.0, 0, 0.0)
    for begin, end in pairwise(moment for moment in moments if moment <= until):
        while left and left[-1].at <= begin:
            now = left.pop()
        if now.workers:
            yield begin, end, now.workers, now.price
