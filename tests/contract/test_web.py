"""The HTTP API and the panel's routes, on a real bucket and a real Redis. No worker runs: the steps are called."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any
from unittest.mock import ANY

import msgspec
import pytest
import requests
from flask.testing import FlaskClient
from werkzeug.serving import make_server
from werkzeug.test import TestResponse

from local.services import free_port
from pipeline.adapters.redis import Coordination
from pipeline.errors import UnreadableSource
from pipeline.exports.export import Charge, Failure, State
from pipeline.exports.ids import new_id
from pipeline.exports.links import Links
from pipeline.scaler.learned import Learned
from pipeline.services import Services, open_services
from pipeline.settings import Settings
from pipeline.tasks import flow
from pipeline.tasks.app import open_with_celery
from pipeline.web import create_app

from .. import steps
from ..conftest import Environ, SentMessages

SHOP = {"Authorization": "Bearer shop-token"}
ARCHIVE = {"Authorization": "Bearer archive-token"}
PASSWORD = "open sesame"
OURS = {"X-Pipeline": "1"}
PutPhotos = Callable[[int], str]


@pytest.fixture
def client(services: Services) -> FlaskClient:
    return create_app(services).test_client()


@pytest.fixture
def cut_off(settings: Settings) -> Services:
    """Services whose Redis is a port where nobody listens."""
    alone = replace(settings, redis_url=f"redis://127.0.0.1:{free_port()}/0")
    return open_with_celery(alone)


def ask(client: FlaskClient, params: dict[str, Any], **more: Any) -> TestResponse:
    return client.post("/exports", json={"document": "photos", "params": params, **more}, headers=SHOP)


def asked(client: FlaskClient, put_photos: PutPhotos, photos: int = 3, **more: Any) -> str:
    """The id of a new export of so many photos."""
    answer = ask(client, {"listing": put_photos(photos)}, **more)
    assert answer.status_code == 202, answer.text
    return str(answer.json["id"])  # type: ignore[index]


def make(services: Services, export_id: str) -> None:
    """Do what workers do."""
    steps.plan(services, export_id)
    for chunk in services.exports.plan(export_id).chunks:
        steps.render(services, export_id, chunk.number)
    steps.assemble(services, export_id)
    steps.deliver(services, export_id)


def sign_in(client: FlaskClient, **form: str) -> TestResponse:
    return client.post("/sign-in", data={"password": PASSWORD, **form})


def sign_out(client: FlaskClient) -> TestResponse:
    """As the button on the page does, without any script."""
    found = re.search(r'name="token" value="(.+)"', client.get("/").text)
    assert found
    return client.post("/sign-out", data={"token": found[1]}, headers={"Origin": "null"})


def error(answer: TestResponse) -> dict[str, Any]:
    """The error of an answer, which has all four fields."""
    found: dict[str, Any] = answer.json["error"]  # type: ignore[index]
    assert set(found) == {"code", "message", "advice", "field"}
    return found


def keys(services: Services) -> list[str]:
    return [entry.key for entry in services.bucket.entries("")]


# asking for an export


def test_asking_answers_202_with_the_export_and_asks_a_worker_for_a_plan(
    client: FlaskClient, messages: SentMessages, put_photos: PutPhotos, settings: Settings
) -> None:
    answer = ask(client, {"listing": put_photos(2), "title": "Trip"}, notify="a@example.org")
    body = answer.json
    assert answer.status_code == 202 and body
    assert answer.headers["Location"] == f"{settings.base_url}/exports/{body['id']}" == body["links"]["self"]
    assert (body["state"], body["name"], body["notify"]) == ("queued", "Trip", "a@example.org")
    assert body["progress"]["percent"] == 0 and body["result"] is None and body["failure"] is None
    assert messages.sent == [("plan", body["id"])]


PHOTO = {"source": "inputs/1.jpg"}
REFUSED = {
    "unknown document": ({"document": "novel", "params": {}}, "document"),
    "no document": ({"params": {}}, "document"),
    "no params": ({"document": "photos"}, "params"),
    "params that are no object": ({"document": "photos", "params": []}, "params"),
    "unknown field": ({"document": "photos", "params": {}, "colour": 1}, "colour"),
    "unknown parameter": ({"document": "photos", "params": {"photos": [PHOTO], "colour": 1}}, "colour"),
    "parameter of the wrong kind": ({"document": "photos", "params": {"photos": [PHOTO], "rows": "2"}}, "rows"),
    "parameter out of range": ({"document": "photos", "params": {"photos": [PHOTO], "columns": 21}}, "columns"),
    "paper that is none": ({"document": "photos", "params": {"photos": [PHOTO], "page_size": "A9"}}, "page_size"),
    "no photos": ({"document": "photos", "params": {"photos": []}}, "photos"),
    "neither photos nor listing": ({"document": "photos", "params": {}}, "photos"),
    "listing that is not there": ({"document": "photos", "params": {"listing": "inputs/no.jsonl"}}, "listing"),
    "listing outside inputs": ({"document": "photos", "params": {"listing": "exports/x/export.json"}}, None),
    "listing that climbs out": ({"document": "photos", "params": {"listing": "inputs/../x.jsonl"}}, None),
    "photo outside inputs": ({"document": "photos", "params": {"photos": [{"source": "exports/x"}]}}, None),
    "chunk of no pages": ({"document": "photos", "params": {"photos": [PHOTO]}, "chunk_pages": 0}, "chunk_pages"),
    "chunk of half a page": (
        {"document": "photos", "params": {"photos": [PHOTO]}, "chunk_pages": 0.5},
        "chunk_pages",
    ),
    "volume of no pages": (
        {"document": "photos", "params": {"photos": [PHOTO]}, "volume_pages": 0},
        "volume_pages",
    ),
    "volume of a few bytes": (
        {"document": "photos", "params": {"photos": [PHOTO]}, "volume_bytes": 1000},
        "volume_bytes",
    ),
    "volumes in words": (
        {"document": "photos", "params": {"photos": [PHOTO]}, "volume_bytes": "25MB"},
        "volume_bytes",
    ),
    "volumes by pages and by size": (
        {"document": "photos", "params": {"photos": [PHOTO]}, "volume_pages": 5, "volume_bytes": 5_000_000},
        "volume_bytes",
    ),
    "address that is none": ({"document": "photos", "params": {"photos": [PHOTO]}, "notify": "you"}, "notify"),
    "mail header": ({"document": "photos", "params": {"photos": [PHOTO]}, "notify": "a@b.c\nBcc: d@e.f"}, "notify"),
    "empty key": ({"document": "photos", "params": {"photos": [PHOTO]}, "key": ""}, "key"),
    "loopback": ({"document": "photos", "params": {"photos": [{"source": "https://127.0.0.1/x.jpg"}]}}, None),
    "plain http": ({"document": "photos", "params": {"photos": [{"source": "http://example.org/x.jpg"}]}}, None),
    "file on the server": ({"document": "photos", "params": {"photos": [{"source": "file:///etc/passwd"}]}}, None),
}


def test_a_wrong_request_is_refused_with_the_field_and_leaves_nothing(
    client: FlaskClient, services: Services, messages: SentMessages, subtests: pytest.Subtests
) -> None:
    for name, (body, field) in REFUSED.items():
        with subtests.test(name):
            answer = client.post("/exports", json=body, headers=SHOP)
            told = error(answer)
            assert answer.status_code == 422 and told["message"]
            assert field is None or told["field"] == field
    assert keys(services) == [] and messages.sent == []


def test_a_body_that_is_not_a_json_object_is_400(
    client: FlaskClient, services: Services, subtests: pytest.Subtests
) -> None:
    for body in ("", "{", "[]", "null", '{"document": NaN}', '{"a": "\\ud800"}', "[" * 100_000, b"\xff\xfe"):
        with subtests.test(body=body[:20]):
            answer = client.post("/exports", data=body, headers=SHOP, content_type="application/json")
            assert answer.status_code == 400 and error(answer)["code"] == "BadRequest"
    assert keys(services) == []


def test_a_body_is_taken_or_refused_however_deep_its_values_are(client: FlaskClient) -> None:
    def status(deep: int) -> int:
        rows = b'{"a":' + b"[" * deep + b"]" * deep + b"}"
        body = b'{"document": "table", "params": {"rows": [' + rows + b"]}}"
        return client.post("/exports", data=body, headers=SHOP, content_type="application/json").status_code

    taken, refused = 100, 2000  # what can just be read, and cannot just be written, lies between
    while refused - taken > 1:
        middle = (taken + refused) // 2
        code = status(middle)
        assert code in (202, 400)
        taken, refused = (middle, refused) if code == 202 else (taken, middle)


def test_a_body_that_is_not_called_json_is_415(client: FlaskClient) -> None:
    answer = client.post("/exports", data="{}", headers=SHOP, content_type="text/plain")
    assert answer.status_code == 415 and "application/json" in error(answer)["message"]


def test_a_body_that_is_too_large_is_413_and_says_what_to_do(client: FlaskClient, services: Services) -> None:
    most = services.settings.max_body_bytes
    answer = client.post("/exports", data=b" " * (most + 1), headers=SHOP, content_type="application/json")
    assert answer.status_code == 413 and error(answer)["code"] == "BodyTooLarge"
    assert "listing" in error(answer)["advice"] and keys(services) == []


def test_a_body_in_chunks_that_is_too_large_is_413_however_much_sense_its_beginning_makes(
    services: Services, put_photos: PutPhotos
) -> None:
    body = msgspec.json.encode({"document": "photos", "params": {"listing": put_photos(1)}})
    settings = replace(services.settings, max_body_bytes=len(body))
    server = make_server("127.0.0.1", 0, create_app(replace(services, settings=settings)), threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()

    def post(*chunks: bytes) -> requests.Response:
        headers = SHOP | {"Content-Type": "application/json"}
        return requests.post(
            f"http://127.0.0.1:{server.server_port}/exports", iter(chunks), headers=headers, timeout=30
        )

    try:
        for chunks in ((body, b" "), (body + b" ",), (b" " * 2 * len(body),)):
            answer = post(*chunks)
            assert answer.status_code == 413 and answer.json()["error"]["code"] == "BodyTooLarge"
        assert post(body[:7], body[7:]).status_code == 202
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_the_same_request_gives_the_same_export_while_it_runs_and_a_new_one_afterwards(
    client: FlaskClient, services: Services, put_photos: PutPhotos
) -> None:
    first = asked(client, put_photos)
    assert asked(client, put_photos) == first
    make(services, first)
    assert asked(client, put_photos) != first


def test_the_same_key_always_gives_the_same_export_and_200_once_it_is_over(
    client: FlaskClient, services: Services, put_photos: PutPhotos
) -> None:
    first = asked(client, put_photos, key="order 7")
    make(services, first)
    body = {"document": "photos", "params": {"listing": "inputs/album.jsonl"}}
    answer = client.post("/exports", json=body, headers=SHOP | {"Idempotency-Key": "order 7"})
    assert (answer.status_code, answer.json["id"], answer.json["state"]) == (200, first, "ready")  # type: ignore[index]
    other = client.post("/exports", json=body, headers=ARCHIVE | {"Idempotency-Key": "order 7"})
    assert other.json["id"] != first  # type: ignore[index]


# looking at it


def test_an_export_is_followed_from_queued_to_ready(
    client: FlaskClient, services: Services, put_photos: PutPhotos
) -> None:
    export_id = asked(client, put_photos, 4, chunk_pages=1)

    def look() -> tuple[str, int, int]:
        body = client.get(f"/exports/{export_id}", headers=SHOP).json
        assert body
        return body["state"], body["progress"]["pages_done"], body["progress"]["percent"]

    assert look() == ("queued", 0, 0)
    steps.plan(services, export_id)
    assert look() == ("rendering", 0, 0)
    steps.render(services, export_id, 0)
    services.redis.progress.note_pages(export_id, 0, 1)
    assert look() == ("rendering", 1, 22)
    services.redis.progress.forget(export_id)  # Redis was wiped: the bucket knows
    assert look() == ("rendering", 1, 22)
    for chunk in (1, 2, 3):
        steps.render(services, export_id, chunk)
    services.exports.change(export_id, lambda e: e.to(State.ASSEMBLING))
    services.redis.progress.note_bytes(export_id, 50, 100)
    assert look() == ("assembling", 4, 94)
    steps.assemble(services, export_id)
    assert look() == ("ready", 4, 100)
    body = client.get(f"/exports/{export_id}", headers=SHOP).json
    assert body and body["result"]["pages"] == body["result"]["drawn"] == body["result"]["records"] == 4
    assert body["result"]["skipped_count"] == 0 and body["result"]["bytes"] > 1000


def test_looking_again_costs_304_until_something_changes(
    client: FlaskClient, services: Services, put_photos: PutPhotos
) -> None:
    path = f"/exports/{asked(client, put_photos)}"
    first = client.get(path, headers=SHOP)
    assert first.headers["Cache-Control"] == "private, no-cache"
    etag = first.headers["ETag"]
    assert re.fullmatch(r'"[0-9a-f]{32}"', etag)
    again = client.get(path, headers=SHOP | {"If-None-Match": etag})
    assert (again.status_code, again.data, again.headers["ETag"]) == (304, b"", etag)
    steps.plan(services, path.rsplit("/", 1)[1])
    changed = client.get(path, headers=SHOP | {"If-None-Match": etag})
    assert changed.status_code == 200 and changed.headers["ETag"] != etag


def test_skipped_photos_are_listed_up_to_a_hundred_and_counted(
    client: FlaskClient, services: Services, put_photos: PutPhotos
) -> None:
    put_photos(1)
    photos = [{"source": "inputs/album/00000.jpg"}, *({"source": f"inputs/no/{i}.jpg"} for i in range(101))]
    answer = ask(client, {"photos": photos, "rows": 20, "columns": 20})
    make(services, answer.json["id"])  # type: ignore[index]
    result = client.get(answer.headers["Location"], headers=SHOP).json["result"]  # type: ignore[index]
    assert (result["drawn"], result["skipped_count"], len(result["skipped"])) == (1, 101, 100)
    assert result["skipped"][0]["source"] == "inputs/no/0.jpg"


def test_the_list_shows_ones_own_exports_newest_first(client: FlaskClient, put_photos: PutPhotos) -> None:
    made = [asked(client, put_photos, key=str(i)) for i in range(3)]
    client.post(
        "/exports", json={"document": "photos", "params": {"listing": "inputs/album.jsonl"}}, headers=ARCHIVE
    )
    answer = client.get("/exports", headers=SHOP)
    assert [export["id"] for export in answer.json["exports"]] == made[::-1]  # type: ignore[index]
    two = client.get("/exports?limit=2", headers=SHOP).json["exports"]  # type: ignore[index]
    assert [export["id"] for export in two] == made[:0:-1]
    etag = answer.headers["ETag"]
    assert client.get("/exports", headers=SHOP | {"If-None-Match": etag}).status_code == 304


def test_a_limit_that_is_none_is_refused(client: FlaskClient, subtests: pytest.Subtests) -> None:
    for limit in ("0", "101", "-1", "x", "", "²", "9" * 5000):
        with subtests.test(limit=limit[:5]):
            answer = client.get("/exports", query_string={"limit": limit}, headers=SHOP)
            assert answer.status_code == 422 and error(answer)["field"] == "limit"


WAYS = (("GET", ""), ("DELETE", ""), ("GET", "/download"))


def test_an_id_that_is_none_is_404(client: FlaskClient, subtests: pytest.Subtests) -> None:
    for export_id in ("x", "0" * 26, "0" * 27, "..", "%2e%2e", "%00", new_id().upper(), "é"):
        for method, end in WAYS:
            with subtests.test(id=export_id, method=method, end=end):
                answer = client.open(f"/exports/{export_id}{end}", method=method, headers=SHOP)
                assert answer.status_code == 404 and error(answer)["code"] == "NoExport"


def test_an_export_of_somebody_else_is_as_missing_as_one_that_never_was(
    client: FlaskClient, services: Services, put_photos: PutPhotos, subtests: pytest.Subtests
) -> None:
    export_id, never = asked(client, put_photos), new_id()
    for method, end in WAYS:
        with subtests.test(method=method, end=end):
            answer = client.open(f"/exports/{export_id}{end}", method=method, headers=ARCHIVE)
            missing = client.open(f"/exports/{never}{end}", method=method, headers=ARCHIVE)
            assert answer.status_code == missing.status_code == 404
            assert answer.text.replace(export_id, never) == missing.text
    assert services.exports.load(export_id).state is State.QUEUED


# the file


def test_downloading_leads_to_the_file_under_its_name_and_is_not_logged(
    client: FlaskClient, services: Services, put_photos: PutPhotos, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    export_id = asked(client, put_photos)
    make(services, export_id)
    caplog.clear()
    answer = client.get(f"/exports/{export_id}/download", headers=SHOP)
    assert answer.status_code == 302 and answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    with urllib.request.urlopen(answer.headers["Location"]) as file:
        assert file.headers["Content-Type"] == "application/pdf"
        assert re.search(r'attachment; filename="Photos \d{4}-\d\d-\d\d\.pdf"', file.headers["Content-Disposition"])
        assert file.read(5) == b"%PDF-"
    assert "X-Amz-Signature" in answer.headers["Location"]
    assert not [r for r in caplog.records if r.name.startswith("pipeline") and "Amz" in r.getMessage()]


def test_each_volume_can_be_downloaded_and_the_index_stands_for_all(
    client: FlaskClient, services: Services, put_photos: PutPhotos
) -> None:
    export_id = asked(client, put_photos, 5, volume_pages=2)
    make(services, export_id)
    body = client.get(f"/exports/{export_id}", headers=SHOP).json
    assert body
    volumes = body["result"]["volumes"]
    assert [(volume["first_page"], volume["pages"]) for volume in volumes] == [(1, 2), (3, 2), (5, 1)]
    paths = ["", "/1", "/2", "/3"]
    assert [volume["download"].rsplit("/", 1)[1] for volume in volumes] == ["1", "2", "3"]
    urls = [client.get(f"/exports/{export_id}/download{path}", headers=SHOP).headers["Location"] for path in paths]
    for name, url in zip(["index", "1-of-3", "2-of-3", "3-of-3"], urls, strict=True):
        with urllib.request.urlopen(url) as file:
            assert f"-{name}.pdf" in file.headers["Content-Disposition"]
            assert file.read(5) == b"%PDF-"
    for path in ("/4", "/x", "/-1"):
        assert client.get(f"/exports/{export_id}/download{path}", headers=SHOP).status_code == 404
    assert client.get(f"/exports/{export_id}/download/2", headers=ARCHIVE).status_code == 404


def test_a_mail_link_to_a_volume_leads_through_signing_in_to_it(
    client: FlaskClient, services: Services, put_photos: PutPhotos
) -> None:
    export_id = asked(client, put_photos, 3, volume_pages=2)
    make(services, export_id)
    path = Links(services.settings).sign(export_id, 2).removeprefix(services.settings.base_url)
    there = client.get(path).headers["Location"]
    assert there == f"/sign-in?next={path}"
    signed = client.post("/sign-in", data={"password": PASSWORD, "next": path})
    assert signed.headers["Location"] == path
    assert "-2-of-2.pdf" in client.get(path).headers["Location"]


def test_there_is_no_download_before_the_file_is_ready(client: FlaskClient, put_photos: PutPhotos) -> None:
    answer = client.get(f"/exports/{asked(client, put_photos)}/download", headers=SHOP)
    assert answer.status_code == 409 and "queued" in error(answer)["message"]


def test_a_failed_export_says_why_instead_of_downloading(
    client: FlaskClient, services: Services, put_photos: PutPhotos
) -> None:
    export_id = asked(client, put_photos)
    flow.fail(services, export_id, UnreadableSource("Photo 2 cannot be read."))
    answer = client.get(f"/exports/{export_id}/download", headers=SHOP)
    assert answer.status_code == 409
    assert "Photo 2 cannot be read." in error(answer)["message"] and "skip" in error(answer)["advice"]
    body = client.get(f"/exports/{export_id}", headers=SHOP).json
    assert body and body["failure"]["code"] == "UnreadableSource"


@pytest.mark.parametrize("how", ["expired by the keeper", "removed by the bucket"])
def test_a_file_that_is_gone_is_410(
    client: FlaskClient, services: Services, put_photos: PutPhotos, how: str
) -> None:
    export_id = asked(client, put_photos)
    make(services, export_id)
    services.exports.remove_result(services.exports.load(export_id))
    if how == "expired by the keeper":
        services.exports.change(export_id, lambda e: e.to(State.EXPIRED))
    answer = client.get(f"/exports/{export_id}/download", headers=SHOP)
    assert answer.status_code == 410 and "again" in error(answer)["advice"]


def test_cancelling_ends_an_export_once(client: FlaskClient, messages: SentMessages, put_photos: PutPhotos) -> None:
    path = f"/exports/{asked(client, put_photos)}"
    answer = client.delete(path, headers=SHOP)
    assert (answer.status_code, answer.json["state"]) == (200, "cancelled")  # type: ignore[index]
    assert client.delete(path, headers=SHOP).status_code == 409
    assert client.get(f"{path}/download", headers=SHOP).status_code == 409
    assert messages.sent[-1][0] == "deliver"


# the link in the mail


def test_a_mail_link_leads_through_signing_in_to_the_file(
    client: FlaskClient, services: Services, put_photos: PutPhotos
) -> None:
    export_id = asked(client, put_photos)
    make(services, export_id)
    path = Links(services.settings).sign(export_id).removeprefix(services.settings.base_url)
    first = client.get(path)
    assert (first.status_code, first.headers["Location"]) == (302, f"/sign-in?next={path}")
    assert f'value="{path}"' in client.get(first.headers["Location"]).text
    after = sign_in(client, next=path)
    assert (after.status_code, after.headers["Location"]) == (303, path)
    with urllib.request.urlopen(client.get(path).headers["Location"]) as file:
        assert file.read(5) == b"%PDF-"


def test_a_mail_link_is_a_grant_that_can_be_opened_any_number_of_times(
    client: FlaskClient, services: Services, put_photos: PutPhotos
) -> None:
    export_id = asked(client, put_photos)
    make(services, export_id)
    path = Links(services.settings).sign(export_id).removeprefix(services.settings.base_url)
    before = keys(services), services.exports.load(export_id)
    for _ in range(5):
        assert client.head(path).status_code == client.get(path).status_code == 302
        answer = client.get(path, headers=ARCHIVE)
        assert "X-Amz-Signature" in answer.headers["Location"]
    assert (keys(services), services.exports.load(export_id)) == before


def test_a_mail_link_before_the_file_is_there_explains_itself(
    client: FlaskClient, services: Services, put_photos: PutPhotos
) -> None:
    export_id = asked(client, put_photos)
    path = Links(services.settings).sign(export_id).removeprefix(services.settings.base_url)
    answer = client.get(path, headers=SHOP)
    assert answer.status_code == 409 and "<h1>" in answer.text and "not there yet" in answer.text


def test_a_forged_link_is_403_and_an_expired_one_410_as_a_page_or_as_json(services: Services) -> None:
    late = create_app(replace(services, settings=replace(services.settings, link_seconds=-1))).test_client()
    token = Links(services.settings).sign(new_id()).rsplit("/", 1)[1]
    other = Links(replace(services.settings, secret_keys=("another key",))).sign(new_id()).rsplit("/", 1)[1]
    for status, code, tokens in (
        (403, "LinkRefused", (token[:-1] + "!", other, token + "x", "x", token.split(".")[0])),
        (410, "LinkExpired", (token,)),
    ):
        for wrong in tokens:
            page = late.get(f"/d/{wrong}")
            assert page.status_code == status and page.mimetype == "text/html" and "<h1>" in page.text
            told = late.get(f"/d/{wrong}", headers={"Accept": "application/json"})
            assert told.status_code == status and error(told)["code"] == code


# who may come in


def test_nobody_comes_in_without_a_token_or_a_session(client: FlaskClient) -> None:
    for method, path in (
        ("POST", "/exports"),
        ("GET", "/exports"),
        ("GET", f"/exports/{new_id()}"),
        ("DELETE", f"/exports/{new_id()}"),
        ("GET", f"/exports/{new_id()}/download"),
    ):
        answer = client.open(path, method=method, json={}, headers={"Accept": "application/json"})
        assert answer.status_code == 401 and answer.headers["WWW-Authenticate"] == "Bearer"
        assert error(answer)["code"] == "NotSignedIn"
    assert client.get("/").headers["Location"] == "/sign-in"


def test_a_wrong_token_is_refused_also_beside_a_session(client: FlaskClient, subtests: pytest.Subtests) -> None:
    sign_in(client)
    assert client.get("/exports").status_code == 200
    no_token = ("Bearer", "Bearer ", "shop-token", "Basic c2hvcDpzaG9w", "Basic é", "")
    for value in ("Bearer wrong-token", "Bearer é", *no_token):
        with subtests.test(value):
            assert client.get("/exports", headers={"Authorization": value}).status_code == 401


def test_a_token_may_have_any_sign_in_it(services: Services) -> None:
    settings = replace(services.settings, api_tokens={"to=ken,1 2": "shop"})
    client = create_app(replace(services, settings=settings)).test_client()
    for value in ("Bearer to=ken,1 2", "bearer  to=ken,1 2 "):
        assert client.get("/exports", headers={"Authorization": value}).status_code == 200


def test_a_browser_without_a_session_is_led_to_the_sign_in_and_back(client: FlaskClient) -> None:
    path = f"/exports/{new_id()}/download"
    answer = client.get(path, headers={"Accept": "text/html,application/xml;q=0.9,*/*;q=0.8"})
    assert (answer.status_code, answer.headers["Location"]) == (302, f"/sign-in?next={path}")


def test_the_password_opens_the_panel_for_twelve_hours(client: FlaskClient, services: Services) -> None:
    wrong = client.post("/sign-in", data={"password": "open barley"})
    assert wrong.status_code == 401 and "not the password" in wrong.text and "Set-Cookie" not in wrong.headers
    answer = sign_in(client)
    cookie = answer.headers["Set-Cookie"]
    assert "HttpOnly" in cookie and "SameSite=Lax" in cookie and "Secure" not in cookie
    assert client.get("/").status_code == 200
    out = sign_out(client)
    assert (out.status_code, out.headers["Location"]) == (303, "/sign-in")
    assert client.get("/").status_code == 302
    secure = replace(services, settings=replace(services.settings, base_url="https://pdf.example.org"))
    assert "Secure" in sign_in(create_app(secure).test_client()).headers["Set-Cookie"]


def test_without_a_panel_password_the_page_says_so_and_nobody_comes_in(services: Services) -> None:
    client = create_app(replace(services, settings=replace(services.settings, panel_password=None))).test_client()
    assert "PANEL_PASSWORD" in client.get("/sign-in").text
    answer = sign_in(client, password="")
    assert answer.status_code == 403 and client.get("/").status_code == 302


def test_signing_in_never_leads_to_another_site(client: FlaskClient, subtests: pytest.Subtests) -> None:
    outside = ("//evil.example", "https://evil.example", "/\\evil.example", "/d/../..//evil.example")
    for target in (*outside, "/%09/evil", "/d/x\n", "/a", ""):
        with subtests.test(target):
            page = client.get("/sign-in", query_string={"next": target})
            assert 'name="next" value="/"' in page.text
            assert sign_in(client, next=target).headers["Location"] == "/"
            sign_out(client)


def test_passwords_can_be_tried_ten_times_a_minute_from_one_address(client: FlaskClient) -> None:
    await_room_in_this_minute()
    for _ in range(10):
        assert client.post("/sign-in", data={"password": "guess"}).status_code == 401
    answer = sign_in(client)
    assert answer.status_code == 429 and answer.headers["Retry-After"] == "60"
    elsewhere = {"REMOTE_ADDR": "192.0.2.7"}
    assert client.post("/sign-in", data={"password": PASSWORD}, environ_base=elsewhere).status_code == 303


def await_room_in_this_minute() -> None:
    """The count of tries begins anew with each minute of the clock."""
    if (left := 60 - time.time() % 60) < 5:
        time.sleep(left)


def test_behind_https_the_address_is_the_one_the_router_saw(services: Services) -> None:
    settings = replace(services.settings, base_url="https://pdf.example.org")
    client = create_app(replace(services, settings=settings)).test_client()
    await_room_in_this_minute()

    def guess(forwarded: str) -> int:
        headers = {"X-Forwarded-For": forwarded}
        return client.post("/sign-in", data={"password": "guess"}, headers=headers).status_code

    assert [guess(f"192.0.2.{i}, 198.51.100.1") for i in range(11)] == [401] * 10 + [429]
    assert guess("198.51.100.2") == 401


def test_a_changed_password_ends_sessions_and_a_rotated_key_does_not(services: Services) -> None:
    def opened(**changes: Any) -> FlaskClient:
        return create_app(replace(services, settings=replace(services.settings, **changes))).test_client()

    first = opened()
    sign_in(first)
    cookie = first.get_cookie("pipeline")
    assert cookie
    for changes, status in (
        ({}, 200),
        ({"secret_keys": ("new key", *services.settings.secret_keys)}, 200),
        ({"panel_password": "another"}, 302),
        ({"panel_password": None}, 302),
        ({"secret_keys": ("new key",)}, 302),
    ):
        client = opened(**changes)
        client.set_cookie("pipeline", cookie.value)
        assert client.get("/").status_code == status, changes


def test_signing_out_without_a_session_removes_none(client: FlaskClient) -> None:
    """A browser sends another site's request without our cookie, and would obey an answer that removes it."""
    answer = client.post("/sign-out", data={"token": ""})
    assert answer.status_code == 303 and "Set-Cookie" not in answer.headers


def test_a_page_of_another_site_cannot_write_with_our_cookie(client: FlaskClient, put_photos: PutPhotos) -> None:
    sign_in(client)
    body = {"document": "photos", "params": {"listing": put_photos(1)}}
    own = client.application.extensions["pipeline"].settings.base_url
    for headers in (
        {},
        {"X-Pipeline": "0"},
        OURS | {"Origin": "https://evil.example"},
        OURS | {"Origin": "null"},
        OURS | {"Origin": own + ".evil.example"},
    ):
        answer = client.post("/exports", json=body, headers=headers)
        assert answer.status_code == 403 and error(answer)["code"] == "Forbidden"
    for headers in (OURS, OURS | {"Origin": own}, OURS | {"Origin": "http://localhost"}):
        assert client.post("/exports", json=body, headers=headers).status_code == 202
    assert client.delete(f"/exports/{new_id()}").status_code == client.post("/sign-out").status_code == 403
    assert client.get("/").status_code == 200
    foreign = client.post("/sign-in", data={"password": PASSWORD}, headers={"Origin": "https://evil.example"})
    assert foreign.status_code == 403


def test_the_panel_and_a_token_see_different_exports(client: FlaskClient, put_photos: PutPhotos) -> None:
    export_id = asked(client, put_photos)
    sign_in(client)
    assert client.get(f"/exports/{export_id}").status_code == 404
    assert client.get("/exports").json == {"exports": []}


# when parts are missing


def test_when_redis_is_down_an_export_is_kept_and_can_be_followed_and_cancelled(
    cut_off: Services, put_photos: PutPhotos
) -> None:
    client = create_app(cut_off).test_client()
    answer = ask(client, {"listing": put_photos(1)})
    body = answer.json
    assert answer.status_code == 202 and body and body["queued"] is False
    export_id = body["id"]
    assert answer.headers["Location"].endswith(f"/exports/{export_id}")
    assert cut_off.exports.active() == [export_id]
    assert client.get(f"/exports/{export_id}", headers=SHOP).json["state"] == "queued"  # type: ignore[index]
    again = ask(client, {"listing": "inputs/album.jsonl"})
    assert (again.status_code, again.json["id"]) == (202, export_id)  # type: ignore[index]
    cancelled = client.delete(f"/exports/{export_id}", headers=SHOP)
    assert (cancelled.status_code, cancelled.json["state"]) == (200, "cancelled")  # type: ignore[index]


def test_when_redis_is_down_progress_comes_from_the_bucket(
    services: Services, cut_off: Services, put_photos: PutPhotos
) -> None:
    export_id = asked(create_app(services).test_client(), put_photos, 2, chunk_pages=1)
    steps.plan(services, export_id)
    steps.render(services, export_id, 1)
    body = create_app(cut_off).test_client().get(f"/exports/{export_id}", headers=SHOP).json
    assert body and body["progress"]["pages_done"] == 1 and body["progress"]["percent"] == 45


def test_when_redis_is_down_people_can_sign_in(cut_off: Services) -> None:
    client = create_app(cut_off).test_client()
    assert sign_in(client).status_code == 303 and client.get("/").status_code == 200


def test_when_the_bucket_is_down_the_answer_is_503_and_the_page_still_comes(settings: Settings) -> None:
    alone = replace(settings, s3_endpoint_url=f"http://127.0.0.1:{free_port()}")
    client = create_app(open_services(alone, SentMessages())).test_client()
    answer = client.get(f"/exports/{new_id()}", headers=SHOP)
    assert answer.status_code == 503 and error(answer)["code"] == "StoreDown" and "Retry-After" in answer.headers
    sign_in(client)
    assert client.get("/").status_code == 200


def test_a_bucket_that_takes_requests_and_never_answers_is_said_long_before_the_web_host_hangs_up(
    environ: Environ, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Heroku answers for us after 30 seconds, with a page that helps nobody."""
    with socket.create_server(("127.0.0.1", 0)) as hanging:
        address = f"http://127.0.0.1:{hanging.getsockname()[1]}"
        for name, value in (environ | {"S3_ENDPOINT_URL": address}).items():
            monkeypatch.setenv(name, value)
        client = create_app().test_client()
        began = time.monotonic()
        answer = ask(client, {"listing": "inputs/album.jsonl"})
        assert time.monotonic() - began < 15
    assert answer.status_code == 503 and error(answer)["code"] == "StoreDown"
    assert "doctor" in error(answer)["advice"] and "Retry-After" in answer.headers


def test_health_needs_nobody_and_nothing(settings: Settings) -> None:
    nowhere = f"127.0.0.1:{free_port()}"
    alone = replace(settings, redis_url=f"redis://{nowhere}/0", s3_endpoint_url=f"http://{nowhere}")
    answer = create_app(open_services(alone, SentMessages())).test_client().get("/health")
    assert (answer.status_code, answer.json) == (200, {"ok": True})


def test_a_mistake_is_logged_and_answered_without_its_details(
    client: FlaskClient, messages: SentMessages, put_photos: PutPhotos, caplog: pytest.LogCaptureFixture
) -> None:
    messages.broken = ZeroDivisionError("a detail")
    answer = ask(client, {"listing": put_photos(1)})
    assert answer.status_code == 500 and "a detail" not in answer.text and "Traceback" not in answer.text
    assert "a detail" in caplog.text


def test_unknown_addresses_and_methods_are_answered_in_the_same_form(client: FlaskClient) -> None:
    missing = client.get("/nowhere", headers={"Accept": "application/json"})
    assert missing.status_code == 404 and error(missing)["message"]
    wrong = client.put("/exports", headers=SHOP)
    assert wrong.status_code == 405 and error(wrong) and "POST" in wrong.headers["Allow"]
    assert "<h1>" in client.get("/nowhere", headers={"Accept": "text/html"}).text
    assert client.get("/exports//x", headers=SHOP | {"Host": "evil.example"}).status_code == 404


# headers and pages


def test_every_answer_carries_the_headers_that_protect_it(services: Services) -> None:
    https = replace(services.settings, base_url="https://pdf.example.org")
    plain, secure = (create_app(s).test_client() for s in (services, replace(services, settings=https)))
    for path in ("/", "/sign-in", "/exports", "/nowhere", "/d/x", "/health", "/static/panel.js"):
        for client in (plain, secure):
            with client.get(path) as answer:
                assert answer.headers["X-Content-Type-Options"] == "nosniff"
                assert answer.headers["Referrer-Policy"] == "no-referrer"
                assert answer.headers["X-Frame-Options"] == "DENY"
                policy = answer.headers["Content-Security-Policy"].split("; ")
                assert {"default-src 'self'", "frame-ancestors 'none'"} <= set(policy)
                assert "unsafe" not in str(policy)
                assert ("Strict-Transport-Security" in answer.headers) is (client is secure)
                assert "Cache-Control" in answer.headers


def test_addresses_come_from_base_url_and_never_from_the_host_header(
    client: FlaskClient, put_photos: PutPhotos
) -> None:
    body = {"document": "photos", "params": {"listing": put_photos(1)}}
    answer = client.post("/exports", json=body, headers=SHOP | {"Host": "evil.example"})
    assert "evil" not in answer.text and "evil" not in answer.headers["Location"]
    assert "evil" not in client.get("/", headers={"Host": "evil.example"}).headers["Location"]


def test_the_page_offers_the_listings_of_the_bucket_as_text(client: FlaskClient, services: Services) -> None:
    for name in ("a", '"><script>alert(1)</script>'):
        services.bucket.put(f"inputs/{name}.jsonl", b"")
    services.bucket.put("inputs/a.jpg", b"")
    services.bucket.put("exports/b.jsonl", b"")
    sign_in(client)
    page = client.get("/").text
    assert '<option value="inputs/a.jsonl">' in page and "exports/b" not in page and "a.jpg" not in page
    assert "<script>alert" not in page
    assert not re.search(r"<[^>]*\s(style|on\w+)=", page) and not re.search(r"<script(?![^>]*src=)", page)


def test_a_failure_is_part_of_what_is_shown(client: FlaskClient, services: Services, put_photos: PutPhotos) -> None:
    export_id = asked(client, put_photos)
    gone = Failure("ExportFailed", "It took too long.", "Ask again.")
    services.exports.change(export_id, lambda e: e.to(State.FAILED, failure=gone))
    listed = client.get("/exports", headers=SHOP).json["exports"][0]  # type: ignore[index]
    assert listed["failure"] == {"code": "ExportFailed", "message": "It took too long.", "advice": "Ask again."}


# the process


def test_gunicorn_serves_it_with_a_keeper_that_gives_its_lease_back(
    environ: Environ, settings: Settings, tmp_path: Path
) -> None:
    port, log = free_port(), tmp_path / "log"
    command = [sys.executable, "-m", "gunicorn", "--config", "python:pipeline.web.gunicorn"]
    env = environ | {"PORT": str(port), "HOST": "127.0.0.1", "HOME": str(tmp_path), "WEB_CONCURRENCY": "3"}
    shared = Coordination.open(settings)
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*command, "pipeline.web:create_app()"], env=env, stdout=output, stderr=subprocess.STDOUT
        )
    try:
        await_true(lambda: shared.leases.held(["keeper"]) == {"keeper"})
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health") as answer:
            assert answer.read() == b'{"ok":true}'
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
        assert shared.leases.held(["keeper"]) == set()
    finally:
        process.kill()
        process.wait()
    assert log.read_text().count("Booting worker") == 1 and "Traceback" not in log.read_text()
    assert list(tmp_path.iterdir()) == [log]


def await_true(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)


# what it costs


LEARNED = Learned(page={"photos": 0.5}, pages={"photos": 100.0}, boot=15.0)


def test_what_so_many_pages_would_cost_is_told_in_numbers_and_words(
    client: FlaskClient, services: Services
) -> None:
    assert client.get("/estimate?document=photos&pages=100", headers=SHOP).json == {"learned": False, "quotes": ANY}
    services.usage.write_learned(LEARNED.encode())
    answer = client.get("/estimate?document=photos&pages=100", headers=SHOP).json
    assert answer and answer["learned"]
    cheapest, fastest = answer["quotes"][0], answer["quotes"][-1]
    assert cheapest["workers"] == 1 < fastest["workers"]
    assert cheapest["seconds"] > fastest["seconds"] > LEARNED.boot
    assert cheapest["dollars"] < fastest["dollars"]
    assert cheapest["words"].startswith("about ") and "$0.00" in cheapest["words"]


@pytest.mark.parametrize("pages", ["", "0", "-1", "many", "99999999", "9" * 4301], ids=lambda pages: pages[:9])
def test_a_number_of_pages_that_is_none_is_refused(client: FlaskClient, pages: str) -> None:
    refused = client.get(f"/estimate?document=photos&pages={pages}", headers=SHOP)
    assert (refused.status_code, refused.json["error"]["field"]) == (422, "pages")  # type: ignore[index]


def test_an_export_is_estimated_before_it_starts_and_charged_after_it(
    client: FlaskClient, services: Services
) -> None:
    services.redis.decisions.show_state({"learned": asdict(LEARNED)})
    made = ask(client, {"photos": [{"source": "inputs/1.jpg"}]}).json
    assert made and made["cost"]["charged"] is None
    assert made["cost"]["estimate"][0]["workers"] == 1
    services.usage.bill(made["id"], Charge(12.0, 0.0001))
    after = client.get(f"/exports/{made['id']}", headers=SHOP).json
    assert after and after["cost"]["charged"] == {"dyno_seconds": 12.0, "dollars": 0.0001}


def test_an_export_is_shown_though_nobody_knows_yet_what_a_worker_costs(services: Services) -> None:
    """Of a size that our table lacks, Heroku is asked; a person need not wait for that."""
    own = replace(services.settings, dyno_size="private-9x")
    client = create_app(replace(services, settings=own)).test_client()
    services.redis.decisions.show_state({"learned": asdict(LEARNED)})
    made = ask(client, {"photos": [{"source": "inputs/1.jpg"}]})
    assert made.status_code == 202
    assert made.json and made.json["cost"]["estimate"] == []
    assert client.get("/estimate?document=photos&pages=100", headers=SHOP).json == {"learned": ANY, "quotes": []}


def test_what_a_scaler_of_another_version_learned_keeps_nobody_from_looking(
    client: FlaskClient, services: Services
) -> None:
    services.redis.decisions.show_state({"learned": {"page": 0.5, "boot": "soon"}})
    made = ask(client, {"photos": [{"source": "inputs/1.jpg"}]}).json
    assert made and made["cost"]["estimate"] == []
    assert client.get("/exports", headers=SHOP).status_code == 200
    assert client.get(f"/exports/{made['id']}", headers=SHOP).status_code == 200


def test_the_scaler_is_seen_with_its_last_decisions(client: FlaskClient, services: Services) -> None:
    assert client.get("/scaler").status_code == 401
    services.redis.decisions.show_state({"quantity": 2})
    for reason in ("first", "second"):
        services.redis.decisions.add({"reason": reason})
    seen = client.get("/scaler", headers=SHOP).json
    assert seen and seen["scaler"] == {"quantity": 2}
    assert [decision["reason"] for decision in seen["decisions"]][:2] == ["second", "first"]


def test_a_wish_for_when_it_is_ready_is_kept_for_the_scaler(client: FlaskClient, services: Services) -> None:
    made = ask(client, {"photos": [{"source": "inputs/1.jpg"}]}, within=90).json
    assert made
    export = services.exports.load(made["id"])
    assert export.ready_by and export.ready_by - export.created_at == pytest.approx(90, abs=1)
    refused = ask(client, {"photos": [{"source": "inputs/1.jpg"}]}, within=0)
    assert (refused.status_code, refused.json["error"]["field"]) == (422, "within")  # type: ignore[index]
