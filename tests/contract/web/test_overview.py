"""What people who are signed in see beyond the API, and may do."""

from __future__ import annotations

import threading
from typing import Any

from flask.testing import FlaskClient

from pipeline.adapters.redis.progress import MAX_EVENTS, events
from pipeline.errors import ExportFailed
from pipeline.exports.log import StepEvent, encode
from pipeline.services import Services
from pipeline.tasks import flow

from .conftest import ARCHIVE, OURS, SHOP, PutPhotos, asked, error, keys, make, sign_in


def listed(client: FlaskClient, query: str = "") -> list[tuple[str, str]]:
    """The id and the owner of each export on the first page."""
    answer = client.get(f"/panel/exports{query}").json
    assert answer is not None
    return [(row["export"]["id"], row["owner"]) for row in answer["exports"]]


def shown(client: FlaskClient, export_id: str) -> dict[str, Any]:
    answer: dict[str, Any] = client.get(f"/panel/exports/{export_id}").json  # type: ignore[assignment]
    return answer


def test_people_see_all_exports_and_tokens_see_none_of_this(client: FlaskClient, put_photos: PutPhotos) -> None:
    shop = asked(client, put_photos, subject="anna")
    body = {"document": "photos", "params": {"listing": put_photos(1)}}
    archive = client.post("/v1/exports", json=body, headers=ARCHIVE).json["id"]  # type: ignore[index]
    for path in ("/panel/exports", f"/panel/exports/{shop}", "/panel/scaler"):
        assert client.get(path).status_code == 401
        assert client.get(path, headers=SHOP).status_code == 403
    sign_in(client)
    assert listed(client) == [(archive, "archive"), (shop, "shop")]
    for query in ("?owner=shop", "?subject=anna", "?owner=shop&subject=anna&state=queued&document=photos"):
        assert listed(client, query) == [(shop, "shop")]
    for query in ("?state=ready", "?document=table", "?owner=shop&subject=bert", f"?after={shop}"):
        assert listed(client, query) == []
    assert error(client.get("/panel/exports?state=lost"))["field"] == "state"
    assert error(client.get("/panel/exports?after=x"))["field"] == "after"
    first = client.get("/panel/exports")
    assert client.get("/panel/exports", headers={"If-None-Match": first.headers["ETag"]}).status_code == 304


def test_people_act_on_all_exports(client: FlaskClient, services: Services, put_photos: PutPhotos) -> None:
    export_id = asked(client, put_photos)
    sign_in(client)
    path = f"/panel/exports/{export_id}"
    assert client.delete(path).status_code == 403  # a page of another site cannot send the header
    assert client.delete(path, headers=OURS).status_code == 204
    assert shown(client, export_id)["export"]["state"] == "cancelled"
    assert client.post(f"{path}/retry", headers=OURS).status_code == 409
    other = client.post(f"{path}/again", headers=OURS).json["id"]  # type: ignore[index]
    assert services.exports.load(other).owner == "shop"
    make(services, other)
    assert client.get(f"/panel/exports/{other}/download").status_code == 302
    assert client.delete(f"/panel/exports/{other}", headers=OURS).status_code == 204
    assert not [key for key in keys(services) if other in key]


def test_the_log_of_an_export_is_bounded_and_stays(
    client: FlaskClient, services: Services, put_photos: PutPhotos
) -> None:
    export_id = asked(client, put_photos)
    sign_in(client)

    def log(entries: int = 30) -> tuple[list[str], int]:
        answer = client.get(f"/panel/exports/{export_id}?log={entries}").json
        assert answer
        return [each["what"] for each in answer["log"]["entries"]], answer["log"]["all"]

    assert log() == (["queued"], 1)
    stopping = threading.Event()
    flow.handle(services, "plan", export_id, None, stopping)
    for chunk in services.exports.plan(export_id).chunks:
        flow.handle(services, "render", export_id, chunk.number, stopping)
    services.bucket.delete([entry.key for entry in services.bucket.entries(f"exports/{export_id}/segments/")])
    flow.handle(services, "assemble", export_id, None, stopping)
    flow.fail(services, export_id, ExportFailed("It took too long."))
    flow.handle(services, "deliver", export_id, None, stopping)
    services.redis.client.flushall()
    assert log() == (["failed", "drawn", "drawn", "drawn", "planned", "queued"], 6)
    assert log(2) == (["failed", "drawn"], 6)
    for entries in ("0", "1001", "x"):
        wrong = client.get(f"/panel/exports/{export_id}?log={entries}")
        assert wrong.status_code == (200 if entries == "x" else 422)
    event = encode(StepEvent(1.0, "render", "retry", text="The bucket does not answer."))
    for _ in range(2 * MAX_EVENTS):
        services.redis.progress.note_event(export_id, event)
    assert len(events(services.redis.progress.fields(export_id))) == MAX_EVENTS


def test_how_an_export_was_made_stays_when_redis_forgets_it(
    client: FlaskClient, services: Services, put_photos: PutPhotos
) -> None:
    export_id = asked(client, put_photos, chunk_pages=2)
    sign_in(client)
    assert shown(client, export_id)["work"] is None
    make(services, export_id)
    services.redis.client.flushall()
    work = shown(client, export_id)["work"]
    assert [(cell["first_page"], cell["pages"], cell["done"], cell["tries"]) for cell in work["cells"]] == [
        (1, 2, 2, 1), (3, 1, 1, 1),
    ]  # fmt: skip
    (process,) = work["processes"]
    assert "process" in process["name"] and all(start <= stop for start, stop in process["spans"])
