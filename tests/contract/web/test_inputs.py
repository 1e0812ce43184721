"""POST /v1/inputs: bytes go straight to the bucket, by signed URLs; exports use them."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import requests
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from pipeline.adapters.bucket import REQUEST
from pipeline.adapters.bucket.s3 import S3Bucket
from pipeline.errors import InvalidRequest, UnreadableSource
from pipeline.exports.export import Export, State
from pipeline.exports.ids import new_id
from pipeline.exports.lists import AT_ONCE
from pipeline.exports.stores import Stores
from pipeline.exports.uploads import PART, Uploads, _plain, folder_of, note_use, release
from pipeline.services import Services
from pipeline.settings import MIB
from pipeline.tasks.schedules.clean_up import CleanUp
from pipeline.web import create_app

from ... import steps
from ...pictures import jpeg
from ..lesser_s3 import Lacks, lesser
from .conftest import ARCHIVE, SHOP, error, keys, make

LINES = b'{"Order": 1, "Total": 9.5}\n{"Order": 2, "Total": 19}\n'


@pytest.fixture
def bucket() -> Iterator[requests.Session]:
    """A connection to the bucket without any key of it."""
    with requests.Session() as session:
        yield session


def begin(client: FlaskClient, owner: dict[str, str] = SHOP, **body: Any) -> dict[str, Any]:
    answer = client.post("/v1/inputs", json={"name": "rows.jsonl", **body}, headers=owner)
    assert answer.status_code == 201, answer.text
    begun: dict[str, Any] = answer.json  # type: ignore[assignment]
    assert answer.headers["Location"].endswith(f"/v1/inputs/{begun['id']}")
    return begun


def show(client: FlaskClient, file_id: str) -> dict[str, Any]:
    answer = client.get(f"/v1/inputs/{file_id}", headers=SHOP)
    assert answer.status_code == 200, answer.text
    return answer.json  # type: ignore[return-value]


def hand_in(client: FlaskClient, bucket: requests.Session, data: bytes = LINES, **body: Any) -> dict[str, Any]:
    begun = begin(client, bytes=len(data), **body)
    assert bucket.put(begun["url"], data=data, timeout=120).status_code == 200
    return begun


def urls(client: FlaskClient, file_id: str, *sizes: int, first: int = 1) -> list[str]:
    parts = [{"number": number, "bytes": size} for number, size in enumerate(sizes, first)]
    answer = client.post(f"/v1/inputs/{file_id}/parts", json={"parts": parts}, headers=SHOP)
    assert answer.status_code == 200, answer.text
    return [part["url"] for part in answer.json["parts"]]  # type: ignore[index]


def table(client: FlaskClient, listing: str, owner: dict[str, str] = SHOP, **more: Any) -> Any:
    return client.post(
        "/v1/exports", json={"document": "table", "params": {"listing": listing}, **more}, headers=owner
    )


def test_a_small_input_is_one_put_and_then_a_document(
    client: FlaskClient, services: Services, bucket: requests.Session
) -> None:
    begun = hand_in(client, bucket)
    assert show(client, begun["id"])["state"] == "complete"
    assert client.post(f"/v1/inputs/{begun['id']}/complete", headers=SHOP).status_code == 200
    answer = table(client, begun["key"])
    assert answer.status_code == 202, answer.text
    make(services, answer.json["id"])
    assert services.exports.load(answer.json["id"]).records == 2


def test_a_large_input_comes_in_parts_and_goes_on_after_a_break(
    client: FlaskClient, services: Services, bucket: requests.Session
) -> None:
    data = b"".join(b'{"n": %d, "text": "%s"}\n' % (n, b"x" * 1000) for n in range(10_000))
    begun = begin(client)  # of unknown size
    assert (begun["url"], begun["part_bytes"]) == (None, PART)
    file_id, rest = begun["id"], data[PART:]
    (second,) = urls(client, file_id, len(rest), first=2)
    assert bucket.put(second, data=rest, timeout=120).status_code == 200
    shown = show(client, file_id)
    assert (shown["state"], shown["parts"]) == ("waiting", [{"number": 2, "bytes": len(rest)}])
    early = client.post(f"/v1/inputs/{file_id}/complete", headers=SHOP)
    assert early.status_code == 422 and f"GET /v1/inputs/{file_id}" in error(early)["advice"]
    assert table(client, begun["key"]).status_code == 422

    (first,) = urls(client, file_id, PART)
    assert bucket.put(first, data=data[:PART], timeout=120).status_code == 200
    for _ in range(2):  # the answer to the first may have been lost
        answer = client.post(f"/v1/inputs/{file_id}/complete", headers=SHOP)
        assert answer.status_code == 200, answer.text
    assert show(client, file_id)["state"] == "complete"
    assert b"".join(services.bucket.read(begun["key"], 0, len(data))) == data
    late = client.post(f"/v1/inputs/{file_id}/parts", json={"parts": [{"number": 1, "bytes": 9}]}, headers=SHOP)
    assert late.status_code == 404


@pytest.mark.parametrize("more", [1, -1])
def test_the_bucket_takes_only_the_bytes_that_were_announced(
    client: FlaskClient, services: Services, bucket: requests.Session, more: int
) -> None:
    whole = begin(client, bytes=1000)
    assert bucket.put(whole["url"], data=bytes(1000 + more), timeout=120).status_code in (400, 403)
    part = begin(client)
    (url,) = urls(client, part["id"], 1000)
    assert bucket.put(url, data=bytes(1000 + more), timeout=120).status_code in (400, 403)
    assert not [key for key in keys(services) if key.startswith("inputs/")]
    assert show(client, part["id"])["parts"] == []


def test_the_setting_limits_an_input(services: Services) -> None:
    small = replace(services, settings=replace(services.settings, max_input_bytes=PART + 1000))
    client = create_app(small).test_client()
    for size in (0, -1, PART + 1001):
        refused = client.post("/v1/inputs", json={"name": "x", "bytes": size}, headers=SHOP)
        assert (refused.status_code, error(refused)["field"]) == (422, "bytes")
        assert "MAX_INPUT_BYTES" in error(refused)["message"]
    file_id = begin(client)["id"]
    for number, size in ((1, PART + 1), (2, 1001), (3, 1)):
        parts = {"parts": [{"number": number, "bytes": size}]}
        refused = client.post(f"/v1/inputs/{file_id}/parts", json=parts, headers=SHOP)
        assert (refused.status_code, error(refused)["field"]) == (422, "parts")
    urls(client, file_id, PART, 1000)


def test_a_listing_over_the_limit_is_not_accepted(
    client: FlaskClient, services: Services, bucket: requests.Session
) -> None:
    begun = hand_in(client, bucket)
    small = replace(services, settings=replace(services.settings, max_input_bytes=len(LINES) - 1))
    assert table(create_app(small).test_client(), begun["key"]).status_code == 422
    assert table(client, begun["key"]).status_code == 202


def test_inputs_of_another_owner_do_not_exist(
    client: FlaskClient, services: Services, bucket: requests.Session
) -> None:
    listing, picture = hand_in(client, bucket), hand_in(client, bucket, jpeg(1))
    refused = table(client, listing["key"], ARCHIVE)
    assert (refused.status_code, error(refused)["message"]) == (422, f"There is no {listing['key']} in the bucket.")
    for path, method in (("", "get"), ("", "delete"), ("/complete", "post")):
        assert getattr(client, method)(f"/v1/inputs/{listing['id']}{path}", headers=ARCHIVE).status_code == 404
    beside = client.post("/v1/inputs", json={"name": "x", "beside": listing["id"]}, headers=ARCHIVE)
    assert beside.status_code == 404
    assert client.post("/v1/inputs", json={"name": "x"}).status_code == 401

    photo = {"source": picture["key"]}
    body = {"document": "photos", "params": {"photos": [photo]}}
    refused = client.post("/v1/exports", json=body, headers=ARCHIVE)
    assert (refused.status_code, error(refused)["field"]) == (422, "photos[0].source")
    services.bucket.put("inputs/theirs.jsonl", b'{"source": "%s"}' % picture["key"].encode())
    body = {"document": "photos", "params": {"listing": "inputs/theirs.jsonl"}}
    export_id = client.post("/v1/exports", json=body, headers=ARCHIVE).json["id"]  # type: ignore[index]
    with pytest.raises(InvalidRequest, match=r"Line 1 of .*: There is no"):
        steps.plan(services, export_id)
    for inputs in (services.inputs, services.inputs.of("archive")):  # whatever a document of one's own checks
        with pytest.raises(UnreadableSource, match="There is no"):
            inputs.open(picture["key"])
    with services.inputs.of("shop").open(picture["key"]) as file:
        assert file.read(2) == b"\xff\xd8"


@pytest.mark.parametrize("keep", [False, True])
def test_inputs_go_with_their_last_export_unless_they_are_kept(
    client: FlaskClient, services: Services, bucket: requests.Session, keep: bool
) -> None:
    picture = hand_in(client, bucket, jpeg(1), name="one.jpg")
    line = b'{"source": "%s"}' % picture["key"].encode()
    listing = hand_in(client, bucket, line, beside=picture["id"])
    asked = []
    for title in ("First", "Second"):
        body = {"document": "photos", "params": {"listing": listing["key"], "title": title}, "keep_inputs": keep}
        asked.append(client.post("/v1/exports", json=body, headers=SHOP).json["id"])  # type: ignore[index]
        make(services, asked[-1])

    def there() -> list[str]:
        return [key for key in keys(services) if key.startswith("inputs/")]

    tidy = CleanUp(services.bucket, services.exports, replace(services.settings, input_seconds=-1, keep_seconds=-1))
    services.exports.change(asked[1], lambda e: structs.replace(e, created_at=time.time() + 3600))
    tidy.run()
    assert services.exports.load(asked[0]).state is State.EXPIRED
    assert len(there()) == 2, "the second export uses them"
    services.exports.change(asked[1], lambda e: structs.replace(e, created_at=time.time()))
    tidy.run()
    assert len(there()) == (2 if keep else 0)
    assert not [key for key in keys(services) if key.startswith("handed/")]


@pytest.mark.parametrize("what", ["put", "entries"])
def test_folders_are_used_and_released_side_by_side(
    services: Services, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    """A request may name thousands, each of one file, and the router of a host waits for 30 s."""
    folders = tuple(new_id() for _ in range(2 * AT_ONCE))
    export = Export(new_id(), "photos", {}, "shop", time.time(), uploads=folders)
    for folder in folders:
        services.bucket.put(f"handed/{folder}", b"{}")
        services.bucket.put(f"{folder_of('shop')}{folder}/{folder}-photo.jpg", b"a photo")
    call, together = getattr(S3Bucket, what), threading.Barrier(AT_ONCE)

    def waiting(bucket: S3Bucket, key: str, *given: Any, **named: Any) -> Any:
        if key.startswith("used/"):
            together.wait(60)
        return call(bucket, key, *given, **named)

    monkeypatch.setattr(S3Bucket, what, waiting)
    note_use(services.bucket, export, keep=False)
    left = {f"used/{folder}/{export.id}" for folder in folders}
    assert {key for key in keys(services) if not key.startswith("inputs/")} == left
    release(services.bucket, export)
    assert keys(services) == []


def test_a_file_beside_one_that_is_used_is_not_removed(
    client: FlaskClient, services: Services, bucket: requests.Session
) -> None:
    picture = hand_in(client, bucket, jpeg(1), name="one.jpg")
    line = b'{"source": "%s"}' % picture["key"].encode()
    listing = hand_in(client, bucket, line, beside=picture["id"])
    body = {"document": "photos", "params": {"listing": listing["key"]}}
    export_id = client.post("/v1/exports", json=body, headers=SHOP).json["id"]  # type: ignore[index]
    for each in (picture, listing):
        refused = client.delete(f"/v1/inputs/{each['id']}", headers=SHOP)
        assert (refused.status_code, error(refused)["field"]) == (404, "id")
    make(services, export_id)
    assert services.exports.load(export_id).state is State.READY


def test_a_key_and_the_hash_of_a_listing_name_one_export(client: FlaskClient, bucket: requests.Session) -> None:
    """A caller that crashed hands its rows in again."""
    first, again, other = (hand_in(client, bucket) for _ in range(3))
    asked = [table(client, it["key"], key="july", content="sha256:1") for it in (first, again)]
    assert [answer.status_code for answer in asked] == [202, 202]
    assert asked[0].json["id"] == asked[1].json["id"]
    for content in ("", "sha256:2"):
        refused = table(client, other["key"], key="july", content=content)
        assert (refused.status_code, error(refused)["field"]) == (422, "key")
    assert client.get(f"/v1/inputs/{first['id']}", headers=SHOP).status_code == 404, "it is used"
    assert show(client, again["id"])["state"] == "complete"


def test_unused_inputs_expire(client: FlaskClient, services: Services, bucket: requests.Session) -> None:
    complete, parts = hand_in(client, bucket), begin(client)
    (url,) = urls(client, parts["id"], 1000)
    bucket.put(url, data=bytes(1000), timeout=120)
    removed = hand_in(client, bucket)
    assert client.delete(f"/v1/inputs/{removed['id']}", headers=SHOP).status_code == 204
    services.bucket.put("handed/.keep", b"")  # as some programs mark folders; it comes first
    services.bucket.put(f"handed/{(damaged := new_id(0.0))}", b"{")
    CleanUp(services.bucket, services.exports, services.settings).run()
    assert show(client, complete["id"])["state"] == "complete"
    CleanUp(services.bucket, services.exports, replace(services.settings, input_seconds=-1)).run()
    assert keys(services) == ["handed/.keep", f"handed/{damaged}"], "what comes behind them expires too"
    assert client.get(f"/v1/inputs/{damaged}", headers=SHOP).status_code == 404
    assert services.bucket.uploads("inputs/") == []
    assert client.get(f"/v1/inputs/{complete['id']}", headers=SHOP).status_code == 404


def test_a_mark_that_the_bucket_refuses_keeps_no_other_input(services: Services) -> None:
    refused, other = (Uploads(services.bucket, "shop", MIB).begin(name, 1000, None) for name in "ab")
    unreadable = {f"handed/{refused.id}": 500}
    with lesser(services.settings, Lacks(unreadable=unreadable)) as settings:
        stores = Stores.open(replace(settings, input_seconds=-1), REQUEST)
        CleanUp(stores.bucket, stores.exports, stores.settings).run()
    assert keys(services) == [f"handed/{refused.id}"], f"{other.id} is behind it"


def test_bodies_of_inputs_are_checked(client: FlaskClient) -> None:
    for body, field in (({}, "name"), ({"name": ""}, "name"), ({"name": "x", "size": 3}, "size")):
        refused = client.post("/v1/inputs", json=body, headers=SHOP)
        assert (refused.status_code, error(refused)["field"]) == (422, field)
    file_id = begin(client)["id"]
    for parts in ([], [{"number": 0, "bytes": 1}], [{"number": 1, "bytes": 1}] * 101):
        assert client.post(f"/v1/inputs/{file_id}/parts", json={"parts": parts}, headers=SHOP).status_code == 422
    assert client.get("/v1/inputs/../exports", headers=SHOP).status_code == 404


@given(st.text(max_size=300))
def test_any_file_name_becomes_a_step_of_a_key(name: str) -> None:
    plain = _plain(name)
    assert plain and plain.isprintable() and "/" not in plain and len(plain.encode()) <= 400


def test_a_gibibyte_fits_into_the_parts_that_are_allowed() -> None:
    assert 1024 * MIB / PART <= 10_000
