"""A lower bound: what a scaler that knows the future would have paid for the same waiting.

The work costs the same on any number of dynos; only boots can be saved. So the bound is

    all work / slots  +  sum over busy clusters of  workers(cluster) * min(boot, pause before it),

where a cluster is a set of exports whose times from request to completion overlap. A cluster needs as many workers
as its tightest interval: between any request and any later completion, the chunks of the exports inside must fit,
after the shortest planning and before the shortest assembly. A cluster begins with a boot, since nothing is ordered
before the first request, unless the pause before it is shorter than a boot: then keeping the workers is cheaper.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import ceil, inf


@dataclass(frozen=True)
class CompletedExport:
    """An export from request to completion, and the seconds of its work."""

    at: float
    done: float
    chunks: float
    planning: float
    assembly: float


def bound(exports: Sequence[CompletedExport], boot: float, slots: int) -> float:
    """Return the least dyno-seconds; `boot` is the mean of the boots that happened."""
    cost = sum(export.chunks + export.planning + export.assembly for export in exports) / slots
    end = -inf
    for cluster in _clusters(exports):
        pause = cluster[0].at - end
        cost += _workers(cluster, boot if pause >= boot else 0.0, slots) * min(boot, pause)
        end = max(export.done for export in cluster)
    return cost


def _clusters(exports: Sequence[CompletedExport]) -> Iterator[list[CompletedExport]]:
    cluster: list[CompletedExport] = []
    for export in sorted(exports, key=lambda export: export.at):
        if cluster and export.at >= max(other.done for other in cluster):
            yield cluster
            cluster = []
        cluster.append(export)
    if cluster:
        yield cluster


def _workers(cluster: Sequence[CompletedExport], boot: float, slots: int) -> int:
    """Return the number of workers that the tightest interval needs."""
    needed = 1
    for first in cluster:
        for last in cluster:
            inside = [export for export in cluster if export.at >= first.at and export.done <= last.done]
            if inside:
                room = last.done - first.at - (boot if first is cluster[0] else 0.0)
                room -= min(export.planning for export in inside) + min(export.assembly for export in inside)
                work = sum(export.chunks for export in inside)
                needed = max(needed, ceil(work / (slots * room) - 1e-9) if room > 0 else 1)
    return needed
