"""How many exports an owner, and one of its end users, may have: 429 says when to try again."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import pytest
from werkzeug.test import TestResponse

from pipeline.adapters.bucket import REQUEST
from pipeline.errors import ExportFailed
from pipeline.exports import quotas
from pipeline.exports.stores import Stores
from pipeline.services import Services
from pipeline.tasks import flow
from pipeline.web import create_app

from ... import steps
from ..lesser_s3 import Lacks, lesser
from .conftest import ARCHIVE, OURS, SHOP, error, sign_in

PHOTOS = {"photos": [{"source": "inputs/1.jpg"}]}


class Caller:
    """Requests exports of an app with these limits."""

    def __init__(self, services: Services, **limits: Any) -> None:
        self.services = services
        self.client = create_app(replace(services, settings=replace(services.settings, **limits))).test_client()

    def ask(self, title: str, headers: dict[str, str] = SHOP, **more: Any) -> TestResponse:
        body = {"document": "photos", "params": PHOTOS | {"title": title}, **more}
        return self.client.post("/v1/exports", json=body, headers=headers)

    def end(self, answer: TestResponse) -> str:
        """Cancel what was requested."""
        assert answer.json
        flow.cancel(self.services, answer.json["id"])
        return str(answer.json["id"])


def refused(answer: TestResponse, words: str) -> int:
    """Returns the seconds after which to try again."""
    assert answer.status_code == 429
    assert error(answer)["code"] == "QuotaReached" and words in error(answer)["message"]
    return int(answer.headers["Retry-After"])


def test_no_more_exports_run_than_an_owner_may_have(services: Services) -> None:
    caller = Caller(services, owner_running=2)
    first, second = caller.ask("1"), caller.ask("2")
    assert refused(caller.ask("3"), "shop has as many exports at work as it may have at once: 2") == 30
    assert caller.ask("3", ARCHIVE).status_code == 202
    assert caller.ask("2").json["id"] == second.json["id"], "the same request has its place already"  # type: ignore[index]
    caller.end(first)
    assert caller.ask("3").status_code == 202
    refused(caller.ask("4"), "at work as it may have at once: 2")


def test_no_more_exports_are_looked_at_than_make_room(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each look is a request to the bucket, and a thousand may run at once."""
    caller, runs, looked_at = Caller(services, owner_running=3), quotas._runs, list[str]()
    for title in "123":
        caller.end(caller.ask(title))

    def noted(stores: Stores, export_id: str) -> bool:
        looked_at.append(export_id)
        return runs(stores, export_id)

    monkeypatch.setattr(quotas, "_runs", noted)
    for title, looks in (("4", 1), ("5", 2), ("6", 3)):
        assert caller.ask(title).status_code == 202
        assert len(looked_at) == looks
    refused(caller.ask("7"), "at work as it may have at once: 3")


def test_an_export_that_the_bucket_refuses_keeps_its_owner_from_no_other(services: Services) -> None:
    unreadable: dict[str, int] = {}
    with lesser(services.settings, Lacks(unreadable=unreadable)) as settings:
        stores = Stores.open(settings, REQUEST)
        caller = Caller(replace(services, bucket=stores.bucket, exports=stores.exports), owner_running=2)
        refused_one, over = caller.ask("1"), caller.ask("2")
        caller.end(over)
        unreadable[f"exports/{refused_one.json['id']}/export.json"] = 500  # type: ignore[index]
        assert caller.ask("3").status_code == 202
        refused(caller.ask("4"), "at work as it may have at once: 2")


def test_no_more_exports_run_than_a_subject_may_have(services: Services) -> None:
    caller = Caller(services, subject_running=1)
    assert caller.ask("1", subject="ann").status_code == 202
    refused(caller.ask("2", subject="ann"), "ann has as many exports at work as it may have at once: 1")
    for more in ({"subject": "bob"}, {}, {"subject": "ann", "headers": ARCHIVE}):
        assert caller.ask("2", **more).status_code == 202


def test_an_hour_has_its_limit(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    caller = Caller(services, owner_per_hour=2)
    caller.end(caller.ask("1", key="1"))
    caller.end(caller.ask("2"))
    assert 3000 < refused(caller.ask("3"), "shop has requested as many exports within an hour as it may: 2") <= 3600
    assert caller.ask("1", key="1").status_code == 200, "it was answered before"
    assert caller.ask("0", font_size=3).status_code == 422
    keys = list(services.redis.client.scan_iter("pipeline:running:*"))
    assert not keys, "what is not limited is not kept: nothing would ever remove it"
    now = time.time()
    monkeypatch.setattr("pipeline.exports.quotas.time.time", lambda: now + 3601)
    assert caller.ask("3").status_code == 202


def test_what_is_refused_takes_no_place(services: Services) -> None:
    caller = Caller(services, owner_running=1, owner_per_hour=2, subject_running=1)
    running = caller.ask("1", subject="ann")
    for _ in range(3):
        refused(caller.ask("2", subject="bob"), "at work")
    assert caller.ask("1", subject="ann", key="x" * 201).status_code == 422
    caller.end(running)
    assert caller.ask("2", subject="bob").status_code == 202


@pytest.mark.parametrize(
    "path, headers", [("/v1", SHOP), ("/panel", OURS)], ids=["its owner", "an operator on the panel"]
)
def test_retry_and_again_need_a_place(services: Services, path: str, headers: dict[str, str]) -> None:
    """That of the export's owner, whoever presses the button."""
    caller = Caller(services, owner_running=1)
    sign_in(caller.client)
    export_id = caller.ask("1").json["id"]  # type: ignore[index]
    flow.fail(services, export_id, ExportFailed("It took too long."))
    steps.deliver(services, export_id)
    other = caller.ask("2")
    for way in ("retry", "again"):
        refused(
            caller.client.post(f"{path}/exports/{export_id}/{way}", headers=headers),
            "at work as it may have at once: 1",
        )
    caller.end(other)
    same = caller.ask("1")
    refused(caller.client.post(f"{path}/exports/{export_id}/retry", headers=headers), "at work")
    caller.end(same)
    assert caller.client.post(f"{path}/exports/{export_id}/retry", headers=headers).status_code in (202, 204)
    refused(caller.ask("3"), "at work")


def test_a_retry_that_is_refused_does_not_take_back_its_request(services: Services) -> None:
    caller = Caller(services, owner_running=1, owner_per_hour=2)
    export_id = caller.ask("1").json["id"]  # type: ignore[index]
    flow.fail(services, export_id, ExportFailed("It took too long."))
    steps.deliver(services, export_id)
    other = caller.ask("2")
    refused(caller.client.post(f"/v1/exports/{export_id}/retry", headers=SHOP), "at work")
    caller.end(other)
    refused(caller.ask("3"), "within an hour")


def test_nobody_is_refused_while_redis_is_down(cut_off: Services) -> None:
    caller = Caller(cut_off, owner_running=1, owner_per_hour=1)
    assert [caller.ask(title).status_code for title in "12"] == [202, 202]
