"""The plan: inputs that cannot be planned, a planner without its lease, a lost plan."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import celery
import pytest
import redis

from pipeline.documents.job import DocumentJob
from pipeline.errors import ExportFailed
from pipeline.exports.export import State
from pipeline.services import Message
from pipeline.settings import Settings
from pipeline.tasks import flow
from pipeline.tasks.outcomes import Again

from .... import steps
from ....pictures import jpeg
from ..stage import ALBUM, FIVE, Stage


def test_a_planner_that_lost_its_lease_changes_nothing(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Redis is wiped while a plan is made; another worker plans, and the export goes on."""
    export_id = stage.submit()
    slow = DocumentJob.plan

    def overtaken(job: DocumentJob, settings: Settings, *_: Any) -> Any:
        monkeypatch.setattr(DocumentJob, "plan", slow)
        with redis.Redis.from_url(settings.redis_url) as client:
            client.flushall()
        steps.plan(stage.s, export_id)
        steps.render(stage.s, export_id, 0)
        stage.s.exports.change(export_id, lambda e: e.to(State.ASSEMBLING))
        return job.plan(settings, 1)

    monkeypatch.setattr(DocumentJob, "plan", overtaken)
    steps.plan(stage.s, export_id)
    assert stage.load(export_id).state is State.ASSEMBLING
    assert stage.queue.sent == [("plan", export_id), ("render", export_id, "0", "1", "2")]
    stage.work()
    assert stage.captions(export_id, tmp_path) == FIVE


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b"{not json", "Line 4 of inputs/album.jsonl: this is not JSON"),
        (b'{"caption":"no source"}', "Line 4 of inputs/album.jsonl: `source` is missing"),
        (b'{"source":"inputs/a.jpg","sauce":1}', "Line 4 of inputs/album.jsonl: There is no `sauce`"),
        (b'{"source":"exports/1/result/a.pdf"}', "Line 4 of inputs/album.jsonl: .*neither a key below inputs/"),
        (b'{"source":"http://10.0.0.1/a.jpg"}', "Line 4 of inputs/album.jsonl: "),
    ],
)
def test_an_invalid_entry_fails_the_export_and_is_named(
    stage: Stage, app: celery.Celery, line: bytes, words: str
) -> None:
    good = b'{"source":"inputs/album/0.jpg"}'
    stage.store.put(ALBUM, b"\n".join([good, b"", good, line, good]))
    export_id = stage.submit()
    for name in ("plan", "deliver", "deliver"):
        app.tasks[f"pipeline.{name}"].apply((export_id,))
    export = stage.load(export_id)
    assert export.state is State.FAILED
    assert export.failure is not None
    assert re.match(words, export.failure.message)
    assert stage.subjects(export_id) == ["Failed: Photos"]


@pytest.mark.parametrize("frames", ["first", "all"])
def test_an_empty_listing_fails_the_export(stage: Stage, app: celery.Celery, frames: str) -> None:
    stage.store.put(ALBUM, b"\n\n")
    export_id = stage.submit(frames=frames)
    app.tasks["pipeline.plan"].apply((export_id,))
    failure = stage.load(export_id).failure
    assert failure is not None
    assert failure.message == "The listing inputs/album.jsonl names no photos."


@pytest.mark.parametrize("rendered", [0, 1, 3])
def test_a_lost_plan_is_made_again(stage: Stage, tmp_path: Path, rendered: int) -> None:
    export_id = stage.planned()
    before = stage.s.exports.plan(export_id)
    for chunk in range(rendered):
        steps.render(stage.s, export_id, chunk)
    kept = stage.objects(export_id, "segments/")
    stage.store.delete([f"exports/{export_id}/plan.json"])
    stage.restart()
    stage.queue.send(Message("render", export_id, (0, 1, 2)))
    stage.work()
    assert stage.s.exports.plan(export_id) == before
    assert len(kept) == rendered
    assert stage.captions(export_id, tmp_path) == FIVE


def test_a_lost_plan_is_not_replaced_when_the_input_changed(stage: Stage) -> None:
    export_id = stage.planned()
    stage.store.delete([f"exports/{export_id}/plan.json"])
    stage.restart()
    stage.put_album([jpeg(n, 40, 30) for n in range(4)])
    with pytest.raises(ExportFailed, match="plan was lost"):
        steps.render(stage.s, export_id, 0)


def test_a_process_told_to_end_stores_no_half_of_a_listing(stage: Stage) -> None:
    stage.store.put(ALBUM, b"[" + b",".join([b'{"source": "inputs/album/0.jpg"}'] * 3) + b"]")
    export_id = stage.submit()
    again = flow.take(stage.s, "plan", export_id, stopping=steps.STOPPING)
    assert again == Again("The process is told to end.")
    assert stage.objects(export_id, "frozen/") == {}
    assert stage.store.uploads("") == []
    assert stage.s.redis.counters.count_attempt(f"{export_id}:plan") == 1, "the attempt was not uncounted"
    steps.plan(stage.s, export_id)
    assert stage.load(export_id).pages == 3
