"""A client of a running system, over HTTP."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import requests

from local.demo import mails
from local.laptop import Laptop

from ..pictures import jpeg
from ..waiting import PATIENCE, until

REQUEST_SECONDS = 120.0
AT_LEISURE = 0.25  # s between two polls, at first: each costs 10 ms of processor time, which what is tested needs


def put_album(laptop: Laptop, photos: int, *, pictures: list[bytes] | None = None, name: str = "album") -> str:
    """Store pictures, and a listing of photos which names them in turn. Returns the listing's key."""
    made = (pictures or [jpeg(i, 80, 60) for i in range(50)])[:photos]
    keys = [f"inputs/{name}/{i:06d}.jpg" for i in range(len(made))]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(laptop.store.put, keys, made))
    lines = [{"source": keys[i % len(keys)], "caption": f"Photo number {i + 1}"} for i in range(photos)]
    listing = f"inputs/{name}.jsonl"
    laptop.store.put(listing, b"\n".join(map(msgspec.json.encode, lines)))
    return listing


def ask(laptop: Laptop, document: str = "photos", notify: str | None = "admin@example.org", **order: Any) -> str:
    """Request an export. Returns its id."""
    chunk_pages = order.pop("chunk_pages", None)
    body = {"document": document, "params": order, "notify": notify, "chunk_pages": chunk_pages}
    answer = requests.post(f"{laptop.url}/v1/exports", json=body, headers=laptop.headers, timeout=REQUEST_SECONDS)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


def look(laptop: Laptop, export_id: str) -> dict[str, Any]:
    answer = requests.get(f"{laptop.url}/v1/exports/{export_id}", headers=laptop.headers, timeout=REQUEST_SECONDS)
    assert answer.ok, answer.text
    found: dict[str, Any] = answer.json()
    return found


def cancel(laptop: Laptop, export_id: str) -> None:
    answer = requests.delete(
        f"{laptop.url}/v1/exports/{export_id}", headers=laptop.headers, timeout=REQUEST_SECONDS
    )
    assert answer.json()["state"] == "cancelled", answer.text


def wait_for_end(laptop: Laptop, export_id: str) -> dict[str, Any]:
    """Wait until the export is over, and return it."""
    over = ("ready", "failed", "cancelled")
    until(lambda: look(laptop, export_id)["state"] in over, "the export ends", pause=AT_LEISURE)
    return look(laptop, export_id)


def wait_until_told(laptop: Laptop, export_id: str, seconds: float = PATIENCE) -> None:
    """Wait until nothing is left to do for the export, including its mail."""
    for what, mark in (("the export is closed", "active"), ("its mail is sent", "unsent")):
        key = f"{mark}/{export_id}"
        until(partial(_is_gone, laptop, key), what, seconds, pause=AT_LEISURE)


def _is_gone(laptop: Laptop, key: str) -> bool:
    return laptop.store.head(key) is None


def wait_for_no_workers(laptop: Laptop) -> None:
    until(lambda: laptop.dynos.count() == 0, "the workers are gone", pause=AT_LEISURE)


def download(laptop: Laptop, export_id: str, folder: Path) -> Path:
    """Download the file by the API. Returns its path."""
    path = folder / f"{export_id}.pdf"
    with requests.get(
        f"{laptop.url}/v1/exports/{export_id}/download", headers=laptop.headers, timeout=REQUEST_SECONDS
    ) as answer:
        assert answer.ok, answer.text
        path.write_bytes(answer.content)
    return path


def mails_about(laptop: Laptop, export_id: str) -> list[str]:
    """Return the subjects of the mails about an export."""
    return [str(mail["Subject"]) for mail in mails(laptop) if export_id in str(mail["Message-ID"])]


def mails_to(laptop: Laptop, address: str) -> list[str]:
    """Return the subjects of the mails to one address."""
    return [str(mail["Subject"]) for mail in mails(laptop) if mail["To"] == address]
