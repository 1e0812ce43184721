"""A page with <pdf-download> in each state, without a host. Its picture is made by

PYTHONPATH=client .venv/bin/python -m tests.browser.states docs/pdf-download.png
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from manypages import element_path
from playwright.sync_api import Page, Route, sync_playwright

PROGRESS = {"pages": 12400, "pages_done": 0, "percent": 0, "seconds_left": None, "bytes_done": 0, "bytes_total": 0}
DRAWING = {**PROGRESS, "pages_done": 5100, "percent": 37, "seconds_left": 95}
JOINING = {**PROGRESS, "pages_done": 12400, "percent": 94, "bytes_done": 45_000_000, "bytes_total": 118_000_000}
FAILURE = {"code": "ReadFailed", "message": "Row 4,711 has no date.", "advice": "Correct it, and ask again."}
VOLUMES = {"pages": 12400, "bytes": 1_240_000_000, "volumes": [{}, {}, {}]}
VIEWS: Mapping[str, Mapping[str, Any]] = {
    "queued": {"state": "queued", "progress": {**PROGRESS, "pages": 0}},
    "planned": {"state": "rendering", "progress": PROGRESS, "cost": {"estimate": [{"seconds": 171.5}]}},
    "drawing": {"state": "rendering", "progress": DRAWING},
    "joining": {"state": "assembling", "progress": JOINING},
    "ready": {"state": "ready", "progress": PROGRESS, "result": {**VOLUMES, "bytes": 118_000_000, "volumes": []}},
    "volumes": {"state": "ready", "progress": PROGRESS, "result": VOLUMES},
    "failed": {"state": "failed", "progress": PROGRESS, "failure": FAILURE},
    "expired": {"state": "expired", "progress": PROGRESS},
}
"""What a host answers about an export with this id, in the form of the API."""


def element(name: str, lang: str) -> str:
    return f'<p><pdf-download src="/pdf" name="{name}" lang="{lang}"></pdf-download></p>'


def open_states(page: Page, lang: str = "en") -> None:
    """Show one element in each state, and one that was never pressed."""
    elements = "".join(element(name, lang) for name in ("idle", *VIEWS))
    html = (
        f'<!doctype html><html lang="{lang}"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        '<meta name="color-scheme" content="light dark"><title>States</title>'
        "<style>body { font-family: system-ui, sans-serif }</style>"
        f'<script src="/script.js" defer></script><main><h1>PDF</h1>{elements}</main>'
    )

    def answer(route: Route) -> None:
        name = route.request.url.rpartition("/")[2]
        if name in VIEWS:
            route.fulfill(json={"id": name, "failure": None, **VIEWS[name]})
        elif name == "script.js":
            route.fulfill(path=element_path(), content_type="text/javascript")
        else:
            route.fulfill(body=html, content_type="text/html")

    page.route(re.compile("^http://states.test/"), answer)
    page.goto("http://states.test/empty")
    for name in VIEWS:
        page.evaluate(
            "id => localStorage.setItem(`pdf-download ${location.origin}/pdf ${id}`, JSON.stringify({ id }))", name
        )
    page.goto("http://states.test/page")


def main(path: Path) -> None:
    """Write the picture of the docs."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 420, "height": 400}, reduced_motion="reduce")
        open_states(page)
        page.locator("pdf-download[data-state=expired]").wait_for()
        page.screenshot(path=path, full_page=True)
        browser.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
