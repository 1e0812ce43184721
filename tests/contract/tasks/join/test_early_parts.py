"""Segments are copied into the file by the workers that draw them; the join copies what is missing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from pipeline.adapters.bucket import MultipartUpload
from pipeline.adapters.bucket.parts import MIN_PART, ByteRange, Copy, Gather, Joining, whole_number
from pipeline.adapters.bucket.s3 import S3Bucket
from pipeline.adapters.bucket.s3_upload import S3Upload
from pipeline.errors import ExportFailed, StoreDown
from pipeline.exports.joins import Join, JoinRepository, identity
from pipeline.exports.names import result_key
from pipeline.exports.segments import segment_key
from pipeline.exports.volumes import SegmentEntry, VolumeLimit
from pipeline.services import open_services
from pipeline.tasks import flow
from pipeline.tasks.again import retry
from pipeline.tasks.join.kept_upload import KEPT_BYTES, KeptUpload
from pipeline.tasks.outcomes import Done, NotWanted

from .... import steps
from ....pictures import mixed, noise
from ...lesser_s3 import Lacks, lesser
from ..stage import FIVE, Stage

EXPORT = "01m8m00000000000000000000a"


def large() -> list[bytes]:
    """Photos that each make a segment large enough to be copied."""
    return [noise(n, 6) for n in range(1, 6)]


@pytest.fixture
def copied(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The parts that are copied, each time."""
    found: list[int] = []
    copy = S3Upload.copy

    def noted(upload: S3Upload, part: int, *source: Any) -> None:
        copy(upload, part, *source)
        found.append(part)

    monkeypatch.setattr(S3Upload, "copy", noted)
    return found


@contextmanager
def failing(error: BaseException, then_too: bool = False) -> Iterator[None]:
    """While this holds, a copy ends with an error: before it was made, or behind it."""
    copy = S3Upload.copy

    def broken(upload: S3Upload, *given: Any) -> None:
        if then_too:
            copy(upload, *given)
        raise error

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(S3Upload, "copy", broken)
        yield


def test_the_join_copies_nothing_again(stage: Stage, tmp_path: Path, copied: list[int]) -> None:
    stage.put_album(large())
    export_id = stage.rendered(chunk_pages=1)
    early = [whole_number(page, 5) for page in range(5)]
    assert copied == early
    assert isinstance(steps.assemble(stage.s, export_id), Done)
    assert copied == early
    assert stage.captions(export_id, tmp_path) == FIVE
    assert stage.store.uploads("") == []


def test_between_small_segments_whole_ones_are_used(stage: Stage, tmp_path: Path, copied: list[int]) -> None:
    """The small one takes the begin of the third segment; what is left of that is copied."""
    stage.put_album(mixed())
    export_id = stage.rendered(chunk_pages=1)
    early = len(copied)
    steps.assemble(stage.s, export_id)
    assert (early, len(copied)) == (4, 5)
    assert stage.captions(export_id, tmp_path) == FIVE


@pytest.mark.parametrize("copied_before", [False, True])
def test_a_worker_that_is_killed_while_it_copies_costs_nothing_else(
    stage: Stage, tmp_path: Path, copied_before: bool
) -> None:
    stage.put_album(large())
    export_id = stage.planned(chunk_pages=1)
    with failing(KeyboardInterrupt(), copied_before), pytest.raises(KeyboardInterrupt):
        steps.render(stage.s, export_id, 0)
    stage.s.redis.client.flushall()  # its lease has expired
    for number in range(1, 5):
        steps.render(stage.s, export_id, number)
    assert isinstance(steps.assemble(stage.s, export_id), Done)
    assert stage.captions(export_id, tmp_path) == FIVE
    assert stage.store.uploads("") == []


def test_of_two_uploads_that_are_begun_at_once_one_is_used(
    stage: Stage, tmp_path: Path, copied: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    stage.put_album(large())
    export_id = stage.planned(chunk_pages=1)
    begin, first = S3Bucket.begin_upload, []

    def late(bucket: S3Bucket, key: str) -> MultipartUpload:
        """Begin an upload after another worker has begun and noted one."""
        monkeypatch.setattr(S3Bucket, "begin_upload", begin)
        first.append(begin(bucket, key).id)
        assert JoinRepository(bucket, export_id, key).write_first(Join(first[0]))
        return begin(bucket, key)

    monkeypatch.setattr(S3Bucket, "begin_upload", late)
    for number in range(5):
        steps.render(stage.s, export_id, number)
    assert [upload.id for upload in stage.store.uploads("")] == first
    steps.assemble(stage.s, export_id)
    assert len(copied) == 5
    assert stage.captions(export_id, tmp_path) == FIVE


@pytest.mark.parametrize("joined", [False, True])
def test_an_upload_that_was_noted_without_an_answer_is_used(stage: Stage, copied: list[int], joined: bool) -> None:
    """Also by a join that goes on with it before the request is sent again."""
    stage.put_album(large())
    export_id = stage.planned(chunk_pages=1)
    joins = JoinRepository(stage.store, export_id, result_key(stage.load(export_id)))

    def join() -> None:
        if joined and (noted := joins.read()):
            joins.write(Join(noted.upload, "all segments"))

    unanswered = {joins._record_key: 1}
    with lesser(stage.s.settings, Lacks(unanswered=unanswered, meanwhile=join)) as other:
        services = open_services(other, stage.queue)
        for number in range(5):
            steps.render(services, export_id, number)
        services.redis.client.connection_pool.disconnect()
    assert unanswered == {joins._record_key: 0}
    noted = joins.read()
    assert noted and [noted.upload] == [upload.id for upload in stage.store.uploads("")]
    assert len(copied) == (0 if joined else 5)


def test_a_copy_that_fails_is_left_to_the_join(stage: Stage, tmp_path: Path, copied: list[int]) -> None:
    stage.put_album(large())
    with failing(StoreDown("The bucket does not answer.")):
        export_id = stage.rendered(chunk_pages=1)
    steps.assemble(stage.s, export_id)
    assert len(copied) == 5
    assert stage.captions(export_id, tmp_path) == FIVE


def test_a_segment_that_is_drawn_again_is_copied_again(stage: Stage, tmp_path: Path, copied: list[int]) -> None:
    stage.put_album(large())
    export_id = stage.rendered(chunk_pages=1)
    stage.store.delete([segment_key(export_id, 0, 0, 1)])
    listing = stage.store.get("inputs/album.jsonl")
    assert listing is not None
    stage.put_album([noise(9, 7), *large()[1:]])
    stage.spoil(export_id, listing.data)
    copied.clear()
    with failing(StoreDown("The bucket does not answer.")):
        steps.render(stage.s, export_id, 0)
    steps.assemble(stage.s, export_id)
    assert copied == [whole_number(0, 5)]
    assert stage.captions(export_id, tmp_path) == FIVE


@pytest.mark.parametrize(
    "lacks",
    [Lacks(part_copy=True), Lacks(equal_parts=True), Lacks(gaps=True)],
    ids=["no copy", "equal", "no gaps"],
)
def test_other_stores_make_the_same_file(stage: Stage, tmp_path: Path, lacks: Lacks) -> None:
    with lesser(stage.s.settings, lacks) as other:
        services = open_services(other, stage.queue)
        lesser_stage = Stage(services, stage.queue, stage.mail)
        lesser_stage.put_album(large())
        export_id = lesser_stage.rendered(chunk_pages=1)
        assert isinstance(steps.assemble(services, export_id), Done)
        assert services.bucket.joining is not Joining.COPIED
        assert lesser_stage.captions(export_id, tmp_path) == FIVE
        assert stage.store.uploads("") == []
        services.redis.client.connection_pool.disconnect()


def test_a_cancelled_export_leaves_no_upload(stage: Stage, copied: list[int]) -> None:
    stage.put_album(large())
    export_id = stage.planned(chunk_pages=1)
    steps.render(stage.s, export_id, 0)
    assert copied
    flow.cancel(stage.s, export_id)
    assert isinstance(steps.render(stage.s, export_id, 1), NotWanted)
    steps.deliver(stage.s, export_id)
    assert stage.store.uploads("") == []
    assert not list(stage.store.entries(f"exports/{export_id}/joins/"))


def test_a_retried_export_begins_another_upload(stage: Stage, tmp_path: Path, copied: list[int]) -> None:
    stage.put_album(large())
    export_id = stage.planned(chunk_pages=1)
    steps.render(stage.s, export_id, 0)
    flow.fail(stage.s, export_id, ExportFailed("It failed."))
    steps.deliver(stage.s, export_id)
    copied.clear()
    retry(stage.s, export_id)
    for number in range(1, 5):
        steps.render(stage.s, export_id, number)
    assert len(copied) == 4
    steps.assemble(stage.s, export_id)
    assert len(copied) == 5
    assert stage.captions(export_id, tmp_path) == FIVE
    assert stage.store.uploads("") == []


def test_small_segments_begin_no_upload(stage: Stage) -> None:
    stage.rendered()
    assert stage.store.uploads("") == []


def test_volumes_are_not_joined_early(stage: Stage, copied: list[int]) -> None:
    stage.put_album(large())
    stage.rendered(chunk_pages=1, volume=VolumeLimit(pages=2))
    assert copied == []


class TestKnownParts:
    """A part is taken only if one segment was ever copied into it, and that segment is joined."""

    SEGMENT = SegmentEntry(0, KEPT_BYTES, 1, 0, "exports/x/segments/00000-00000000-000001.seg", '"one"')

    def opened(self, stage: Stage, *copies: tuple[str, str], made_from: str = "", whole: bool = True) -> KeptUpload:
        joins = JoinRepository(stage.store, EXPORT, "joined.pdf")
        upload = stage.store.begin_upload("joined.pdf")
        upload.write(1, bytes(KEPT_BYTES))
        joins.write(Join(upload.id, made_from))
        for key, etag in copies:
            joins.note_copy(upload.id, 1, identity(key, etag))
        copy = Copy(ByteRange(0, 0, KEPT_BYTES if whole else MIN_PART))
        kept = KeptUpload(
            stage.store, EXPORT, "joined.pdf", [self.SEGMENT], Joining.COPIED, [(1, copy), (2, Gather(()))]
        )
        kept.open()
        kept.upload.abort()
        return kept

    def test_a_part_of_this_segment_is_taken(self, stage: Stage) -> None:
        assert self.opened(stage, (self.SEGMENT.key, self.SEGMENT.etag)).parts == {1: KEPT_BYTES}

    @pytest.mark.parametrize(
        "copies",
        [
            [],
            [(SEGMENT.key, '"two"')],
            [(SEGMENT.key, '"one"'), ("exports/x/segments/00000-00000000-000002.seg", '"three"')],
        ],
        ids=["not noted", "stored again", "two of one number"],
    )
    def test_a_part_that_may_be_of_another_segment_is_left(
        self, stage: Stage, copies: list[tuple[str, str]]
    ) -> None:
        assert self.opened(stage, *copies).parts == {}

    def test_a_part_of_another_join_is_left(self, stage: Stage) -> None:
        assert self.opened(stage, (self.SEGMENT.key, self.SEGMENT.etag), made_from="other segments").parts == {}
