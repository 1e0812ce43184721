"""What tests in a browser share: web apps that are served, pages that must not complain."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page
from werkzeug.serving import make_server

PATIENCE = 180_000  # ms; others use the machine at the same time


def _whole(app: Callable[..., Any]) -> Callable[..., Any]:
    """Read each answer before it is sent: werkzeug leaves a file open when the browser resets the connection."""

    def call(environ: Any, start_response: Any) -> list[bytes]:
        answer = app(environ, start_response)
        try:
            return [b"".join(answer)]
        finally:
            getattr(answer, "close", lambda: None)()

    return call


@contextmanager
def served(app: Callable[..., Any], port: int = 0) -> Iterator[str]:
    """Serve a WSGI app on a port, a free one if none is given; its address."""
    server = make_server("127.0.0.1", port, _whole(app), threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def uncomplaining(page: Page) -> Iterator[None]:
    """Fails at the end if there was an exception, or if something was refused by the content security policy."""
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    yield
    # The browser notes every answer from 400 up; the tests look at those themselves.
    assert [text for text in complaints if not text.startswith("Failed to load resource")] == []


def violations(page: Page) -> Sequence[str]:
    """What axe finds wrong with a page as it is: rules, each with the element."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(Axe().axe_script)
    found = page.evaluate("axe.run({ resultTypes: ['violations'] }).then(({ violations }) => violations)")
    return [f"{rule['id']}: {node['html']}" for rule in found for node in rule["nodes"]]


@contextmanager
def signed_in(browser: Browser, address: str, name: str, locale: str = "en-US") -> Iterator[Page]:
    """A page of Django's admin, for a user whose password is the name. It must not complain."""
    context = browser.new_context(base_url=address, viewport={"width": 1200, "height": 900}, locale=locale)
    context.set_default_timeout(PATIENCE)
    page = context.new_page()
    with uncomplaining(page):
        page.goto("/admin/login/")
        page.locator("#id_username").fill(name)
        page.locator("#id_password").fill(name)
        page.locator("input[type=submit]").click()
        page.wait_for_url("**/admin/**")
        yield page
        context.close()
