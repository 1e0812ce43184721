"""A bucket that refuses one export: the keeper looks after the others."""

from __future__ import annotations

import pytest

from pipeline.errors import StoreDown

from ....waiting import until
from .stage import KeeperStage


@pytest.mark.parametrize("status", [403, 500])
def test_nineteen_of_twenty_exports_are_repaired_and_scaled(
    stage: KeeperStage, unreadable: dict[str, int], caplog: pytest.LogCaptureFixture, status: int
) -> None:
    first, bad, *others = (stage.planned(title=str(n)) for n in range(20))
    unreadable[f"exports/{bad}/export.json"] = status
    stage.forget_what_was_sent()
    keeper = stage.keeper(waiting_price=1000.0)
    for _ in range(3):
        keeper.turn()
    assert sorted(stage.queue.sent) == sorted(("render", each, "0", "1", "2") for each in [first, *others])
    assert stage.workers == 2, "the maximum"
    shown = stage.s.redis.decisions.state()
    assert shown is not None
    assert shown["unchecked"] == 1
    assert set(shown["outstanding"]) == {first, bad, *others}
    assert caplog.text.count("could not be checked") == 1
    stage.queue.sent.clear()
    unreadable.clear()
    until(lambda: keeper.turn() and ("render", bad, "0", "1", "2") in stage.queue.sent)


def test_a_bucket_that_refuses_every_export_ends_the_turn(stage: KeeperStage, unreadable: dict[str, int]) -> None:
    """Another process may be able to read them."""
    for n in range(5):
        unreadable[f"exports/{stage.submit(title=str(n))}/export.json"] = 403
    with pytest.raises(StoreDown):
        stage.keeper().turn()
    assert stage.workers == 0
