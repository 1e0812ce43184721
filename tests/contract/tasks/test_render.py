"""Chunks: what they read, how they continue, which attempts are counted."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import redis

from pipeline.documents import Range
from pipeline.documents.inputs.bucket import BucketInputs
from pipeline.documents.photos import Photos
from pipeline.errors import ChunkFailed, ExportFailed, PipelineError, StoreDown
from pipeline.exports.segments import SegmentRepository
from pipeline.services import Message
from pipeline.tasks.outcomes import Again, NotWanted

from ... import steps
from .stage import ALBUM, FIVE, Stage, failing


def test_an_entry_lost_after_planning_fails_the_export(stage: Stage) -> None:
    export_id = stage.planned()
    stored = stage.store.get(ALBUM)
    assert stored is not None
    first, _, rest = stored.data.partition(b"\n")
    stage.spoil(export_id, b" " * len(first) + b"\n" + rest)
    for chunk in (0, 1, 2):
        steps.render(stage.s, export_id, chunk)
    with pytest.raises(ExportFailed, match="5 entries were planned, but 4"):
        steps.assemble(stage.s, export_id)


def test_a_chunk_reads_only_its_own_bytes_of_the_listing(stage: Stage) -> None:
    """The other bytes are spoilt: reading them would fail."""
    export_id = stage.planned()
    chunk = stage.s.exports.plan(export_id).chunks[1]
    stored = stage.store.get(ALBUM)
    assert stored is not None
    own = stored.data[chunk.start : chunk.stop]
    assert own.count(b"source") == 2
    stage.spoil(export_id, b"x" * chunk.start + own + b"x" * (len(stored.data) - chunk.stop))
    steps.render(stage.s, export_id, 1)
    assert stage.s.segments.found(export_id) == {1: [(2, 2)]}


def test_a_leased_chunk_is_not_drawn(stage: Stage) -> None:
    export_id = stage.planned()
    lease = stage.s.redis.leases.take(f"{export_id}:1", 60)
    assert lease is not None
    steps.render(stage.s, export_id, 1)
    assert stage.s.segments.found(export_id) == {}
    stage.s.redis.leases.release(lease)
    steps.render(stage.s, export_id, 1)
    assert stage.s.segments.found(export_id) == {1: [(2, 2)]}


def test_a_requeued_chunk_continues_where_it_stopped(stage: Stage, tmp_path: Path) -> None:
    """Its worker is told to stop, again and again."""
    export_id = stage.planned(chunk_pages=5)
    for done in (1, 2, 3, 4):
        outcome = steps.render(stage.s, export_id, 0, steps.STOPPING)
        assert outcome == Again(f"1 pages are done, {5 - done} go back", 1)
    steps.render(stage.s, export_id, 0, steps.STOPPING)
    assert stage.s.segments.found(export_id) == {0: [(n, 1) for n in range(5)]}
    stage.queue.send(Message("assemble", export_id))
    stage.work()
    assert stage.captions(export_id, tmp_path) == FIVE


def test_killed_attempts_are_counted(stage: Stage) -> None:
    export_id = stage.planned()
    for _ in range(3):
        stage.s.redis.counters.count_attempt(f"{export_id}:1:2")  # as a worker does before it is killed
    with pytest.raises(ChunkFailed, match="Page 3 or one soon after it could not be rendered: 3 attempts"):
        steps.render(stage.s, export_id, 1)
    steps.render(stage.s, export_id, 0)


def test_an_error_after_redis_was_wiped_counts_no_attempt(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    export_id = stage.planned()

    def wiped(*_: Any) -> None:
        with redis.Redis.from_url(stage.s.settings.redis_url) as client:
            client.flushall()
        raise StoreDown("The bucket could not read it.")

    with monkeypatch.context() as broken:
        broken.setattr(BucketInputs, "open", wiped)
        with pytest.raises(StoreDown):
            steps.render(stage.s, export_id, 1)
    steps.render(stage.s, export_id, 1)
    assert stage.s.segments.found(export_id) == {1: [(2, 2)]}


@pytest.mark.parametrize("error", [StoreDown("It did not answer."), MemoryError()], ids=["503", "killed"])
def test_a_segment_that_was_stored_without_an_answer_is_not_drawn_again(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    """The bucket took it, then came an error; or its process was killed before it knew."""
    export_id = stage.planned()
    write = SegmentRepository.write

    def stored_in_vain(*segment: Any) -> None:
        write(*segment)
        raise error

    with monkeypatch.context() as broken:
        broken.setattr(SegmentRepository, "write", stored_in_vain)
        with pytest.raises(PipelineError):
            steps.render(stage.s, export_id, 1)
    monkeypatch.setattr(Photos, "draw", failing(AssertionError("it was drawn again")))
    assert steps.render(stage.s, export_id, 1) == NotWanted("all its pages are drawn")
    progress = stage.s.redis.progress.load(export_id)
    assert progress is not None
    assert progress.pages == 2


@pytest.mark.parametrize("drawn", [0, 1])
def test_a_document_that_ends_early_fails_the_export(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, drawn: int
) -> None:
    """Its class counts more pages than it draws."""
    export_id = stage.planned()
    draw = Photos.draw

    def shorter(self: Photos, params: Any, listing: str, part: Range, *rest: Any) -> Any:
        yield from islice(draw(self, params, listing, part, *rest), max(0, 2 + drawn - part.first))

    monkeypatch.setattr(Photos, "draw", shorter)
    if drawn:
        assert isinstance(steps.render(stage.s, export_id, 1), Again)
    with pytest.raises(ExportFailed, match=f"ended at page {2 + drawn}, but 5 pages were planned"):
        steps.render(stage.s, export_id, 1)


def test_a_failing_bucket_counts_no_attempts(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    export_id = stage.planned()
    with monkeypatch.context() as broken:
        broken.setattr(BucketInputs, "open", failing(StoreDown("The bucket could not read it.")))
        for _ in range(5):
            with pytest.raises(StoreDown):
                steps.render(stage.s, export_id, 1)
    steps.render(stage.s, export_id, 1)
    assert stage.s.segments.found(export_id) == {1: [(2, 2)]}
