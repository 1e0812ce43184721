"""One Chromium for all tests."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from .parts import PATIENCE

QUIET = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
QUIET += ["--disable-sync", "--no-first-run"]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    # The shell draws and runs pages as Chromium does, and has no window around each of them, which costs more.
    program = shutil.which("chromium-headless-shell") or shutil.which("chromium")
    if not program:
        reason = "PAGES ARE NOT TESTED: there is no Chromium. On Debian: apt-get install chromium-headless-shell"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)
    with sync_playwright() as playwright:
        expect.set_options(timeout=PATIENCE)  # as for everything else: a busy machine takes its time
        browser = playwright.chromium.launch(executable_path=program, args=QUIET)
        yield browser
        browser.close()
