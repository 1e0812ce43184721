"""The examples of the README run as they are: in an app of one's own, and as a program."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pypdf
import pytest
import requests
from werkzeug.serving import make_server

from local.services import free_port
from pipeline.services import Services
from pipeline.web import create_app

from .. import steps
from ..waiting import until

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()


@pytest.fixture
def installed(services: Services, monkeypatch: pytest.MonkeyPatch) -> Iterator[Services]:
    """The system at PDF_URL, without a worker."""
    server = make_server("127.0.0.1", 0, create_app(services), threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    monkeypatch.setenv("PDF_URL", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("PDF_TOKEN", "shop-token")
    monkeypatch.setenv("SECRET_KEY", "of-the-app")
    yield services
    server.shutdown()
    thread.join()
    server.server_close()


def block(words: str) -> str:
    """The one code block that has these words."""
    blocks: list[str] = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    (code,) = [code for code in blocks if words in code]
    return code


@pytest.fixture
def shop(installed: Services) -> Any:
    """A client of Django with the example as its URLs; the header User says which user is signed in."""
    import django
    from django.conf import settings

    if not settings.configured:
        middleware = [f"{__name__}.signed_in"]
        settings.configure(
            SECRET_KEY="of-the-app", ROOT_URLCONF="shop_urls", ALLOWED_HOSTS=["testserver"], MIDDLEWARE=middleware
        )
        django.setup()
    from django.test import Client

    module = sys.modules["shop_urls"] = ModuleType("shop_urls")
    exec(block("from django"), module.__dict__)  # noqa: S102  # our own
    return Client()


def signed_in(get_response: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """A middleware in the place of Django's own, which needs a database."""

    def middleware(request: Any) -> Any:
        request.user = SimpleNamespace(pk=request.headers.get("User"))
        return get_response(request)

    return middleware


def finish(services: Services, export_id: str) -> None:
    steps.plan(services, export_id)
    for chunk in services.exports.plan(export_id).chunks:
        steps.render(services, export_id, chunk.number)
    steps.assemble(services, export_id)


def test_a_page_of_django_gets_the_file_of_its_user(installed: Services, shop: Any, tmp_path: Path) -> None:
    ann, bob = {"User": "1"}, {"User": "2"}
    asked = {"path": "/orders/pdf", "data": '{"key": "press"}', "content_type": "application/json"}
    assert shop.post(**asked).status_code == 401
    started = shop.post(**asked, headers=ann)
    assert started.status_code == 202
    export_id = started.json()["id"]
    assert shop.post(**asked, headers=ann).json()["id"] == export_id, "a double click makes one export"
    finish(installed, export_id)
    there = f"/orders/pdf/{export_id}"
    assert shop.get(there, headers=ann).json()["state"] == "ready"
    assert [shop.get(f"{there}{rest}", headers=bob).status_code for rest in ("", "/file")] == [404, 404]
    file = shop.get(f"{there}/file", headers=ann)
    assert file.status_code == 303
    (tmp_path / "orders.pdf").write_bytes(requests.get(file.headers["Location"], timeout=120).content)
    assert "Orders" in pypdf.PdfReader(tmp_path / "orders.pdf").pages[0].extract_text()


def test_the_python_example_submits_and_renders(
    installed: Services, environ: Mapping[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    found: dict[str, Any] = {}
    exec(block("pipeline.connect()"), found)  # noqa: S102  # our own
    submitted = found["submitted"]
    assert submitted.queued
    assert installed.exports.active() == [submitted.export.id]
    assert "Order" in pypdf.PdfReader("orders.pdf").pages[0].extract_text()


@pytest.mark.parametrize("port", [5050, 5051], ids=["flask", "fastapi"])
def test_the_line_that_starts_an_example_starts_it(installed: Services, port: int) -> None:
    (line,) = re.findall(
        rf"^\. up/env; PYTHONPATH=client \.venv/bin/python (.*) --port {port}$", README, re.MULTILINE
    )
    free = free_port()
    command = [sys.executable, *shlex.split(line), "--port", str(free)]
    with subprocess.Popen(command, cwd=ROOT, env={**os.environ, "PYTHONPATH": "client"}) as app:
        try:
            until(lambda: app.poll() is not None or _page(free), line)
            assert "pdf-download" in _page(free)
        finally:
            app.terminate()


def _page(port: int) -> str:
    try:
        return requests.get(f"http://127.0.0.1:{port}/", timeout=60).text
    except requests.ConnectionError:
        return ""
