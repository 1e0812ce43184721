"""The promises of the scaler, kept on real workers while Heroku, Redis and the workers misbehave.

A short soak, the same each time; `python -m tests.journey.scaling` is a long one. Its bounds are generous,
for machines that are busy.
"""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from pipeline.ledger import Ledger
from pipeline.scaler.learned import Learned
from pipeline.scaler.scaler import CHECK_SECONDS
from tests.journey import bars, scaling

SECONDS, FAULT_EACH = 12.0, 1.0
SEEDS = {"formation": 0, "one-off": 8}


def test_all_that_can_befall_befalls_in_the_short_soaks() -> None:
    befallen = [scaling.happenings(seed, SECONDS, FAULT_EACH) for seed in SEEDS.values()]
    assert {one.detail for happenings in befallen for one in happenings} >= set(scaling.FAULTS)
    for happenings in befallen:
        assert {"export", "fault", "kill", "wipe"} <= {one.what for one in happenings}


@pytest.mark.parametrize("way", SEEDS)
def test_whatever_befalls_every_export_ends_right_and_is_paid_for(way: str, tmp_path: Path) -> None:
    with scaling.soaking(tmp_path, way) as soak:
        scaling.befall_all(soak, SEEDS[way], SECONDS, FAULT_EACH)
        assert scaling.wrong(soak, tmp_path) == []
        found = scaling.measured(soak)
        assert found.killed == 0, "a worker that had a task was told to stop"
        assert found.after_last <= 45, "dyno-seconds after the last task"
        assert found.idle <= 30, "seconds with workers and nothing to do"

        billed = scaling.charged(soak)
        paid = soak.running.dynos.dyno_seconds()
        # Heroku says in whole seconds when a dyno was ordered or released, and where an answer was lost
        # nobody else knows: a second for each that there was.
        unknown = len(bars.lives(list(soak.running.dynos.history), time.time()))
        # One that is killed while it boots is missed after CHECK_SECONDS, and charged until then.
        missed = CHECK_SECONDS * len(soak.kills) if way == "one-off" else 0.0
        assert paid - unknown < billed < paid + unknown + missed
        assert scaling.costs(soak)["dyno_seconds"] == pytest.approx(billed)
        learned = Learned.decode(Ledger(soak.running.store).learned())
        assert 0.01 < learned.page["slow"] < 1
        assert 0 < learned.boot < 60
