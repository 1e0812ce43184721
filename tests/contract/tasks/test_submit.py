"""Accepting requests: what is refused, and what happens while Redis is down."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from pipeline.errors import InvalidRequest, RedisDown, StoreDown
from pipeline.exports.recipients import NotifyBody
from pipeline.exports.request import ExportRequest
from pipeline.exports.volumes import VolumeLimit
from pipeline.services import Message
from pipeline.tasks import sending
from pipeline.tasks.submit import submit

from .stage import ALBUM, FIVE, Stage


def test_a_request_is_accepted_while_redis_is_down(stage: Stage, tmp_path: Path) -> None:
    stage.queue.broken = RedisDown("Redis takes no messages.")
    request = ExportRequest("photos", {"listing": ALBUM}, "shop", "admin@example.org", chunk_pages=2)
    submitted = submit(stage.s, request)
    assert not submitted.queued
    stage.queue.broken = None
    export_id = submitted.export.id
    assert stage.s.exports.active() == [export_id]
    sending.send(stage.s, Message("plan", export_id))
    stage.work()
    assert stage.captions(export_id, tmp_path) == FIVE


def test_a_repeated_request_sends_the_message_that_is_missing(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first try stored the export, but its caller was told that the bucket is down."""
    accept = stage.s.exports.accept

    def accept_and_fail(*args: Any, **named: Any) -> None:
        accept(*args, **named)
        raise StoreDown("The bucket does not answer.")

    request = ExportRequest("photos", {"listing": ALBUM}, "shop")
    with monkeypatch.context() as patch:
        patch.setattr(stage.s.exports, "accept", accept_and_fail)
        with pytest.raises(StoreDown):
            submit(stage.s, request)
    assert stage.queue.sent == []
    export_id = submit(stage.s, request).export.id
    assert submit(stage.s, request).export.id == export_id
    assert stage.queue.sent == [("plan", export_id)]


@pytest.mark.parametrize(
    ("order", "field"),
    [
        ({"rows": 0}, "rows"),
        ({"colour": "red"}, "colour"),
        ({"listing": "inputs/none.jsonl"}, "listing"),
        ({"listing": "exports/secret.jsonl"}, "listing"),
        ({"listing": "", "photos": []}, "photos"),
        ({"chunk_pages": 0}, "chunk_pages"),
        ({"volume": VolumeLimit(pages=0)}, "volume_pages"),
        ({"volume": VolumeLimit(bytes=1000)}, "volume_bytes"),
        ({"volume": VolumeLimit(2, 5_000_000)}, "volume_bytes"),
        ({"notify": "nobody"}, "notify"),
    ],
)
def test_an_invalid_request_writes_nothing(stage: Stage, order: dict[str, Any], field: str) -> None:
    before = [entry.key for entry in stage.store.entries("")]
    with pytest.raises(InvalidRequest) as refused:
        stage.submit(**order)
    assert refused.value.field == field
    assert [entry.key for entry in stage.store.entries("")] == before
    assert stage.queue.sent == []


def test_a_key_of_an_older_version_still_gives_its_export(stage: Stage) -> None:
    """Exports that were stored before requests were compared have no fingerprint."""
    request = ExportRequest("photos", {"listing": ALBUM}, "shop", key="order-7")
    first = submit(stage.s, request).export
    stage.s.exports.change(first.id, lambda export: replace(export, fingerprint=""))
    other = replace(request, notify="other@example.org")
    assert submit(stage.s, other).export.id == first.id


def test_an_invalid_mail_address_is_refused(stage: Stage) -> None:
    """At once, not when there is a mail to send."""
    wrong = ["a..b@c.org", "a@b@c.org", "a@c.org.", "a:b@c.org", "=?utf-8?q?x?=@c.org", "@c.org", "a@", "a@é b.org"]
    for address in [*wrong, "a@b.org\r\nBcc: c@d.org", "a@b.org, c@d.org", f"{'a' * 250}@c.org"]:
        with pytest.raises(InvalidRequest, match="notify must be a mail address"):
            stage.submit(notify=address)
    for address in ("a@localhost", "first.last+tag@sub-domain.example.org"):
        assert stage.submit(notify=address)
    found = stage.load(stage.submit(notify=["김@bücher.example", NotifyBody("a@straße.example", "signed", "de")]))
    assert [each.to for each in found.recipients] == ["김@xn--bcher-kva.example", "a@xn--strae-oqa.example"]


@pytest.mark.parametrize(
    ("link", "fault"),
    [
        ("open", '"panel", "signed" or a URL with {id}'),
        ("javascript:alert({id})", "must be an https URL"),
        ("http://shop.example.org/{id}", "must be an https URL"),
        ("https://user@shop.example.org/{id}", "must be an https URL"),
        ("https://shop.example.org/\n{id}", "must be an https URL"),
    ],
)
def test_a_link_that_must_not_stand_in_a_mail_is_refused(stage: Stage, link: str, fault: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        stage.submit(notify=["a@example.org", NotifyBody("b@example.org", link)])
    assert fault in refused.value.message and refused.value.field == "notify[1]"


@pytest.mark.parametrize("url", ["http://example.org/", "https://127.0.0.1/", "https://localhost/", "hook"])
def test_a_webhook_goes_to_a_public_https_host_only(stage: Stage, url: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        stage.submit(webhook=url)
    assert refused.value.field == "webhook"
