"""Polling an export: a conditional request for which nothing changed asks Redis alone."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from pipeline.adapters.redis import polls
from pipeline.services import Services
from pipeline.tasks import flow
from pipeline.web import create_app

from ... import steps
from ..conftest import bucket_requests
from .conftest import ARCHIVE, SHOP, PutPhotos, asked, sign_in


class Poller:
    """A caller that polls one export."""

    def __init__(self, client: FlaskClient, export_id: str) -> None:
        self.client = client
        self.path = f"/v1/exports/{export_id}"
        self.etag = ""

    def poll(self, headers: dict[str, str] = SHOP) -> TestResponse:
        answer = self.client.get(self.path, headers=headers | {"If-None-Match": self.etag})
        self.etag = answer.headers.get("ETag", self.etag)
        return answer


@pytest.fixture
def poller(client: FlaskClient, put_photos: PutPhotos) -> Poller:
    return Poller(client, asked(client, put_photos, 4, chunk_pages=2))


def test_nothing_changed_is_answered_without_the_bucket(poller: Poller, services: Services) -> None:
    assert poller.poll().status_code == 200
    with bucket_requests(services.bucket) as urls:
        for _ in range(3):
            answer = poller.poll()
            assert (answer.status_code, answer.data, answer.headers["ETag"]) == (304, b"", poller.etag)
            assert answer.headers["Cache-Control"] == "private, no-cache"
    assert urls == []


def test_every_change_is_seen_at_once(poller: Poller, services: Services) -> None:
    export_id = poller.path.rsplit("/", 1)[1]
    seen = [poller.poll().json]
    for change in (
        lambda: steps.plan(services, export_id),
        lambda: services.redis.progress.note_pages(export_id, 0, 1),
        lambda: [steps.render(services, export_id, chunk) for chunk in (0, 1)],
        lambda: services.redis.progress.forget(export_id),
        lambda: steps.assemble(services, export_id),
    ):
        change()
        answer = poller.poll()
        known = services.redis.polls.look(export_id, "shop")[1]
        assert known == poller.etag.strip('"'), "the next poll asks Redis alone"
        if answer.status_code == 200:
            seen.append(answer.json)
    states = [(each["state"], each["progress"]["pages_done"]) for each in seen if each]
    assert states == [("queued", 0), ("rendering", 0), ("rendering", 1), ("rendering", 4), ("ready", 4)]
    steps.deliver(services, export_id)
    assert poller.client.delete(poller.path, headers=SHOP).status_code == 204
    assert poller.poll().status_code == 404


def test_a_change_during_an_answer_is_not_lost(
    poller: Poller, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    export_id = poller.path.rsplit("/", 1)[1]
    load = type(services.exports).load

    def cancelled_meanwhile(*arguments: Any) -> Any:
        export = load(*arguments)
        monkeypatch.undo()
        flow.cancel(services, export_id)
        return export

    monkeypatch.setattr(type(services.exports), "load", cancelled_meanwhile)
    assert poller.poll().json["state"] == "queued"  # type: ignore[index]
    assert poller.poll().json["state"] == "cancelled"  # type: ignore[index]


def test_another_owner_is_never_answered_from_redis(poller: Poller) -> None:
    poller.poll()
    assert poller.poll(ARCHIVE).status_code == 404
    assert poller.client.get(poller.path, headers=ARCHIVE | {"If-None-Match": "*"}).status_code == 404
    sign_in(poller.client)
    assert poller.poll({}).status_code == 404


def test_polling_outlives_redis(poller: Poller, services: Services, cut_off: Services) -> None:
    poller.poll()
    services.redis.client.flushall()
    assert poller.poll().status_code == 304, "by the bucket"
    poller.client = create_app(cut_off).test_client()
    poller.poll()
    assert poller.poll().status_code == 304


def test_an_answer_counts_for_half_a_minute(poller: Poller, services: Services) -> None:
    poller.poll()
    (key,) = services.redis.client.keys("pipeline:answer:*")
    assert 0 < services.redis.client.ttl(key) <= polls.ANSWER_SECONDS == 30
