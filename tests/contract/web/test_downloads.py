"""Downloads, and the links in mails."""

from __future__ import annotations

import re
import urllib.request
from dataclasses import replace

import pytest
from flask.testing import FlaskClient

from pipeline.errors import UnreadableSource
from pipeline.exports.export import State
from pipeline.exports.ids import new_id
from pipeline.exports.links import DownloadLinks
from pipeline.services import Services
from pipeline.tasks import flow
from pipeline.web import create_app

from .conftest import ARCHIVE, PASSWORD, SHOP, PutPhotos, asked, error, keys, make, sign_in


def test_a_download_redirects_and_is_not_logged(
    client: FlaskClient, services: Services, put_photos: PutPhotos, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    export_id = asked(client, put_photos)
    make(services, export_id)
    caplog.clear()
    answer = client.get(f"/v1/exports/{export_id}/download", headers=SHOP)
    assert answer.status_code == 302 and answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    with urllib.request.urlopen(answer.headers["Location"]) as file:
        assert file.headers["Content-Type"] == "application/pdf"
        assert re.search(r'attachment; filename="Photos \d{4}-\d\d-\d\d\.pdf"', file.headers["Content-Disposition"])
        assert file.read(5) == b"%PDF-"
    assert "X-Amz-Signature" in answer.headers["Location"]
    assert not [r for r in caplog.records if r.name.startswith("pipeline") and "Amz" in r.getMessage()]


def test_the_size_of_a_download_can_be_asked(
    client: FlaskClient, services: Services, put_photos: PutPhotos
) -> None:
    export_id = asked(client, put_photos)
    make(services, export_id)
    result = services.exports.load(export_id).result
    assert result is not None
    answer = client.head(f"/v1/exports/{export_id}/download", headers=SHOP)
    assert answer.status_code == 302
    with urllib.request.urlopen(urllib.request.Request(answer.headers["Location"], method="HEAD")) as file:
        assert (file.status, file.headers["Content-Length"]) == (200, str(result.bytes))
        assert "attachment" in file.headers["Content-Disposition"]


def test_a_part_of_a_file_can_be_asked(client: FlaskClient, services: Services, put_photos: PutPhotos) -> None:
    export_id = asked(client, put_photos)
    make(services, export_id)
    url = client.get(f"/v1/exports/{export_id}/download", headers=SHOP | {"Range": "bytes=5-9"}).headers["Location"]
    with urllib.request.urlopen(url) as file:
        whole = file.read()
    with urllib.request.urlopen(urllib.request.Request(url, headers={"Range": "bytes=5-9"})) as file:
        assert (file.status, file.read()) == (206, whole[5:10])
        assert file.headers["Content-Range"] == f"bytes 5-9/{len(whole)}"


def test_each_volume_can_be_downloaded(client: FlaskClient, services: Services, put_photos: PutPhotos) -> None:
    export_id = asked(client, put_photos, 5, volume_pages=2)
    make(services, export_id)
    body = client.get(f"/v1/exports/{export_id}", headers=SHOP).json
    assert body
    volumes = body["result"]["volumes"]
    assert [(volume["first_page"], volume["pages"]) for volume in volumes] == [(1, 2), (3, 2), (5, 1)]
    paths = ["", "/1", "/2", "/3"]
    assert [volume["download"].rsplit("/", 1)[1] for volume in volumes] == ["1", "2", "3"]
    urls = [
        client.get(f"/v1/exports/{export_id}/download{path}", headers=SHOP).headers["Location"] for path in paths
    ]
    for name, url in zip(["index", "1-of-3", "2-of-3", "3-of-3"], urls, strict=True):
        with urllib.request.urlopen(url) as file:
            assert f"-{name}.pdf" in file.headers["Content-Disposition"]
            assert file.read(5) == b"%PDF-"
    for path in ("/4", "/x", "/-1"):
        assert client.get(f"/v1/exports/{export_id}/download{path}", headers=SHOP).status_code == 404
    assert client.get(f"/v1/exports/{export_id}/download/2", headers=ARCHIVE).status_code == 404


def test_a_mail_link_to_a_volume_works_after_sign_in(
    client: FlaskClient, services: Services, put_photos: PutPhotos
) -> None:
    export_id = asked(client, put_photos, 3, volume_pages=2)
    make(services, export_id)
    path = DownloadLinks(services.settings).sign(export_id, 2).removeprefix(services.settings.base_url)
    there = client.get(path).headers["Location"]
    assert there == f"/sign-in?next={path}"
    signed = client.post("/sign-in", data={"password": PASSWORD, "next": path})
    assert signed.headers["Location"] == path
    assert "-2-of-2.pdf" in client.get(path).headers["Location"]


def test_an_unfinished_export_has_no_download(client: FlaskClient, put_photos: PutPhotos) -> None:
    answer = client.get(f"/v1/exports/{asked(client, put_photos)}/download", headers=SHOP)
    assert answer.status_code == 409 and "queued" in error(answer)["message"]


def test_a_failed_export_gives_its_reason(client: FlaskClient, services: Services, put_photos: PutPhotos) -> None:
    export_id = asked(client, put_photos)
    flow.fail(services, export_id, UnreadableSource("Photo 2 cannot be read."))
    answer = client.get(f"/v1/exports/{export_id}/download", headers=SHOP)
    assert answer.status_code == 409
    assert "Photo 2 cannot be read." in error(answer)["message"] and "skip" in error(answer)["advice"]
    body = client.get(f"/v1/exports/{export_id}", headers=SHOP).json
    assert body and body["failure"]["code"] == "UnreadableSource"


@pytest.mark.parametrize("how", ["expired by the keeper", "removed by the bucket"])
def test_a_removed_file_is_410(client: FlaskClient, services: Services, put_photos: PutPhotos, how: str) -> None:
    export_id = asked(client, put_photos)
    make(services, export_id)
    services.exports.remove_result(services.exports.load(export_id))
    if how == "expired by the keeper":
        services.exports.change(export_id, lambda e: e.to(State.EXPIRED))
    answer = client.get(f"/v1/exports/{export_id}/download", headers=SHOP)
    assert answer.status_code == 410 and "again" in error(answer)["advice"]


def test_a_mail_link_works_after_sign_in(client: FlaskClient, services: Services, put_photos: PutPhotos) -> None:
    export_id = asked(client, put_photos)
    make(services, export_id)
    path = DownloadLinks(services.settings).sign(export_id).removeprefix(services.settings.base_url)
    first = client.get(path)
    assert (first.status_code, first.headers["Location"]) == (302, f"/sign-in?next={path}")
    assert f'value="{path}"' in client.get(first.headers["Location"]).text
    after = sign_in(client, next=path)
    assert (after.status_code, after.headers["Location"]) == (303, path)
    with urllib.request.urlopen(client.get(path).headers["Location"]) as file:
        assert file.read(5) == b"%PDF-"


def test_a_mail_link_can_be_opened_many_times(
    client: FlaskClient, services: Services, put_photos: PutPhotos
) -> None:
    export_id = asked(client, put_photos)
    make(services, export_id)
    path = DownloadLinks(services.settings).sign(export_id).removeprefix(services.settings.base_url)
    before = keys(services), services.exports.load(export_id)
    for _ in range(5):
        assert client.head(path).status_code == client.get(path).status_code == 302
        answer = client.get(path, headers=ARCHIVE)
        assert "X-Amz-Signature" in answer.headers["Location"]
    assert (keys(services), services.exports.load(export_id)) == before


def test_a_mail_link_to_an_unfinished_export_explains(
    client: FlaskClient, services: Services, put_photos: PutPhotos
) -> None:
    export_id = asked(client, put_photos)
    path = DownloadLinks(services.settings).sign(export_id).removeprefix(services.settings.base_url)
    answer = client.get(path, headers=SHOP)
    assert answer.status_code == 409 and "<h1>" in answer.text and "not ready yet" in answer.text


def test_a_forged_link_is_403_and_an_expired_one_410(services: Services) -> None:
    late = create_app(replace(services, settings=replace(services.settings, link_seconds=-1))).test_client()
    token = DownloadLinks(services.settings).sign(new_id()).rsplit("/", 1)[1]
    other = DownloadLinks(replace(services.settings, secret_keys=("another key",))).sign(new_id()).rsplit("/", 1)[1]
    for status, code, tokens in (
        (403, "LinkRefused", (token[:-1] + "!", other, token + "x", "x", token.split(".")[0])),
        (410, "LinkExpired", (token,)),
    ):
        for wrong in tokens:
            page = late.get(f"/d/{wrong}")
            assert page.status_code == status and page.mimetype == "text/html" and "<h1>" in page.text
            told = late.get(f"/d/{wrong}", headers={"Accept": "application/json"})
            assert told.status_code == status and error(told)["code"] == code


def test_a_signed_link_opens_without_an_account_until_the_export_is_removed(
    client: FlaskClient, services: Services, put_photos: PutPhotos
) -> None:
    export_id = asked(client, put_photos, 5, volume_pages=2)
    make(services, export_id)
    links, other = (
        DownloadLinks(services.settings),
        DownloadLinks(replace(services.settings, secret_keys=("other",))),
    )
    for _ in range(3):  # mail scanners open every link first
        for volume in (0, 2):
            path = links.sign(export_id, volume, signed=True).removeprefix(services.settings.base_url)
            assert "X-Amz-Signature" in client.get(path).headers["Location"]
    path = links.sign(export_id, signed=True).removeprefix(services.settings.base_url)
    assert client.get(path.replace("/o/", "/d/")).status_code == 403, "a token of one kind is not one of the other"
    assert (
        client.get(other.sign(export_id, signed=True).removeprefix(services.settings.base_url)).status_code == 403
    )
    assert client.delete(f"/v1/exports/{export_id}", headers=SHOP).status_code == 204
    assert client.get(path).status_code == 404
