"""The scaler keeps its promises on real workers while Heroku, Redis and the workers fail.

A short soak, the same each time; `python -m tests.journey.scaling` is a long one. The bounds are generous, for
busy machines.
"""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from local import process
from pipeline.exports.repository import ExportRepository
from pipeline.scaler.learned import Learned
from pipeline.scaler.usage import UsageLog

from . import scaling

SECONDS, FAULT_EACH = 12.0, 1.0
SEEDS = {"formation": 0, "one-off": 8}


def test_every_fault_occurs_in_the_short_soaks() -> None:
    soaks = [scaling.random_events(seed, SECONDS, FAULT_EACH) for seed in SEEDS.values()]
    assert {one.detail for events in soaks for one in events} >= set(scaling.FAULTS)
    for events in soaks:
        assert {"export", "fault", "kill", "wipe"} <= {one.what for one in events}


@pytest.mark.parametrize("mode", SEEDS)
def test_every_export_ends_right_and_is_charged(mode: str, tmp_path: Path, forks: process.Start) -> None:
    with scaling.soaking(tmp_path, mode, start=forks) as soak:
        events = scaling.random_events(SEEDS[mode], SECONDS, FAULT_EACH)
        scaling.apply_all(soak, events, Random(SEEDS[mode]))
        assert scaling.wrong(soak, tmp_path) == []
        found = scaling.measured(soak)
        assert found.killed == 0, "a worker that had a task was told to stop"
        assert found.after_last <= 45, "dyno-seconds after the last task"
        most = 30 + scaling.refused_at_the_end(soak)
        assert found.idle <= most, "seconds with workers and nothing to do that Heroku let us stop"

        billed = scaling.charged(soak)
        paid = soak.running.dynos.dyno_seconds()
        unknown, missed = scaling.unknown(soak), scaling.missed(soak) if mode == "one-off" else 0.0
        assert paid - unknown < billed < paid + unknown + missed
        assert scaling.costs(soak)["dyno_seconds"] == pytest.approx(billed)
        learned = Learned.decode(UsageLog(soak.running.store, ExportRepository(soak.running.store)).learned())
        assert 0.01 < learned.page["slow"] < 1
        assert 0 < learned.boot < 60
