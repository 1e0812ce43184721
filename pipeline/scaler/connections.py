"""How many workers Redis has connections for; pure.

Measured at work: a web process and 1, 2, 3 workers of one process have up to 11, 18, 25 connections; with 2 workers
of three processes, 34.
"""

from __future__ import annotations

PER_WORKER, PER_PROCESS = 3, 4
BESIDE = 6  # a web process, and a command such as doctor


def needed(workers: int, processes: int) -> int:
    """Returns how many connections a web process and these workers need; `processes` of each worker."""
    return BESIDE + workers * (PER_WORKER + processes * PER_PROCESS)


def fitting(most: int, processes: int) -> int:
    """Returns how many workers fit into `most` connections; at least one, or nothing would be done."""
    return max(1, (most - BESIDE) // (PER_WORKER + processes * PER_PROCESS))
