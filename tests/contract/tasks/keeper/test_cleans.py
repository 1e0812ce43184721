"""The keeper removes old files, incomplete requests, and what comes after an export was closed."""

from __future__ import annotations

import dataclasses
import time
from itertools import chain
from types import SimpleNamespace

import pytest

from pipeline.adapters.bucket import REQUEST
from pipeline.adapters.bucket.s3_upload import S3Upload
from pipeline.errors import ExportFailed, IllegalStep, StoreDown, StoreRefused
from pipeline.exports.accepting import listing_key
from pipeline.exports.export import Export, State
from pipeline.exports.ids import new_id
from pipeline.exports.repository import ExportRepository
from pipeline.services import open_services
from pipeline.tasks import flow
from pipeline.tasks.again import retry
from pipeline.tasks.schedules import clean_up
from pipeline.tasks.schedules.clean_up import CleanUp

from .... import steps
from ...lesser_s3 import Lacks, lesser
from ..stage import failing
from .stage import KeeperStage


def clean_up_of(stage: KeeperStage) -> CleanUp:
    """The clean-up of an app that keeps files for 50 s."""
    settings = dataclasses.replace(stage.s.settings, keep_seconds=50)
    return CleanUp(stage.s.bucket, stage.s.exports, settings)


def test_an_old_file_is_removed_and_its_record_stays(stage: KeeperStage) -> None:
    old, running, young = stage.ready(title="Old"), stage.submit(title="Running"), stage.ready(title="Young")
    for export_id in (old, young):
        steps.deliver(stage.s, export_id)
    for export_id in (old, running):
        stage.age(export_id, created_at=time.time() - 100)
    clean_up_of(stage).run()
    kept = {entry.key for entry in stage.s.bucket.entries(f"exports/{old}/")}
    assert kept == {f"exports/{old}/export.json", f"exports/{old}/work.json"}
    assert stage.s.exports.load(old).state is State.EXPIRED
    assert stage.s.exports.load(running).state is State.QUEUED
    result = stage.s.exports.load(young).result
    assert result is not None
    assert stage.s.bucket.head(result.key)


def test_an_export_that_expires_is_not_retried(stage: KeeperStage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its files go when its record says that it has expired: until then it may be retried, and needs them."""
    export_id, tried = stage.planned(), list[str]()
    stage.render(export_id, 0)
    flow.fail(stage.s, export_id, ExportFailed("Page 3."))
    steps.deliver(stage.s, export_id)
    stage.age(export_id, created_at=time.time() - 100)
    remove = ExportRepository.remove_result

    def retried(exports: ExportRepository, export: Export) -> None:
        tried.append(export.id)
        with pytest.raises(IllegalStep, match="is expired; only a failed one goes on"):
            retry(stage.s, export.id)
        remove(exports, export)

    monkeypatch.setattr(ExportRepository, "remove_result", retried)
    clean_up_of(stage).run()
    assert tried == [export_id]


@pytest.mark.parametrize("times", [1, 2])
def test_an_expiry_that_breaks_off_is_ended_by_the_next_clean_up(
    stage: KeeperStage, monkeypatch: pytest.MonkeyPatch, times: int, caplog: pytest.LogCaptureFixture
) -> None:
    (export_id,) = delivered(stage, 1)
    caplog.set_level("INFO", "pipeline")
    stage.age(export_id, created_at=time.time() - 100)
    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(clean_up, "release", failing(StoreDown("The bucket is away.")))
        for _ in range(times):
            clean_up_of(stage).run()
            assert stage.s.exports.load(export_id).state is State.EXPIRED
    assert list(stage.s.bucket.entries("kept/"))
    clean_up_of(stage).run()
    assert not list(stage.s.bucket.entries("kept/"))
    assert caplog.messages.count(f"export {export_id} is expired") == 1


def test_a_request_that_was_not_fully_written_is_removed(
    stage: KeeperStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = new_id()
    stage.s.bucket.put(f"active/{left}", b"")
    stage.s.bucket.put(listing_key(left), b"{}")
    keeper = stage.keeper()
    keeper.turn()
    assert stage.s.exports.active() == [left]
    monkeypatch.setattr("pipeline.exports.accepting.CLAIM_GRACE", -2.0)
    keeper.turn()
    assert stage.s.exports.active() == []
    kept = [entry.key for entry in stage.s.bucket.entries(f"exports/{left}")]
    assert kept == [f"exports/{left}/export.json"], "which is empty"


def delivered(stage: KeeperStage, count: int) -> list[str]:
    """Ready exports that are closed, oldest first."""
    ids = [stage.ready(title=str(n)) for n in range(count)]
    for export_id in ids:
        steps.deliver(stage.s, export_id)
    return ids


def test_a_refused_export_does_not_keep_the_others(stage: KeeperStage) -> None:
    bad, *others = delivered(stage, 3)
    for export_id in (bad, *others):
        stage.age(export_id, created_at=time.time() - 100)
    unreadable = {f"exports/{bad}/export.json": 500}
    with lesser(stage.s.settings, Lacks(unreadable=unreadable)) as settings:
        stage.s = open_services(settings, stage.queue, REQUEST)
        clean = clean_up_of(stage)
        clean.run()
        assert {stage.s.exports.load(export_id).state for export_id in others} == {State.EXPIRED}
        unreadable.clear()
        clean.run()
        assert stage.s.exports.load(bad).state is State.EXPIRED


def test_a_bucket_that_is_down_ends_the_clean_up(stage: KeeperStage) -> None:
    ids = delivered(stage, 4)
    unreadable = {f"exports/{export_id}/export.json": 500 for export_id in ids}
    with lesser(stage.s.settings, Lacks(unreadable=unreadable)) as settings:
        stage.s = open_services(settings, stage.queue, REQUEST)
        with pytest.raises(StoreDown):
            clean_up_of(stage).run()


def test_what_comes_after_an_export_was_closed_is_removed(stage: KeeperStage) -> None:
    (closed,), active = delivered(stage, 1), stage.planned(title="Active")
    before = {entry.key for entry in stage.s.bucket.entries(f"exports/{closed}/")}
    stage.render(active, 0)
    for export_id in (closed, active):
        for late in ("segments/late.seg", "frozen/late", "measures/000001-late", "joins/late"):
            stage.s.bucket.put(f"exports/{export_id}/{late}", b"late")
        stage.s.bucket.begin_upload(f"exports/{export_id}/result/late.pdf").write(1, b"late")
    kept = {entry.key for entry in stage.s.bucket.entries(f"exports/{active}/")}
    CleanUp(stage.s.bucket, stage.s.exports, stage.s.settings).run()
    assert {entry.key for entry in stage.s.bucket.entries(f"exports/{closed}/")} == before
    assert {entry.key for entry in stage.s.bucket.entries(f"exports/{active}/")} == kept
    uploads = stage.s.bucket.uploads("exports/")
    assert [upload.key for upload in uploads] == [f"exports/{active}/result/late.pdf"]


def test_an_upload_that_the_bucket_refuses_to_abort_does_not_keep_the_others(
    stage: KeeperStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed, abort = delivered(stage, 3), S3Upload.abort
    refused, *others = (f"exports/{export_id}/result/late.pdf" for export_id in closed)
    for key in (refused, *others):
        stage.s.bucket.begin_upload(key)
    stage.s.bucket.put(late := f"exports/{closed[0]}/segments/late.seg", b"late")

    def refusing(upload: S3Upload) -> None:
        if upload.key == refused:
            raise StoreRefused("The bucket refuses.")
        abort(upload)

    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(S3Upload, "abort", refusing)
        CleanUp(stage.s.bucket, stage.s.exports, stage.s.settings).run()
    left = stage.s.bucket.uploads("exports/")
    assert [upload.key for upload in left] == [refused]
    assert stage.s.bucket.head(late) is None
    left[0].abort()


def test_many_closed_exports_are_looked_at_in_turn(stage: KeeperStage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also when each clean-up is that of another process."""
    monkeypatch.setattr(clean_up, "LATE_EXPORTS", 2)
    ids, began = delivered(stage, 5), time.time()
    late = [f"exports/{export_id}/segments/late.seg" for export_id in ids]
    looked_at: list[list[str]] = []
    for turn in range(6):
        for key in late:
            stage.s.bucket.put(key, b"late")
        clock = SimpleNamespace(time=lambda now=began + turn * clean_up.CLEAN_SECONDS: now)
        monkeypatch.setattr(clean_up, "time", clock)
        CleanUp(stage.s.bucket, stage.s.exports, stage.s.settings).run()
        looked_at.append([key for key in late if stage.s.bucket.head(key) is None])
    assert sorted(chain(*looked_at[:3])) == sorted(late), "each once"
    assert looked_at[3:] == looked_at[:3], "it begins again"


def test_what_a_failed_export_has_drawn_stays_for_a_retry(stage: KeeperStage) -> None:
    export_id = stage.planned()
    stage.render(export_id, 0)
    flow.fail(stage.s, export_id, ExportFailed("It took too long."))
    steps.deliver(stage.s, export_id)
    drawn = stage.s.segments.found(export_id)
    CleanUp(stage.s.bucket, stage.s.exports, stage.s.settings).run()
    assert drawn and stage.s.segments.found(export_id) == drawn
