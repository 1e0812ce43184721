"""GET and DELETE /v1/exports: state, progress, the list, cancelling."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

import pytest
from flask.testing import FlaskClient

from pipeline.adapters.bucket.s3 import S3Bucket
from pipeline.documents.inputs.bucket import AHEAD, DOUBTED, TRIES
from pipeline.errors import ExportFailed
from pipeline.exports.export import Failure, State
from pipeline.exports.ids import new_id
from pipeline.services import Services
from pipeline.tasks import flow

from ... import steps
from ...conftest import SentMessages
from .conftest import ARCHIVE, SHOP, PutPhotos, ask, asked, error, keys, make


def test_an_export_is_followed_from_queued_to_ready(
    client: FlaskClient, services: Services, put_photos: PutPhotos
) -> None:
    export_id = asked(client, put_photos, 4, chunk_pages=1)

    def look() -> tuple[str, int, int]:
        body = client.get(f"/v1/exports/{export_id}", headers=SHOP).json
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
    body = client.get(f"/v1/exports/{export_id}", headers=SHOP).json
    assert body and body["result"]["pages"] == body["result"]["drawn"] == body["result"]["records"] == 4
    assert body["result"]["skipped_count"] == 0 and body["result"]["bytes"] > 1000


def test_polling_is_304_until_something_changes(
    client: FlaskClient, services: Services, put_photos: PutPhotos
) -> None:
    path = f"/v1/exports/{asked(client, put_photos)}"
    first = client.get(path, headers=SHOP)
    assert first.headers["Cache-Control"] == "private, no-cache"
    etag = first.headers["ETag"]
    assert re.fullmatch(r'"[0-9a-f]{32}"', etag)
    again = client.get(path, headers=SHOP | {"If-None-Match": etag})
    assert (again.status_code, again.data, again.headers["ETag"]) == (304, b"", etag)
    steps.plan(services, path.rsplit("/", 1)[1])
    changed = client.get(path, headers=SHOP | {"If-None-Match": etag})
    assert changed.status_code == 200 and changed.headers["ETag"] != etag


def test_the_first_100_skipped_photos_are_listed(
    client: FlaskClient, services: Services, put_photos: PutPhotos, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some missing ones are asked for again, as a store may be late; not each, or many would take minutes."""
    put_photos(1)
    asked: Counter[str] = Counter()
    download = S3Bucket.download

    def counted(bucket: S3Bucket, key: str, *others: Any) -> None:
        asked[key] += 1
        download(bucket, key, *others)

    monkeypatch.setattr(S3Bucket, "download", counted)
    photos = [{"source": "inputs/album/00000.jpg"}, *({"source": f"inputs/no/{i}.jpg"} for i in range(101))]
    answer = ask(client, {"photos": photos, "rows": 20, "columns": 20})
    make(services, answer.json["id"])  # type: ignore[index]
    result = client.get(answer.headers["Location"], headers=SHOP).json["result"]  # type: ignore[index]
    assert (result["drawn"], result["skipped_count"], len(result["skipped"])) == (1, 101, 100)
    assert result["skipped"][0]["source"] == "inputs/no/0.jpg"
    missing = [times for key, times in asked.items() if key.startswith("inputs/no/")]
    assert len(missing) == 101
    assert 101 < sum(missing) <= 101 + (DOUBTED + AHEAD) * (TRIES - 1)


def test_the_list_shows_own_exports_newest_first(client: FlaskClient, put_photos: PutPhotos) -> None:
    made = [asked(client, put_photos, key=str(i)) for i in range(3)]
    client.post(
        "/v1/exports", json={"document": "photos", "params": {"listing": "inputs/album.jsonl"}}, headers=ARCHIVE
    )
    answer = client.get("/v1/exports", headers=SHOP)
    assert [export["id"] for export in answer.json["exports"]] == made[::-1]  # type: ignore[index]
    two = client.get("/v1/exports?limit=2", headers=SHOP).json["exports"]  # type: ignore[index]
    assert [export["id"] for export in two] == made[:0:-1]
    etag = answer.headers["ETag"]
    assert client.get("/v1/exports", headers=SHOP | {"If-None-Match": etag}).status_code == 304


def test_the_list_is_paged_and_filtered(
    client: FlaskClient, services: Services, put_photos: PutPhotos, subtests: pytest.Subtests
) -> None:
    made = [asked(client, put_photos, key=str(i), subject=name) for i, name in enumerate(["ann", "bob", "ann"])]
    failure = Failure("ExportFailed", "It took too long.", "Ask again.")
    services.exports.change(made[0], lambda e: e.to(State.FAILED, failure=failure))

    def ids(query: str) -> tuple[list[str], str | None]:
        body = client.get(f"/v1/exports?{query}", headers=SHOP).json
        assert body
        return [each["id"] for each in body["exports"]], body["next"]

    first, after = ids("limit=2")
    assert (first, after) == ([made[2], made[1]], made[1])
    assert ids(f"limit=2&after={after}") == ([made[0]], None)
    assert ids("subject=ann") == ([made[2], made[0]], None)
    assert ids("subject=ann&state=failed&document=photos") == ([made[0]], None)
    assert ids("state=ready") == ids("document=table") == ids("subject=eve") == ([], None)
    for query, field in (("after=x", "after"), ("state=done", "state")):
        with subtests.test(query=query):
            answer = client.get(f"/v1/exports?{query}", headers=SHOP)
            assert answer.status_code == 422 and error(answer)["field"] == field


def test_an_export_knows_for_whom_it_is(client: FlaskClient, put_photos: PutPhotos) -> None:
    listing = put_photos(3)
    one, two = (ask(client, {"listing": listing}, subject=name) for name in ("ann", "bob"))
    assert one.json and two.json
    assert one.json["subject"] == "ann" and one.json["id"] != two.json["id"], "each gets an export of their own"
    assert ask(client, {"listing": listing}, subject="").status_code == 422


def test_a_failed_export_is_retried_and_asked_for_again(
    client: FlaskClient, services: Services, messages: SentMessages, put_photos: PutPhotos
) -> None:
    export_id = asked(client, put_photos, subject="ann")
    path = f"/v1/exports/{export_id}"
    refused = client.post(f"{path}/retry", headers=SHOP)
    assert refused.status_code == 409 and error(refused)["code"] == "IllegalStep"
    flow.fail(services, export_id, ExportFailed("It took too long."))
    steps.deliver(services, export_id)
    retried = client.post(f"{path}/retry", headers=SHOP)
    assert (retried.status_code, retried.json["state"]) == (202, "queued")  # type: ignore[index]
    make(services, export_id)
    assert client.get(path, headers=SHOP).json["state"] == "ready"  # type: ignore[index]
    copy = client.post(f"{path}/again", headers=SHOP | {"Idempotency-Key": '"one"'})
    assert copy.status_code == 202 and copy.json and copy.json["id"] != export_id and copy.json["subject"] == "ann"
    same = client.post(f"{path}/again", headers=SHOP | {"Idempotency-Key": '"one"'})
    assert same.json and same.json["id"] == copy.json["id"]


def test_an_invalid_limit_is_refused(client: FlaskClient, subtests: pytest.Subtests) -> None:
    for limit in ("0", "101", "-1", "x", "", "²", "9" * 5000):
        with subtests.test(limit=limit[:5]):
            answer = client.get("/v1/exports", query_string={"limit": limit}, headers=SHOP)
            assert answer.status_code == 422 and error(answer)["field"] == "limit"


WAYS = (("GET", ""), ("DELETE", ""), ("GET", "/download"), ("POST", "/retry"), ("POST", "/again"))


def test_an_invalid_id_is_404(client: FlaskClient, subtests: pytest.Subtests) -> None:
    for export_id in ("x", "0" * 26, "0" * 27, "..", "%2e%2e", "%00", new_id().upper(), "é"):
        for method, end in WAYS:
            with subtests.test(id=export_id, method=method, end=end):
                answer = client.open(f"/v1/exports/{export_id}{end}", method=method, headers=SHOP)
                assert answer.status_code == 404 and error(answer)["code"] == "NoExport"
                assert "Check the id." in error(answer)["advice"]


def test_another_owners_export_looks_missing(
    client: FlaskClient, services: Services, put_photos: PutPhotos, subtests: pytest.Subtests
) -> None:
    export_id, never = asked(client, put_photos), new_id()
    for method, end in WAYS:
        with subtests.test(method=method, end=end):
            answer = client.open(f"/v1/exports/{export_id}{end}", method=method, headers=ARCHIVE)
            missing = client.open(f"/v1/exports/{never}{end}", method=method, headers=ARCHIVE)
            assert answer.status_code == missing.status_code == 404
            assert answer.text.replace(export_id, never) == missing.text
    assert services.exports.load(export_id).state is State.QUEUED


def test_cancelling_ends_an_export_once(client: FlaskClient, messages: SentMessages, put_photos: PutPhotos) -> None:
    path = f"/v1/exports/{asked(client, put_photos)}"
    answer = client.delete(path, headers=SHOP)
    assert (answer.status_code, answer.json["state"]) == (200, "cancelled")  # type: ignore[index]
    assert client.delete(path, headers=SHOP).status_code == 409
    assert client.get(f"{path}/download", headers=SHOP).status_code == 409
    assert messages.sent[-1][0] == "deliver"


def test_an_export_that_is_over_is_removed(client: FlaskClient, services: Services, put_photos: PutPhotos) -> None:
    export_id, other = asked(client, put_photos, key="july"), asked(client, put_photos)
    path = f"/v1/exports/{export_id}"
    for each in (export_id, other):
        make(services, each)
    assert client.delete(path, headers=ARCHIVE).status_code == 404
    answer = client.delete(path, headers=SHOP)
    assert (answer.status_code, answer.data) == (204, b"")
    assert not [key for key in keys(services) if export_id in key]
    assert [each["id"] for each in client.get("/v1/exports", headers=SHOP).json["exports"]] == [other]  # type: ignore[index]
    assert client.delete(path, headers=SHOP).status_code == 404
    assert asked(client, put_photos, key="july") != export_id, "the key names it no longer"


def test_the_list_shows_failures(client: FlaskClient, services: Services, put_photos: PutPhotos) -> None:
    export_id = asked(client, put_photos)
    gone = Failure("ExportFailed", "It took too long.", "Ask again.")
    services.exports.change(export_id, lambda e: e.to(State.FAILED, failure=gone))
    listed = client.get("/v1/exports", headers=SHOP).json["exports"][0]  # type: ignore[index]
    assert listed["failure"] == {"code": "ExportFailed", "message": "It took too long.", "advice": "Ask again."}
