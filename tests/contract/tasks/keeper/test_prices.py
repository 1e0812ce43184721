"""What a dyno costs: by Heroku's list, by the built-in one, or not known."""

from __future__ import annotations

import json
from typing import Any

import pytest

from local.dynos import Fault
from pipeline.errors import InvalidSetting
from pipeline.exports.export import State
from pipeline.scaler.prices import MONTH

from .stage import KeeperStage


def test_the_price_comes_from_heroku_or_the_built_in_list(stage: KeeperStage) -> None:
    sizes = json.dumps([{"name": "Standard-1X", "cost": {"cents": 3600, "unit": "month"}}])

    def noted(size: str, **fault: Any) -> float:
        stage.s.bucket.delete_under("workers/")
        stage.wipe_redis()
        stage.dynos.scale({"worker": 0})
        keeper = stage.keeper(dyno_size=size)
        stage.dynos.faults.extend([Fault(), *[Fault(**fault)] * 3])
        keeper.turn()
        stage.dynos.faults.clear()
        export_id = stage.submit(title=f"{size} {fault}")
        keeper.turn()
        stage.s.exports.close(export_id, State.READY)
        *_, (_, workers, found) = stage.s.usage.workers_since(0.0)
        assert workers == 1
        return found

    assert noted("standard-1x", status=200, body=sizes) == pytest.approx(36 / MONTH, rel=1e-6)
    assert noted("standard-1x", status=503) == pytest.approx(25 / MONTH, rel=1e-6)
    assert noted("standard-1x", status=404) == pytest.approx(25 / MONTH, rel=1e-6)


def test_an_unknown_dyno_size_is_refused(stage: KeeperStage) -> None:
    sizes = json.dumps([{"name": "Standard-9X", "cost": {"cents": 90000, "unit": "month"}}])
    stage.dynos.faults.append(Fault(200, body=sizes, sticky=True))
    stage.keeper(dyno_size="standard-9x")
    with pytest.raises(InvalidSetting, match="enormous") as caught:
        stage.keeper(dyno_size="enormous")
    assert caught.value.field == "DYNO_SIZE"
    assert "standard-9x" in caught.value.advice
    stage.dynos.faults.clear()
    stage.dynos.faults.append(Fault(404, sticky=True))
    stage.keeper(dyno_size="standard-9x")
    with pytest.raises(InvalidSetting):
        stage.keeper(dyno_size="standard-9x", heroku_api_key=None)


def test_heroku_prices_are_read_again_by_the_next_leader(stage: KeeperStage) -> None:
    sizes = json.dumps([{"name": "Standard-9X", "cost": {"cents": 90000, "unit": "month"}}])
    stage.dynos.faults.extend([Fault(200, body=sizes), Fault(), Fault(200, body=sizes)])
    keeper = stage.keeper(dyno_size="standard-9x")
    keeper.turn()
    stage.wipe_redis()
    keeper.turn()
    seen = stage.s.redis.decisions.state()
    assert seen and "standard-9x" in seen["learned"]["prices"]


def test_an_unknown_price_does_not_delay_work(stage: KeeperStage) -> None:
    stage.dynos.faults.append(Fault(404))
    keeper = stage.keeper(dyno_size="standard-9x")
    stage.submit()
    keeper.turn()
    assert stage.workers == 1

    def asked() -> int:
        return sum("sizes" in call.path for call in stage.dynos.requests)

    calls = asked()
    keeper.turn()
    assert asked() == calls, "not at every turn"
