"""The panel in a real browser, served over HTTP, with a thread in the workers' place."""

from __future__ import annotations

import io
import queue
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pypdf
import pytest
from playwright.sync_api import Browser, Dialog, Download, Page, expect

from pipeline.adapters.redis import Coordination
from pipeline.errors import PipelineError
from pipeline.exports.export import Channel, Notice, Recipient, State
from pipeline.exports.links import Links
from pipeline.services import Message, Services, open_services
from pipeline.settings import Settings
from pipeline.tasks import flow
from pipeline.tasks.step import Outcome
from pipeline.web import create_app

from .parts import PATIENCE, served

pytestmark = pytest.mark.xdist_group("browser")  # one Chromium for all, whoever runs them
PAUSE = 0.35  # seconds a worker needs for a chunk, so that there is something to see
PASSWORD = "open sesame"
PutPhotos = Callable[[int], str]
Step = Callable[..., Outcome]


class Workers:
    """Messages that a thread of this process works off, one step after another."""

    def __init__(self) -> None:
        self._steps: queue.Queue[tuple[str, Step] | None] = queue.Queue()
        self.gate = threading.Event()
        self.gate.set()

    def send(self, message: Message) -> None:
        if message.step == "render":
            for chunk in message.chunks:
                self._steps.put((message.export_id, partial(flow.take, step="render", part=chunk)))
            self.send(Message("assemble", message.export_id))
        else:
            self._steps.put((message.export_id, partial(flow.take, step=message.step)))

    @contextmanager
    def working(self, services: Services) -> Iterator[None]:
        """Work until the block ends. Closing `gate` holds them up."""
        thread = threading.Thread(target=self._work, args=(services,))
        thread.start()
        try:
            yield
        finally:
            self.gate.set()
            self._steps.put(None)
            thread.join()

    def _work(self, services: Services) -> None:
        while message := self._steps.get():
            export_id, step = message
            time.sleep(PAUSE)
            self.gate.wait(30)
            try:
                step(services, export_id=export_id)
            except PipelineError as error:
                flow.fail(services, export_id, error)


@pytest.fixture
def workers() -> Workers:
    return Workers()


@pytest.fixture
def address(settings: Settings, workers: Workers) -> Iterator[str]:
    services = open_services(settings, workers)
    with workers.working(services), served(create_app(services)) as url:
        yield url


@pytest.fixture
def page(browser: Browser, address: str) -> Iterator[Page]:
    """A page that must not complain: no exception, nothing refused by the content security policy."""
    context = browser.new_context(base_url=address, viewport={"width": 1000, "height": 900})
    context.set_default_timeout(PATIENCE)
    page = context.new_page()
    complaints: list[str] = []

    def refuse(dialog: Dialog) -> None:
        complaints.append(dialog.message)
        dialog.dismiss()

    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    page.on("dialog", refuse)
    yield page
    context.close()
    # The browser notes every answer from 400 up; the tests look at those themselves.
    assert [text for text in complaints if not text.startswith("Failed to load resource")] == []


def sign_in(page: Page, password: str = PASSWORD) -> None:
    page.goto("/")
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_load_state("networkidle")  # the script has come, and with it what buttons do


def open_album(page: Page) -> None:
    """Sign in and choose the document of these tests."""
    sign_in(page)
    page.get_by_label("Document").select_option("photos")


def pdf(download: Download) -> pypdf.PdfReader:
    data = Path(download.path()).read_bytes()
    assert data.startswith(b"%PDF-")
    return pypdf.PdfReader(io.BytesIO(data))


def test_download_shows_progress_and_then_the_file_comes_by_itself(
    page: Page, put_photos: PutPhotos, workers: Workers, tmp_path: Path
) -> None:
    put_photos(8)
    open_album(page)
    expect(page.get_by_label("Listing")).to_have_value("inputs/album.jsonl")
    page.get_by_label("Title").fill("Summer 2026")
    words, bar = page.locator("#words"), page.get_by_role("progressbar")
    workers.gate.clear()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.method) if request.method == "POST" else None)
    page.get_by_role("button", name="Download").dblclick()
    expect(words).to_have_text(re.compile("Waiting for a worker|Planning"))
    workers.gate.set()
    with page.expect_download() as coming:
        expect(words).to_have_text(re.compile(r"Page [1-8] of 8, about \d+ s left"))
        page.screenshot(path=tmp_path / "rendering.png")
        assert 0 < int(bar.get_attribute("aria-valuenow") or 0) < 100
        expect(words).to_have_text(re.compile(r"Ready: 8 pages, \d+ kB"))
    expect(bar).to_have_attribute("aria-valuenow", "100")
    expect(page.get_by_role("link", name="Download again")).to_be_visible()
    expect(page.locator("#recent li")).to_have_count(1)
    assert asked == ["POST"]  # the double click asked once
    assert re.fullmatch(r"Summer 2026 \d{4}-\d\d-\d\d\.pdf", coming.value.suggested_filename)
    assert len(pdf(coming.value).pages) == 8
    page.screenshot(path=tmp_path / "ready.png")
    with page.expect_download() as again:
        page.get_by_role("link", name="Download again").click()
    assert len(pdf(again.value).pages) == 8


def test_volumes_are_listed_each_with_its_link(page: Page, put_photos: PutPhotos) -> None:
    put_photos(5)
    open_album(page)
    page.get_by_label("Pages per volume").fill("2")
    with page.expect_download() as index:
        page.get_by_role("button", name="Download").click()
    assert index.value.suggested_filename.endswith("-index.pdf")
    expect(page.locator("#words")).to_have_text(re.compile(r"Ready: 5 pages in 3 volumes, \d+ kB"))
    expect(page.locator("#volumes li")).to_have_count(3)
    expect(page.locator("#volumes li").nth(1)).to_contain_text("pages 3 to 4")
    with page.expect_download() as second:
        page.get_by_role("link", name="Volume 2").click()
    assert len(pdf(second.value).pages) == 2
    page.reload()
    page.locator("#recent").get_by_role("button", name="Show").click()
    expect(page.get_by_role("link", name="Volume 3")).to_be_visible()


def test_a_reload_in_the_middle_goes_on_and_still_downloads(
    page: Page, put_photos: PutPhotos, workers: Workers
) -> None:
    put_photos(3)
    open_album(page)
    workers.gate.clear()
    page.get_by_role("button", name="Download").click()
    expect(page.get_by_role("progressbar")).to_be_visible()
    page.reload()
    expect(page.locator("#recent li")).to_have_count(1)
    expect(page.locator("#words")).to_have_text(re.compile("Waiting|Planning"))
    with page.expect_download() as coming:
        workers.gate.set()
    assert len(pdf(coming.value).pages) == 3


def test_a_lost_connection_is_said_and_got_over(page: Page, put_photos: PutPhotos, workers: Workers) -> None:
    put_photos(2)
    open_album(page)
    workers.gate.clear()
    page.get_by_role("button", name="Download").click()
    expect(page.locator("#words")).to_have_text(re.compile("Waiting|Planning"))
    page.context.set_offline(True)
    expect(page.locator("#words")).to_have_text("The server does not answer; trying again")
    page.context.set_offline(False)
    with page.expect_download() as coming:
        workers.gate.set()
    assert len(pdf(coming.value).pages) == 2


def test_cancel_ends_it(page: Page, put_photos: PutPhotos, workers: Workers) -> None:
    put_photos(3)
    open_album(page)
    workers.gate.clear()
    page.get_by_role("button", name="Download").click()
    page.get_by_role("button", name="Cancel", exact=True).click()
    expect(page.locator("#words")).to_have_text("Cancelled")
    expect(page.locator("#recent li")).to_contain_text("Cancelled")
    expect(page.get_by_role("button", name="Download")).to_be_enabled()


def test_a_wrong_password_does_not_open_the_panel(page: Page) -> None:
    sign_in(page, "open barley")
    expect(page.get_by_role("alert")).to_have_text("The password is wrong.")
    page.goto("/")
    expect(page).to_have_url(re.compile("/sign-in$"))


def test_signing_out_closes_the_panel(page: Page) -> None:
    sign_in(page)
    page.get_by_role("button", name="Sign out").click()
    expect(page).to_have_url(re.compile("/sign-in$"))
    page.goto("/")
    expect(page).to_have_url(re.compile("/sign-in$"))


def test_signing_out_needs_no_script(browser: Browser, address: str) -> None:
    """A click may come before the script does."""
    context = browser.new_context(base_url=address, java_script_enabled=False)
    page = context.new_page()
    sign_in(page)
    expect(page.get_by_role("button", name="Download")).to_be_disabled()  # it does need one
    page.get_by_role("button", name="Sign out").click()
    expect(page).to_have_url(re.compile("/sign-in$"))
    page.goto("/")
    expect(page).to_have_url(re.compile("/sign-in$"))
    context.close()


def test_what_people_type_is_shown_as_text(page: Page, put_photos: PutPhotos) -> None:
    title = "<img src=x onerror=alert(1)>"
    put_photos(1)
    open_album(page)
    page.get_by_label("Title").fill(title)
    with page.expect_download():
        page.get_by_role("button", name="Download").click()
    expect(page.locator("#watched-name")).to_have_text(title)
    expect(page.locator("#recent .name")).to_have_text(title)
    assert page.locator("img").count() == 0
    page.get_by_label("Listing").fill(f"inputs/{title}.jsonl")
    page.get_by_role("button", name="Download").first.click()
    expect(page.get_by_role("alert")).to_contain_text(title)
    assert page.locator("img").count() == 0


def test_a_refusal_names_the_field_and_the_button_can_be_pressed_again(page: Page) -> None:
    open_album(page)
    listing = page.get_by_label("Listing")
    listing.fill("inputs/nothing.jsonl")
    listing.press("Enter")
    expect(page.get_by_role("alert")).to_have_text("There is no inputs/nothing.jsonl in the bucket.")
    expect(listing).to_have_attribute("aria-invalid", "true")
    expect(listing).to_be_focused()
    expect(page.get_by_role("button", name="Download")).to_be_enabled()
    listing.fill("inputs/another.jsonl")
    expect(page.get_by_role("alert")).to_be_hidden()


def test_photos_that_could_not_be_read_are_named(page: Page, settings: Settings) -> None:
    store = open_services(settings, Workers()).bucket
    store.put("inputs/lost.jsonl", b'{"source":"inputs/lost.jpg","caption":"Gone"}\n')
    open_album(page)
    with page.expect_download():
        page.get_by_role("button", name="Download").click()
    page.get_by_text("1 record could not be read").click()
    expect(page.locator("#skipped li")).to_contain_text("inputs/lost.jpg")


def test_a_failed_export_says_why(page: Page, settings: Settings) -> None:
    store = open_services(settings, Workers()).bucket
    store.put("inputs/broken.jsonl", b'{"source":"exports/secret"}\n')
    open_album(page)
    page.get_by_role("button", name="Download").click()
    expect(page.locator("#words")).to_contain_text("Failed: Line 1 of inputs/broken.jsonl")


def test_a_mail_that_waits_says_why(page: Page, put_photos: PutPhotos, settings: Settings) -> None:
    put_photos(1)
    open_album(page)
    with page.expect_download():
        page.get_by_role("button", name="Download").click()
    exports = open_services(settings, Workers()).exports
    (export,) = exports.all()
    problem = "The mail server answered 535."
    mail = Notice(1, Channel.MAIL, Recipient("a@example.org"), State.READY, 0.0, 0.0, problem=problem)
    exports.change(export.id, lambda e: replace(e, notices=(mail,)))
    page.goto(f"{page.url.partition('#')[0]}#{export.id}")
    page.reload()
    expect(page.locator("#advice")).to_have_text(f"The mail waits: {problem}")


def test_workers_that_cannot_be_counted_are_not_said_to_be_none(page: Page, settings: Settings) -> None:
    """When Heroku refuses the key they cannot be stopped either, and cost money."""
    seen = {"quantity": None, "limit": None, "maximum": 4, "boot_seconds": 15.0, "refused": "Heroku refuses."}
    Coordination.open(settings).decisions.show_state(seen)
    sign_in(page)
    expect(page.locator("#workers-words")).to_have_text(re.compile("An unknown number of workers of at most 4"))
    expect(page.locator("#workers-problem")).to_have_text("Heroku refuses.")


def test_schedules_show_when_they_run_next(page: Page) -> None:
    sign_in(page)
    page.get_by_text("Last and next runs").click()
    said = [re.compile(f"^{name}: next .*, last never") for name in ("check", "clean-up", "report")]
    expect(page.locator("#schedules li")).to_have_text([*said, "Times are in UTC."])


def test_a_mail_link_leads_through_signing_in_to_the_file(
    page: Page, put_photos: PutPhotos, settings: Settings
) -> None:
    put_photos(1)
    open_album(page)
    with page.expect_download():
        page.get_by_role("button", name="Download").click()
    export_id = page.url.partition("#")[2]
    page.get_by_role("button", name="Sign out").click()
    expect(page).to_have_url(re.compile("/sign-in$"))
    page.goto(Links(settings).sign(export_id).removeprefix(settings.base_url))
    page.get_by_label("Password").fill(PASSWORD)
    with page.expect_download() as coming:
        page.get_by_role("button", name="Sign in").click()
    assert len(pdf(coming.value).pages) == 1


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_a_phone_and_can_be_read_in_the_dark(
    page: Page, put_photos: PutPhotos, tmp_path: Path, scheme: str
) -> None:
    put_photos(1)
    page.set_viewport_size({"width": 360, "height": 740})
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]  # one of the two
    open_album(page)
    page.get_by_label("Title").fill("A-title-without-any-space-" * 4)
    with page.expect_download():
        page.get_by_role("button", name="Download").click()
    expect(page.locator("#recent li")).to_contain_text("Ready")
    page.screenshot(path=tmp_path / f"phone-{scheme}.png", full_page=True)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    assert page.evaluate(CONTRAST) == []


def test_each_document_has_its_own_form(page: Page, settings: Settings) -> None:
    store = open_services(settings, Workers()).bucket
    store.put("inputs/sales.csv", b"item,net\nPens,10\nInk,32\n")
    sign_in(page)
    document, title = page.get_by_label("Document"), page.get_by_label("Title", exact=True)
    document.select_option("photos")
    expect(page.get_by_label("Photos across")).to_have_value("1")
    expect(title).to_have_value("Photos")
    document.select_option("table")
    expect(page.locator("#document-note")).to_contain_text("Rows as a ruled table")
    expect(page.get_by_label("Photos across")).to_have_count(0)
    expect(title).to_have_value("Table")
    title.fill("Sales")
    document.select_option("photos")
    document.select_option("table")
    expect(title).to_have_value("Sales")


def test_a_table_is_made_with_its_options(page: Page, settings: Settings, tmp_path: Path) -> None:
    store = open_services(settings, Workers()).bucket
    store.put("inputs/sales.csv", b"item,net\nPens,10\nInk,32\n")
    sign_in(page)
    page.get_by_label("Document").select_option("table")
    expect(page.get_by_label("Listing", exact=True)).to_have_value("inputs/sales.csv")
    page.get_by_label("Paper", exact=True).select_option("A5")
    page.get_by_text("More options").click()
    page.get_by_label("Font size").fill("10")
    page.get_by_label("Landscape").check()
    page.get_by_label("Columns").fill("[{")
    page.get_by_role("button", name="Download").click()
    expect(page.get_by_role("alert")).to_contain_text("columns is not JSON.")
    expect(page.get_by_label("Columns")).to_be_focused()
    page.get_by_label("Columns").fill('[{"field": "item"}, {"field": "net", "total": true}]')
    page.screenshot(path=tmp_path / "table.png", full_page=True)
    with page.expect_request(lambda request: request.method == "POST") as asked, page.expect_download() as coming:
        page.get_by_role("button", name="Download").click()
    body: dict[str, Any] = asked.value.post_data_json or {}
    assert body["params"] == {
        "title": "Table", "listing": "inputs/sales.csv", "page_size": "A5", "landscape": True, "font_size": 10,
        "columns": [{"field": "item"}, {"field": "net", "total": True}],
    }  # fmt: skip
    (sheet,) = pdf(coming.value).pages
    assert float(sheet.mediabox.width) > float(sheet.mediabox.height)
    assert "Total" in sheet.extract_text() and "42" in sheet.extract_text()


def test_a_refused_option_is_shown_where_it_is(page: Page, put_photos: PutPhotos) -> None:
    put_photos(1)
    open_album(page)
    page.get_by_text("More options").click()
    page.get_by_label("Margin").fill("99")
    page.get_by_text("More options").click()
    page.get_by_role("button", name="Download").click()
    expect(page.get_by_role("alert")).to_contain_text("margin in mm, 0 to 60")
    expect(page.get_by_label("Margin")).to_be_focused()
    expect(page.get_by_label("Margin")).to_have_attribute("aria-invalid", "true")


CONTRAST = """() => {
  const parse = (c) => c.match(/[\\d.]+/g).map(Number);
  const light = (c) => parse(c).slice(0, 3).map((v) => v / 255)
    .map((v) => (v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const ground = (e) => {
    for (; e; e = e.parentElement) {
      const c = getComputedStyle(e).backgroundColor;
      if ((parse(c)[3] ?? 1) > 0) return c;
    }
  };
  return [...document.querySelectorAll("h1, h2, label, p, button, a, input, li div")]
    .filter((e) => e.offsetParent && e.textContent.trim() + (e.value ?? ""))
    .map((e) => [e, [light(getComputedStyle(e).color), light(ground(e))].sort((a, b) => b - a)])
    .filter(([, [a, b]]) => (a + 0.05) / (b + 0.05) < 4.5)
    .map(([e]) => e.outerHTML.slice(0, 80));
}"""
"""Elements whose text stands out less than 4.5 : 1 from what lies behind it (WCAG AA)."""
