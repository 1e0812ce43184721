"""The example `examples/django` in a real browser, on a real pipeline with workers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Download, Page, expect

from local import process
from local.laptop import Laptop, laptop
from pipeline.exports.export import State
from pipeline.exports.repository import ExportRepository

from ..readback import Seen, read
from ..shop import Shop, served, shop
from . import parts

pytestmark = pytest.mark.xdist_group("admin")  # one Chromium for all, whoever runs them
PAID = "/admin/orders/order/?status__exact=paid"
EXPORTS = "/admin/manypages/export/"


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory, forks: process.Start) -> Iterator[Laptop]:
    environ = {"KEEPER_SECONDS": "0.5", "LINGER_SECONDS": "30"}
    folder = tmp_path_factory.mktemp("system")
    with laptop(folder, boot_seconds=0.2, environ=environ, start=forks) as running:
        yield running


@pytest.fixture(scope="module")
def example(system: Laptop, tmp_path_factory: pytest.TempPathFactory) -> Shop:
    return shop(system, tmp_path_factory.mktemp("shop"), "tests.browser.shop_settings")


@pytest.fixture
def address(example: Shop, tmp_path: Path) -> Iterator[str]:
    with served(example, tmp_path / "web.log") as (url, _):
        yield url


def violations(page: Page, place: str) -> list[str]:
    """What axe finds wrong with our part of a page of Django."""
    found = Axe().run(page, context=place).response["violations"]
    return [f"{rule['id']}: {node['html']}" for rule in found for node in rule["nodes"]]


def pdf(download: Download) -> Seen:
    return read(Path(download.path()))


def test_the_button_the_list_and_who_may_have_what(
    browser: Browser, address: str, example: Shop, system: Laptop, tmp_path: Path
) -> None:
    with parts.signed_in(browser, address, "ann") as page, parts.signed_in(browser, address, "bob") as other:
        page.goto(PAID)
        expect(page.locator(".manypages-takes")).to_have_text(re.compile(r"^1,000 rows, about \d+ seconds$"))
        button = page.get_by_role("button", name="Download PDF")
        with page.expect_download() as coming:
            button.dblclick()
            expect(page.get_by_role("button", name="Cancel")).to_be_visible()
            expect(page.locator("pdf-download")).to_contain_text(re.compile(r"1,000 rows read|Waiting"))
            page.screenshot(path=tmp_path / "button.png")
            assert violations(page, ".manypages-button") == []
        seen = pdf(coming.value)
        text = "\n".join(each.text for each in seen.pages)
        assert "Status: Paid" in text and "Sent" not in text
        paid = [str(number) for (number,) in example.sql("SELECT number FROM orders_order WHERE status = 'paid'")]
        assert re.findall(r"2026-\d{6}", text) == sorted(paid, reverse=True)

        page.goto(EXPORTS)
        mine = page.locator("#result_list tbody tr")
        expect(mine).to_have_count(1)  # the double click made one
        for shown in ("Orders", "ready", "1000", "ann", f"{len(seen.pages)}"):
            expect(mine).to_contain_text(shown)
        page.screenshot(path=tmp_path / "exports.png")
        assert violations(page, "#content-main") == []
        with page.expect_download() as again:
            mine.get_by_role("link", name="Download").click()
        assert len(pdf(again.value).pages) == len(seen.pages)

        place = mine.get_by_role("link", name="Download").get_attribute("href")
        assert place
        refused = other.goto(place)
        assert refused and refused.status == 403
        ((request_id,),) = example.sql("SELECT id FROM manypages_pdfrequest")
        other.goto(PAID)
        source = other.locator("pdf-download").get_attribute("src")
        answer = other.request.get(f"{source}/{UUID(str(request_id))}/file")
        assert (answer.status, answer.json()["detail"]) == (403, "Another user asked for this export.")
        other.goto(EXPORTS)
        expect(other.locator("#result_list")).to_contain_text("There are no exports.")

        exports = ExportRepository(system.store)
        (export_id,) = example.sql("SELECT export_id FROM manypages_pdfrequest")[0]
        exports.remove_result(exports.load(str(export_id)))
        exports.change(str(export_id), lambda export: export.to(State.EXPIRED))
        page.goto(place)
        expect(page.locator(".messagelist")).to_contain_text("has expired")
        expect(mine).to_contain_text("expired")
        page.goto(PAID)
        expect(page.locator("pdf-download")).to_contain_text("The PDF is no longer there.")
        page.get_by_role("button", name="Make a new one").click()
        page.get_by_role("button", name="Cancel").click()
        expect(page.locator("pdf-download")).to_contain_text("Cancelled")
        page.goto(EXPORTS)
        expect(page.locator("#result_list tbody tr").first).to_contain_text("cancelled")
        page.locator("#result_list tbody tr").first.get_by_text("Delete", exact=True).click()
        page.get_by_role("button", name="Yes, delete the file").click()
        expect(page.locator(".messagelist")).to_contain_text("deleted")
        expect(mine).to_have_count(1)
        page.context.clear_cookies()
        page.goto(PAID)
        page.wait_for_url("**/login/**")


def test_selected_rows_and_a_row_that_cannot_be_read(browser: Browser, address: str, example: Shop) -> None:
    example.sql("UPDATE orders_order SET total = 'much' WHERE number = '2026-000004'")
    with parts.signed_in(browser, address, "eve") as page:
        page.goto("/admin/orders/order/?q=2026-00001")
        for box in page.locator("tr input.action-select").all()[:2]:
            box.check()
        page.get_by_label("Action:").select_option(label="Download selected orders as PDF")
        page.get_by_role("button", name="Go").click()
        expect(page.locator(".messagelist")).to_contain_text("2 rows")
        line = page.locator("#result_list tbody tr").first
        expect(line).to_contain_text("ready")  # the list renews itself
        with page.expect_download() as coming:
            line.get_by_role("link", name="Download").click()
        (only,) = pdf(coming.value).pages
        assert re.findall(r"2026-\d{6}", only.text) == ["2026-000019", "2026-000018"]

        page.goto("/admin/orders/order/?status__exact=new")
        page.get_by_role("button", name="Download PDF").click()
        element = page.locator("pdf-download")
        expect(element).to_contain_text(re.compile(r"Row \d+: reading it raised"))
        page.goto("/admin/manypages/export/")
        assert page.locator(".manypages-reason").first.evaluate("reason => reason.clientWidth") > 200
        # The table scrolls, not the page.
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        page.goto("/admin/orders/order/?status__exact=new")
        example.sql("UPDATE orders_order SET total = 1 WHERE number = '2026-000004'")
        with page.expect_download() as coming:
            page.get_by_role("button", name="Try again").click()
        assert len(re.findall(r"2026-\d{6}", "\n".join(each.text for each in pdf(coming.value).pages))) == 500

        page.context.clear_cookies()
        page.get_by_role("button", name="Make a new one").click()
        expect(element).to_contain_text("Please sign in again.")


def test_all_is_in_the_language_of_the_admin(browser: Browser, address: str, tmp_path: Path) -> None:
    with parts.signed_in(browser, address, "ann", locale="ko-KR") as page:
        page.goto("/admin/orders/order/?q=2026-00001")
        expect(page.locator(".manypages-takes")).to_have_text(re.compile(r"^10행, 약 \d+초$"))
        with page.expect_download():
            page.get_by_role("button", name="PDF 다운로드").click()
        expect(page.locator("pdf-download")).to_contain_text("완료: 1페이지")
        page.goto(EXPORTS)
        page.screenshot(path=tmp_path / "korean.png")
        for shown in ("PDF 내보내기", "요청한 사람", "완료", "다운로드", "삭제"):
            expect(page.locator("#container")).to_contain_text(shown)
