"""A minute of faults with a fixed seed: one of each kind. All of them by hand: `python -m tests.chaos`."""

from __future__ import annotations

import sys
import time
from itertools import islice

import pytest

from .__main__ import last_tries, performed
from .faults import FAULTS, SECOND_SECONDS, named
from .points import POINTS
from .run import runs

SEED = 3
KINDS = (
    "kill-process", "kill-dyno", "kill-web", "cut", "redis-killed-1", "bucket-all-3", "messages-dropped",
    "messages-forged",
)  # fmt: skip


def test_every_export_ends_right() -> None:
    results = []
    chosen = [next(runs(SEED + number, [kind])) for number, kind in enumerate(KINDS)]
    forks = sys.platform == "linux"
    for result in performed(chosen, time.monotonic() + 3600, patience=4, forks=forks):
        print(result)
        results.append(result)
    assert [str(result) for result in last_tries(results) if not result.right] == []
    assert len(last_tries(results)) == len(KINDS)


def test_a_number_always_means_the_same_run() -> None:
    first, again, other = (list(islice(runs(seed), 100)) for seed in (1, 1, 2))
    assert first == again != other
    assert len({(run.point.name, run.side, run.fault.name) for run in first}) == 100


def test_two_faults_of_one_run_are_named_together() -> None:
    both = named("kill-dyno+redis-killed-3")
    assert (both.name, both.seconds) == ("kill-dyno+redis-killed-3", SECOND_SECONDS + 3)
    assert named("redis-killed-30+kill-web").seconds == 30
    assert next(runs(1, [both.name])).fault.name == both.name
    with pytest.raises(KeyError):
        named("kill-dyno+nothing")


def test_names_are_unique() -> None:
    for table in (POINTS, FAULTS):
        assert len({each.name for each in table}) == len(table)
