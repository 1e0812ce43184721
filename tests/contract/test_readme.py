"""The examples of the README run as they are: in apps of their own, and as a program."""

from __future__ import annotations

import re
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import pypdf
import pytest
import requests
from werkzeug.serving import make_server

from pipeline.errors import ExportFailed
from pipeline.services import Services
from pipeline.tasks import flow
from pipeline.web import create_app

from .. import steps

README = (Path(__file__).parents[2] / "README.md").read_text()
Ask = Callable[[str, str], tuple[int, str, str]]
"""Method and path -> status, Location and body, in one session."""


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


def example(framework: str) -> ModuleType:
    """The code block that imports a framework, as a module."""
    code = block(f"from {framework}")
    module = sys.modules[f"{framework}_example"] = ModuleType(f"{framework}_example")
    exec(code, module.__dict__)  # noqa: S102  # our own
    return module


def django_app() -> Callable[[], Ask]:
    import django
    from django.conf import settings

    if not settings.configured:
        settings.configure(
            SECRET_KEY="of-the-app",
            ROOT_URLCONF="django_example",
            ALLOWED_HOSTS=["testserver"],
            SESSION_ENGINE="django.contrib.sessions.backends.signed_cookies",
            MIDDLEWARE=["django.contrib.sessions.middleware.SessionMiddleware"],
        )
        django.setup()
    from django.test import Client

    example("django")

    def session() -> Ask:
        client = Client()

        def ask(method: str, path: str) -> tuple[int, str, str]:
            answer: Any = client.generic(method, path)
            return answer.status_code, answer.headers.get("Location", ""), answer.content.decode()

        return ask

    return session


@pytest.fixture
def session(installed: Services) -> Callable[[], Ask]:
    """Begins a session in an app of one's own."""
    return django_app()


def finish(services: Services, export_id: str) -> None:
    steps.plan(services, export_id)
    for chunk in services.exports.plan(export_id).chunks:
        steps.render(services, export_id, chunk.number)
    steps.assemble(services, export_id)


def linked(page: str) -> list[str]:
    return re.findall(r'href="([^"]+)"', page)


def test_a_button_in_an_app_of_ones_own_leads_to_the_file(
    installed: Services, session: Callable[[], Ask], tmp_path: Path
) -> None:
    ask = session()
    status, following, _ = ask("POST", "/orders/pdf")
    assert status in (302, 303)
    assert "Your PDF: 0 %" in ask("GET", following)[2]
    finish(installed, *installed.exports.active())
    status, _, page = ask("GET", following)
    assert status == 200
    assert page.startswith("Your PDF is ready")
    assert "refresh" not in page, "it stays as it is"
    status, file, _ = ask("GET", linked(page)[0])
    assert status == 302
    (tmp_path / "orders.pdf").write_bytes(requests.get(file, timeout=30).content)
    assert "Orders" in pypdf.PdfReader(tmp_path / "orders.pdf").pages[0].extract_text()


def test_a_page_of_an_export_needs_no_session(installed: Services, session: Callable[[], Ask]) -> None:
    _, following, _ = session()("POST", "/orders/pdf")
    finish(installed, *installed.exports.active())
    page = session()("GET", following)[2]
    assert page.startswith("Your PDF is ready")
    assert session()("GET", linked(page)[0])[0] == 302
    for wrong in (f"{following}x", f"{following}x/file"):
        assert session()("GET", wrong)[0] == 404
    installed.bucket.delete_under("exports/")
    assert session()("GET", following)[0] == 404, "the record of the export was removed"


def test_a_second_export_does_not_forget_the_first(installed: Services, session: Callable[[], Ask]) -> None:
    ask, pages = session(), []
    for _ in range(3):  # the last one equals the second, which is not over yet
        pages.append(ask("POST", "/orders/pdf")[1])
        if len(pages) == 1:
            finish(installed, *installed.exports.active())
    assert len(set(pages)) == 2
    listing = ask("GET", pages[1])[2]
    assert [page for page in linked(listing) if page in pages] == pages[:2]


def test_an_app_of_ones_own_says_why_there_is_no_file(installed: Services, session: Callable[[], Ask]) -> None:
    ask = session()
    _, following, _ = ask("POST", "/orders/pdf")
    (export_id,) = installed.exports.active()
    flow.fail(installed, export_id, ExportFailed("Row 7 is <b>wrong</b>."))
    assert ask("GET", following)[2].startswith("Row 7 is &lt;b&gt;wrong&lt;/b&gt;.")


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
