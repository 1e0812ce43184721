"""A minute of measuring that fails only on what is wrong by an order of magnitude: part of `make test`.

No peers are needed but reportlab, which the project has, and the bytes themselves.
"""

from __future__ import annotations

from pathlib import Path

from . import inputs, measure, registry
from .figures import Figure

ROUNDS = 3


def figures(work: Path) -> list[Figure]:
    """Bars three to five times as wide as the real ones: this machine may be busy."""
    return [_table(work), _memory(work), _photos(work), _joining(work)]


def _table(work: Path) -> Figure:
    ratio = _ratio("tables", "reportlab", inputs.table, 400, work)
    return Figure("table: ours by reportlab", ratio, "×", "400 pages", most=0.5)


def _memory(work: Path) -> Figure:
    ours = registry.find("tables", registry.OURS)
    small, large = (measure.alone(ours, inputs.table, n, work).peak for n in (200, 4000))
    return Figure("memory: 4,000 pages by 200 pages", large / small, "×", f"{large / 1e6:.0f} MB", most=1.5)


def _photos(work: Path) -> Figure:
    """reportlab is left with ASCII-85, as installed: 200 ms a page."""
    ratio = _ratio("photos", "reportlab", inputs.photos, 40, work)
    return Figure("photos: ours by reportlab", ratio, "×", "40 pages", most=0.3)


def _joining(work: Path) -> Figure:
    ratio = _ratio("joining", "pypdf", inputs.text_chunks, 1000, work)
    return Figure("joining: ours by pypdf", ratio, "×", "10 chunks, 1,000 pages", most=0.2)


def _ratio(subject: str, peer: str, source: measure.Source, pages: int, work: Path) -> float:
    tools = [registry.find(subject, registry.OURS), registry.find(subject, peer)]
    rows = measure.side_by_side(tools, source, pages, ROUNDS, work, lambda _: None, here=True)
    found = [row for row in rows if isinstance(row, measure.Row) and row.tool == peer]
    return found[0].ratio if found else float("inf")
