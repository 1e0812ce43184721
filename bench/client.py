"""python -m bench.client [ROWS]: rows from a generator to a PDF on the caller's disk, by the client.

What it takes with two workers: seconds, and memory of the calling process, which knows an address and a token only.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import click
from pypdf import PdfReader

from .figures import Figure
from .measure import ROOT
from .system import running

PROGRAM = """
import json, sys, time
from pathlib import Path

def peak():
    words = Path("/proc/self/status").read_text().split()
    return int(words[words.index("VmHWM:") + 1]) * 1024

import requests
peaks, seconds, began = {"requests": peak()}, {}, time.monotonic()

def passed(what):
    peaks[what], seconds[what] = peak(), time.monotonic() - began

from manypages import Client
url, token, count, out = sys.argv[1:]
with Client(url, token) as client:
    rows = ({"Order": n, "Customer": f"Customer {n % 977}", "Day": "2026-11-30", "Total": n * 0.25}
            for n in range(1, int(count) + 1))
    export = client.export("table", rows, params={"title": "Orders"})
    passed("sent")
    export = client.wait(export, timeout=36000)
    passed("ready")
    client.download(export, out)
    passed("file")
print(json.dumps({"peaks": peaks, "seconds": seconds}))
"""
BAR = 60  # MB


def main(count: int) -> bool:
    """Run it once, look at the file, show the figures. Returns whether the bar holds."""
    with TemporaryDirectory() as folder, running(Path(folder) / "system", workers=2) as system:
        out = Path(folder) / "orders.pdf"
        environ = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT / "client")}  # no key of the bucket
        words = [sys.executable, "-c", PROGRAM, system.url, system.token, str(count), str(out)]
        ended = subprocess.run(words, env=environ, cwd=folder, stdout=subprocess.PIPE, text=True, check=True)
        found, size = json.loads(ended.stdout), out.stat().st_size / 1e6
        with PdfReader(out) as reader:
            pages, last = len(reader.pages), reader.pages[-1].extract_text()
        if f"{count}" not in last.replace(",", ""):
            raise RuntimeError(f"The last page does not show row {count}.")
    how = f"{count:,} rows of 4 fields, {pages:,} pages, {size:.1f} MB"
    figures = [Figure(f"seconds until: {what}", value, "s", how) for what, value in found["seconds"].items()]
    figures += [
        Figure(f"largest memory of the caller until: {what}", value / 1e6, "MB", how, most=BAR)
        for what, value in found["peaks"].items()
    ]
    for figure in figures:
        verdict = "    " if not figure.bar else "pass" if figure.holds else "FAIL"
        click.echo(f"{verdict}  {figure.what:44} {figure.value:8.1f} {figure.unit:3} {figure.bar:>6}  {figure.how}")
    return all(figure.holds for figure in figures)


if __name__ == "__main__":
    sys.exit(0 if main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000) else 1)
