"""Takes docs/panel*.png: the panel of a running system, in Chromium."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Page, sync_playwright
from rich.console import Console

from .laptop import ROOT, Laptop, laptop
from .samples import photo

DOCS = ROOT / "docs"
CHROMIUM = "/usr/bin/chromium"
PHOTOS, ROWS = 24, 400_000
PATIENCE = 120_000.0  # ms
SIZE = {"width": 900, "height": 720}


def take(folder: Path, console: Console) -> None:
    """Ask for a table and an album as a person does, and take a picture of each page."""
    album, orders = folder / "garden", folder / "orders.csv"
    album.mkdir()
    for number in range(1, PHOTOS + 1):
        (album / f"{number}.jpg").write_bytes(photo(number))
    lines = (f"{number},Customer {number % 97},{number * 7 % 1000}.50" for number in range(ROWS))
    orders.write_text("\n".join(("order,customer,amount", *lines)))
    with laptop(folder, workers=3, environ={"CHUNK_SECONDS": "0.5"}) as running, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(base_url=running.url, viewport=SIZE)  # type: ignore[arg-type]  # two numbers
        page.set_default_timeout(PATIENCE)
        _walk(page, running, album, orders)
        browser.close()
    console.print(f"Taken: {DOCS}/panel*.png")


def _walk(page: Page, running: Laptop, album: Path, orders: Path) -> None:
    page.goto("/")
    page.get_by_label("Password").fill(running.password)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_label("Choose files").set_input_files(sorted(album.iterdir()))
    page.locator("#sent-words", has_text=f"{PHOTOS} photos,").wait_for()
    page.get_by_label("Title").fill("Garden")
    page.wait_for_timeout(1000)  # the bar moves on
    page.screenshot(path=DOCS / "panel.png", full_page=True)
    _make(page)
    page.locator("#words", has_text="Ready").wait_for()
    page.goto("/")
    page.get_by_label("Choose files").set_input_files(orders)
    page.locator("#sent-words", has_text="orders.csv,").wait_for()
    page.get_by_role("button", name="Preview the first page").click()
    page.locator("#preview").wait_for()
    page.screenshot(path=DOCS / "panel-preview.png", full_page=True)
    _make(page)
    page.locator("#map .drawn").nth(4).wait_for()
    page.screenshot(path=DOCS / "panel-export.png", full_page=True)
    page.goto("/all")
    page.locator("#exports li").nth(1).wait_for()
    page.screenshot(path=DOCS / "panel-all.png", full_page=True)


def _make(page: Page) -> None:
    page.get_by_role("button", name="Make the PDF").click()
    page.wait_for_url("**/export/*")
