"""All exports, and one of them: how it is made, and what is done about it."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from msgspec.structs import replace
from playwright.sync_api import BrowserContext, Page, expect

from pipeline.exports.export import Channel, Export, Notice, Recipient, State
from pipeline.exports.ids import new_id
from pipeline.exports.log import StepEvent, encode
from pipeline.exports.request import ExportRequest
from pipeline.exports.volumes import VolumeLimit
from pipeline.services import Services
from pipeline.tasks import flow
from pipeline.tasks.submit import submit

from ..parts import violations
from .conftest import Workers, sign_in

pytestmark = pytest.mark.xdist_group("panel")  # one Chromium for all, whoever runs them
PutPhotos = Callable[[int], str]


def asked(s: Services, listing: str, title: str = "Album", owner: str = "shop", subject: str = "") -> Export:
    params = {"title": title, "listing": listing}
    people = ["ann@example.org", "bob@example.org"]
    request = ExportRequest("photos", params, owner, people, subject=subject, volume=VolumeLimit(2), chunk_pages=1)
    return submit(s, request).export


def open_export(page: Page, export: Export) -> None:
    sign_in(page)
    page.goto(f"/export/{export.id}")


def test_all_exports_are_filtered_paged_and_live(
    page: Page, context: BrowserContext, stage: Services, workers: Workers, put_photos: PutPhotos
) -> None:
    for number in range(25):
        name = f"Old {number}"
        old = Export(new_id(1e9 + number), "table", {}, "archive", 1e9 + number, State.CANCELLED, name=name)
        stage.exports.accept(replace(old, request_key=name), None, lasting=False)
    workers.gate.clear()
    sign_in(page)
    page.goto("/all")
    names, other = page.locator("#exports .name"), context.new_page()
    expect(names).to_have_count(20)
    expect(names.first).to_have_text("Old 24")
    page.get_by_role("button", name="Older").click()
    expect(names).to_have_text([f"Old {number}" for number in range(4, -1, -1)])
    page.get_by_role("button", name="Newest").press("Enter")
    expect(names).to_have_count(20)
    other.goto("/all")
    made = asked(stage, put_photos(3), subject="anna")
    for tab in (page, other):
        expect(tab.locator("#exports .name").first).to_have_text("Album")
    names.first.focus()
    workers.gate.set()
    expect(page.locator("#exports li").first).to_have_text(re.compile(r"shop: anna.*Ready: 3 pages in 2 volumes"))
    expect(names.first).to_be_focused()
    assert violations(page) == []
    page.get_by_label("Asked by").select_option("shop")
    expect(names).to_have_count(1)
    page.get_by_label("Their user").fill("bert")
    expect(page.locator("#none")).to_have_text("There are none.")
    page.get_by_label("Their user").fill("anna")
    page.get_by_label("State").select_option("ready")
    page.get_by_label("Document").select_option("photos")
    expect(page).to_have_url(re.compile(r"\?state=ready&document=photos&owner=shop&subject=anna$"))
    expect(names).to_have_count(1)
    page.reload()
    expect(page.get_by_label("State")).to_have_value("ready")
    names.first.click()
    expect(page).to_have_url(re.compile(f"/export/{made.id}$"))
    expect(page.locator("#asked")).to_contain_text("shop: anna")
    expect(page.locator("#asked")).to_contain_text("ann@example.org, bob@example.org")


def test_an_export_shows_its_chunks_and_its_volumes_and_is_deleted(
    page: Page, stage: Services, workers: Workers, put_photos: PutPhotos
) -> None:
    workers.gate.clear()
    export = asked(stage, put_photos(5))
    for number in range(40):
        event = StepEvent(1e9 + number, "render", "retry", text="The bucket did not answer.")
        stage.redis.progress.note_event(export.id, encode(event))
    open_export(page, export)
    expect(page.locator("#log li")).to_have_count(15)
    page.locator("#log").get_by_role("button", name="Older").click()
    expect(page.locator("#log li")).to_have_count(41)
    expect(page.locator("#log").get_by_role("button", name="Older")).to_be_hidden()
    expect(page.locator("#log li").last).to_contain_text("an attempt failed. The bucket did not answer.")
    expect(page.locator("#words")).to_have_text("Waiting for a worker")
    assert violations(page) == []
    workers.let(3)  # the plan and two of five chunks
    expect(page.locator("#words")).to_have_text(re.compile(r"Page 2 of 5, about [\d.]+ (s|min) left"))
    assert 0 < int(page.get_by_role("progressbar").get_attribute("aria-valuenow") or 0) < 100
    expect(page.locator("#map .drawn").first).to_be_attached()
    assert violations(page) == []
    workers.gate.set()
    expect(page.locator("#words")).to_have_text(re.compile(r"Ready: 5 pages in 3 volumes, \d+ kB"))
    workers.wait_until_done()  # the file is ready before the last step has stored how it was made
    stage.redis.client.flushall()
    page.reload()
    expect(page.locator("#map rect")).to_have_count(5)
    expect(page.locator("#timeline-words")).to_have_text(re.compile("1 process drew for .* s within .* s"))
    page.get_by_text("As a table").click()
    expect(page.locator("#table tbody tr").nth(2)).to_have_text(re.compile(r"3is done0\.\d+1"))
    expect(page.locator("#volumes li").nth(1)).to_contain_text("pages 3 to 4")
    assert violations(page) == []
    with page.expect_download() as second:
        page.get_by_role("link", name="Volume 2").click()
    assert second.value.suggested_filename.endswith("-2-of-3.pdf")
    page.get_by_role("button", name="Delete").click()
    expect(page.get_by_role("button", name="Keep")).to_be_focused()
    assert violations(page) == []
    page.keyboard.press("Enter")
    expect(page.locator("#sure")).to_be_hidden()
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.locator("#none")).to_have_text("There are none.")
    assert list(stage.bucket.entries(f"exports/{export.id}/")) == []


def test_a_failed_export_says_why_and_is_retried_and_asked_for_again(page: Page, stage: Services) -> None:
    stage.bucket.put("inputs/lost.jsonl", b'{"source":"inputs/lost.jpg","caption":"Gone"}\n')
    stage.bucket.put("inputs/broken.jsonl", b'{"source":"exports/secret"}\n')
    export = asked(stage, "inputs/broken.jsonl")
    open_export(page, export)
    expect(page.locator("#words")).to_contain_text("Failed: Line 1 of inputs/broken.jsonl")
    assert violations(page) == []
    problem = "The mail server answered 535."
    mail = Notice(1, Channel.MAIL, Recipient("a@example.org"), State.FAILED, 0.0, 0.0, problem=problem)
    stage.exports.change(export.id, lambda e: replace(e, notices=(mail,)))
    expect(page.locator("#advice")).to_contain_text(f"The mail waits: {problem}")
    stage.bucket.put("inputs/broken.jsonl", b'{"source":"inputs/lost.jpg"}\n')
    with page.expect_download() as index:
        page.get_by_role("button", name="Retry").click()
    assert index.value.suggested_filename.startswith("Album")
    expect(page.locator("#warnings li").last).to_have_text(re.compile("Record 1, inputs/lost.jpg: "))
    log = page.locator("#log li > div")
    expect(log.first).to_have_text("Ready: 1 page")
    expect(log.filter(has_text="Retried")).to_have_count(1)
    expect(log.filter(has_text="Drawn: page 1")).to_have_count(1)
    expect(log.filter(has_text="Asked for by shop")).to_have_count(1)
    before = page.url
    with page.expect_download():
        page.get_by_role("button", name="Ask again").click()
    assert page.url != before
    assert len(list(stage.exports.all())) == 2


def test_a_lost_connection_is_said_and_cancel_ends_it(
    page: Page, stage: Services, workers: Workers, put_photos: PutPhotos
) -> None:
    workers.gate.clear()
    export = asked(stage, put_photos(2))
    open_export(page, export)
    expect(page.locator("#words")).to_have_text("Waiting for a worker")
    page.context.set_offline(True)
    expect(page.locator("#problem")).to_have_text("The server does not answer. Try again in a minute.")
    page.context.set_offline(False)
    expect(page.locator("#problem")).to_be_hidden()
    page.get_by_role("button", name="Cancel", exact=True).click()
    expect(page.locator("#words")).to_have_text("Cancelled")
    assert violations(page) == []
    workers.gate.set()
    assert stage.exports.load(export.id).state is State.CANCELLED
    other = asked(stage, put_photos(1), owner="panel")
    flow.cancel(stage, other.id)
    page.goto(f"/#{other.id}")  # as links in older mails are
    expect(page.locator("#words")).to_have_text("Cancelled")
