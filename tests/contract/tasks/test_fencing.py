"""One assembler at a time: its lease is renewed, and without it no file is written."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import redis

from pipeline.adapters.bucket.s3_upload import S3Upload
from pipeline.pdf.assembly import Assembly
from pipeline.pdf.segment_index import SegmentIndex
from pipeline.tasks.join.bucket import StoredSegments
from pipeline.tasks.outcomes import Done, NotWanted

from ... import steps
from ...waiting import PATIENCE, until
from .stage import FIVE, Stage

LEASE_SECONDS = 60.0


def lose_lease(stage: Stage, export_id: str, then: Callable[[], object]) -> Callable[[Assembly], Iterator[bytes]]:
    """A tail before which Redis is wiped and `then` happens, once."""
    tail = Assembly.tail
    lost: list[str] = []

    def losing(assembly: Assembly) -> Iterator[bytes]:
        if not lost:
            lost.append(export_id)
            with redis.Redis.from_url(stage.s.settings.redis_url) as client:
                client.flushall()
            then()
        yield from tail(assembly)

    return losing


@pytest.fixture
def completed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The uploads that were completed."""
    complete, found = S3Upload.complete, []

    def counted(upload: S3Upload, numbers: Collection[int]) -> None:
        complete(upload, numbers)
        found.append(upload.key)

    monkeypatch.setattr(S3Upload, "complete", counted)
    return found


def test_an_assembler_that_lost_its_lease_completes_no_upload(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, completed: list[str]
) -> None:
    export_id, leases = stage.rendered(), stage.s.redis.leases

    def another_takes_it() -> None:
        assert leases.take(f"{export_id}:assemble", 60.0)

    monkeypatch.setattr(Assembly, "tail", lose_lease(stage, export_id, another_takes_it))
    outcome = steps.assemble(stage.s, export_id)
    assert outcome == NotWanted(f"Another process has taken over {export_id}:assemble.")
    assert completed == []
    assert stage.objects(export_id, "result/") == {}
    assert stage.store.uploads("") == []
    assert stage.queue.sent == []

    with redis.Redis.from_url(stage.s.settings.redis_url) as client:
        client.delete(f"pipeline:lease:{export_id}:assemble")
    assert isinstance(steps.assemble(stage.s, export_id), Done)
    assert stage.captions(export_id, tmp_path) == FIVE


def test_the_file_of_the_second_assembler_stays(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, completed: list[str]
) -> None:
    export_id = stage.rendered()
    made: list[object] = []

    def another_assembles() -> None:
        made.append(steps.assemble(stage.s, export_id))
        made.append(stage.objects(export_id))

    monkeypatch.setattr(Assembly, "tail", lose_lease(stage, export_id, another_assembles))
    assert isinstance(steps.assemble(stage.s, export_id), NotWanted)
    second, objects = made
    assert isinstance(second, Done)
    assert stage.objects(export_id) == objects
    assert len(completed) == 1
    assert stage.store.uploads("") == []
    assert stage.queue.sent == [("deliver", export_id)]
    assert stage.captions(export_id, tmp_path) == FIVE


@pytest.mark.parametrize("method", ["all", "some"])
def test_the_lease_is_renewed_while_indexes_are_read(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, method: str
) -> None:
    """A pass over the indexes takes longer than the lease lasts: half of it is over when they are read."""
    settings = dataclasses.replace(stage.s.settings, lease_seconds=LEASE_SECONDS)
    s, export_id = dataclasses.replace(stage.s, settings=settings), stage.rendered()
    read, lease, half = getattr(StoredSegments, method), f"pipeline:lease:{export_id}:assemble", LEASE_SECONDS * 500
    reads, may_go_on = threading.Event(), threading.Event()

    def slowly(segments: StoredSegments, *args: range) -> Iterator[tuple[str, SegmentIndex] | SegmentIndex]:
        for each in read(segments, *args):
            reads.set()
            assert may_go_on.wait(PATIENCE)
            yield each

    monkeypatch.setattr(StoredSegments, method, slowly)
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(steps.assemble, s, export_id)
        try:
            assert reads.wait(PATIENCE)
            s.redis.client.pexpire(lease, int(half))
            until(lambda: s.redis.client.pttl(lease) > half, "it is renewed")
            assert steps.assemble(s, export_id) == NotWanted("another worker is at it")
        finally:
            may_go_on.set()
    assert isinstance(first.result(), Done)
    assert stage.captions(export_id, tmp_path) == FIVE
