"""What is asked for: pages that take their time, a table that is measured in ranges, a file of many parts."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pipeline.adapters.bucket.s3 import S3Bucket

from ..pictures import noise
from ..readback import Seen

PAGES = 12
ROWS = 500
PHOTOS = 4
LISTING = "inputs/photos.jsonl"


@dataclass(frozen=True)
class Order:
    """An order, and what is wrong with a file that came of it."""

    params: Mapping[str, Any]
    chunk_pages: int
    wrong: Callable[[Seen], Iterator[str]]


def _wrong_pages(seen: Seen) -> Iterator[str]:
    if [page.text for page in seen.pages] != [f"slow page {n + 1} of {PAGES}" for n in range(PAGES)]:
        yield f"the pages are {[page.text for page in seen.pages]}"
    if len(seen.bookmarks) != PAGES:
        yield f"{len(seen.bookmarks)} bookmarks"


def _wrong_rows(seen: Seen) -> Iterator[str]:
    text = "\n".join(page.text for page in seen.pages)
    rows = [int(found) for found in re.findall(r"^row (\d+) is here", text, re.MULTILINE)]
    if rows != list(range(ROWS)) or str(sum(range(ROWS))) not in text:
        yield f"the rows are {rows}"


def _wrong_photos(seen: Seen) -> Iterator[str]:
    if [page.text.splitlines()[-1] for page in seen.pages] != [f"Photo number {n}" for n in range(PHOTOS)]:
        yield f"the photos are {[page.text for page in seen.pages]}"


ORDERS: Mapping[str, Order] = {
    "slow": Order({"pages": PAGES, "seconds": 0.05, "records": ["one"], "title": "Chaos"}, 4, _wrong_pages),
    "table": Order(
        {
            "rows": [{"text": f"row {n} is here", "number": n} for n in range(ROWS)],
            "columns": [{"field": "text"}, {"field": "number", "total": True}],
        },
        4,
        _wrong_rows,
    ),
    "photos": Order({"listing": LISTING, "title": "Photos"}, 1, _wrong_photos),
}


def put_photos(store: S3Bucket) -> None:
    """Store photos of which each is a part of the file, and a listing of them."""
    store.put("inputs/photo.jpg", noise(1, 6))
    lines = (f'{{"source": "inputs/photo.jpg", "caption": "Photo number {n}"}}' for n in range(PHOTOS))
    store.put(LISTING, "\n".join(lines).encode())
