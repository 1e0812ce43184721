"""A figure with its bar: what was promised, what was measured, whether it holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .registry import OURS


@dataclass(frozen=True)
class Figure:
    """One number. `most` and `least` are its bars; `how` says what was done to get it."""

    what: str
    value: float
    unit: str
    how: str
    most: float | None = None
    least: float | None = None

    @property
    def holds(self) -> bool:
        return (self.most is None or self.value <= self.most) and (self.least is None or self.value >= self.least)

    @property
    def bar(self) -> str:
        """The bar in words."""
        if self.most is not None:
            return f"≤ {self.most:.3g}"
        return f"≥ {self.least:.3g}" if self.least is not None else ""


Rows = Sequence[Mapping[str, Any]]
PLAIN = ("fpdf2", "fpdf2 cell", "pymupdf", "typst", "WeasyPrint")


def of_rows(rows: Mapping[str, Rows]) -> list[Figure]:
    """The bars of the comparisons that were made: processor time a page, ours by theirs."""
    found: list[Figure] = []
    if table := rows.get("table"):
        plain = [row for row in table if row["tool"] in PLAIN]
        found += [
            *_against(table, "table", "reportlab", 1 / 8),
            *_against(table, "table", "reportlab, accelerated", 1 / 5),
            *_against(table, "table", "skia", 1 / 2),
            *_fastest(plain, "table, the fastest of fpdf2, pymupdf, typst and WeasyPrint", 1 / 15),
        ]
    if wrapped := rows.get("wrapped notes"):
        found += _fastest(wrapped, "wrapped notes, the fastest peer", 1 / 3)
    if photos := rows.get("photos"):
        found += [*_against(photos, "photos", "img2pdf", 0.8), *_against(photos, "photos", "skia", 1.0)]
        found += [_peak(photos, "photos", 80)]
    if text := rows.get("join text"):
        found += _against(text, "joining text pages", "pypdf", 1 / 50)
    return found


def _against(rows: Rows, what: str, peer: str, most: float) -> list[Figure]:
    return [
        Figure(f"{what}: ours by {peer}", row["ratio"], "×", "processor time a page, median of rounds", most)
        for row in rows
        if row["tool"] == peer and "ratio" in row
    ]


def _fastest(rows: Rows, what: str, most: float) -> list[Figure]:
    peers = [row for row in rows if row["tool"] != OURS and "ratio" in row]
    if not peers:
        return []
    best = max(peers, key=lambda row: float(row["ratio"]))
    return _against(rows, what, best["tool"], most)


def _peak(rows: Rows, what: str, most: float) -> Figure:
    ours = next(row for row in rows if row["tool"] == OURS)
    return Figure(f"{what}: our peak", ours["peak_mib"] * 1.048576, "MB", f"{ours['pages']} pages", most)
