"""Documents of which one export is made at a time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from pipeline import documents
from pipeline.errors import ExportFailed
from pipeline.exports.export import Export, State
from pipeline.exports.ids import new_id
from pipeline.tasks import flow
from pipeline.tasks.again import retry
from pipeline.tasks.keeper import one_at_a_time
from pipeline.tasks.keeper.one_at_a_time import OneAtATime, Verdict
from pipeline.tasks.outcomes import NotWanted

from .... import steps
from ....waiting import until
from .stage import KeeperStage


@pytest.fixture
def exclusive(request: pytest.FixtureRequest) -> Iterator[None]:
    photos = documents.find("photos")
    documents.register(photos, exclusive=request.param)
    yield
    documents.register(photos)


@pytest.mark.parametrize("exclusive", ["queue"], indirect=True)
@pytest.mark.usefixtures("exclusive")
def test_a_queued_document_begins_when_the_one_before_is_over(stage: KeeperStage) -> None:
    ids = [stage.submit(title=str(n)) for n in range(3)]
    assert stage.queue.sent == [], "the keeper starts them"
    keeper = stage.keeper()
    assert keeper.turn(), "it knows all now: the next turn, which starts one, follows soon"
    for _ in range(3):
        keeper.turn()
    assert set(stage.queue.sent) == {("plan", ids[0])}
    outstanding = (stage.s.redis.decisions.state() or {})["outstanding"]
    assert list(outstanding) == [ids[0]], "those that wait order no workers"
    steps.plan(stage.s, ids[0])
    stage.queue.sent.clear()
    other = stage.keeper()
    keeper.resign()
    for _ in range(3):
        other.turn()
    assert ("plan", ids[1]) not in stage.queue.sent, "a new leader finds the one at work"
    stage.s.exports.change(ids[0], lambda e: e.to(State.CANCELLED))
    stage.queue.sent.clear()
    for _ in range(3):
        other.turn()
    assert ("plan", ids[1]) in stage.queue.sent
    assert ("plan", ids[2]) not in stage.queue.sent


@pytest.mark.parametrize("exclusive", ["skip"], indirect=True)
@pytest.mark.usefixtures("exclusive")
def test_a_skipped_document_fails_while_another_is_at_work(stage: KeeperStage) -> None:
    first, second = stage.submit(title="1"), stage.submit(title="2")
    keeper = stage.keeper()
    for _ in range(3):
        keeper.turn()
    assert ("plan", first) in stage.queue.sent
    failure = stage.s.exports.load(second).failure
    assert failure and failure.message == f"It was not started: export {first} of the same document was at work."
    stage.s.exports.change(first, lambda e: e.to(State.CANCELLED))
    third = stage.submit(title="3")
    for _ in range(3):
        keeper.turn()
    assert ("plan", third) in stage.queue.sent


@pytest.mark.parametrize("exclusive", ["skip"], indirect=True)
@pytest.mark.usefixtures("exclusive")
def test_one_that_was_started_while_a_leader_was_held_up_is_not_skipped(
    stage: KeeperStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was frozen behind its last look: the other one ended, and another leader started this one."""
    first, second = stage.submit(title="1"), stage.submit(title="2")
    steps.plan(stage.s, first)
    fail, ended = flow.fail, list[bool]()

    def held_up(*given: Any) -> None:
        stage.s.exports.change(first, lambda e: e.to(State.CANCELLED))
        steps.plan(stage.s, second)
        ended.append(fail(*given))

    monkeypatch.setattr(flow, "fail", held_up)
    stage.keeper().turn()
    assert ended == [False]
    assert stage.s.exports.load(second).state is State.RENDERING


@pytest.mark.parametrize("exclusive", ["queue"], indirect=True)
@pytest.mark.usefixtures("exclusive")
def test_one_that_waits_too_long_fails(stage: KeeperStage) -> None:
    first, second = stage.submit(title="1"), stage.submit(title="2")
    stage.age(second, created_at=0.0)
    keeper = stage.keeper()
    for _ in range(2):
        keeper.turn()
    assert stage.s.exports.load(first).state is State.QUEUED
    assert stage.s.exports.load(second).state is State.FAILED


@pytest.mark.parametrize("exclusive", ["queue"], indirect=True)
@pytest.mark.usefixtures("exclusive")
def test_a_retry_waits_for_the_one_at_work_and_keeps_what_is_drawn(stage: KeeperStage) -> None:
    first, second = stage.submit(title="1"), stage.submit(title="2")
    steps.plan(stage.s, first)
    steps.render(stage.s, first, 0)
    drawn = stage.s.segments.found(first)
    flow.fail(stage.s, first, ExportFailed("It took too long."))
    steps.deliver(stage.s, first)
    steps.plan(stage.s, second)
    keeper = stage.keeper()
    keeper.turn()
    assert retry(stage.s, first).state is State.QUEUED
    stage.queue.sent.clear()
    for _ in range(3):
        keeper.turn()
    assert {export_id for _, export_id, *_ in stage.queue.sent} <= {second}
    stage.s.exports.change(second, lambda e: e.to(State.CANCELLED))
    for _ in range(3):
        keeper.turn()
    assert ("plan", first) in stage.queue.sent
    steps.plan(stage.s, first)
    assert isinstance(steps.render(stage.s, first, 0), NotWanted)
    assert stage.s.segments.found(first) == drawn


@pytest.mark.parametrize("exclusive", ["queue", "skip"], indirect=True)
@pytest.mark.parametrize("seconds", [300.0, 0.0])
@pytest.mark.usefixtures("exclusive")
def test_a_new_leader_that_cannot_read_the_one_at_work_starts_no_other(
    stage: KeeperStage, unreadable: dict[str, int], monkeypatch: pytest.MonkeyPatch, seconds: float
) -> None:
    """But one record that stays unreadable does not hold others up for long."""
    monkeypatch.setattr(one_at_a_time, "UNREAD_SECONDS", seconds)
    first, second = stage.submit(title="1"), stage.submit(title="2")
    steps.plan(stage.s, first)
    stage.queue.sent.clear()
    unreadable[f"exports/{first}/export.json"] = 500
    keeper = stage.keeper()
    for _ in range(3):
        keeper.turn()
    assert stage.s.exports.load(second).state is State.QUEUED
    assert (("plan", second) in stage.queue.sent) == (not seconds)
    if seconds:
        unreadable.clear()
        until(lambda: keeper.turn() and not keeper._checks.failing)
        keeper.turn()
        assert ("plan", second) not in stage.queue.sent


@pytest.mark.parametrize("exclusive", ["queue"], indirect=True)
@pytest.mark.usefixtures("exclusive")
def test_a_damaged_record_holds_no_other_up(stage: KeeperStage) -> None:
    """No worker can make it either."""
    first, second = stage.submit(title="1"), stage.submit(title="2")
    stage.s.bucket.put(f"exports/{first}/export.json", b"{")
    keeper = stage.keeper()
    for _ in range(4):
        keeper.turn()
    assert ("plan", second) in stage.queue.sent


@pytest.mark.parametrize("exclusive", ["skip"], indirect=True)
@pytest.mark.usefixtures("exclusive")
def test_none_begins_before_all_are_read() -> None:
    """A turn may have no time for all, and puts those last that could not be read before."""
    without, first, second, third = (Export(new_id(), "photos", {}, "shop", 0.0) for _ in range(4))
    one = OneAtATime()
    for read in ([second], [second, first]):
        one.keep([without.id, first.id, second.id])
        assert [one.verdict(each) for each in read] == [Verdict.WAIT] * len(read)
        assert one.other(second) is None
    one.note_read(without.id)
    assert one.verdict(first) is Verdict.WAIT, "the next turn begins with the oldest"
    one.keep([without.id, first.id, second.id, third.id])
    verdicts = [one.verdict(each) for each in (first, second, third)]
    assert verdicts == [Verdict.GO, Verdict.SKIP, Verdict.SKIP]
    assert one.other(second) == first.id
    one.keep([second.id])
    assert one.verdict(second) is Verdict.GO
