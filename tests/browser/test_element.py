"""<pdf-download> in the apps of examples/, in a real browser, on real parts. Tests take the steps of workers."""

from __future__ import annotations

import importlib.util
import io
import re
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path
from types import ModuleType

import pypdf
import pytest
import uvicorn
from playwright.sync_api import Browser, BrowserContext, Download, Locator, Page, Route, expect

from pipeline.errors import ExportFailed
from pipeline.exports.export import State
from pipeline.scaler.learned import Learned
from pipeline.services import Services
from pipeline.tasks import flow
from pipeline.web import create_app

from .. import steps
from .parts import PATIENCE, served, uncomplaining, violations

pytestmark = pytest.mark.xdist_group("browser")
EXAMPLES = Path(__file__).parents[2] / "examples"
STRICT = (
    "default-src 'none'; script-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)
LEARNED = Learned(page={"table": 0.5}, boot=300.0)
DESKTOP, PHONE = {"width": 1000, "height": 700}, {"width": 375, "height": 667}


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"{name}_example", EXAMPLES / name / "app.py")
    assert spec and spec.loader
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)  # Flask finds its folder by it
    spec.loader.exec_module(module)
    return module


@contextmanager
def asgi_served(app: object) -> Iterator[str]:
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="warning", lifespan="off"))  # type: ignore[arg-type]
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()


@pytest.fixture(params=["flask", "fastapi"])
def host(request: pytest.FixtureRequest, services: Services, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """An example, served beside the system; its address."""
    with ExitStack() as stack:
        monkeypatch.setenv("PDF_URL", stack.enter_context(served(create_app(services))))
        monkeypatch.setenv("PDF_TOKEN", "shop-token")
        monkeypatch.setenv("SECRET_KEY", "of-the-app")
        monkeypatch.chdir(EXAMPLES.parent)
        serve = served if request.param == "flask" else asgi_served
        yield stack.enter_context(serve(load(request.param).app))


def strict(route: Route) -> None:
    answer = route.fetch()
    route.fulfill(response=answer, headers={**answer.headers, "content-security-policy": STRICT})


@contextmanager
def visit(browser: Browser, host: str) -> Iterator[Page]:
    """A user with an own browser, on the page of the host, with the strictest content security policy."""
    context = browser.new_context(base_url=host, viewport=DESKTOP)  # type: ignore[arg-type]
    context.set_default_timeout(PATIENCE)
    context.route(re.compile(r"/$"), strict)
    page = context.new_page()
    with uncomplaining(page):
        page.goto("/")
        yield page
    context.close()


def element(page: Page, name: str) -> Locator:
    return page.locator(f"pdf-download[src='/pdf/{name}']")


def words(shown: Locator) -> Locator:
    return shown.locator("[part=words]")


def percent(shown: Locator) -> float:
    return float(shown.get_by_role("progressbar").get_attribute("value") or 0)


def press(page: Page, shown: Locator) -> None:
    page.keyboard.press("Tab")
    expect(shown.get_by_role("button")).to_be_focused()
    page.keyboard.press("Enter")


def look_well(page: Page) -> None:
    """No violation on a desktop, on a phone and in the dark, and nothing wider than the phone."""
    for scheme, size in (("light", DESKTOP), ("dark", DESKTOP), ("dark", PHONE), ("light", PHONE)):
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        page.set_viewport_size(size)  # type: ignore[arg-type]
        assert violations(page) == [], (scheme, size)
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    page.set_viewport_size(DESKTOP)  # type: ignore[arg-type]


def text_of(download: Download) -> str:
    return pypdf.PdfReader(io.BytesIO(Path(download.path()).read_bytes())).pages[0].extract_text()


def test_a_user_gets_the_file_and_sees_how_far_it_is(host: str, browser: Browser, services: Services) -> None:
    with visit(browser, host) as page:
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.method) if request.method == "POST" else None)
        orders = element(page, "orders")
        look_well(page)
        services.redis.decisions.show_state({"learned": asdict(LEARNED)})
        page.get_by_role("button", name="Download all orders").dblclick()
        expect(words(orders)).to_have_text("Waiting to start")
        (export_id,) = services.exports.active()
        assert asked == ["POST"], "a double click asks once"
        steps.plan(services, export_id)
        pages = services.exports.load(export_id).pages
        expect(words(orders)).to_have_text(re.compile(f"^{pages} pages, about 5 min$"))
        services.redis.progress.note_pages(export_id, 0, pages // 2)
        expect(words(orders)).to_have_text(re.compile(rf"{pages // 2} of {pages} pages, about .* left"))
        look_well(page)
        drawn = percent(orders)
        page.reload()
        expect(words(orders)).to_have_text(re.compile(f"{pages // 2} of {pages} pages"))
        page.context.set_offline(True)
        expect(words(orders)).to_have_text("No connection. Trying again")
        page.context.set_offline(False)
        for chunk in services.exports.plan(export_id).chunks:
            steps.render(services, export_id, chunk.number)
        services.exports.change(export_id, lambda export: export.to(State.ASSEMBLING, rendered_at=time.time()))
        services.redis.progress.note_bytes(export_id, 20_000, 80_000)
        expect(words(orders)).to_have_text("Putting the file together: 20 kB of 80 kB")
        joined = percent(orders)
        services.redis.progress.note_bytes(export_id, 60_000, 80_000)
        expect(words(orders)).to_have_text("Putting the file together: 60 kB of 80 kB")
        assert 0 < drawn < joined < percent(orders)
        with page.expect_download() as coming:
            steps.assemble(services, export_id)
        assert "Orders" in text_of(coming.value)
        expect(words(orders)).to_have_text(re.compile(rf"Ready: {pages} pages, \d+ kB"))
        look_well(page)
        page.reload()
        with page.expect_download() as again:
            page.get_by_role("link", name="Download again").click()
        assert again.value.suggested_filename == coming.value.suggested_filename
        assert asked == ["POST"]
        services.bucket.delete_under("exports/")
        page.get_by_role("link", name="Download again").click()
        expect(words(orders)).to_have_text("The PDF is no longer there.")


def test_by_keyboard_a_failure_is_retried_and_another_export_is_cancelled(
    host: str, browser: Browser, services: Services
) -> None:
    with visit(browser, host) as page:
        orders, customers = element(page, "orders"), element(page, "customers")
        press(page, orders)
        expect(orders.get_by_role("button", name="Cancel")).to_be_focused()
        expect(words(orders)).to_have_text("Waiting to start")
        (failing,) = services.exports.active()
        press(page, customers)
        expect(words(customers)).to_have_text("Waiting to start")
        (cancelled,) = set(services.exports.active()) - {failing}
        page.keyboard.press("Enter")
        expect(words(customers)).to_have_text("Cancelled")
        expect(customers.get_by_role("button", name="Download all customers")).to_be_focused()
        assert services.exports.load(cancelled).state is State.CANCELLED
        flow.fail(services, failing, ExportFailed("Row 7 is <b>wrong</b>.", advice="Correct it."))
        steps.deliver(services, failing)
        expect(orders.locator("[part=reason]")).to_have_text("Row 7 is <b>wrong</b>. Correct it.")
        expect(orders.get_by_role("status")).to_contain_text("Row 7 is <b>wrong</b>. Correct it.")
        look_well(page)
        orders.get_by_role("button", name="Try again").click()
        expect(words(orders)).to_have_text("Waiting to start")
        assert services.exports.load(failing).state is State.QUEUED, "it goes on, and is no new one"


def test_an_export_is_shown_to_the_user_who_asked_for_it_and_to_no_other(
    host: str, browser: Browser, services: Services
) -> None:
    with visit(browser, host) as mine, visit(browser, host) as other:
        mine.get_by_role("button", name="Download all customers").click()
        expect(words(element(mine, "customers"))).to_have_text("Waiting to start")
        (export_id,) = services.exports.active()
        address = f"/pdf/customers/{export_id}"
        steps.plan(services, export_id)
        for chunk in services.exports.plan(export_id).chunks:
            steps.render(services, export_id, chunk.number)
        steps.assemble(services, export_id)
        known = {"If-None-Match": mine.context.request.get(address).headers["etag"]}
        assert mine.context.request.get(address, headers=known).status == 304
        assert statuses(mine.context, address) == [200, 303, 415, 200, 409]
        assert statuses(other.context, address) == [404, 404, 415, 404, 404]
        assert other.context.request.get(address, headers=known).status == 404
        other.context.clear_cookies()
        assert statuses(other.context, address) == [401] * 5, "nobody is signed in"
        assert services.exports.load(export_id).state is State.READY, "the file stays"


def statuses(user: BrowserContext, address: str) -> list[int]:
    ask = user.request
    return [
        ask.get(address).status,
        ask.get(f"{address}/file", max_redirects=0).status,
        ask.post(f"{address}/retry", form={"key": "of another site"}).status,
        ask.delete(address).status,
        ask.post(f"{address}/retry", data={}).status,
    ]
