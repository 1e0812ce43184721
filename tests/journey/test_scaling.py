"""The promises of the scaler, kept on real workers while Heroku, Redis and the workers misbehave.

A short soak, the same each time; `python -m tests.journey.scaling` is a long one. Its bounds are generous,
for machines that are busy.
"""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from pipeline.exports.repository import ExportRepository
from pipeline.scaler.learned import Learned
from pipeline.scaler.usage import UsageLog

from . import scaling

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
        happenings = scaling.happenings(SEEDS[way], SECONDS, FAULT_EACH)
        scaling.befall_all(soak, happenings, Random(SEEDS[way]))
        assert scaling.wrong(soak, tmp_path) == []
        found = scaling.measured(soak)
        assert found.killed == 0, "a worker that had a task was told to stop"
        assert found.after_last <= 45, "dyno-seconds after the last task"
        most = 30 + scaling.refused_at_the_end(soak)
        assert found.idle <= most, "seconds with workers and nothing to do that Heroku let us stop"

        billed = scaling.charged(soak)
        paid = soak.running.dynos.dyno_seconds()
        unknown, missed = scaling.unknown(soak), scaling.missed(soak) if way == "one-off" else 0.0
        assert paid - unknown < billed < paid + unknown + missed
        assert scaling.costs(soak)["dyno_seconds"] == pytest.approx(billed)
        learned = Learned.decode(UsageLog(soak.running.store, ExportRepository(soak.running.store)).learned())
        assert 0.01 < learned.page["slow"] < 1
        assert 0 < learned.boot < 60
