"""How many workers Redis has connections for; pure.

Measured at work: a web process and 1, 2, 3 workers of one process have up to 11, 19, 25 connections; with 2 workers
of three processes, 34. With MONITORING=on 1 and 2 workers had up to 15 and 30, and 47 together with Flower.
"""

from __future__ import annotations

PER_WORKER, PER_PROCESS = 3, 4
BESIDE = 6  # a web process, and a command such as doctor
MONITORED, FLOWER = 5, 20  # more with MONITORING=on: of a worker, and of Flower when it asks all workers


def needed(workers: int, processes: int, monitoring: bool = False) -> int:
    """Return how many connections a web process and these workers need; `processes` of each worker.

    With `monitoring` also Flower.
    """
    return BESIDE + FLOWER * monitoring + workers * _each(processes, monitoring)


def fitting(most: int, processes: int, monitoring: bool = False) -> int:
    """Return how many workers fit into `most` connections; at least one, or nothing would be done."""
    return max(1, (most - BESIDE - FLOWER * monitoring) // _each(processes, monitoring))


def _each(processes: int, monitoring: bool) -> int:
    return PER_WORKER + processes * PER_PROCESS + MONITORED * monitoring
