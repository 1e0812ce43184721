"""A document takes one file in pipeline/documents/: the API, the panel and the command line find it there."""

from __future__ import annotations

import io
import shutil
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import click
import pypdf
import pytest

from pipeline import documents
from pipeline.cli.make import Kinds, render
from pipeline.errors import InvalidSetting
from pipeline.services import open_services
from pipeline.settings import Settings
from pipeline.web import create_app

from ... import steps
from ...conftest import SentMessages

SHOP = {"Authorization": "Bearer shop-token"}
RECORDS = [{"to": "Ada", "about": "one"}, {"to": "Grace", "about": "two"}]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder that counts as part of pipeline/documents/; what is registered from there is forgotten again."""
    documents.load()  # modules are imported once: what is forgotten now would not be registered again
    monkeypatch.setattr(documents, "__path__", [*documents.__path__, str(tmp_path)])
    monkeypatch.setattr(documents, "_register", dict(documents._register))
    yield tmp_path
    for path in tmp_path.glob("*.py"):
        sys.modules.pop(f"pipeline.documents.{path.stem}", None)
        if hasattr(documents, path.stem):
            delattr(documents, path.stem)


def test_one_new_file_is_known_everywhere(folder: Path, settings: Settings, messages: SentMessages) -> None:
    shutil.copy(Path(__file__).with_name("letters.py"), folder)
    services = open_services(settings, messages)
    client = create_app(services).test_client()

    body = {"document": "letters", "params": {"letters": RECORDS, "greeting": "Hello"}}
    answer = client.post("/v1/exports", json=body, headers=SHOP)
    assert answer.status_code == 202 and answer.json, answer.text
    export_id = answer.json["id"]
    steps.plan(services, export_id)
    for chunk in services.exports.plan(export_id).chunks:
        steps.render(services, export_id, chunk.number)
    steps.assemble(services, export_id)
    link = client.get(f"/v1/exports/{export_id}/download", headers=SHOP).headers["Location"]
    pages = pypdf.PdfReader(io.BytesIO(read(link))).pages
    assert [page.extract_text() for page in pages] == ["Hello Ada, one", "Hello Grace, two"]

    client.post("/sign-in", data={"password": "open sesame"})
    panel = client.get("/").text
    assert '<option value="letters">Letters</option>' in panel and "Letters, one page for each person." in panel
    assert 'data-name="greeting"' in panel and 'data-name="copies"' in panel

    command = Kinds(render).get_command(click.Context(render), "letters")
    names = {name for option in command.params for name in option.opts}
    assert {"--greeting", "--copies"} <= names and "--caption" not in names


def read(url: str) -> bytes:
    with urllib.request.urlopen(url) as answer:
        data: bytes = answer.read()
        return data


def test_a_file_that_cannot_be_imported_is_named(folder: Path) -> None:
    (folder / "broken.py").write_text("raise KeyError('oh')")
    with pytest.raises(InvalidSetting, match=r"pipeline\.documents\.broken cannot be imported: KeyError\('oh'\)"):
        documents.load()


def test_only_documents_with_captions_have_the_option() -> None:
    for kind, expected in (("photos", True), ("table", False)):
        command = Kinds(render).get_command(click.Context(render), kind)
        assert ("--caption" in {name for option in command.params for name in option.opts}) is expected
