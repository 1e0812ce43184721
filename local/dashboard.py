"""Draws docs/dashboard.svg: the queries of the Grafana dashboard, answered by a real Prometheus.

It is not a picture of Grafana, for which there is no package to install here.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import requests
from rich.console import Console

from .laptop import ROOT, Laptop, laptop
from .monitors import MONITORING, prometheus

OUT = ROOT / "docs" / "dashboard.svg"
SECONDS = 150.0
ROWS = 150_000
NOTE = (
    "The queries of monitoring/grafana/dashboards/pipeline.json, drawn by `python -m local dashboard` from a real"
    " Prometheus; not a picture of Grafana."
)
COLUMNS, WIDTH, HEIGHT, GAP, TOP = 3, 380, 210, 14, 54
COLOURS = ("#3274d9", "#e0752d", "#299c46", "#8f3bb8", "#c4162a", "#b58900", "#17a2b8", "#6c757d")
UNITS = {"s": "s", "percentunit": "%", "bytes": "MB", "currencyUSD": "$", "short": ""}
FACTORS = {"percentunit": 100.0, "bytes": 1e-6}


@dataclass(frozen=True)
class Line:
    """A series of a panel: its legend, and its values by seconds since the start."""

    legend: str
    points: list[tuple[float, float]]


def draw(folder: Path, console: Console) -> None:
    """Run exports for two and a half minutes beside Prometheus, and write the picture."""
    environ = {"METRICS_TOKEN": "dashboard", "CHUNK_SECONDS": "1"}
    with laptop(folder, workers=3, environ=environ) as running:
        target = running.url.removeprefix("http://")
        with prometheus(folder, target, "dashboard") as monitor:
            began = time.time()
            _work(running)
            panels = json.loads((MONITORING / "grafana/dashboards/pipeline.json").read_text())["panels"]
            found = [(panel, list(_lines(monitor.url, panel, began))) for panel in panels]
    OUT.write_text(_picture(found))
    console.print(f"Drawn: {OUT}")


def _work(running: Laptop) -> None:
    """Request exports now and then; some cannot be made."""
    rows = "\n".join(f"{number},Customer {number % 97},{number * 7 % 1000}.50" for number in range(ROWS))
    running.store.put("inputs/orders.csv", f"order,customer,amount\n{rows}".encode())
    running.store.put("inputs/broken.jsonl", b"no JSON\n")
    until = time.time() + SECONDS
    for number in range(1000):
        if time.time() > until:
            return
        _ask(running, "table", f"table-{number}", {"listing": "inputs/orders.csv"})
        if number % 3 == 1:
            _ask(running, "photos", f"photos-{number}", {"listing": "inputs/broken.jsonl"})
        time.sleep(min(12.0 if number % 4 else 25.0, max(0.0, until - time.time())))


def _ask(running: Laptop, document: str, key: str, params: dict[str, str]) -> None:
    body = {"document": document, "params": params, "key": key, "chunk_pages": 120}
    requests.post(f"{running.url}/v1/exports", json=body, headers=running.headers, timeout=30).raise_for_status()


def _lines(url: str, panel: dict[str, Any], began: float) -> Iterator[Line]:
    """Yield the series of a panel, as its queries find them."""
    factor = FACTORS.get(panel["fieldConfig"]["defaults"]["unit"], 1.0)
    for target in panel["targets"]:
        asked = {"query": target["expr"], "start": began, "end": time.time(), "step": 1}
        answer = requests.get(f"{url}/api/v1/query_range", params=asked, timeout=30).json()
        for series in answer["data"]["result"]:
            legend = target["legendFormat"]
            for name, value in series["metric"].items():
                legend = legend.replace(f"{{{{{name}}}}}", value)
            values = ((at - began, float(value) * factor) for at, value in series["values"] if value != "NaN")
            yield Line(legend, list(values))


def _picture(found: list[tuple[dict[str, Any], list[Line]]]) -> str:
    rows = -(-len(found) // COLUMNS)
    width, height = COLUMNS * (WIDTH + GAP) + GAP, TOP + rows * (HEIGHT + GAP)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif">',
        f'<rect width="{width}" height="{height}" fill="#f4f5f5"/>',
        f'<text x="{GAP}" y="22" font-size="16" font-weight="bold">Pipeline</text>',
        f'<text x="{GAP}" y="42" font-size="11" fill="#555">{NOTE}</text>',
    ]
    for number, (panel, lines) in enumerate(found):
        x, y = GAP + number % COLUMNS * (WIDTH + GAP), TOP + number // COLUMNS * (HEIGHT + GAP)
        parts.append(f'<g transform="translate({x} {y})">{_panel(panel, lines)}</g>')
    return "\n".join([*parts, "</svg>\n"])


def _panel(panel: dict[str, Any], lines: list[Line]) -> str:
    """Draw one panel: title, a frame with the highest value, lines and legends."""
    unit = UNITS[panel["fieldConfig"]["defaults"]["unit"]]
    top = max((value for line in lines for _, value in line.points), default=0.0) or 1.0
    end = max((at for line in lines for at, _ in line.points), default=1.0)
    left, right, high, low = 44, WIDTH - 10, 34, HEIGHT - 46
    parts = [
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white" stroke="#ddd"/>',
        f'<text x="10" y="20" font-size="12" font-weight="bold">{escape(panel["title"])}</text>',
        f'<text x="{left - 4}" y="{high + 4}" font-size="9" text-anchor="end">{top:.3g} {unit}</text>',
        f'<text x="{left - 4}" y="{low}" font-size="9" text-anchor="end">0</text>',
        f'<path d="M{left} {high}V{low}H{right}" fill="none" stroke="#bbb"/>',
        f'<text x="{right}" y="{low + 11}" font-size="9" text-anchor="end">{end:.0f} s</text>',
    ]
    for number, line in enumerate(lines):
        colour = COLOURS[number % len(COLOURS)]
        points = " ".join(
            f"{left + at / end * (right - left):.1f},{low - value / top * (low - high):.1f}"
            for at, value in line.points
        )
        parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.4"/>')
        x, y = 10 + number % 4 * 92, HEIGHT - 20 + number // 4 * 12
        parts.append(f'<text x="{x}" y="{y}" font-size="8.5" fill="{colour}">{escape(line.legend)}</text>')
    return "".join(parts)
