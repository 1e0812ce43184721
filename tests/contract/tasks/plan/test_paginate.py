"""The pages of a large listing are found while its ranges are measured: whoever is at it when, and ends when, it is
the plan that one process makes."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest
import redis

from pipeline.documents import table
from pipeline.documents.table.paging import TablePages
from pipeline.errors import InvalidRequest
from pipeline.exports import measures as ranges
from pipeline.exports.encoding import encode
from pipeline.exports.export import State
from pipeline.exports.measures import MeasureRepository
from pipeline.exports.waves import Wave
from pipeline.tasks import flow, plan
from pipeline.tasks.outcomes import Again, Missing, NotWanted, Outcome, Partly
from pipeline.tasks.plan import paginate
from pipeline.tasks.sending import LARGE

from .... import steps
from ..stage import Stage
from ..test_measure import LISTING, csv, planned_at_once, requested

RANGE = 1000
DATA = csv(1500)
COUNT = -(-len(DATA) // RANGE)


@pytest.fixture(autouse=True)
def many_ranges(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ranges, "RANGE_BYTES", RANGE)
    monkeypatch.setattr(ranges, "SMALL_BYTES", RANGE)


def divided(stage: Stage, data: bytes = DATA, **params: Any) -> str:
    """An export whose ranges were sent; these messages are taken by the test."""
    export_id = requested(stage, data, **params)
    assert isinstance(steps.plan(stage.s, export_id), Missing)
    stage.queue.sent.clear()
    return export_id


def measured(stage: Stage, export_id: str, *numbers: int) -> None:
    for number in numbers:
        steps.measure(stage.s, export_id, number)


def added(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The measures that are put on pages from now on."""
    found: list[bytes] = []
    whole = TablePages.add

    def add(pages: TablePages, measure: bytes) -> None:
        found.append(measure)
        whole(pages, measure)

    monkeypatch.setattr(TablePages, "add", add)
    return found


def test_there_are_several_waves() -> None:
    assert COUNT > LARGE


@pytest.mark.parametrize("seed", range(4))
def test_pages_are_found_while_ranges_are_measured(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    """In any order, each measure is put on pages once, and the plan is that of one process."""
    wanted = planned_at_once(stage, monkeypatch, DATA)
    export_id, chance = divided(stage), random.Random(seed)
    order = list(range(COUNT))
    if seed:  # nearly in order: as waves are measured
        order.sort(key=lambda number: number + chance.randrange(2 * seed))
    puts, came_back = added(monkeypatch), 0
    for number in order:
        measured(stage, export_id, number)
        if chance.random() < 0.3 and number != order[-1]:
            outcome = steps.plan(stage.s, export_id)
            assert isinstance(outcome, Partly), outcome
            came_back += 1
    assert came_back > 2
    assert not stage.queue.sent, "the ranges are under way"
    assert len(puts) > COUNT // 2
    steps.plan(stage.s, export_id)
    assert len(puts) == COUNT, "each once"
    assert encode(stage.s.exports.plan(export_id)) == encode(wanted)


def test_what_is_measured_meanwhile_is_paginated_at_once(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """The step ends where nothing follows: it does not wait, as there may be one worker only."""
    export_id = divided(stage)
    measured(stage, export_id, 0, 1)
    puts, whole = added(monkeypatch), TablePages.add

    def another_lands(pages: TablePages, measure: bytes) -> None:
        whole(pages, measure)
        if len(puts) < 7:
            measured(stage, export_id, len(puts) + 1)

    monkeypatch.setattr(TablePages, "add", another_lands)
    outcome = steps.plan(stage.s, export_id)
    assert isinstance(outcome, Partly)
    assert f"{COUNT - 8} ranges are not measured" in outcome.reason
    assert len(puts) == 8
    assert stage.s.measures.pages(export_id)[0] >= 8 * RANGE


def test_a_process_that_lost_its_lease_removes_no_newer_pages(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was frozen while another took over and came further. That one's work is not done again."""
    export_id, add, newer = divided(stage), TablePages.add, list[tuple[int, bytes | None]]()
    measured(stage, export_id, *range(COUNT - 1))
    monkeypatch.setattr(paginate, "SAVE_SECONDS", -1.0)  # stored behind each measure

    def frozen(pages: TablePages, measure: bytes) -> None:
        add(pages, measure)
        if newer:
            raise KeyboardInterrupt  # it is killed
        monkeypatch.setattr(TablePages, "add", add)
        with redis.Redis.from_url(stage.s.settings.redis_url) as client:
            client.flushall()  # its lease, too
        assert isinstance(steps.plan(stage.s, export_id), Partly)
        newer.append(stage.s.measures.pages(export_id))
        monkeypatch.setattr(TablePages, "add", frozen)

    monkeypatch.setattr(TablePages, "add", frozen)
    with pytest.raises(KeyboardInterrupt):
        steps.plan(stage.s, export_id)
    assert newer[0][0] > RANGE * (COUNT - 2)
    assert stage.s.measures.pages(export_id) == newer[0]


def test_a_range_that_is_not_there_yet_is_left_to_others(stage: Stage) -> None:
    export_id = divided(stage)
    measured(stage, export_id, 0, 2, 3)
    steps.plan(stage.s, export_id)
    assert RANGE <= stage.s.measures.pages(export_id)[0] < 2 * RANGE
    assert set(stage.s.measures.found(export_id)) == {0, 2, 3}


def before_the_last_range(monkeypatch: pytest.MonkeyPatch, land: Callable[[], None]) -> None:
    """Let `land` happen behind a look at what is measured: the second that sees all ranges but the last one."""
    look, looks = MeasureRepository.found, list[int]()

    def found(self: MeasureRepository, export_id: str, number: int | None = None) -> dict[int, Any]:
        seen = look(self, export_id, number)
        if number is None and len(seen) == COUNT - 1:
            looks.append(len(seen))
            if len(looks) == 2:
                land()
        return seen

    monkeypatch.setattr(MeasureRepository, "found", found)


def test_the_last_range_lands_right_behind_the_last_look(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """The plan that follows it meets the one that looked: nothing may wait for the keeper."""
    wanted = planned_at_once(stage, monkeypatch, DATA)
    export_id, last, met = divided(stage), COUNT - 1, list[Outcome]()
    measured(stage, export_id, *range(last))

    def land() -> None:
        measured(stage, export_id, last)
        flow.take(stage.s, "wave", export_id, Wave(last // 16, 16))
        assert stage.queue.sent.pop() == ("plan", export_id)
        met.append(steps.plan(stage.s, export_id))

    before_the_last_range(monkeypatch, land)
    assert isinstance(steps.plan(stage.s, export_id), Partly)
    assert met == [NotWanted("another worker is at it")]
    assert stage.queue.sent == [("plan", export_id)], "it looks once more when it has no lease"
    stage.work()
    assert encode(stage.s.exports.plan(export_id)) == encode(wanted)
    assert stage.load(export_id).state is State.READY


def test_a_wave_behind_which_nothing_is_sent_lets_pages_be_found(stage: Stage) -> None:
    export_id = divided(stage)
    last = (COUNT - 1) // 16
    measured(stage, export_id, *range(16 * last))
    flow.take(stage.s, "wave", export_id, Wave(last - 1, 16))
    assert stage.queue.sent == [("plan", export_id)]


def test_it_goes_on_where_a_killed_process_had_kept_pages(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Twice while ranges are measured. What a killed process had is not counted against the next one's attempts."""
    wanted = planned_at_once(stage, monkeypatch, DATA)
    monkeypatch.setattr(paginate, "SAVE_SECONDS", 0.0)
    export_id, whole = divided(stage), TablePages.add
    for part in (range(20), range(20, 34), range(34, COUNT)):
        measured(stage, export_id, *part)
        puts = added(monkeypatch)

        def killed(pages: TablePages, measure: bytes, puts: list[bytes] = puts) -> None:
            if len(puts) == 5:
                raise MemoryError
            puts.append(measure)
            whole(pages, measure)

        with monkeypatch.context() as patch:
            patch.setattr(TablePages, "add", killed)
            before = stage.s.measures.pages(export_id)[0]
            with pytest.raises(Exception, match="ran out of memory"):
                steps.plan(stage.s, export_id)
        assert stage.s.measures.pages(export_id)[0] >= before + 4 * RANGE
        outcome = steps.plan(stage.s, export_id)
        assert isinstance(outcome, Partly) == (part.stop < COUNT)
    assert encode(stage.s.exports.plan(export_id)) == encode(wanted)


def test_told_to_end_it_keeps_its_pages_and_comes_back(stage: Stage) -> None:
    export_id = divided(stage)
    measured(stage, export_id, *range(8))
    seen = [0]
    while isinstance(flow.take(stage.s, "plan", export_id, None, steps.STOPPING), Again):
        seen.append(stage.s.measures.pages(export_id)[0])
    assert len(seen) == 9
    assert seen == sorted(set(seen))


def test_a_range_that_began_within_quotes_is_measured_again(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = "".join(f"x,region,{n}\n" for n in range(5 * RANGE // 12))
    data = b'note,region,amount\n"' + rows.encode() + b'",region,7\n' + DATA[19:]
    wanted = planned_at_once(stage, monkeypatch, data)
    export_id = divided(stage, data)
    count = -(-len(data) // RANGE)
    for number in range(count):
        measured(stage, export_id, number)
        if number % 7 == 6 and number < count - 1:
            assert isinstance(steps.plan(stage.s, export_id), Partly)
    steps.plan(stage.s, export_id)
    assert encode(stage.s.exports.plan(export_id)) == encode(wanted)


def test_bad_input_fails_before_all_is_measured(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table, "SAMPLE_BYTES", RANGE)
    export_id = divided(stage, csv(100) + b"\xff,region,1\n" + csv(1500)[19:], encoding="utf-8")
    measured(stage, export_id, *range(10))
    with pytest.raises(InvalidRequest, match=rf"Line 202 of {LISTING}.* is not utf-8"):
        steps.plan(stage.s, export_id)


def test_a_cancelled_export_is_not_paginated(stage: Stage) -> None:
    export_id = divided(stage)
    measured(stage, export_id, 0)
    flow.cancel(stage.s, export_id)
    assert steps.plan(stage.s, export_id) == NotWanted("the export is cancelled")


def test_a_lost_plan_is_made_again_without_some_measures(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    export_id = divided(stage)
    measured(stage, export_id, *range(COUNT))
    steps.plan(stage.s, export_id)
    wanted = stage.s.exports.plan(export_id)
    keys = list(stage.objects(export_id, "measures/0"))
    stage.store.delete([f"exports/{export_id}/plan.json", *keys[3:9]])
    stage.restart()
    assert encode(plan.load_plan(stage.s, stage.load(export_id))) == encode(wanted)
