"""A large listing is measured by several messages, and planned when all of it is measured."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import pytest

from pipeline.documents import Measured, table
from pipeline.documents.inputs import BLOCK
from pipeline.documents.table import Table, measures
from pipeline.documents.table.paging import TablePages
from pipeline.errors import ChunkFailed, InputChanged, InvalidRequest, OverLimit
from pipeline.exports import measures as ranges
from pipeline.exports.encoding import encode
from pipeline.exports.export import State
from pipeline.exports.plan import Plan
from pipeline.exports.removal import remove
from pipeline.exports.request import ExportRequest
from pipeline.exports.waves import Wave
from pipeline.tasks import flow, plan
from pipeline.tasks.outcomes import Again, Missing, NotWanted
from pipeline.tasks.plan import paginate
from pipeline.tasks.step import Signal
from pipeline.tasks.submit import submit

from ... import steps
from .stage import Stage

LISTING = "inputs/rows.csv"
ROWS = 1500
GROUPED: dict[str, Any] = {
    "group_by": [{"field": "region"}],
    "columns": [{"field": "note"}, {"field": "amount", "total": True}],
    "carry": True,
}
RANGE = 8000


def csv(rows: int = ROWS) -> bytes:
    """Rows with line feeds in quotes, and no two alike."""
    lines = [f'"note {n},\nand more",region {n // 90},{n}.{n % 100:02d}\n' for n in range(rows)]
    return b"note,region,amount\n" + "".join(lines).encode()


@pytest.fixture(autouse=True)
def small_ranges(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ranges, "RANGE_BYTES", RANGE)
    monkeypatch.setattr(ranges, "SMALL_BYTES", 2 * RANGE)


def requested(stage: Stage, data: bytes, **params: Any) -> str:
    stage.store.put(LISTING, data)
    order = ExportRequest("table", {"listing": LISTING, **GROUPED, **params}, "shop", None)
    export_id = submit(stage.s, order).export.id
    stage.queue.sent.clear()
    return export_id


def planned_at_once(stage: Stage, monkeypatch: pytest.MonkeyPatch, data: bytes) -> Plan:
    with monkeypatch.context() as patch:
        patch.setattr(ranges, "SMALL_BYTES", len(data))
        export_id = requested(stage, data, title="At once")
        steps.plan(stage.s, export_id)
    return stage.s.exports.plan(export_id)


def test_a_plan_of_ranges_is_that_of_the_whole(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    data = csv()
    wanted = planned_at_once(stage, monkeypatch, data)
    export_id = requested(stage, data)
    missing = steps.plan(stage.s, export_id)
    assert isinstance(missing, Missing)
    assert len(missing.chunks) == -(-len(data) // RANGE)
    assert stage.queue.sent == [("measure", export_id, *map(str, missing.chunks))]
    for number in random.Random(3).sample(missing.chunks, len(missing.chunks)):
        steps.measure(stage.s, export_id, number)
        assert isinstance(steps.measure(stage.s, export_id, number), NotWanted), "it is measured"
    steps.plan(stage.s, export_id)
    assert encode(stage.s.exports.plan(export_id)) == encode(wanted)
    stage.store.delete([f"exports/{export_id}/plan.json"])
    stage.restart()
    assert encode(plan.load_plan(stage.s, stage.load(export_id))) == encode(wanted)


def test_what_was_measured_is_removed_with_the_segments(stage: Stage) -> None:
    export_id = requested(stage, csv())
    steps.plan(stage.s, export_id)
    stage.work()
    assert stage.load(export_id).state is State.READY
    assert not stage.objects(export_id, "measures/")


def test_a_range_is_put_back_when_its_worker_stops(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    data = csv()
    wanted = planned_at_once(stage, monkeypatch, data)
    monkeypatch.setattr(measures, "MOST_ROWS", 64)
    export_id = requested(stage, data)
    missing = steps.plan(stage.s, export_id)
    assert isinstance(missing, Missing)
    again = 0
    for number in missing.chunks:
        while isinstance(steps.measure(stage.s, export_id, number, steps.STOPPING), Again):
            again += 1
    assert again >= len(missing.chunks) - 1, "the last range is short"
    steps.plan(stage.s, export_id)
    assert encode(stage.s.exports.plan(export_id)) == encode(wanted)


def test_paginating_goes_on_after_the_last_stop(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    data = csv()
    wanted = planned_at_once(stage, monkeypatch, data)
    export_id = requested(stage, data)
    missing = steps.plan(stage.s, export_id)
    assert isinstance(missing, Missing)
    for number in missing.chunks:
        steps.measure(stage.s, export_id, number)
    added: list[bytes] = []
    whole = TablePages.add

    def counted(pages: TablePages, measure: bytes) -> None:
        added.append(measure)
        whole(pages, measure)

    monkeypatch.setattr(TablePages, "add", counted)
    while isinstance(flow.take(stage.s, "plan", export_id, None, steps.STOPPING), Again):
        pass
    assert len(added) == len(missing.chunks), "each once"
    assert encode(stage.s.exports.plan(export_id)) == encode(wanted)


def test_a_killed_process_loses_seconds_of_paginating(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paginate, "SAVE_SECONDS", 0.0)
    export_id = requested(stage, csv())
    missing = steps.plan(stage.s, export_id)
    assert isinstance(missing, Missing)
    for number in missing.chunks:
        steps.measure(stage.s, export_id, number)
    met = 0

    def killed(*_: Any) -> Signal:
        nonlocal met
        met += 1
        if met == 3:
            raise MemoryError
        return Signal.GO_ON

    with monkeypatch.context() as patch:
        patch.setattr("pipeline.tasks.step.Work.checkpoint", killed)
        with pytest.raises(OverLimit):
            steps.plan(stage.s, export_id)
    at, saved = stage.s.measures.pages(export_id)
    assert at > 0
    assert saved


def test_damaged_and_lost_measures_are_made_again(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    data = csv()
    wanted = planned_at_once(stage, monkeypatch, data)
    export_id = requested(stage, data)
    missing = steps.plan(stage.s, export_id)
    assert isinstance(missing, Missing)
    for number in missing.chunks:
        steps.measure(stage.s, export_id, number)
    keys = [key for key in stage.objects(export_id, "measures/") if not key.endswith(".json")]
    stage.store.put(keys[1], b"damaged")
    stage.store.delete([keys[4]])
    again = steps.plan(stage.s, export_id)
    assert isinstance(again, Missing)
    assert again.chunks == (4,)
    steps.measure(stage.s, export_id, 4)
    steps.plan(stage.s, export_id)
    assert encode(stage.s.exports.plan(export_id)) == encode(wanted)


def test_a_range_that_began_within_quotes_is_measured_again(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cell holds what looks like rows."""
    rows = "".join(f"x,region,{n}\n" for n in range(5 * RANGE // 12))
    data = b'note,region,amount\n"' + rows.encode() + b'",region,7\n' + csv()[19:]
    wanted = planned_at_once(stage, monkeypatch, data)
    export_id = requested(stage, data)
    stage.queue.sent.append(("plan", export_id))
    missing = steps.plan(stage.s, export_id)
    assert isinstance(missing, Missing)
    for number in missing.chunks:
        steps.measure(stage.s, export_id, number)
    steps.plan(stage.s, export_id)
    assert encode(stage.s.exports.plan(export_id)) == encode(wanted)


def test_a_wave_of_ranges_follows_another(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ranges, "RANGE_BYTES", 1000)
    export_id = requested(stage, csv())
    missing = steps.plan(stage.s, export_id)
    assert isinstance(missing, Missing)
    assert [message[2] for message in stage.queue.sent] == ["0", "16"]
    for number in range(16):
        steps.measure(stage.s, export_id, number)
    stage.queue.sent.clear()
    flow.take(stage.s, "wave", export_id, Wave(0, 16))
    assert [message[:3] for message in stage.queue.sent] == [("measure", export_id, "32"), ("plan", export_id)]
    for number in missing.chunks[16:]:
        steps.measure(stage.s, export_id, number)
    stage.queue.sent.clear()
    flow.take(stage.s, "wave", export_id, Wave(3, 16))
    assert stage.queue.sent == [("plan", export_id)]


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (b'"never closed,region,1\n', "has a quote that opens a cell and does not close"),
        (b"\xff,region,1\n", "is not utf-8"),
    ],
)
def test_bad_input_fails_with_its_line(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, damage: bytes, words: str
) -> None:
    monkeypatch.setattr(table, "SAMPLE_BYTES", 1000)
    good = csv(900)
    export_id = requested(stage, good + damage + csv(900)[19:], encoding="utf-8")
    missing = steps.plan(stage.s, export_id)
    assert isinstance(missing, Missing)
    for number in missing.chunks:
        steps.measure(stage.s, export_id, number)
    with pytest.raises(InvalidRequest, match=f"Line 1,802 of {LISTING}.*{words}"):
        steps.plan(stage.s, export_id)


def test_a_listing_that_is_replaced_fails_the_export(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ranges, "RANGE_BYTES", 2 * BLOCK)
    export_id = requested(stage, csv(50_000))
    steps.plan(stage.s, export_id)
    stage.store.put(LISTING, csv(50_001))
    with pytest.raises(InputChanged):
        steps.measure(stage.s, export_id, 2)


def test_a_cancelled_export_is_not_measured(stage: Stage) -> None:
    export_id = requested(stage, csv())
    steps.plan(stage.s, export_id)
    flow.cancel(stage.s, export_id)
    assert isinstance(steps.measure(stage.s, export_id, 1), NotWanted)


def test_what_is_measured_when_the_export_ends_is_not_stored(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    export_id = requested(stage, csv())
    steps.plan(stage.s, export_id)
    measure = Table.measure

    def cancelled(*given: Any) -> Iterator[Measured]:
        flow.cancel(stage.s, export_id)
        steps.deliver(stage.s, export_id)
        remove(stage.s, stage.load(export_id))
        return measure(*given)

    monkeypatch.setattr(Table, "measure", cancelled)
    assert isinstance(steps.measure(stage.s, export_id, 1), NotWanted)
    assert not stage.objects(export_id)


def test_messages_for_ranges_that_do_not_exist_are_ignored(stage: Stage) -> None:
    export_id = requested(stage, csv())
    steps.plan(stage.s, export_id)
    for number in (-1, 10_000):
        assert isinstance(steps.measure(stage.s, export_id, number), NotWanted)


def test_a_range_that_kills_its_workers_ends_the_export(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    export_id = requested(stage, csv())
    steps.plan(stage.s, export_id)

    def killed(*_: Any) -> None:
        raise MemoryError

    monkeypatch.setattr(Table, "measure", killed)
    for _ in range(stage.s.settings.max_attempts):
        with pytest.raises(OverLimit):
            steps.measure(stage.s, export_id, 0)
    with pytest.raises(ChunkFailed, match="What is behind byte 0 of the listing"):
        steps.measure(stage.s, export_id, 0)
