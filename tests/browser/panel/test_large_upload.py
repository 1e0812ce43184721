"""A file that is far larger than what a page may hold is sent from the panel in parts.

`SIZE_MB=1024 pytest -m by_hand tests/browser/panel/test_large_upload.py` sends the largest that an input may be.
"""

from __future__ import annotations

import hashlib
import os
import re
import time
from collections.abc import Iterable
from pathlib import Path

import psutil
import pytest
from playwright.sync_api import Browser, Page, expect

from pipeline.services import Services
from pipeline.settings import MIB

from ...pictures import jpeg
from .conftest import sign_in

pytestmark = pytest.mark.xdist_group("panel")  # one Chromium for all, whoever runs them
SIZE = int(os.environ.get("SIZE_MB", "400")) * MIB
MOST = 100 * MIB  # that the browser may need beside what it needs without an upload: parts have 8 MiB
ROW = b"Pens,%0100d\n"


@pytest.fixture
def large(tmp_path: Path) -> Path:
    """A table whose parts all differ."""
    path, number = tmp_path / "large.csv", 0
    with path.open("wb") as file:
        file.write(b"item,net\n")
        while file.tell() < SIZE:
            file.write(b"".join(ROW % n for n in range(number, number + 10_000)))
            number += 10_000
        file.truncate(SIZE)
    return path


COUNT = """for (const [name, step] of [["addEventListener", 1], ["removeEventListener", -1]]) {
  const own = AbortSignal.prototype[name];
  window.listeners = { now: 0, most: 0 };
  AbortSignal.prototype[name] = function (...told) {
    window.listeners.now += step;
    window.listeners.most = Math.max(window.listeners.most, window.listeners.now);
    return own.apply(this, told);
  };
}"""


def test_nothing_is_kept_of_a_part_that_was_sent(page: Page) -> None:
    """A page that sends thousands of photos out of a ZIP file would keep all of their bytes."""
    page.add_init_script(COUNT)
    sign_in(page)
    files = [{"name": f"{n}.jpg", "mimeType": "image/jpeg", "buffer": jpeg(n)} for n in range(12)]
    page.get_by_label("Choose files").set_input_files(files)  # type: ignore[arg-type]
    expect(page.locator("#sent-words")).to_have_text(re.compile("^12 photos"))
    told = page.evaluate("window.listeners")
    assert told["now"] == 0 and 1 <= told["most"] <= 4, told


@pytest.mark.by_hand
def test_a_large_file_is_sent_in_parts_with_constant_memory(
    browser: Browser, page: Page, stage: Services, large: Path
) -> None:
    sign_in(page)
    before = used(browser)
    page.get_by_label("Choose files").set_input_files(large)
    words, most = page.locator("#sent-words"), 0
    began = time.monotonic()
    while (words.text_content() or "").startswith("Uploading") or not words.is_visible():
        most = max(most, used(browser))
        page.wait_for_timeout(100)
    expect(page.locator("#drop-problem")).to_be_hidden()
    print(f"{SIZE // MIB} MiB in {time.monotonic() - began:.0f} s, {(most - before) / MIB:.0f} MiB more memory")
    (entry,) = stage.bucket.entries("inputs/uploads/")
    assert entry.size == SIZE
    assert digest(stage.bucket.read(entry.key, 0, SIZE)) == digest([large.read_bytes()])
    assert most - before < MOST


def used(browser: Browser) -> int:
    """The memory that all processes of the browser have for themselves, in bytes."""
    session = browser.new_browser_cdp_session()
    processes = session.send("SystemInfo.getProcessInfo")["processInfo"]
    session.detach()
    total = 0
    for each in processes:
        try:
            total += psutil.Process(each["id"]).memory_full_info().uss
        except psutil.Error:
            continue  # it ended in between
    return total


def digest(blocks: Iterable[bytes]) -> str:
    found = hashlib.sha256()
    for block in blocks:
        found.update(block)
    return found.hexdigest()
