"""GET /metrics on a real Redis, read as Prometheus does."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace

import pytest
from flask.testing import FlaskClient
from prometheus_client.parser import text_string_to_metric_families

from pipeline.adapters.bucket.s3 import S3Bucket
from pipeline.adapters.redis.metrics import Turn
from pipeline.adapters.redis.workers import Worker
from pipeline.documents.inputs.bucket import BucketInputs
from pipeline.errors import ExportFailed, StoreDown
from pipeline.scaler.outside import OutsidePool
from pipeline.services import Message, Services
from pipeline.tasks import flow
from pipeline.tasks.keeper import Keeper
from pipeline.tasks.records import StepRecord, count_record
from pipeline.web import create_app

from ... import steps
from .conftest import PutPhotos, asked

READ = {"Authorization": "Bearer scrape-token"}


@pytest.fixture
def services(services: Services) -> Services:
    return replace(services, settings=replace(services.settings, metrics_token="scrape-token"))


Scraped = Callable[..., float]


def scrape(client: FlaskClient) -> Scraped:
    """Returns what gives the value of a series by its name and its labels."""
    answer = client.get("/metrics", headers=READ)
    assert answer.status_code == 200, answer.text
    found = {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }
    return lambda name, **labels: found[name, *sorted(labels.items())]


def work(services: Services, export_id: str, *steps_: tuple[str, int | None]) -> None:
    for step, chunk in steps_:
        flow.handle(services, step, export_id, chunk, threading.Event())


ALL = (("plan", None), ("render", 0), ("render", 1), ("assemble", None), ("deliver", None))


@pytest.mark.parametrize(
    ("headers", "public", "status"),
    [
        ({}, False, 401), ({"Authorization": "Bearer wrong-token"}, False, 401), (READ, False, 200),
        ({"Authorization": "Bearer shop-token"}, False, 200), ({}, True, 200),
    ],
    ids=["none", "wrong", "its own", "of the API", "public"],
)  # fmt: skip
def test_metrics_need_a_token_unless_they_are_public(
    services: Services, headers: dict[str, str], public: bool, status: int
) -> None:
    s = replace(services, settings=replace(services.settings, metrics_public=public))
    assert create_app(s).test_client().get("/metrics", headers=headers).status_code == status


def test_the_token_of_the_metrics_opens_nothing_else(client: FlaskClient) -> None:
    assert client.get("/v1/exports", headers=READ).status_code == 401


def test_an_export_is_counted_once(client: FlaskClient, services: Services, put_photos: PutPhotos) -> None:
    export_id = asked(client, put_photos, 4, chunk_pages=2)
    work(services, export_id, *ALL, *ALL)
    seen = scrape(client)
    assert seen("pipeline_exports_finished_total", document="photos", outcome="ready", code="") == 1
    assert seen("pipeline_pages_total", document="photos") == 4
    assert seen("pipeline_step_seconds_count", step="render", document="photos") == 2
    assert seen("pipeline_step_seconds_bucket", step="render", document="photos", le="+Inf") == 2
    assert seen("pipeline_step_seconds_sum", step="render", document="photos") > 0
    assert 0 < seen("pipeline_peak_memory_bytes", step="render") <= seen("pipeline_memory_limit_bytes")


def test_failures_and_retries_are_counted(
    client: FlaskClient, services: Services, put_photos: PutPhotos, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing, cancelled = (asked(client, put_photos, key=key) for key in ("one", "another"))
    before = scrape(client)
    assert (
        before("pipeline_exports_finished_total", document="photos", outcome="failed", code="ExportFailed") == 0
    ), "a rate begins at zero"
    work(services, failing, ("plan", None))
    with monkeypatch.context() as broken:
        broken.setattr(BucketInputs, "open", refuse)
        work(services, failing, ("render", 0))
    for _ in range(2):
        flow.fail(services, failing, ExportFailed("It cannot be done."))
    flow.cancel(services, cancelled)
    seen = scrape(client)
    assert seen("pipeline_step_retries_total", step="render") == 1
    assert seen("pipeline_exports_finished_total", document="photos", outcome="failed", code="ExportFailed") == 1
    assert seen("pipeline_exports_finished_total", document="photos", outcome="cancelled", code="") == 1
    assert seen("pipeline_exports_finished_total", document="photos", outcome="ready", code="") == 0


def refuse(*_: object, **__: object) -> None:
    raise StoreDown("The bucket does not answer.")


def test_a_document_that_is_not_known_is_counted_as_other(client: FlaskClient, services: Services) -> None:
    for number in range(3):
        count_record(services, StepRecord("x", "render", 0, "done", 5, 10, 90, f"gone-{number}"))
    seen = scrape(client)
    assert seen("pipeline_pages_total", document="other") == 15
    assert "gone" not in client.get("/metrics", headers=READ).text


def test_queues_show_their_length_and_age(client: FlaskClient, services: Services, put_photos: PutPhotos) -> None:
    assert scrape(client)("pipeline_queue_oldest_seconds", queue="pipeline.plan") == 0
    with steps.sending(services.settings) as (real, _):
        for _ in range(2):
            real.queue.send(Message("plan", asked(client, put_photos)))
            time.sleep(0.1)
    seen = scrape(client)
    assert seen("pipeline_queue_messages", queue="pipeline.plan") == 2
    assert 0.2 <= seen("pipeline_queue_oldest_seconds", queue="pipeline.plan") < 60
    assert seen("pipeline_queue_messages", queue="pipeline.large") == 0


def test_a_turn_of_the_keeper_shows_exports_and_workers(
    client: FlaskClient, services: Services, put_photos: PutPhotos
) -> None:
    """With SCALER_MODE=none, for an autoscaler that follows `pipeline_workers_wanted`."""
    s = replace(services, settings=replace(services.settings, scaler_mode="none", max_workers=3))
    asked(client, put_photos)
    now = time.time()
    for name, changes in (("a", {"busy": True}), ("b", {"drains": "1"}), ("c", {})):
        services.redis.workers.report(Worker(name, name, False, now, **changes))
    keeper = Keeper(s, OutsidePool(s.redis))
    keeper.turn()
    seen = scrape(client)
    assert seen("pipeline_exports", state="queued", document="photos") == 1
    states = ("busy", "draining", "idle", "starting")
    assert [seen("pipeline_workers", state=state) for state in states] == [1, 1, 1, 0]
    assert 1 <= seen("pipeline_workers_wanted") <= 3
    assert 0 <= seen("pipeline_keeper_last_turn_seconds") < 60
    keeper.turn()
    after = scrape(client)
    assert after("pipeline_dyno_seconds_total") > 0 == after("pipeline_dollars_total"), "another program pays"
    keeper.resign()


def test_the_cost_goes_on_through_a_turn_that_failed(services: Services) -> None:
    """What a leader that knows no workers sees must not end the count."""
    metrics, now = services.redis.metrics, time.time()
    for at, workers in ((now - 30, 2), (now - 20, None), (now - 10, 1), (now, 0)):
        metrics.note_turn(Turn(at, workers=workers, price=0.0 if workers is None else 0.5))
    counts = metrics.read().counts
    assert counts["dyno_seconds",] == pytest.approx(50, abs=0.1)
    assert counts["dollars",] == pytest.approx(25, abs=0.1)


def test_counters_begin_anew_when_redis_was_wiped(
    client: FlaskClient, services: Services, put_photos: PutPhotos
) -> None:
    work(services, asked(client, put_photos, 4, chunk_pages=2), *ALL)
    services.redis.client.flushall()
    assert scrape(client)("pipeline_pages_total", document="photos") == 0


def test_a_scrape_asks_no_bucket_and_does_not_grow_with_exports(
    client: FlaskClient, services: Services, put_photos: PutPhotos, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A thousand exports differ from one in the numbers only, so a scrape takes no longer."""
    work(services, asked(client, put_photos, 4, chunk_pages=2), *ALL)
    metrics = services.redis.metrics
    metrics.note_turn(Turn(time.time(), [("queued", "photos", 1)]))
    with calls(services, monkeypatch) as one:
        size = len(client.get("/metrics", headers=READ).data)
    for number in range(1000):
        services.redis.progress.note_over(f"export-{number}")
        services.redis.messages.note_sent(f"export-{number}", 600)
    for record in [StepRecord("x", "render", 0, "done", 9, 900, 90, "photos")] * 1000:
        count_record(services, record)
    metrics.note_turn(Turn(time.time(), [("queued", "photos", 1000)]))
    with calls(services, monkeypatch) as thousand:
        began = time.perf_counter()
        found = client.get("/metrics", headers=READ).data
        print(f"a scrape with 1,000 exports: {1000 * (time.perf_counter() - began):.1f} ms, {len(found)} bytes")
    assert thousand == one
    assert len(found) < size + 500


class calls(list[str]):  # noqa: N801  # read as a sentence
    """The commands that Redis gets; the bucket gets none."""

    def __init__(self, services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__()
        self._client, self._patch = services.redis.client, monkeypatch

    def __enter__(self) -> calls:
        for name in ("get", "head", "entries", "put"):
            self._patch.setattr(S3Bucket, name, refuse)
        pool = self._client.connection_pool
        real = pool.get_connection

        def counted(*args: object, **named: object) -> object:
            self.append("call")
            return real(*args, **named)

        self._patch.setattr(pool, "get_connection", counted)
        return self

    def __exit__(self, *_: object) -> None:
        self._patch.undo()


def test_without_redis_the_answer_is_503_and_says_so(cut_off: Services) -> None:
    s = replace(cut_off, settings=replace(cut_off.settings, metrics_public=True))
    answer = create_app(s).test_client().get("/metrics")
    assert answer.status_code == 503
    assert "pipeline_redis_up 0.0" in answer.text and "pipeline_build_info{" in answer.text
    assert "pipeline_queue_messages" not in answer.text
