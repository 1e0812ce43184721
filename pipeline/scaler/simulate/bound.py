"""What a scaler that knows the future would have paid at the least for the same waiting.

Work costs the same on any number of dynos; only boots can be saved. So the bound is

    all work / slots  +  sum over busy clusters of  workers(cluster) * min(boot, pause before it),

a cluster being requests whose times from asking to having overlap. It needs as many workers as its tightest
interval: between any request and any later end, the chunks of the exports that lie within it must fit, after
the shortest planning and before the shortest assembly. A cluster begins with a boot, since nobody orders
before somebody asks, unless the pause before it is shorter than a boot: waiting it out is then cheaper.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import ceil, inf


@dataclass(frozen=True)
class Span:
    """An export from asking to having, and the seconds of its work."""

    at: float
    done: float
    chunks: float
    planning: float
    assembly: float


def bound(spans: Sequence[Span], boot: float, slots: int) -> float:
    """The least dyno-seconds; `boot` is the mean of those that happened."""
    cost = sum(span.chunks + span.planning + span.assembly for span in spans) / slots
    end = -inf
    for cluster in _clusters(spans):
        pause = cluster[0].at - end
        cost += _workers(cluster, boot if pause >= boot else 0.0, slots) * min(boot, pause)
        end = max(span.done for span in cluster)
    return cost


def _clusters(spans: Sequence[Span]) -> Iterator[list[Span]]:
    cluster: list[Span] = []
    for span in sorted(spans, key=lambda span: span.at):
        if cluster and span.at >= max(other.done for other in cluster):
            yield cluster
            cluster = []
        cluster.append(span)
    if cluster:
        yield cluster


def _workers(cluster: Sequence[Span], boot: float, slots: int) -> int:
    needed = 1
    for first in cluster:
        for last in cluster:
            within = [span for span in cluster if span.at >= first.at and span.done <= last.done]
            if within:
                room = last.done - first.at - (boot if first is cluster[0] else 0.0)
                room -= min(span.planning for span in within) + min(span.assembly for span in within)
                work = sum(span.chunks for span in within)
                needed = max(needed, ceil(work / (slots * room) - 1e-9) if room > 0 else 1)
    return needed
