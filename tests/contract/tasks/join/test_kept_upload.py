"""A join that breaks off: the next attempt goes on with the parts that are stored."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pipeline.adapters.bucket.parts import MIN_PART, ByteRange, Gather, Joining
from pipeline.adapters.bucket.s3_upload import S3Upload
from pipeline.errors import StoreDown
from pipeline.exports.export import State
from pipeline.exports.segments import segment_key
from pipeline.exports.volumes import SegmentEntry
from pipeline.pdf.assembly import Assembly
from pipeline.services import open_services
from pipeline.tasks import flow, render
from pipeline.tasks.join.bucket import BucketOutput
from pipeline.tasks.join.kept_upload import KEPT_BYTES, KeptUpload
from pipeline.tasks.outcomes import Again, Done

from .... import steps
from ....pictures import mixed, noise
from ...lesser_s3 import Lacks, lesser
from ..stage import FIVE, Stage, failing

EXPORT = "01m8m00000000000000000000a"


class Uploads:
    """Notes the parts that are stored. `left` of them are taken, then `broken` happens, and nothing any more."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.stored: list[tuple[str, int]] = []
        self.left = 100
        self.stopping = threading.Event()
        self.stops = False
        lock = threading.Lock()
        for method in ("copy", "write"):
            real = getattr(S3Upload, method)

            def noted(upload: S3Upload, part: int, *args: object, real: object = real) -> None:
                with lock:  # one at a time, so that as many are stored as the test says
                    if not self.left:
                        if not self.stops:
                            raise StoreDown("The bucket broke off.")
                        self.stopping.set()
                    else:
                        self.left -= 1
                    real(upload, part, *args)  # type: ignore[operator]
                    self.stored.append((upload.id, part))

            monkeypatch.setattr(S3Upload, method, noted)


@pytest.fixture(autouse=True)
def all_parts_are_stored_by_the_join(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(render, "copy_early", lambda *_: None)


@contextmanager
def on(stage: Stage, lacks: Lacks) -> Iterator[Stage]:
    """The stage on a store that lacks something."""
    with lesser(stage.s.settings, lacks) as other:
        services = open_services(other, stage.queue)
        yield Stage(services, stage.queue, stage.mail)
        services.redis.client.connection_pool.disconnect()


@pytest.mark.parametrize(
    ("lacks", "way"),
    [
        (Lacks(), Joining.COPIED),
        (Lacks(equal_parts=True), Joining.EQUAL),
        (Lacks(part_copy=True), Joining.SENT),
    ],
    ids=["copied", "equal", "sent"],
)
def test_parts_that_are_stored_are_not_stored_again(
    stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lacks: Lacks, way: Joining
) -> None:
    with on(stage, lacks) as other:
        other.put_album(mixed())
        other.s.bucket.joining = way
        uploads, export_id = Uploads(monkeypatch), other.rendered(chunk_pages=1)
        for _ in range(2):
            uploads.left = 2
            with pytest.raises(StoreDown):
                steps.assemble(other.s, export_id)
        uploads.left = 100
        assert isinstance(steps.assemble(other.s, export_id), Done)
        assert other.s.bucket.joining is way
        assert len(uploads.stored) == len(set(uploads.stored)) > 4, "a part was stored twice"
        assert len({upload for upload, _ in uploads.stored}) == 1
        assert other.captions(export_id, tmp_path) == FIVE
        assert other.store.uploads("") == []


def test_a_process_told_to_end_keeps_the_parts(
    stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage.put_album(mixed())
    uploads, export_id = Uploads(monkeypatch), stage.rendered(chunk_pages=1)
    uploads.left, uploads.stops = 1, True
    assert isinstance(flow.take(stage.s, "assemble", export_id, stopping=uploads.stopping), Again)
    assert stage.s.redis.counters.count_attempt(f"{export_id}:assemble") == 1
    uploads.left = 100
    before = list(uploads.stored)
    steps.assemble(stage.s, export_id)
    assert before
    assert not set(before) & set(uploads.stored[len(before) :])
    assert stage.captions(export_id, tmp_path) == FIVE


def test_parts_of_other_segments_are_not_taken(
    stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A segment is drawn again in between, with other bytes."""
    stage.put_album(mixed())
    uploads, export_id = Uploads(monkeypatch), stage.rendered(chunk_pages=1)
    uploads.left = 2
    with pytest.raises(StoreDown):
        steps.assemble(stage.s, export_id)
    (before,) = {upload for upload, _ in uploads.stored}
    other = [noise(9, 7), *mixed()[1:]]
    stage.store.delete([segment_key(export_id, 0, 0, 1)])
    listing = stage.store.get("inputs/album.jsonl")
    assert listing is not None
    stage.put_album(other)
    stage.spoil(export_id, listing.data)
    steps.render(stage.s, export_id, 0)
    uploads.left = 100
    steps.assemble(stage.s, export_id)
    assert {upload for upload, _ in uploads.stored[2:]} != {before}
    assert before not in {upload for upload, _ in uploads.stored[2:]}
    assert stage.captions(export_id, tmp_path) == FIVE
    assert stage.store.uploads("") == []


def test_the_same_segments_are_told_from_others_of_their_size(stage: Stage) -> None:
    def opened(etag: str) -> KeptUpload:
        segments = [SegmentEntry(0, KEPT_BYTES, 1, 0, "segment", etag)]
        planned = [(1, Gather((ByteRange(0, 0, MIN_PART),))), (2, Gather((ByteRange(0, MIN_PART, KEPT_BYTES),)))]
        found = KeptUpload(stage.store, EXPORT, "joined.pdf", segments, Joining.COPIED, planned)
        found.open()
        return found

    first = opened("one")
    first.upload.write(1, bytes(MIN_PART))
    same = opened("one")
    assert (same.upload.id, same.parts) == (first.upload.id, {1: MIN_PART})
    other = opened("two")
    assert other.upload.id != first.upload.id and not other.parts
    other.upload.abort()


def test_an_upload_to_which_a_failed_attempt_adds_nothing_is_dropped(
    stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may be what fails."""
    stage.put_album(mixed())
    uploads, export_id = Uploads(monkeypatch), stage.rendered(chunk_pages=1)
    for uploads.left, kept in ((2, 1), (0, 0)):
        with pytest.raises(StoreDown):
            steps.assemble(stage.s, export_id)
        assert len(stage.store.uploads("")) == kept
    uploads.left = 100
    steps.assemble(stage.s, export_id)
    assert stage.captions(export_id, tmp_path) == FIVE


def test_a_file_that_was_completed_is_not_joined_again(
    stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage.put_album(mixed())
    uploads, export_id = Uploads(monkeypatch), stage.rendered(chunk_pages=1)
    with monkeypatch.context() as meanwhile, pytest.raises(KeyboardInterrupt):
        meanwhile.setattr(BucketOutput, "finish", failing(KeyboardInterrupt()))  # type: ignore[arg-type]
        steps.assemble(stage.s, export_id)
    joined = len(uploads.stored)
    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(Assembly, "tail", failing(AssertionError("it was joined again")))
        steps.assemble(stage.s, export_id)
    assert len(uploads.stored) == joined
    assert stage.load(export_id).state is State.READY
    assert stage.captions(export_id, tmp_path) == FIVE


def test_a_file_whose_completion_killed_its_process_is_not_joined_again(
    stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage.put_album(mixed())
    uploads, export_id = Uploads(monkeypatch), stage.rendered(chunk_pages=1)
    complete = S3Upload.complete

    def killed(upload: S3Upload, numbers: list[int]) -> None:
        complete(upload, numbers)
        raise KeyboardInterrupt

    with monkeypatch.context() as meanwhile, pytest.raises(KeyboardInterrupt):
        meanwhile.setattr(S3Upload, "complete", killed)
        steps.assemble(stage.s, export_id)
    joined = len(uploads.stored)
    assert isinstance(steps.assemble(stage.s, export_id), Done)
    assert len(uploads.stored) == joined
    assert stage.captions(export_id, tmp_path) == FIVE


def test_a_file_that_is_completed_after_all_answers_were_waited_for_is_not_joined_again(
    stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A store may need minutes for a file of thousands of parts. Each attempt would be as long, and in vain."""
    with on(stage, Lacks(unanswered={".pdf?complete": 3}, forgets=True)) as slow:
        slow.put_album(mixed())
        uploads, export_id = Uploads(monkeypatch), slow.rendered(chunk_pages=1)
        with pytest.raises(StoreDown):
            steps.assemble(slow.s, export_id)
        joined = len(uploads.stored)
        assert isinstance(steps.assemble(slow.s, export_id), Done)
        assert len(uploads.stored) == joined
        assert slow.captions(export_id, tmp_path) == FIVE
        assert slow.store.uploads("") == []
