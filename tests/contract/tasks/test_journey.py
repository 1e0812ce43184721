"""An export from the request to the mail, step by step; no worker runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.exports.export import State
from pipeline.exports.segments import segment_key

from ... import steps
from ...pictures import jpeg
from .stage import FIVE, Stage


def test_an_export_goes_all_the_way(stage: Stage, tmp_path: Path) -> None:
    export_id = stage.submit(title="Álbum")
    assert stage.load(export_id).state is State.QUEUED
    assert stage.queue.sent == [("plan", export_id)]
    stage.work()
    export = stage.load(export_id)
    assert export.state is State.READY
    assert (export.records, export.pages, export.chunks) == (5, 5, 3)
    assert export.result is not None
    assert (export.result.records, export.result.drawn, export.result.skipped_count) == (5, 5, 0)
    assert stage.captions(export_id, tmp_path) == FIVE
    assert stage.subjects(export_id) == ["Ready: Álbum"]
    assert stage.s.exports.active() == []
    assert stage.objects(export_id, "segments/") == {}
    assert stage.store.uploads("") == []
    assert stage.s.redis.progress.load(export_id) is None


def test_the_time_of_each_step_is_recorded(stage: Stage) -> None:
    stage.put_album([jpeg(n) for n in range(5)])
    export_id = stage.submit(notify=None)
    stage.work()
    export = stage.load(export_id)
    assert export.started_at and export.planned_at and export.rendered_at and export.finished_at
    assert export.started_at < export.planned_at < export.rendered_at < export.finished_at
    assert export.result and 0 < export.result.seconds < export.rendered_at - export.planned_at


def test_drawing_time_is_zero_when_redis_lost_it(stage: Stage) -> None:
    stage.put_album([jpeg(n) for n in range(5)])
    export_id = stage.rendered(notify=None)
    stage.s.redis.progress.forget(export_id)
    steps.assemble(stage.s, export_id)
    result = stage.load(export_id).result
    assert result and result.seconds == 0


def test_each_step_may_run_twice(stage: Stage) -> None:
    export_id = stage.submit()
    assert stage.submit() == export_id
    assert stage.queue.sent == [("plan", export_id)]

    steps.plan(stage.s, export_id)
    before = stage.objects(export_id)
    steps.plan(stage.s, export_id)
    assert stage.queue.sent[1:] == [("render", export_id, "0", "1", "2")]

    for chunk in (0, 1, 2):
        steps.render(stage.s, export_id, chunk)
    after = stage.objects(export_id)
    assert len(after) == len(before) + 3
    steps.render(stage.s, export_id, 1)
    assert stage.objects(export_id) == after
    stage.s.segments.drop(segment_key(export_id, 1, 2, 2), "a test")
    steps.render(stage.s, export_id, 1)
    assert stage.objects(export_id) == after, "the same bytes under the same key"

    steps.assemble(stage.s, export_id)
    ready = stage.objects(export_id)
    steps.assemble(stage.s, export_id)
    assert stage.objects(export_id) == ready
    assert stage.queue.sent[2:] == [("deliver", export_id)]

    for _ in range(2):
        steps.deliver(stage.s, export_id)
        for step in (steps.plan, steps.assemble):
            step(stage.s, export_id)
        steps.render(stage.s, export_id, 0)
    assert stage.objects(export_id, "segments/") == {}
    assert stage.subjects(export_id) == ["Ready: Photos"]
    assert len(stage.queue.sent) == 3


@pytest.mark.parametrize(("policy", "pages"), [("placeholder", 5), ("skip", 4)])
def test_every_record_is_drawn_or_named(stage: Stage, tmp_path: Path, policy: str, pages: int) -> None:
    stage.store.put("inputs/album/3.jpg", b"no picture")
    export_id = stage.submit(on_unreadable=policy)
    stage.work()
    result = stage.load(export_id).result
    assert result is not None
    assert (result.records, result.drawn, result.skipped_count, result.pages) == (5, 4, 1, pages)
    assert [(skipped.record, skipped.source) for skipped in result.skipped] == [(4, "inputs/album/3.jpg")]
    assert len(stage.captions(export_id, tmp_path)) == pages
