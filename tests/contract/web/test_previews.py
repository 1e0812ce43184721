"""POST /v1/previews: the first page as a picture, from the first records, within limits."""

from __future__ import annotations

import base64
import io
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from flask.testing import FlaskClient
from PIL import Image
from werkzeug.test import TestResponse

from pipeline.adapters.redis import counters
from pipeline.documents.inputs.first import MOST
from pipeline.services import Services
from pipeline.tasks.child.pipe import ChildPipe
from pipeline.web import previews

from ... import steps
from ..conftest import bucket_requests
from .conftest import ARCHIVE, OURS, SHOP, PutPhotos, error, keys, sign_in

ROWS = [{"Order": n, "Name": f"Customer {n}"} for n in range(120)]


def ask(client: FlaskClient, document: str, /, headers: Any = SHOP, **params: Any) -> TestResponse:
    return client.post("/v1/previews", json={"document": document, "params": params}, headers=headers)


def shown(answer: TestResponse) -> dict[str, Any]:
    """What a preview says, without its picture, which is looked at."""
    assert answer.status_code == 200, answer.text
    found = dict(answer.json or {})
    with Image.open(io.BytesIO(base64.b64decode(found.pop("image")))) as picture:
        assert picture.format == "WEBP" and picture.size == (found.pop("width"), found.pop("height"))
        greys = picture.convert("L").histogram()
        assert sum(greys[:100]) and greys[255] > sum(greys) / 10  # something is drawn on white
    return found


def test_rows_inside_the_request_show_their_first_page(client: FlaskClient, services: Services) -> None:
    found = shown(ask(client, "table", rows=ROWS, title="Été"))
    text = found.pop("text")
    assert "Été" in text and "Customer 0" in text and "1 of 3" in text and "Customer 119" not in text
    assert found == {"pages": 3, "whole": True, "warnings": [], "skipped": []}
    assert keys(services) == []  # nothing is stored


def test_photos_of_the_first_page_are_read_and_no_others(
    client: FlaskClient, services: Services, put_photos: PutPhotos
) -> None:
    listing = put_photos(4)
    services.bucket.delete(["inputs/album/00001.jpg", "inputs/album/00003.jpg"])
    params = {"listing": listing, "rows": 1, "columns": 2, "page_numbers": True}
    found = shown(ask(client, "photos", **params))
    assert "Photo number 1" in found["text"] and "1 of 2" in found["text"]
    assert [each["source"] for each in found["skipped"]] == ["inputs/album/00001.jpg"]


def test_of_a_large_listing_the_first_records_are_read(client: FlaskClient, services: Services) -> None:
    """A cell with line feeds is where the reading ends."""
    row = b'2026-01-02,"a note of\ntwo lines",17.50\n'
    data = b"Day,Note,Net\n" + row * (8 * MOST // len(row))
    services.bucket.put("inputs/large.csv", data)
    columns = [{"field": "Note"}, {"field": "Net", "total": True}]
    found = shown(ask(client, "table", listing="inputs/large.csv", columns=columns))
    assert not found["whole"] and len(found["warnings"]) == 1
    assert found["warnings"][0].startswith("Only the first ") and f"1 of {found['pages']:d}" in found["text"]
    with bucket_requests(services.bucket) as urls:
        assert ask(client, "table", listing="inputs/large.csv").status_code == 200
    assert len(urls) == 1  # of this process: whether it is there


def test_a_number_of_pages_is_about_that_of_all(client: FlaskClient, services: Services) -> None:
    line = b"".join(b"%d,%d\n" % (n, n * n) for n in range(400_000))
    services.bucket.put("inputs/large.csv", b"a,b\n" + line)
    about = shown(ask(client, "table", listing="inputs/large.csv"))["pages"]
    rows = {"listing": "inputs/large.csv", "title": "x"}
    made = client.post("/v1/exports", json={"document": "table", "params": rows}, headers=SHOP).json
    assert made
    steps.plan(services, made["id"])
    assert abs(about / services.exports.load(made["id"]).pages - 1) < 0.25


@pytest.mark.parametrize(
    ("params", "field", "words"),
    [
        ({"rows": ROWS, "font_size": 99}, "font_size", "points"),
        ({"listing": "inputs/none.csv"}, "listing", "There is no inputs/none.csv"),
        ({"listing": "inputs/a.csv", "columns": [{"field": "Lost"}]}, "columns", "There is no column 'Lost'"),
    ],
)
def test_errors_name_the_field_as_when_it_is_asked_for(
    client: FlaskClient, services: Services, params: dict[str, Any], field: str, words: str
) -> None:
    services.bucket.put("inputs/a.csv", b"a,b\n1,2\n")
    told = error(ask(client, "table", **params))
    assert (told["code"], told["field"]) == ("InvalidRequest", field) and words in told["message"]


def test_a_strict_preview_that_is_not_exact_is_refused(client: FlaskClient) -> None:
    told = error(ask(client, "table", rows=[{"a": "\U000f1234"}], strict=True))
    assert told["code"] == "PreviewFailed"


def test_a_preview_over_its_limits_is_given_up(
    client: FlaskClient, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its process is killed, and the next one is made as ever."""
    small = replace(services.settings, memory_bytes=40_000_000)
    pipe = ChildPipe(small)
    monkeypatch.setattr(client.application.extensions[previews.EXTENSION], "_pipe", pipe)
    answer = ask(client, "table", rows=ROWS)
    pipe.stop()
    told = error(answer)
    assert (answer.status_code, told["code"]) == (422, "PreviewFailed") and "more memory" in told["message"]
    monkeypatch.undo()
    assert shown(ask(client, "table", rows=ROWS))["pages"] == 3


def test_previews_are_limited_for_each_owner(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(previews, "PER_MINUTE", 1)
    monkeypatch.setattr(counters, "time", SimpleNamespace(time=lambda: 6e6))
    assert ask(client, "table", rows=ROWS).status_code == 200
    refused = ask(client, "table", rows=ROWS)
    assert refused.status_code == 429 and int(refused.headers["Retry-After"]) == 60
    assert error(refused)["code"] == "QuotaReached"
    assert ask(client, "table", rows=ROWS, headers=ARCHIVE).status_code == 200
    sign_in(client)
    assert ask(client, "table", rows=ROWS, headers=OURS).status_code == 200
    assert ask(client, "table", rows=ROWS, headers={}).status_code == 403  # another site's form
