"""Segments become the file: damaged segments, interrupted uploads, memory."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest
import redis

from pipeline.adapters.bucket import MultipartUpload
from pipeline.adapters.bucket.s3 import S3Bucket
from pipeline.adapters.bucket.s3_upload import S3Upload
from pipeline.errors import DamagedSegment, StoreDown
from pipeline.exports.export import State
from pipeline.exports.segments import segment_key
from pipeline.pdf.assembly import Assembly
from pipeline.services import Message
from pipeline.tasks import assemble as assembling
from pipeline.tasks import flow
from pipeline.tasks.join.segment_cache import SegmentCache
from pipeline.tasks.outcomes import Missing
from pipeline.tasks.retry import Fail

from ... import steps
from ...pictures import jpeg, noise
from .stage import ALBUM, FIVE, Stage, failing


@pytest.fixture(scope="module")
def large() -> list[bytes]:
    """Photos that each make a segment large enough for S3 to copy as a part."""
    return [noise(n, 6) for n in range(2)]


def other_bytes(stage: Stage, segment: str) -> None:
    entry = stage.store.head(segment)
    assert entry is not None
    stage.store.put(segment, b"%" * entry.size)


def deleted(stage: Stage, segment: str) -> None:
    stage.store.delete([segment])


def emptied(stage: Stage, segment: str) -> None:
    stage.store.put(segment, b"")


def cut_off(stage: Stage, segment: str) -> None:
    stored = stage.store.get(segment)
    assert stored is not None
    stage.store.put(segment, stored.data[: len(stored.data) // 2])


def a_byte_changed(stage: Stage, segment: str) -> None:
    stored = stage.store.get(segment)
    assert stored is not None
    stage.store.put(segment, b"%" + stored.data[1:])


def test_an_early_assembly_does_nothing(stage: Stage) -> None:
    export_id = stage.planned()
    steps.render(stage.s, export_id, 0)
    steps.assemble(stage.s, export_id)
    assert stage.load(export_id).state is State.RENDERING
    assert stage.queue.sent == []


@pytest.mark.parametrize("damage", [other_bytes, deleted, emptied, cut_off, a_byte_changed])
def test_a_damaged_segment_is_dropped_and_rendered_again(
    stage: Stage, tmp_path: Path, damage: Callable[[Stage, str], None]
) -> None:
    export_id = stage.rendered()
    damage(stage, segment_key(export_id, 1, 2, 2))
    steps.assemble(stage.s, export_id)
    if damage is deleted:  # it does not count as rendered; the keeper asks for it
        assert stage.load(export_id).state is State.RENDERING
        stage.queue.send(Message("render", export_id, (1,)))
    assert stage.queue.sent == [("render", export_id, "1")]
    assert stage.store.uploads("") == []
    stage.work()
    assert stage.captions(export_id, tmp_path) == FIVE
    assert stage.subjects(export_id) == ["Ready: Photos"]


@pytest.mark.parametrize("damage", [other_bytes, deleted, a_byte_changed])
def test_a_large_segment_that_changes_during_the_join_is_found(
    stage: Stage, tmp_path: Path, large: list[bytes], damage: Callable[[Stage, str], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    stage.put_album([*large, jpeg(1, 40, 30)])
    export_id = stage.rendered(chunk_pages=1)
    begin = S3Bucket.begin_upload

    def damaged_first(store: S3Bucket, key: str) -> MultipartUpload:
        damage(stage, segment_key(export_id, 1, 1, 1))
        return begin(store, key)

    with monkeypatch.context() as meanwhile:  # its index was read before
        meanwhile.setattr(S3Bucket, "begin_upload", damaged_first)
        steps.assemble(stage.s, export_id)
    assert stage.queue.sent == [("render", export_id, "1")]
    assert stage.store.uploads("") == []
    stage.work()
    assert stage.captions(export_id, tmp_path) == FIVE[:3]


def test_a_segment_stored_again_during_the_join_spoils_no_file(
    stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its index did not fit the cache, so it is read again for the tail."""
    export_id = stage.rendered()
    key, tail, stored = segment_key(export_id, 1, 2, 2), Assembly.tail, stage.store.get(ALBUM)
    assert stored is not None
    album = stored.data

    def another_first(assembly: Assembly) -> Iterator[bytes]:
        stage.store.delete([key])
        stage.put_album([jpeg(n, 80, 60) for n in range(5)])
        stage.spoil(export_id, album)
        with redis.Redis.from_url(stage.s.settings.redis_url) as client:
            client.flushall()
        steps.render(stage.s, export_id, 1)
        yield from tail(assembly)

    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(assembling, "SegmentCache", partial(SegmentCache, max_bytes=0))
        meanwhile.setattr(Assembly, "tail", another_first)
        with pytest.raises(DamagedSegment, match="stored again"):
            steps.assemble(stage.s, export_id)
    stage.queue.send(Message("assemble", export_id))
    stage.work()
    assert stage.captions(export_id, tmp_path) == FIVE


def test_small_segments_are_gathered_a_few_mib_at_a_time(
    stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Law 2: memory does not grow with the document."""
    stage.put_album([noise(7, 2.2)] * 9)
    held: list[int] = []
    write = S3Upload.write

    def weighed(upload: S3Upload, part: int, data: bytes) -> None:
        held.append(len(data))
        write(upload, part, data)

    monkeypatch.setattr(S3Upload, "write", weighed)
    export_id = stage.rendered(chunk_pages=1)
    steps.assemble(stage.s, export_id)
    assert sum(held) > 18 << 20
    assert max(held) <= 8 << 20
    assert stage.captions(export_id, tmp_path) == [f"Photo {n}" for n in range(1, 10)]


@pytest.mark.parametrize("kind", ["a tail that fails", "a store that fails"])
def test_a_failed_assembly_leaves_no_upload(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, kind: str
) -> None:
    export_id = stage.rendered()
    with monkeypatch.context() as broken:
        if kind == "a tail that fails":
            broken.setattr(Assembly, "tail", failing(ZeroDivisionError()))
        else:
            broken.setattr(S3Upload, "complete", failing(StoreDown("The bucket could not complete it.")))
        with pytest.raises((ZeroDivisionError, StoreDown)):
            steps.assemble(stage.s, export_id)
    assert stage.store.uploads("") == []
    assert stage.objects(export_id, "result/") == {}
    steps.assemble(stage.s, export_id)
    assert stage.captions(export_id, tmp_path) == FIVE


def test_the_upload_of_a_killed_assembly_is_aborted(stage: Stage, tmp_path: Path) -> None:
    export_id = stage.rendered()
    steps.assemble(stage.s, export_id)
    result = stage.load(export_id).result
    assert result is not None
    stage.store.begin_upload(result.key).write(1, b"as far as it came")
    stage.work()
    assert stage.store.uploads("") == []
    assert stage.captions(export_id, tmp_path) == FIVE


def test_of_two_assemblies_at_once_one_makes_the_file(stage: Stage, tmp_path: Path) -> None:
    export_id = stage.rendered()
    start = threading.Barrier(2)

    def assemble(_: int) -> None:
        start.wait()
        steps.assemble(stage.s, export_id)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(assemble, range(2)))
    assert stage.load(export_id).state is State.READY
    assert stage.store.uploads("") == []
    assert set(stage.queue.sent) == {("deliver", export_id)}
    stage.work()
    assert stage.captions(export_id, tmp_path) == FIVE
    assert len(stage.subjects(export_id)) == 1


def test_a_segment_that_is_damaged_again_and_again_ends_the_export(stage: Stage) -> None:
    export_id, limit = stage.rendered(), stage.s.settings.max_attempts
    outcomes = []
    for _ in range(limit + 1):
        steps.render(stage.s, export_id, 1)
        emptied(stage, segment_key(export_id, 1, 2, 2))
        outcomes.append(flow.handle(stage.s, "assemble", export_id, None, threading.Event()))
    assert [type(outcome) for outcome in outcomes] == [Missing] * limit + [Fail]
    failure = stage.load(export_id).failure
    assert failure is not None
    assert (failure.code, failure.message) == (
        "ChunkFailed",
        f"The pages from 3 on were stored {limit + 1} times; each time the bucket returned other bytes.",
    )


def test_a_segment_longer_than_its_chunk_is_not_rendered_again(stage: Stage) -> None:
    """No worker made it, so rendering the chunk again would not help."""
    export_id = stage.rendered()
    stage.store.put(segment_key(export_id, 1, 2, 99), b"{}")
    with pytest.raises(DamagedSegment, match="beyond its last page"):
        steps.assemble(stage.s, export_id)
    assert stage.queue.sent == []
