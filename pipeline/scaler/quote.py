"""What an export will take and cost, before it begins: the cheapest way and the fastest; pure.

With N chunks of s seconds, c slots and boots of b seconds, w workers need ceil(N/(c*w)) rounds and
N*s/c + w*b dyno-seconds, each being stopped when it is idle (docs/scaling.md).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil


@dataclass(frozen=True)
class Task:
    """What is to be done: chunks side by side, and in seconds what comes alone before and after them."""

    chunks: int
    chunk_seconds: float
    before_seconds: float
    after_seconds: float


@dataclass(frozen=True)
class Quote:
    """So many workers finish in so many seconds, for so much."""

    workers: int
    seconds: float
    dollars: float

    @property
    def words(self) -> str:
        """For a person: about 3 min, $0.004."""
        return f"about {_duration(self.seconds)}, ${self.dollars:.{4 if self.dollars < 0.1 else 2}f}"


def quotes(task: Task, maximum: int, slots: int, boot: float, price: float) -> list[Quote]:
    """Every number of workers that leaves none idle in the last round, from the cheapest to the fastest."""
    found = []
    for workers in _round_counts(task.chunks, maximum, slots):
        rounds = ceil(task.chunks / (slots * workers))
        seconds = boot + task.before_seconds + rounds * task.chunk_seconds + task.after_seconds
        work = task.before_seconds + task.chunks * task.chunk_seconds / slots + task.after_seconds
        found.append(Quote(workers, round(seconds, 1), (work + workers * boot) * price))
    return found


def _round_counts(chunks: int, maximum: int, slots: int) -> Iterator[int]:
    """1, and whatever number more needs a round less."""
    before = 0
    for workers in range(1, min(maximum, ceil(chunks / slots)) + 1):
        rounds = ceil(chunks / (slots * workers))
        if rounds != before:
            before = rounds
            yield workers


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{ceil(seconds / 5) * 5} s"
    if seconds < 5400:
        return f"{round(seconds / 60)} min"
    return f"{seconds / 3600:.1f} h"
