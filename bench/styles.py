"""Draws a table in each style, as the pictures of docs/api.md: the upper half of its first page."""

from __future__ import annotations

import csv
import random
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from .ours import render

DOCS = Path(__file__).parents[1] / "docs"
STYLES = ("report", "plain", "ledger")
SCALE = 1.15  # pixels a point
COLOURS = 24
PARAMS: dict[str, Any] = {
    "title": "Invoices 2026",
    "subtitle": "Open items by region",
    "date": "2026-11-21",
    "group_by": [{"field": "region"}],
    "columns": [
        {"field": "number", "title": "Invoice"},
        {"field": "date", "title": "Date", "format": {"kind": "date", "pattern": "d MMM y"}},
        {"field": "customer", "title": "Customer"},
        {"field": "hours", "title": "Hours", "total": True},
        {"field": "net", "title": "Net", "format": {"kind": "currency", "currency": "EUR"}, "total": True},
    ],
}
FIELDS = ("region", "number", "date", "customer", "hours", "net")
CUSTOMERS = ("Nordwind AG", "Meyer & Söhne", "Bakery Łódź", "Harbour Books")


def rows() -> Iterator[tuple[str, ...]]:
    chance = random.Random(3)  # noqa: S311  # the same rows each time
    for region, count in (("North", 5), ("South", 6)):
        for _ in range(count):
            day, hours = chance.randint(1, 28), round(chance.uniform(1, 40), chance.randint(0, 2))
            number, net = f"INV-{chance.randint(1000, 9999)}", f"{chance.uniform(100, 9000):.2f}"
            yield region, number, f"2026-03-{day:02}", chance.choice(CUSTOMERS), f"{hours:g}", net


def main() -> None:
    """Write docs/table-<style>.png."""
    for style in STYLES:
        with TemporaryDirectory() as folder:
            source, out = Path(folder) / "rows.csv", Path(folder) / "table.pdf"
            with source.open("w", newline="", encoding="utf-8") as file:
                csv.writer(file).writerows([FIELDS, *rows()])
            render("table", source, out, style=style, page_mm=[150, 110], margin=10, **PARAMS)
            draw(out, DOCS / f"table-{style}.png")


def draw(pdf: Path, picture: Path) -> None:
    import pypdfium2

    document = pypdfium2.PdfDocument(pdf)
    try:
        page = document[0].render(scale=SCALE).to_pil()
        page.quantize(COLOURS).save(picture, optimize=True)
    finally:
        document.close()
