"""<pdf-download> in a real browser, with a host that answers what a test says."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from manypages import element_path
from playwright.sync_api import Browser, BrowserContext, Locator, Page, Route, expect

from .parts import PATIENCE, uncomplaining, violations
from .states import VIEWS, open_states

pytestmark = pytest.mark.xdist_group("browser")
HOST = "https://host.test"  # locks between tabs need https
Answer = dict[str, Any]
READY, FAILED, QUEUED = ({"id": "e1", **VIEWS[state]} for state in ("ready", "failed", "queued"))
NOTE_DOWNLOADS = "window.files = []; HTMLAnchorElement.prototype.click = function () { files.push(this.href); }"
KEEP = "localStorage.setItem(`pdf-download ${location.origin}/pdf?month=7 a`, JSON.stringify({ id: 'e1' }))"


class Host:
    """Answers requests below /pdf by `say`, and keeps them."""

    def __init__(self, context: BrowserContext) -> None:
        self.asked: list[tuple[str, str, Any, dict[str, str]]] = []
        self.say: Callable[[str, str], Answer | None] = lambda method, path: {"json": QUEUED}
        self.html = '<pdf-download src="/pdf?month=7" name="a" csrf="crumb">Orders</pdf-download>'
        context.route(re.compile(f"^{HOST}/"), self._answer)

    def _answer(self, route: Route) -> None:
        request, path = route.request, route.request.url.removeprefix(HOST)
        if not path.startswith("/pdf"):
            return self._page(route, path)
        self.asked.append((request.method, path, json.loads(request.post_data or "null"), request.headers))
        answer = self.say(request.method, path)
        if answer is None:
            return route.abort("connectionreset")
        return route.fulfill(**answer)

    def _page(self, route: Route, path: str) -> None:
        if path == "/script.js":
            route.fulfill(path=element_path(), content_type="text/javascript")
        else:
            body = (
                f'<!doctype html><html lang="en"><title>Page</title><script src="/script.js"></script>{self.html}'
            )
            route.fulfill(body=body, content_type="text/html")

    def calls(self) -> list[tuple[str, str]]:
        return [(method, path) for method, path, _, _ in self.asked]


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(base_url=HOST)
    context.set_default_timeout(PATIENCE)
    page = context.new_page()
    with uncomplaining(page):
        yield page
    context.close()


@pytest.fixture
def host(page: Page) -> Host:
    return Host(page.context)


def words(page: Page) -> Locator:
    return page.locator("pdf-download [part=words]")


LINES = {
    "en": ("5,100 of 12,400 pages, about 2 min left", "Ready: 12,400 pages, 118 MB", "Try again"),
    "de": ("5.100 von 12.400 Seiten, noch etwa 2 Min.", "Fertig: 12.400 Seiten, 118 MB", "Erneut versuchen"),
    "fr": ("5 100 sur 12 400 pages, encore environ 2 min", "Prêt : 12 400 pages, 118 Mo", "Réessayer"),
    "es": ("5100 de 12.400 páginas, quedan aprox. 2 min", "Listo: 12.400 páginas, 118 MB", "Reintentar"),
    "ko": ("12,400페이지 중 5,100, 약 2분 남음", "완료: 12,400페이지, 118MB", "다시 시도"),
    "ja": ("12,400ページ中5,100、残り約2 分", "完了：12,400ページ、118 MB", "再試行"),
    "es_MX": ("5,100 de 12,400 páginas, quedan aprox. 2 min", "Listo: 12,400 páginas, 118 MB", "Reintentar"),
    "it": ("5,100 of 12,400 pages, about 2 min left", "Ready: 12,400 pages, 118 MB", "Try again"),
}


@pytest.mark.parametrize("lang", LINES)
def test_it_speaks_the_language_of_its_page(browser: Browser, lang: str) -> None:
    with browser.new_context(viewport={"width": 375, "height": 667}) as context:
        page = context.new_page()
        with uncomplaining(page):
            open_states(page, lang)
            line, ready, retry = LINES[lang]
            expect(page.locator("[name=drawing] [part=words]")).to_have_text(line)
            expect(page.locator("[name=ready] [part=words]")).to_have_text(ready)
            expect(page.locator("[name=failed]").get_by_role("button", name=retry)).to_be_visible()
            text = page.inner_text("main")
            assert "undefined" not in text and "{" not in text
            assert page.evaluate("document.documentElement.scrollWidth") <= 375
            for scheme in ("light", "dark") if lang in ("en", "ko") else ():
                page.emulate_media(color_scheme=scheme)
                assert violations(page) == []


def test_a_broken_connection_asks_again_with_the_same_key(page: Page, host: Host) -> None:
    broken = [None, {"status": 503}, {"json": QUEUED}]
    host.say = lambda method, path: broken.pop(0)
    page.goto("/")
    page.get_by_role("button", name="Orders").click()
    expect(words(page)).to_have_text("No connection. Trying again")
    expect(words(page)).to_have_text("Waiting to start")
    keys = {body["key"] for _, _, body, _ in host.asked}
    assert host.calls() == [("POST", "/pdf?month=7")] * 3 and len(keys) == 1


def test_leaving_before_the_host_answered_finds_the_same_press(page: Page, host: Host) -> None:
    host.say = lambda method, path: None
    page.goto("/")
    page.get_by_role("button", name="Orders").click()
    expect(words(page)).to_have_text("No connection. Trying again")
    host.say = lambda method, path: {"json": QUEUED}
    page.reload()
    expect(words(page)).to_have_text("Waiting to start")
    assert len({body["key"] for method, _, body, _ in host.asked if method == "POST"}) == 1


def test_cancelling_before_the_host_answered_cancels_what_it_says(page: Page, host: Host) -> None:
    host.say = lambda method, path: None
    page.goto("/")
    page.get_by_role("button", name="Orders").click()
    expect(words(page)).to_have_text("No connection. Trying again")
    host.say = lambda method, path: {"json": {**QUEUED, "state": "cancelled" if method == "DELETE" else "queued"}}
    host.asked.clear()
    page.get_by_role("button", name="Cancel").click()
    expect(words(page)).to_have_text("Cancelled")
    assert host.calls() == [("POST", "/pdf?month=7"), ("DELETE", "/pdf/e1?month=7")]


@pytest.mark.parametrize("cookie", ["of=cookie", ""])
def test_it_sends_the_token_against_forgery(page: Page, host: Host, cookie: str) -> None:
    if cookie:
        page.context.add_cookies([{"name": "crumb", "value": cookie, "url": HOST}])
    page.goto("/")
    page.get_by_role("button", name="Orders").click()
    expect(words(page)).to_have_text("Waiting to start")
    cancel = page.get_by_role("button", name="Cancel")
    cancel.dispatch_event("click", {"detail": 2})  # the second of a double click on what was there before
    cancel.click()
    expect(words(page)).to_have_text("Cancelled")
    sent = [(method, headers.get("x-csrftoken")) for method, _, _, headers in host.asked if method != "GET"]
    assert sent == [("POST", cookie or "crumb"), ("DELETE", cookie or "crumb")]


PROBLEM: Answer = {"status": 422, "json": {"detail": "Too many rows.", "advice": "Take fewer."}}
PROBLEM["content_type"] = "application/problem+json"
REFUSALS: dict[str, tuple[Answer, str]] = {
    "problem": (PROBLEM, "The PDF could not be made. Too many rows. Take fewer."),
    "error": ({"status": 500, "body": "<b>Oops</b>"}, "The PDF could not be made. HTTP 500"),
    "not signed in": ({"status": 401}, "Please sign in again."),
    "sign-in page": ({"status": 302, "headers": {"Location": "/sign-in"}}, "Please sign in again."),
}  # fmt: skip


@pytest.mark.parametrize("refusal", REFUSALS)
def test_what_the_host_refuses_is_said_and_can_be_tried_again(page: Page, host: Host, refusal: str) -> None:
    answer, said = REFUSALS[refusal]
    host.say = lambda method, path: answer
    page.goto("/")
    page.get_by_role("button", name="Orders").click()
    expect(page.get_by_role("status")).to_have_text(said)
    host.say = lambda method, path: {"json": QUEUED}
    page.get_by_role("button", name="Try again").click()
    expect(words(page)).to_have_text("Waiting to start")


def test_another_user_of_the_same_browser_finds_a_button(page: Page, host: Host) -> None:
    host.say = lambda method, path: {"status": 404}
    page.goto("/")
    page.evaluate(KEEP)
    page.reload()
    expect(page.get_by_role("button", name="Orders")).to_be_visible()
    assert page.evaluate("localStorage.length") == 0


def test_of_two_tabs_one_downloads(page: Page, host: Host) -> None:
    host.say = lambda method, path: {"json": QUEUED, "headers": {"ETag": '"1"'}}
    page.context.add_init_script(NOTE_DOWNLOADS)
    page.goto("/")
    second = page.context.new_page()
    second.goto("/")
    page.get_by_role("button", name="Orders").click()
    for tab in (page, second):
        expect(words(tab)).to_have_text("Waiting to start")
    host.say = lambda method, path: {"status": 304}
    with page.expect_request(lambda request: request.headers.get("if-none-match") == '"1"'):
        pass
    host.say = lambda method, path: {"json": READY}
    for tab in (page, second):
        expect(words(tab)).to_have_text("Ready: 12,400 pages, 118 MB")
    page.wait_for_function("navigator.locks.query().then(({ held }) => held.length)")  # one is about to, or has
    assert page.evaluate("files") + second.evaluate("files") == [f"{HOST}/pdf/e1/file?month=7"]


def test_why_a_failed_export_does_not_go_on_is_said(page: Page, host: Host) -> None:
    page.goto("/")
    page.evaluate(KEEP)
    refused = {"status": 409, "json": {"detail": "It is not closed yet."}}
    host.say = lambda method, path: refused if method == "POST" else {"json": FAILED}
    page.reload()
    page.get_by_role("button", name="Try again").click()
    expect(page.locator("pdf-download [part=reason]")).to_have_text("It is not closed yet.")
    page.get_by_role("button", name="Make a new one").click()
    expect(words(page)).to_have_text("The PDF could not be made.")
