"""An export in volumes, step by step on a real bucket, Redis and mail server."""

from __future__ import annotations

import dataclasses
import io
import re
import threading
from collections.abc import Collection
from email import message_from_bytes
from email.policy import default
from pathlib import Path

import pypdf
import pytest

from pipeline.adapters.bucket.s3_upload import S3Upload
from pipeline.errors import StoreDown
from pipeline.exports.export import Result, State
from pipeline.exports.volumes import VolumeLimit
from pipeline.settings import MIB
from pipeline.tasks import flow
from pipeline.tasks.outcomes import Again

from ... import steps
from ...unit.documents.test_volumes import noise, seen
from .stage import FIVE, Stage

TWO = VolumeLimit(pages=2)


def result_of(stage: Stage, export_id: str) -> Result:
    export = stage.load(export_id)
    assert export.state is State.READY
    assert export.result is not None
    return export.result


def fetched(stage: Stage, result: Result, folder: Path) -> list[Path]:
    """Every file of a result; the index stands first."""
    paths = []
    for file in result.files:
        paths.append(folder / file.name)
        with paths[-1].open("wb") as into:
            stage.store.download(file.key, into, 1 << 30)
        assert paths[-1].stat().st_size == file.bytes
    return paths


def photos(stage: Stage, export_id: str, folder: Path) -> list[list[str]]:
    """Returns the captions in each volume, after checking that each page names its volume."""
    result = result_of(stage, export_id)
    volumes = [seen(path) for path in fetched(stage, result, folder)[1:]]
    count = str(len(volumes))
    assert [set(volume.volumes) for volume in volumes] == [{(str(n), count)} for n in range(1, len(volumes) + 1)]
    return [[re.findall(r"Photo \d+", page)[0] for page in volume.pages] for volume in volumes]


def test_an_export_goes_all_the_way_in_volumes(stage: Stage, tmp_path: Path) -> None:
    export_id = stage.submit(title="Álbum", volume=TWO, chunk_pages=1)
    stage.work()
    assert photos(stage, export_id, tmp_path) == [FIVE[:2], FIVE[2:4], FIVE[4:]]
    result = result_of(stage, export_id)
    assert (result.records, result.drawn, result.pages) == (5, 5, 5)
    assert [(file.first_page, file.pages) for file in result.volumes] == [(1, 2), (3, 2), (5, 1)]
    assert [re.sub(r" \d{4}-\d\d-\d\d", "", file.name) for file in result.files] == [
        "Álbum-index.pdf", "Álbum-1-of-3.pdf", "Álbum-2-of-3.pdf", "Álbum-3-of-3.pdf"
    ]  # fmt: skip
    with pypdf.PdfReader(tmp_path / result.name) as index:
        assert all(file.name in index.pages[0].extract_text() for file in result.volumes)
    assert stage.s.exports.active() == []
    assert stage.store.uploads("") == []


def test_the_mail_links_each_volume_and_the_index(stage: Stage) -> None:
    export_id = stage.submit(title="Álbum", volume=TWO)
    stage.work()
    stage.send_mails()
    (mail,) = (
        found
        for path in stage.mail.folder.glob("*.eml")
        if export_id in str((found := message_from_bytes(path.read_bytes(), policy=default))["Message-ID"])
    )
    body = mail.get_body(("plain",))
    assert body is not None
    text = body.get_content()
    assert "5 pages in 3 volumes" in text
    assert "Volume 2 of 3 (pages 3-4, " in text
    assert [link.count("/") for link in re.findall(r"/d/\S+", text)] == [2, 3, 3, 3]
    assert "Available until" in text


def test_volumes_are_the_same_from_one_worker_or_two(stage: Stage, tmp_path: Path) -> None:
    """One of the two workers is stopped after every page; the pages are the same."""
    export_id = stage.planned(volume=VolumeLimit(pages=3), chunk_pages=3, notify=None)
    workers = [
        threading.Thread(target=lambda stop=stop, chunk=chunk: _drawn(stage, export_id, chunk, stop))
        for chunk, stop in ((0, True), (1, False))
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert stage.s.segments.found(export_id) == {0: [(0, 1), (1, 1), (2, 1)], 1: [(3, 2)]}
    steps.assemble(stage.s, export_id)
    assert photos(stage, export_id, tmp_path) == [FIVE[:3], FIVE[3:]]


def _drawn(stage: Stage, export_id: str, chunk: int, stop: bool) -> None:
    stopping = steps.STOPPING if stop else None
    while isinstance(steps.render(stage.s, export_id, chunk, stopping), Again):
        pass


def test_volumes_by_size_are_filled_and_not_larger(stage: Stage, tmp_path: Path) -> None:
    stage.put_album([noise(n, 400) for n in range(12)])
    export_id = stage.submit(volume=VolumeLimit(bytes=MIB), chunk_pages=5, page_numbers=True)
    stage.work()
    result = result_of(stage, export_id)
    assert len(result.volumes) > 1
    assert max(file.bytes for file in result.volumes) <= MIB
    captions = [caption for volume in photos(stage, export_id, tmp_path) for caption in volume]
    assert captions == [f"Photo {n}" for n in range(1, 13)]
    assert not result.warnings


def test_finished_volumes_are_not_made_again(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """The bucket fails at the third of five; the next assembly begins with that one."""
    export_id = stage.rendered(volume=VolumeLimit(pages=1), chunk_pages=1)
    complete, done = S3Upload.complete, [0]

    def fails_once(upload: S3Upload, numbers: Collection[int]) -> None:
        done[0] += 1
        if done[0] == 3:
            raise StoreDown("The bucket does not answer.")
        complete(upload, numbers)

    monkeypatch.setattr(S3Upload, "complete", fails_once)
    with pytest.raises(StoreDown):
        steps.assemble(stage.s, export_id)
    before = stage.objects(export_id, "result/")
    assert len(before) == 2
    steps.assemble(stage.s, export_id)
    assert done[0] == 6
    after = stage.objects(export_id, "result/")
    assert before.items() <= after.items()
    assert len(after) == 6
    assert {file.key for file in result_of(stage, export_id).files} == set(after)


def test_an_assembly_short_of_time_continues_later(stage: Stage) -> None:
    """It writes one volume at a time, and uses up no attempts."""
    export_id = stage.rendered(volume=VolumeLimit(pages=1), chunk_pages=1)
    hurried = dataclasses.replace(stage.s, settings=dataclasses.replace(stage.s.settings, soft_time_limit=0.0))
    for made in (1, 2, 3, 4):
        assert steps.assemble(hurried, export_id) == Again("volumes are left")
        assert len(stage.objects(export_id, "result/")) == made
    steps.assemble(hurried, export_id)
    assert len(result_of(stage, export_id).volumes) == 5


def test_cancelled_between_two_volumes_none_is_left(stage: Stage) -> None:
    export_id = stage.rendered(volume=VolumeLimit(pages=1), chunk_pages=1)
    hurried = dataclasses.replace(stage.s, settings=dataclasses.replace(stage.s.settings, soft_time_limit=0.0))
    assert steps.assemble(hurried, export_id) == Again("volumes are left")
    flow.cancel(stage.s, export_id)
    steps.deliver(stage.s, export_id)
    steps.assemble(stage.s, export_id)
    assert stage.objects(export_id, "result/") == stage.objects(export_id, "segments/") == {}


def test_a_volume_of_skipped_photos_is_left_out(stage: Stage, tmp_path: Path) -> None:
    for broken in (2, 3):
        stage.store.put(f"inputs/album/{broken}.jpg", b"no picture")
    export_id = stage.submit(volume=TWO, on_unreadable="skip")
    stage.work()
    assert photos(stage, export_id, tmp_path) == [FIVE[:2], FIVE[4:]]
    assert result_of(stage, export_id).skipped_count == 2


def test_no_mail_is_sent_while_a_volume_is_missing(stage: Stage) -> None:
    export_id = stage.rendered(volume=TWO)
    steps.assemble(stage.s, export_id)
    stage.store.delete([result_of(stage, export_id).volumes[1].key])
    steps.deliver(stage.s, export_id)
    assert stage.subjects(export_id) == []
    assert "2-of-3.pdf of export" in stage.load(export_id).notices[0].problem


def test_expiry_removes_every_volume(stage: Stage) -> None:
    export_id = stage.submit(volume=TWO, notify=None)
    stage.work()
    assert len(stage.objects(export_id, "result/")) == 4
    stage.s.exports.remove_result(stage.load(export_id))
    assert stage.objects(export_id, "result/") == {}


def test_one_volume_is_the_same_file_as_without_volumes(stage: Stage) -> None:
    files = []
    for volume in (VolumeLimit(), VolumeLimit(pages=5)):
        export_id = stage.submit(volume=volume, notify=None)
        stage.work()
        result = result_of(stage, export_id)
        assert result.volumes == ()
        buffer = io.BytesIO()
        stage.store.download(result.key, buffer, 1 << 30)
        own = rb"/ID\[.*?\]|/(Creation|Mod)Date\(.*?\)|/Prev \d+|uuid:[\w-]+|<xmp:\w+Date>[^<]*"
        files.append(re.sub(own, b"", buffer.getvalue()))
    assert files[0] == files[1]
