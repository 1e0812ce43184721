"""POST /v1/exports."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import Any

import msgspec
import pytest
import requests
from flask.testing import FlaskClient
from werkzeug.serving import make_server
from werkzeug.test import TestResponse

from pipeline.exports.accepting import listing_key
from pipeline.exports.export import State
from pipeline.exports.ids import new_id
from pipeline.exports.request import ExportRequest, request_key
from pipeline.services import Services
from pipeline.settings import Settings
from pipeline.web import create_app

from ...conftest import SentMessages
from .conftest import ARCHIVE, SHOP, PutPhotos, ask, asked, error, keys, make


def test_a_request_is_answered_202_and_queued(
    client: FlaskClient, messages: SentMessages, put_photos: PutPhotos, settings: Settings
) -> None:
    answer = ask(client, {"listing": put_photos(2), "title": "Trip"}, notify="a@example.org")
    body = answer.json
    assert answer.status_code == 202 and body
    assert answer.headers["Location"] == f"{settings.base_url}/v1/exports/{body['id']}" == body["links"]["self"]
    assert (body["state"], body["name"]) == ("queued", "Trip")
    assert body["notify"] == [{"to": "a@example.org", "link": "panel", "locale": ""}]
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
    "listing outside inputs": ({"document": "photos", "params": {"listing": "exports/x/export.json"}}, "listing"),
    "listing that climbs out": ({"document": "photos", "params": {"listing": "inputs/../x.jsonl"}}, "listing"),
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


def test_an_invalid_request_names_the_field(
    client: FlaskClient, services: Services, messages: SentMessages, subtests: pytest.Subtests
) -> None:
    for name, (body, field) in REFUSED.items():
        with subtests.test(name):
            answer = client.post("/v1/exports", json=body, headers=SHOP)
            told = error(answer)
            assert answer.status_code == 422 and told["message"]
            assert field is None or told["field"] == field
    assert keys(services) == [] and messages.sent == []


def test_a_body_that_is_not_a_json_object_is_400(
    client: FlaskClient, services: Services, subtests: pytest.Subtests
) -> None:
    for body in ("", "{", "[]", "null", '{"document": NaN}', '{"a": "\\ud800"}', "[" * 100_000, b"\xff\xfe"):
        with subtests.test(body=body[:20]):
            answer = client.post("/v1/exports", data=body, headers=SHOP, content_type="application/json")
            assert answer.status_code == 400 and error(answer)["code"] == "BadRequest"
    assert keys(services) == []


def test_an_integer_that_is_too_long_is_400(client: FlaskClient) -> None:
    body = '{"document": "table", "params": {"rows": [{"a": %s}]}}' % ("1" * 5000)
    answer = client.post("/v1/exports", data=body, headers=SHOP, content_type="application/json")
    assert answer.status_code == 400
    words = "The body has an integer of more than 4,300 digits; send it as text, in quotes."
    assert error(answer)["message"] == words


@pytest.mark.parametrize("end", [b'"}}', b'"}   }', b' and more"}}'])
def test_half_of_a_character_in_a_body_is_called_so(client: FlaskClient, end: bytes) -> None:
    body = b'{"document":"table","params":{"title":"\\ud83d' + end
    answer = client.post("/v1/exports", data=body, headers=SHOP, content_type="application/json")
    assert answer.status_code == 400 and "half of a character" in error(answer)["message"]


def test_a_name_twice_in_a_body_is_400(client: FlaskClient) -> None:
    body = '{"document":"table","params":{"rows":[{"a":1,"b":1},{"a":2,"\\u0061":3}]}}'
    answer = client.post("/v1/exports", data=body, headers=SHOP, content_type="application/json")
    assert answer.status_code == 400 and "has the name 'a' twice" in error(answer)["message"]


def test_a_body_that_is_not_utf_8_is_400(client: FlaskClient, services: Services) -> None:
    body = '{"document": "photos", "params": {"title": "ü"}}'.encode("latin-1")
    answer = client.post("/v1/exports", data=body, headers=SHOP, content_type="application/json")
    assert answer.status_code == 400 and "not UTF-8" in error(answer)["message"]
    assert keys(services) == []


def test_numbers_of_rows_keep_their_digits(client: FlaskClient, services: Services) -> None:
    rows = (
        '[{"v":1.10,"w":{"k":12345678901234567.89}},{"v":1e400,"w":12345678901234567890123},'
        '{"v":1e-99999999999999999999}]'
    )
    body = f'{{"document": "table", "params": {{"margin": 7.50, "rows": {rows}}}}}'
    answer = client.post("/v1/exports", data=body, headers=SHOP, content_type="application/json")
    assert answer.status_code == 202, answer.text
    export = services.exports.load(answer.json["id"])  # type: ignore[index]
    stored = services.bucket.get(listing_key(export.id))
    assert stored is not None
    first, second, third = stored.data.split(b"\n")
    assert first == b'{"v":1.10,"w":{"k":12345678901234567.89}}'
    assert second == b'{"v":"1e400","w":12345678901234567890123}'
    assert third == b'{"v":"1e-99999999999999999999"}'
    assert export.params == {"margin": 7.5}
    make(services, export.id)
    assert services.exports.load(export.id).state is State.READY


def test_a_key_is_for_one_request(client: FlaskClient, services: Services, put_photos: PutPhotos) -> None:
    first = ask(client, {"listing": put_photos(2), "title": "Ann"}, key="order-7")
    assert first.status_code == 202
    for params, more in (
        ({"title": "Ben"}, {}),
        ({"title": "Ann"}, {"notify": "ben@example.org"}),
        ({"title": "Ann"}, {"chunk_pages": 3}),
    ):
        refused = ask(client, {"listing": put_photos(2), **params}, key="order-7", **more)
        assert (refused.status_code, error(refused)["code"], error(refused)["field"]) == (422, "KeyReused", "key")
    assert ask(client, {"title": "Ann", "listing": put_photos(2)}, key="order-7").json["id"] == first.json["id"]  # type: ignore[index]
    assert len(services.exports.active()) == 1


def test_a_deeply_nested_body_is_never_a_500(client: FlaskClient) -> None:
    def status(deep: int) -> int:
        rows = b'{"a":' + b"[" * deep + b"]" * deep + b"}"
        body = b'{"document": "table", "params": {"rows": [' + rows + b"]}}"
        return client.post("/v1/exports", data=body, headers=SHOP, content_type="application/json").status_code

    taken, refused = 100, 2000  # what can just be read, and cannot just be written, lies between
    while refused - taken > 1:
        middle = (taken + refused) // 2
        code = status(middle)
        assert code in (202, 400)
        taken, refused = (middle, refused) if code == 202 else (taken, middle)


def test_another_content_type_is_415(client: FlaskClient) -> None:
    answer = client.post("/v1/exports", data="{}", headers=SHOP, content_type="text/plain")
    assert answer.status_code == 415 and "application/json" in error(answer)["message"]


def test_a_large_body_is_413_with_advice(client: FlaskClient, services: Services) -> None:
    most = services.settings.max_body_bytes
    answer = client.post("/v1/exports", data=b" " * (most + 1), headers=SHOP, content_type="application/json")
    assert answer.status_code == 413 and error(answer)["code"] == "BodyTooLarge"
    assert "listing" in error(answer)["advice"] and keys(services) == []
    assert f"{most:,} bytes (MAX_BODY_BYTES)" in error(answer)["message"]


def test_a_large_chunked_body_is_413(services: Services, put_photos: PutPhotos) -> None:
    body = msgspec.json.encode({"document": "photos", "params": {"listing": put_photos(1)}})
    settings = replace(services.settings, max_body_bytes=len(body))
    server = make_server("127.0.0.1", 0, create_app(replace(services, settings=settings)), threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()

    def post(*chunks: bytes) -> requests.Response:
        headers = SHOP | {"Content-Type": "application/json"}
        return requests.post(
            f"http://127.0.0.1:{server.server_port}/v1/exports", iter(chunks), headers=headers, timeout=120
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


def test_the_same_request_gives_the_same_running_export(
    client: FlaskClient, services: Services, put_photos: PutPhotos
) -> None:
    first = asked(client, put_photos)
    assert asked(client, put_photos) == first
    make(services, first)
    assert asked(client, put_photos) != first


def test_the_same_key_always_gives_the_same_export(
    client: FlaskClient, services: Services, put_photos: PutPhotos
) -> None:
    first = asked(client, put_photos, key="order 7")
    make(services, first)
    body = {"document": "photos", "params": {"listing": "inputs/album.jsonl"}}
    answer = client.post("/v1/exports", json=body, headers=SHOP | {"Idempotency-Key": "order 7"})
    assert (answer.status_code, answer.json["id"], answer.json["state"]) == (200, first, "ready")  # type: ignore[index]
    quoted = client.post("/v1/exports", json=body, headers=SHOP | {"Idempotency-Key": '"order 7"'})
    assert quoted.json["id"] == answer.json["id"]  # type: ignore[index]
    other = client.post("/v1/exports", json=body, headers=ARCHIVE | {"Idempotency-Key": "order 7"})
    assert other.json["id"] != first  # type: ignore[index]


def test_the_header_of_a_key_may_be_in_quotes_or_not(
    client: FlaskClient, put_photos: PutPhotos, subtests: pytest.Subtests
) -> None:
    body = {"document": "photos", "params": {"listing": put_photos(1)}}

    def answered(header: str, **more: Any) -> TestResponse:
        return client.post("/v1/exports", json=body | more, headers=SHOP | {"Idempotency-Key": header})

    same = ask(client, {"listing": "inputs/album.jsonl"}, key='a "b" \\').json
    assert answered('"a \\"b\\" \\\\"').json["id"] == same["id"]  # type: ignore[index]
    refused = {
        "another request": answered('"a \\"b\\" \\\\"', volume_pages=2),
        "another key": answered('"one"', key="two"),
        "no end": answered('"one'),
        "no escape": answered('"o\\ne"'),
        "empty": answered('""'),
        "long": answered("x" * 201),
    }
    for what, answer in refused.items():
        with subtests.test(what=what):
            assert answer.status_code == 422 and error(answer)["field"] == "key"
    assert error(refused["another request"])["code"] == "KeyReused"


def test_a_key_whose_acceptance_broke_off_with_other_records_is_a_conflict(
    client: FlaskClient, services: Services
) -> None:
    params, broken_off = {"photos": [{"source": "inputs/1.jpg"}]}, new_id()
    key = request_key(ExportRequest("photos", params, "shop", key="once"))
    services.bucket.put(f"requests/{key}", broken_off.encode())
    services.bucket.put(listing_key(broken_off), b'{"source":"inputs/2.jpg"}')
    answer = ask(client, params, key="once")
    assert answer.status_code == 409 and error(answer)["code"] == "Conflict"


def test_the_deadline_is_kept_for_the_scaler(client: FlaskClient, services: Services) -> None:
    made = ask(client, {"photos": [{"source": "inputs/1.jpg"}]}, within=90).json
    assert made
    export = services.exports.load(made["id"])
    assert export.ready_by and export.ready_by - export.created_at == pytest.approx(90, abs=1)
    refused = ask(client, {"photos": [{"source": "inputs/1.jpg"}]}, within=0)
    assert (refused.status_code, refused.json["error"]["field"]) == (422, "within")  # type: ignore[index]
