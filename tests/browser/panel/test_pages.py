"""Signing in and out, links in mails, workers, Korean, narrow and dark."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, Page, expect

from pipeline.exports.links import DownloadLinks
from pipeline.exports.request import ExportRequest
from pipeline.services import Services
from pipeline.tasks.submit import submit

from ...waiting import until
from ..parts import violations
from .conftest import PASSWORD, sign_in

pytestmark = pytest.mark.xdist_group("panel")  # one Chromium for all, whoever runs them
PutPhotos = Callable[[int], str]


def ready(s: Services, listing: str, title: str = "Album") -> str:
    """Make an export. Returns its id."""
    export = submit(s, ExportRequest("photos", {"listing": listing, "title": title}, "panel")).export
    until(lambda: s.exports.load(export.id).state.over, "the export is over")
    return export.id


def test_a_person_signs_in_and_out(page: Page, browser: Browser, address: str) -> None:
    sign_in(page, "open barley")
    expect(page.get_by_role("alert")).to_have_text("The password is wrong.")
    assert violations(page) == []
    page.goto("/workers")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page).to_have_url(re.compile("/workers$"))
    context = browser.new_context(base_url=address, java_script_enabled=False)  # a click may come before the script
    other = context.new_page()
    sign_in(other)
    expect(other.get_by_role("button", name="Make the PDF")).to_be_disabled()  # it does need one
    for tab in (page, other):
        tab.get_by_role("button", name="Sign out").click()
        expect(tab).to_have_url(re.compile("/sign-in$"))
        tab.goto("/")
        expect(tab).to_have_url(re.compile("/sign-in$"))
    context.close()


def test_a_mail_link_leads_through_signing_in_to_the_file(
    page: Page, stage: Services, put_photos: PutPhotos
) -> None:
    export_id = ready(stage, put_photos(1))
    page.goto(DownloadLinks(stage.settings).sign(export_id).removeprefix(stage.settings.base_url))
    page.get_by_label("Password").fill(PASSWORD)
    with page.expect_download() as coming:
        page.get_by_role("button", name="Sign in").click()
    assert Path(coming.value.path()).read_bytes().startswith(b"%PDF-")


def test_workers_show_the_last_hour_the_decisions_and_the_schedules(page: Page, stage: Services) -> None:
    """When Heroku refuses the key, workers cannot be counted; they are not said to be none, as they cost money."""
    sign_in(page)
    page.goto("/workers")
    expect(page.locator("#now")).to_have_text("No process looks after workers now.")
    decisions, now = stage.redis.decisions, time.time()
    seen = {"quantity": 2, "limit": None, "maximum": 4, "boot_seconds": 15.0, "outstanding": {"a": 3, "b": 4}}
    for ago in (7000, 1200, 600):
        decisions.show_state({**seen, "at": now - ago})
    decisions.add({"at": now - 600, "from": 0, "quantity": 2, "reason": "Two save 40 s."})
    expect(page.locator("#now")).to_have_text("2 workers of at most 4")
    expect(page.locator("#more")).to_have_text("A new one takes 15 s to start.")
    expect(page.locator("#hour-words")).to_have_text(re.compile("At most 2 workers and 7 waiting chunks"))
    expect(page.locator("#hour path")).to_have_count(2)
    expect(page.locator("#decisions li")).to_have_text("10 min ago: 0 to 2. Two save 40 s.")
    decisions.show_state({**seen, "quantity": None, "refused": "Heroku refuses.", "at": now})
    expect(page.locator("#now")).to_have_text("An unknown number of workers of at most 4")
    expect(page.locator("#problem")).to_have_text("Heroku refuses.")
    said = [re.compile(f"^{name}: next [A-Z][a-z]{{2}} .*, last never") for name in ("check", "clean-up", "report")]
    expect(page.locator("#schedules li")).to_have_text([*said, "Times are in UTC."])
    assert violations(page) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_fits_a_phone_light_and_dark_and_speaks_korean(
    page: Page, stage: Services, put_photos: PutPhotos, scheme: Literal["light", "dark"], tmp_path: Path
) -> None:
    export_id = ready(stage, put_photos(1), "A-title-without-any-space-" * 4)
    stage.bucket.put("inputs/sales.csv", b"item,net\nPens,10\n")
    stage.redis.decisions.show_state({"quantity": 1, "limit": None, "maximum": 4, "boot_seconds": 15.0})
    page.set_viewport_size({"width": 375, "height": 740})
    page.emulate_media(color_scheme=scheme)
    page.goto("/")
    assert violations(page) == []
    sign_in(page)
    for path in ("/", "/all", f"/export/{export_id}", "/workers", "/export/none"):
        page.goto(path)
        page.wait_for_load_state("networkidle")
        if page.get_by_text("More options").count():
            page.get_by_label("Document").select_option("table")
            page.get_by_text("More options").click()
            page.get_by_label("A file that is in the bucket already").fill("inputs/sales.csv")
            page.get_by_role("button", name="Preview the first page").click()
            expect(page.get_by_role("img", name="First page")).to_be_visible()
            page.get_by_role("button", name="Add: Columns").click()
        page.screenshot(path=tmp_path / f"{path.replace('/', '-')}.png", full_page=True)
        assert page.evaluate("document.documentElement.scrollWidth") <= 375
        assert violations(page) == []
        if scheme == "dark":  # other tests look at wide pages in the light
            page.set_viewport_size({"width": 1280, "height": 800})
            assert violations(page) == []
            page.set_viewport_size({"width": 375, "height": 740})
    page.set_extra_http_headers({"Accept-Language": "ko-KR,ko;q=0.9,en;q=0.8"})
    page.goto("/all")
    expect(page.locator("h1")).to_have_text("내보내기")
    expect(page.locator("#exports .words")).to_have_text(re.compile("완료: 1페이지"))
    assert violations(page) == []
