"""`make demo`: shows one export on real parts, from the request to the end of the last worker.

It is a client like any other: it uses HTTP with a token, and the link in the mail.
"""

from __future__ import annotations

import email
import email.policy
import os
import re
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from email.message import EmailMessage
from functools import partial
from pathlib import Path
from typing import Any

import pypdf
import requests
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from pipeline.adapters.bucket.s3 import S3Bucket
from pipeline.cli.folder import listing, pictures
from pipeline.errors import ExportFailed

from . import samples
from .laptop import Laptop

SAMPLES = 400
LISTING = "inputs/demo/photos.jsonl"
ASKED_BY = "admin@example.org"
TIMEOUT = 600.0
LOOK_SECONDS = 0.2  # between two samples of the workers' memory: a peak is short
MB = 1_000_000


def demo(laptop: Laptop, out: Path, console: Console, samples: int = SAMPLES) -> None:
    """Request an album, watch it being made, download and check it, wait for the workers to stop.

    It has `samples` photos, or those of $PHOTOS. Raises ExportFailed if any of it goes wrong.
    """
    with _bars(console) as bars:
        count = upload(laptop.store, bars, samples)
        started = time.monotonic()
        export = _call(laptop, "POST", "/v1/exports", _request())
        answered = time.monotonic() - started
        workers = bars.add_task("dynos", total=laptop.settings.max_workers)
        _watch(laptop, bars, export["id"], workers)
        ready = time.monotonic() - started
        mail = _mail(laptop)
        fetch(laptop, link_in(mail), out)
        _check(out, count)
        _watch_leaving(laptop, bars, workers)
    seen = laptop.dynos
    peak = max(seen.peak_rss(f"worker.{n}") for n in range(1, seen.max_at_once + 1)) // 2**20
    limit = "under a 512 MB limit" if seen.memory_limited else "no memory limit on this system"
    where, size = os.path.relpath(out), out.stat().st_size // MB  # as the bar shows it
    console.print(f"\n[bold]{where}[/] has {count} pages and {size} MB; pypdf read it all.")
    console.print(f"The request was answered in {answered * 1000:.0f} ms, the file was ready after {ready:.1f} s.")
    console.print(f"Workers: {seen.max_at_once} at most, none now; {seen.dyno_seconds():.0f} dyno-seconds.")
    console.print(f"The largest worker used {peak} MB ({limit}).")
    console.print(f"One mail went to {mail['To']}: “{mail['Subject']}”. Its link gave the file.")


def upload(store: S3Bucket, bars: Progress, samples: int = SAMPLES) -> int:
    """Upload the photos of $PHOTOS, or this many samples, and a listing of them. Returns their number."""
    photos = _photos(samples)
    bar = bars.add_task("photos into the bucket", total=len(photos))

    def put(name: str) -> None:
        store.put(f"inputs/demo/{name}", photos[name](), content_type="application/octet-stream")
        bars.advance(bar)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(put, photos))
    lines = listing(photos, captions=True, below="inputs/demo/")
    store.put(LISTING, b"".join(lines), content_type="application/jsonl")
    return len(photos)


def _photos(count: int) -> dict[str, Callable[[], bytes]]:
    """Return a function for the bytes of each photo, by name, in order."""
    if named := os.environ.get("PHOTOS"):
        folder = Path(named).expanduser()
        return {name: (folder / name).read_bytes for name in pictures(folder).names}
    return {f"hills {number + 1:03d}.jpg": partial(samples.photo, number) for number in range(count)}


def _request() -> dict[str, Any]:
    return {"document": "photos", "params": {"listing": LISTING, "title": "Album"}, "notify": ASKED_BY}


def _call(laptop: Laptop, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    answer = requests.request(method, laptop.url + path, json=body, headers=laptop.headers, timeout=30)
    found: dict[str, Any] = answer.json()
    if not answer.ok:
        raise ExportFailed(f"{method} {path} was answered {answer.status_code}: {found['error']['message']}")
    return found


def _watch(laptop: Laptop, bars: Progress, export_id: str, workers: TaskID) -> None:
    """Show the progress that the API reports, until the file is ready."""
    planned = bars.add_task("planned", total=1)
    drawn = bars.add_task("pages rendered", total=None)
    joined = bars.add_task("MB assembled", total=None)
    deadline = time.monotonic() + TIMEOUT
    while time.monotonic() < deadline:
        export = _call(laptop, "GET", f"/v1/exports/{export_id}")
        state, now = export["state"], export["progress"]
        bars.update(planned, completed=0 if state in ("queued", "planning") else 1)
        bars.update(drawn, completed=now["pages_done"], total=now["pages"] or None)
        bars.update(joined, completed=now["bytes_done"] // MB, total=now["bytes_total"] // MB or None)
        bars.update(workers, completed=laptop.dynos.count())
        if state == "ready":
            size = export["result"]["bytes"] // MB
            bars.update(drawn, completed=export["result"]["pages"], total=export["result"]["pages"])
            bars.update(joined, completed=size, total=size)
            return
        if state in ("failed", "cancelled"):
            raise ExportFailed(f"The export is {state}: {(export['failure'] or {}).get('message', '')}")
        time.sleep(0.2)
    raise ExportFailed(f"The export was not ready after {TIMEOUT:.0f} s; the logs are in {laptop.folder}.")


def _watch_leaving(laptop: Laptop, bars: Progress, workers: TaskID) -> None:
    """Wait until the last worker is gone."""
    deadline = time.monotonic() + 60
    while laptop.dynos.count():
        bars.update(workers, completed=laptop.dynos.count())
        if time.monotonic() > deadline:
            raise ExportFailed("Workers still run a minute after the work was done.")
        time.sleep(0.1)
    bars.update(workers, completed=0)


def _mail(laptop: Laptop) -> EmailMessage:
    """Wait for the mail, and return it."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if found := mails(laptop):
            return found[0]
        time.sleep(0.1)
    raise ExportFailed("No mail was sent within 30 s.")


def mails(laptop: Laptop) -> list[EmailMessage]:
    """Return every mail sent so far, oldest first."""
    files = sorted(laptop.smtp.folder.glob("*.eml"))
    return [email.message_from_bytes(file.read_bytes(), policy=email.policy.default) for file in files]


def link_in(mail: EmailMessage) -> str:
    """Return the link in the mail's text."""
    body = mail.get_body(("plain",))
    found = re.search(r"https?://\S+/d/\S+", body.get_content() if body else "")
    if not found:
        raise ExportFailed("The mail has no link.")
    return found[0]


def fetch(laptop: Laptop, link: str, out: Path) -> None:
    """Follow the link as a user would: sign in with the password, then download."""
    with requests.Session() as browser:
        browser.post(f"{laptop.url}/sign-in", data={"password": laptop.password}, timeout=30).raise_for_status()
        with browser.get(link, stream=True, timeout=60) as answer:
            answer.raise_for_status()
            with out.open("wb") as file:
                for block in answer.iter_content(1 << 18):
                    file.write(block)


def _check(out: Path, count: int) -> None:
    """Check that every page shows its number. pypdf reads it, as the file was written by other code."""
    with pypdf.PdfReader(out) as reader:
        for number, page in enumerate(reader.pages, 1):
            if f"{number} of {count}" not in page.extract_text():
                raise ExportFailed(f"Page {number} does not show {number} of {count}.")
        if len(reader.pages) != count:
            raise ExportFailed(f"The file has {len(reader.pages)} pages instead of {count}.")


def _bars(console: Console) -> Progress:
    words = TextColumn("{task.description:>24}")
    return Progress(words, BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), console=console)
