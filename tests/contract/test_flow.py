"""The steps of an export, called one by one on a real bucket, Redis and mail server; no worker runs.

Law 4 (every step may run twice), law 5 (assembly checks for itself) and law 6 (one end, one message).
"""

from __future__ import annotations

import asyncio
import dataclasses
import io
import random
import re
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from email import message_from_bytes
from email.policy import default
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import celery
import msgspec
import pytest
import redis
from PIL import Image

from local.mailbox import Controller, Mailbox
from local.services import S3, Smtp, Valkey, free_port, smtp
from pipeline.adapters.bucket import Bucket, MultipartUpload
from pipeline.adapters.bucket.s3 import S3Bucket
from pipeline.adapters.bucket.s3_upload import S3Upload
from pipeline.adapters.mail import Mailer
from pipeline.adapters.redis import Coordination
from pipeline.documents import Range
from pipeline.documents.inputs.bucket import BucketInputs
from pipeline.documents.job import DocumentJob
from pipeline.documents.photos import Photos
from pipeline.errors import (
    ChunkFailed,
    DamagedSegment,
    ExportFailed,
    IllegalStep,
    InvalidRequest,
    MailDown,
    RedisDown,
    StoreDown,
)
from pipeline.exports.encoding import encode
from pipeline.exports.export import Export, State
from pipeline.exports.plan import Listing
from pipeline.exports.repository import ExportRepository
from pipeline.exports.request import ExportRequest
from pipeline.exports.segments import segment_key
from pipeline.exports.volumes import UNCUT, VolumeLimit
from pipeline.pdf.assembly import Assembly
from pipeline.services import Message, Services, open_services
from pipeline.settings import Settings
from pipeline.tasks import assemble as assembling
from pipeline.tasks import flow
from pipeline.tasks.app import make_app
from pipeline.tasks.retry import Fail, Retry
from pipeline.tasks.segment_cache import SegmentCache
from pipeline.tasks.step import Again, NotWanted, StepRecord
from pipeline.tasks.submit import submit

from .. import steps
from ..conftest import SentMessages
from ..pictures import jpeg
from ..readback import read

ALBUM = "inputs/album.jsonl"


class Stage:
    """Services whose messages are kept, and what stands around them."""

    def __init__(self, services: Services, messages: SentMessages, mail: Smtp) -> None:
        self.s = services
        self.queue = messages
        self.mail = mail

    @property
    def store(self) -> Bucket:
        return self.s.bucket

    def put_album(self, photos: list[bytes]) -> None:
        lines = []
        for n, photo in enumerate(photos):
            self.store.put(f"inputs/album/{n}.jpg", photo)
            lines.append(msgspec.json.encode({"source": f"inputs/album/{n}.jpg", "caption": f"Photo {n + 1}"}))
        self.store.put(ALBUM, b"\n".join(lines))

    def submit(
        self, *, chunk_pages: int = 2, notify: str | None = "admin@example.org", volume: VolumeLimit = UNCUT,
        **params: Any,
    ) -> str:  # fmt: skip
        params = {"listing": ALBUM, **params}
        order = ExportRequest("photos", params, "shop", notify, chunk_pages=chunk_pages, volume=volume)
        return submit(self.s, order).export.id

    def planned(self, **order: Any) -> str:
        """An export whose chunks were asked for."""
        export_id = self.submit(**order)
        steps.plan(self.s, export_id)
        self.queue.sent.clear()
        return export_id

    def rendered(self, **order: Any) -> str:
        """An export whose segments are all there."""
        export_id = self.planned(**order)
        for chunk in self.s.exports.plan(export_id).chunks:
            steps.render(self.s, export_id, chunk.number)
        return export_id

    def spoil(self, export_id: str, data: bytes) -> None:
        """Give the album other bytes, and let the plan say that they are the ones that were counted."""
        version = self.store.put(ALBUM, data)
        plan = dataclasses.replace(self.s.exports.plan(export_id), listing=Listing(ALBUM, len(data), version))
        self.store.put(f"exports/{export_id}/plan.json", encode(plan))
        self.restart()

    def restart(self) -> None:
        """As in a new process, which knows no plan."""
        self.s = dataclasses.replace(self.s, exports=ExportRepository(self.store))

    def work(self) -> None:
        """What workers do: take each message that was sent, until none is left."""
        while self.queue.sent:
            step, export_id, *chunks = self.queue.sent.pop(0)
            for chunk in chunks:
                while isinstance(steps.render(self.s, export_id, int(chunk)), Again):
                    pass
            flow.take(self.s, "assemble" if step == "render" else step, export_id)

    def load(self, export_id: str) -> Export:
        return self.s.exports.load(export_id)

    def subjects(self, export_id: str) -> list[str]:
        """Of the mails about an export."""
        mails = [message_from_bytes(path.read_bytes(), policy=default) for path in self.mail.folder.glob("*.eml")]
        return [str(mail["Subject"]) for mail in mails if export_id in str(mail["Message-ID"])]

    def objects(self, export_id: str, under: str = "") -> dict[str, str]:
        """Key -> ETag of an export's objects."""
        return {entry.key: entry.etag for entry in self.store.entries(f"exports/{export_id}/{under}")}

    def captions(self, export_id: str, folder: Path) -> list[str]:
        """The caption of each page of the file, which two readers find nothing wrong with."""
        result = self.load(export_id).result
        assert result is not None
        path = folder / "result.pdf"
        with path.open("wb") as file:
            self.store.download(result.key, file, 1 << 30)
        seen = read(path)
        assert not seen.complaints
        return [page.text.splitlines()[-1] for page in seen.pages]


@pytest.fixture(scope="module")
def mail(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Smtp]:
    with smtp(tmp_path_factory.mktemp("smtp")) as server:
        yield server


@pytest.fixture(scope="module")
def opened(s3_server: S3, valkey_server: Valkey, mail: Smtp) -> Services:
    settings = Settings.from_env(
        {
            "REDIS_URL": valkey_server.url,
            "S3_ENDPOINT_URL": s3_server.endpoint_url,
            "S3_BUCKET": s3_server.bucket,
            "S3_PREFIX": "test_flow/",
            "AWS_ACCESS_KEY_ID": s3_server.key_id,
            "AWS_SECRET_ACCESS_KEY": s3_server.secret,
            "SECRET_KEY": "test-secret-key",
            "SMTP_URL": mail.url,
        }
    )
    S3Bucket.open(settings).create_bucket()
    return open_services(settings, SentMessages())


@pytest.fixture
def stage(opened: Services, mail: Smtp) -> Stage:
    """With nothing in the bucket but five photos, and nothing in Redis."""
    with redis.Redis.from_url(opened.settings.redis_url) as client:
        client.flushall()
    messages = SentMessages()
    stage = Stage(dataclasses.replace(opened, queue=messages), messages, mail)
    for left in stage.store.uploads(""):
        left.abort()
    stage.store.delete_under("")
    stage.put_album([jpeg(n, 40, 30) for n in range(5)])
    return stage


@pytest.fixture
def app(opened: Services) -> Iterator[celery.Celery]:
    """The real tasks, to be run in this process by `apply`."""
    before = signal.getsignal(signal.SIGTERM)  # a task's process takes it as "finish the page"
    app = make_app(opened.settings)
    yield app
    app.close()
    signal.signal(signal.SIGTERM, before)


FIVE = [f"Photo {n}" for n in range(1, 6)]


# the whole way


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


def test_how_long_each_step_took_is_written_down(stage: Stage) -> None:
    stage.put_album([jpeg(n) for n in range(5)])
    export_id = stage.submit(notify=None)
    stage.work()
    export = stage.load(export_id)
    assert export.started_at and export.planned_at and export.rendered_at and export.finished_at
    assert export.started_at < export.planned_at < export.rendered_at < export.finished_at
    assert export.result and 0 < export.result.seconds < export.rendered_at - export.planned_at


def test_drawing_that_redis_forgot_counts_as_not_timed(stage: Stage) -> None:
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
    stage.s.segments.drop(segment_key(export_id, 1, 2, 2))
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


def test_an_assembly_that_comes_too_early_does_nothing(stage: Stage) -> None:
    export_id = stage.planned()
    steps.render(stage.s, export_id, 0)
    steps.assemble(stage.s, export_id)
    assert stage.load(export_id).state is State.RENDERING
    assert stage.queue.sent == []


def test_a_planner_that_was_overtaken_changes_nothing(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Redis is wiped while a plan is made; somebody else plans, and everybody else goes on."""
    export_id = stage.submit()
    slow = DocumentJob.plan

    def overtaken(job: DocumentJob, settings: Settings, chunk_pages: int | None, volume: VolumeLimit) -> Any:
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


def test_a_request_is_kept_when_redis_is_down(stage: Stage, tmp_path: Path) -> None:
    stage.queue.broken = RedisDown("Redis takes no messages.")
    request = ExportRequest("photos", {"listing": ALBUM}, "shop", "admin@example.org", chunk_pages=2)
    submitted = submit(stage.s, request)
    assert not submitted.queued
    stage.queue.broken = None
    export_id = submitted.export.id
    assert stage.s.exports.active() == [export_id]
    flow.send(stage.s, Message("plan", export_id))
    stage.work()
    assert stage.captions(export_id, tmp_path) == FIVE


@pytest.mark.parametrize(
    ("order", "field"),
    [
        ({"rows": 0}, "rows"),
        ({"colour": "red"}, "colour"),
        ({"listing": "inputs/none.jsonl"}, "listing"),
        ({"listing": "exports/secret.jsonl"}, "source"),
        ({"listing": "", "photos": []}, "photos"),
        ({"chunk_pages": 0}, "chunk_pages"),
        ({"volume": VolumeLimit(pages=0)}, "volume_pages"),
        ({"volume": VolumeLimit(bytes=1000)}, "volume_bytes"),
        ({"volume": VolumeLimit(2, 5_000_000)}, "volume_bytes"),
        ({"notify": "nobody"}, "notify"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_is_written(
    stage: Stage, order: dict[str, Any], field: str
) -> None:
    before = [entry.key for entry in stage.store.entries("")]
    with pytest.raises(InvalidRequest) as refused:
        stage.submit(**order)
    assert refused.value.field == field
    assert [entry.key for entry in stage.store.entries("")] == before
    assert stage.queue.sent == []


def test_an_address_that_no_mail_can_be_sent_to_is_refused(stage: Stage) -> None:
    """Before there is anything to tell."""
    wrong = ["a..b@c.org", "a@b@c.org", "a@c.org.", "a:b@c.org", "=?utf-8?q?x?=@c.org", "@c.org", "a@", "é@c.org"]
    for address in [*wrong, "a@b.org\r\nBcc: c@d.org", "a@b.org, c@d.org", f"{'a' * 250}@c.org"]:
        with pytest.raises(InvalidRequest, match="notify must be one mail address"):
            stage.submit(notify=address)
    for address in ("a@localhost", "first.last+tag@sub-domain.example.org"):
        assert stage.submit(notify=address)


# what is drawn, and what is not


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


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b"{not json", "Entry 3 of inputs/album.jsonl: this is not JSON"),
        (b'{"caption":"no source"}', "Entry 3 of inputs/album.jsonl: Object missing required field `source`"),
        (b'{"source":"inputs/a.jpg","sauce":1}', "Entry 3 of inputs/album.jsonl: .*unknown field `sauce`"),
        (b'{"source":"exports/1/result/a.pdf"}', "Entry 3 of inputs/album.jsonl: .*neither a key below inputs/"),
        (b'{"source":"http://10.0.0.1/a.jpg"}', "Entry 3 of inputs/album.jsonl: "),
    ],
)
def test_a_wrong_entry_fails_the_export_and_is_named_in_the_one_mail(
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
    assert stage.subjects(export_id) == ["Not made: Photos"]


def test_a_listing_without_entries_fails_the_export(stage: Stage, app: celery.Celery) -> None:
    stage.store.put(ALBUM, b"\n\n")
    export_id = stage.submit()
    app.tasks["pipeline.plan"].apply((export_id,))
    failure = stage.load(export_id).failure
    assert failure is not None
    assert failure.message == "The listing inputs/album.jsonl names no photos."


def test_a_listing_that_loses_entries_while_it_is_drawn_fails_the_export(stage: Stage) -> None:
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
    """The others are spoilt, so that whoever reads them fails."""
    export_id = stage.planned()
    chunk = stage.s.exports.plan(export_id).chunks[1]
    stored = stage.store.get(ALBUM)
    assert stored is not None
    own = stored.data[chunk.start : chunk.stop]
    assert own.count(b"source") == 2
    stage.spoil(export_id, b"x" * chunk.start + own + b"x" * (len(stored.data) - chunk.stop))
    steps.render(stage.s, export_id, 1)
    assert stage.s.segments.found(export_id) == {1: [(2, 2)]}


# interruptions


@pytest.mark.parametrize("rendered", [0, 1, 3])
def test_a_plan_that_is_lost_is_made_again(stage: Stage, tmp_path: Path, rendered: int) -> None:
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


def test_a_plan_that_is_lost_is_not_replaced_by_one_of_another_input(stage: Stage) -> None:
    export_id = stage.planned()
    stage.store.delete([f"exports/{export_id}/plan.json"])
    stage.restart()
    stage.put_album([jpeg(n, 40, 30) for n in range(4)])
    with pytest.raises(ExportFailed, match="plan was lost"):
        steps.render(stage.s, export_id, 0)


def test_a_chunk_that_is_put_back_goes_on_where_it_was(stage: Stage, tmp_path: Path) -> None:
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


def test_attempts_that_end_without_a_word_are_counted(stage: Stage) -> None:
    export_id = stage.planned()
    for _ in range(3):
        stage.s.redis.counters.count_attempt(f"{export_id}:1:2")  # as a worker does before it is killed
    with pytest.raises(ChunkFailed, match="Page 3 or one soon after it could not be rendered: 3 attempts"):
        steps.render(stage.s, export_id, 1)
    steps.render(stage.s, export_id, 0)


def test_an_error_after_redis_was_wiped_costs_the_page_nothing(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
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


def test_a_store_that_fails_again_and_again_is_no_fault_of_the_page(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    export_id = stage.planned()
    with monkeypatch.context() as broken:
        broken.setattr(BucketInputs, "open", failing(StoreDown("The bucket could not read it.")))
        for _ in range(5):
            with pytest.raises(StoreDown):
                steps.render(stage.s, export_id, 1)
    steps.render(stage.s, export_id, 1)
    assert stage.s.segments.found(export_id) == {1: [(2, 2)]}


def test_an_error_while_redis_is_down_is_tried_again(stage: Stage) -> None:
    """A task that ended as a failure would wait for the keeper."""
    alone = dataclasses.replace(stage.s.settings, redis_url=f"redis://127.0.0.1:{free_port()}/0")
    without_redis = dataclasses.replace(stage.s, redis=Coordination.open(alone))
    outcome = flow.handle(without_redis, "render", stage.planned(), 0, threading.Event())
    assert isinstance(outcome, Retry)
    assert isinstance(outcome.error, RedisDown)


def test_a_step_that_fails_often_enough_ends_the_export(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    export_id = stage.planned()
    monkeypatch.setattr(BucketInputs, "open", failing(StoreDown("The bucket could not read it.")))
    outcomes = [flow.handle(stage.s, "render", export_id, 1, threading.Event()) for _ in range(9)]
    assert [type(outcome) for outcome in outcomes] == [Retry] * 8 + [Fail]
    failure = stage.load(export_id).failure
    assert failure is not None
    assert (failure.code, failure.message) == ("StoreDown", "The bucket could not read it.")
    assert stage.queue.sent == [("deliver", export_id)]


def test_an_error_of_the_program_ends_the_export(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    export_id = stage.planned()
    monkeypatch.setattr(BucketInputs, "open", failing(ZeroDivisionError("a secret")))
    assert isinstance(flow.handle(stage.s, "render", export_id, 1, threading.Event()), Fail)
    failure = stage.load(export_id).failure
    assert failure is not None
    assert failure.message == "Internal error (ZeroDivisionError). It was logged; please report it."
    assert any(record.exc_info for record in caplog.records)


def test_every_step_is_recorded_once(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    records: list[StepRecord] = []
    monkeypatch.setattr(flow, "OBSERVERS", [records.append])
    export_id = stage.submit(notify=None)
    for step, chunk in (("plan", None), ("render", 0), ("render", 0), ("assemble", None), ("render", 1)):
        flow.handle(stage.s, step, export_id, chunk, threading.Event())
    seen = [(record.step, record.chunk, record.outcome, record.pages) for record in records]
    assert seen == [
        ("plan", None, "done", 5), ("render", 0, "done", 2), ("render", 0, "not wanted", 0),
        ("assemble", None, "not wanted", 0), ("render", 1, "done", 2),
    ]  # fmt: skip
    assert all(record.export == export_id and record.ms >= 0 and record.peak_mb > 10 for record in records)


def failing(error: Exception) -> Callable[..., Any]:
    def fail(*_: Any) -> None:
        raise error

    return fail


def test_a_chunk_that_somebody_is_at_is_left_to_them(stage: Stage) -> None:
    export_id = stage.planned()
    lease = stage.s.redis.leases.take(f"{export_id}:1", 60)
    assert lease is not None
    steps.render(stage.s, export_id, 1)
    assert stage.s.segments.found(export_id) == {}
    stage.s.redis.leases.release(lease)
    steps.render(stage.s, export_id, 1)
    assert stage.s.segments.found(export_id) == {1: [(2, 2)]}


# assembly


def noise(seed: int, megabytes: float) -> bytes:
    """A JPEG of about this size."""
    side = int((megabytes * 1_100_000) ** 0.5)
    image = Image.frombytes("L", (side, side), random.Random(seed).randbytes(side * side))
    out = io.BytesIO()
    image.save(out, "JPEG", quality=93)
    return out.getvalue()


@pytest.fixture(scope="module")
def large() -> list[bytes]:
    """Photos of which each makes a segment that S3 copies by itself."""
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
def test_a_segment_that_changes_while_it_is_joined_is_found_though_it_does_not_pass_through(
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


def test_a_segment_that_is_stored_again_after_it_was_joined_spoils_no_file(
    stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its index is read again for the tail, when there was no room to keep it."""
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
        meanwhile.setattr(assembling, "SegmentCache", partial(SegmentCache, room=0))
        meanwhile.setattr(Assembly, "tail", another_first)
        with pytest.raises(DamagedSegment, match="stored again"):
            steps.assemble(stage.s, export_id)
    stage.queue.send(Message("assemble", export_id))
    stage.work()
    assert stage.captions(export_id, tmp_path) == FIVE


def test_small_segments_are_gathered_a_few_mib_at_a_time(
    stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Law 2: what is held does not grow with the document."""
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
def test_an_assembly_that_breaks_off_leaves_no_upload(
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


def test_what_was_left_of_an_assembly_that_was_killed_is_cleared_away(stage: Stage, tmp_path: Path) -> None:
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


def test_segments_that_do_not_fit_together_do_not_go_round_in_circles(stage: Stage) -> None:
    """A segment that says it has more pages than its chunk was not made by us, and is not asked for again."""
    export_id = stage.rendered()
    stage.store.put(segment_key(export_id, 1, 2, 99), b"{}")
    with pytest.raises(DamagedSegment, match="beyond its last page"):
        steps.assemble(stage.s, export_id)
    assert stage.queue.sent == []


# cancelling


@pytest.mark.parametrize("state", [State.QUEUED, State.PLANNING, State.RENDERING, State.ASSEMBLING])
def test_after_a_cancellation_every_step_does_nothing(stage: Stage, state: State) -> None:
    export_id = stage.submit()
    if state is State.PLANNING:
        stage.s.exports.change(export_id, lambda e: e.to(State.PLANNING))
    elif state is not State.QUEUED:
        steps.plan(stage.s, export_id)
        for chunk in (0, 1, 2) if state is State.ASSEMBLING else (0,):
            steps.render(stage.s, export_id, chunk)
    if state is State.ASSEMBLING:
        stage.s.exports.change(export_id, lambda e: e.to(State.ASSEMBLING))
    assert flow.cancel(stage.s, export_id).state is State.CANCELLED
    with pytest.raises(IllegalStep, match="is cancelled"):
        flow.cancel(stage.s, export_id)
    before = stage.objects(export_id)
    steps.plan(stage.s, export_id)
    for chunk in (0, 1, 2):
        steps.render(stage.s, export_id, chunk)
    steps.assemble(stage.s, export_id)
    flow.fail(stage.s, export_id, ExportFailed("too late"))
    assert stage.objects(export_id) == before
    assert stage.queue.sent.count(("deliver", export_id)) == 1
    steps.deliver(stage.s, export_id)
    assert stage.load(export_id).state is State.CANCELLED
    assert stage.objects(export_id, "segments/") == {}
    assert stage.s.exports.active() == []
    assert stage.subjects(export_id) == []


def test_what_is_ready_cannot_be_cancelled(stage: Stage) -> None:
    export_id = stage.submit()
    stage.work()
    with pytest.raises(IllegalStep, match="is ready; it cannot become cancelled"):
        flow.cancel(stage.s, export_id)


def test_an_export_that_is_cancelled_while_it_is_assembled_is_not_rendered_again(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    export_id = stage.rendered()
    tail = Assembly.tail

    def cancelled(assembly: Assembly) -> Iterator[bytes]:
        flow.cancel(stage.s, export_id)
        steps.deliver(stage.s, export_id)
        return tail(assembly)

    monkeypatch.setattr(Assembly, "tail", cancelled)
    steps.assemble(stage.s, export_id)
    assert stage.queue.sent == [("deliver", export_id)]
    assert stage.objects(export_id, "segments/") == {}
    assert stage.objects(export_id, "result/") == {}
    assert stage.store.uploads("") == []


# the message


def test_of_two_deliveries_at_once_one_sends_the_mail(stage: Stage) -> None:
    export_id = stage.rendered()
    steps.assemble(stage.s, export_id)
    start = threading.Barrier(4)

    def deliver(_: int) -> None:
        start.wait()
        steps.deliver(stage.s, export_id)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(deliver, range(4)))
    assert stage.subjects(export_id) == ["Ready: Photos"]
    steps.deliver(stage.s, export_id)
    assert stage.subjects(export_id) == ["Ready: Photos"]
    assert stage.s.exports.active() == []


def test_a_mail_server_that_takes_its_time_gets_the_mail_once(stage: Stage, tmp_path: Path) -> None:
    """Longer than a lease lasts."""
    export_id = stage.rendered()
    steps.assemble(stage.s, export_id)
    with slow_mail_server(tmp_path) as (url, on_its_way):
        settings = dataclasses.replace(stage.s.settings, smtp_url=url, lease_seconds=0.1)
        s = dataclasses.replace(stage.s, settings=settings, mailer=Mailer(settings))
        with ThreadPoolExecutor(1) as pool:
            first = pool.submit(steps.deliver, s, export_id)
            assert on_its_way.wait(10)
            time.sleep(0.15)
            assert isinstance(steps.deliver(s, export_id), NotWanted)
            assert s.exports.active() == [export_id]  # it is not told yet
            # So the keeper does not send it again. On a busy machine so short a lease is lost; the claim holds then.
            assert s.redis.leases.held([f"{export_id}:deliver"]) or s.redis.messages.sent_lately(export_id)
            first.result()
        steps.deliver(s, export_id)
    assert len(list(tmp_path.glob("*.eml"))) == 1


class SlowMailbox(Mailbox):
    """Takes half a second over each mail."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, "demo", "secret")
        self.entered = threading.Event()

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802  # aiosmtpd's name
        self.entered.set()
        await asyncio.sleep(0.5)
        return await super().handle_DATA(server, session, envelope)


@contextmanager
def slow_mail_server(folder: Path) -> Iterator[tuple[str, threading.Event]]:
    """Its URL, and the moment from which a mail is on its way."""
    mailbox, port = SlowMailbox(folder), free_port()
    server = Controller(
        mailbox, hostname="127.0.0.1", port=port, auth_require_tls=False, auth_callback=mailbox.knows
    )
    server.start()
    try:
        yield f"smtp://demo:secret@127.0.0.1:{port}", mailbox.entered
    finally:
        server.stop()


def test_a_mail_that_cannot_be_sent_now_is_sent_later(stage: Stage) -> None:
    export_id = stage.rendered()
    steps.assemble(stage.s, export_id)
    settings = dataclasses.replace(stage.s.settings, smtp_url=f"smtp://127.0.0.1:{free_port()}")
    without = dataclasses.replace(stage.s, settings=settings, mailer=Mailer(settings))
    with pytest.raises(MailDown):
        steps.deliver(without, export_id)
    assert stage.s.exports.active() == [export_id]
    steps.deliver(stage.s, export_id)
    assert stage.subjects(export_id) == ["Ready: Photos"]
    assert stage.s.exports.active() == []


def test_an_address_that_is_refused_ends_the_matter(stage: Stage) -> None:
    export_id = stage.submit(notify="refused@example.org")
    stage.work()
    assert stage.load(export_id).state is State.READY
    assert stage.s.exports.active() == []


def test_more_mails_than_are_allowed_in_a_minute_wait(stage: Stage) -> None:
    settings = dataclasses.replace(stage.s.settings, mails_per_minute=1)
    s = dataclasses.replace(stage.s, settings=settings)
    first, second = (stage.rendered(title=title) for title in ("First", "Second"))
    for export_id in (first, second):
        steps.assemble(s, export_id)
    steps.deliver(s, first)
    with pytest.raises(MailDown, match="More than 1 mails in this minute"):
        steps.deliver(s, second)
    assert stage.subjects(second) == []
    steps.deliver(stage.s, second)
    assert (stage.subjects(first), stage.subjects(second)) == (["Ready: First"], ["Ready: Second"])


def test_nobody_is_told_that_a_file_is_ready_that_is_not_there(stage: Stage) -> None:
    export_id = stage.rendered()
    steps.assemble(stage.s, export_id)
    result = stage.load(export_id).result
    assert result is not None
    stage.store.delete([result.key])
    with pytest.raises(StoreDown, match="is not there"):
        steps.deliver(stage.s, export_id)
    assert stage.subjects(export_id) == []
