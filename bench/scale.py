"""What the peers have no counterpart for: the whole system on real parts, workers in 512 MB cgroups."""

from __future__ import annotations

import re
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from math import inf
from pathlib import Path
from statistics import median

from local.laptop import Laptop
from pipeline.cli.folder import listing
from pipeline.exports.export import Export
from pipeline.exports.repository import ExportRepository

from . import inputs, registry, texts, waiting
from .figures import Figure
from .measure import alone
from .ours import render
from .system import TABLE, Order, Watch, put, running, worker_seconds

MB = 1_000_000
Measure = Callable[[Path, int], list[Figure]]
"""(folder for inputs, pages of the common table) -> figures."""

measures: dict[str, Measure] = {}


def measure(name: str) -> Callable[[Measure], Measure]:
    """Enter a measurement under its name."""

    def entered(do: Measure) -> Measure:
        measures[name] = do
        return do

    return entered


@measure("cut")
def size_of_the_cut(work: Path, pages: int) -> list[Figure]:
    """A file that was drawn in 50 chunks beside the same drawn in one."""
    count = max(100, pages // 2)
    sizes = []
    for chunk in (count, count // 50):
        out = work / "cut.pdf"
        render("table", inputs.table(work, count), out, chunk_pages=chunk, **TABLE)
        sizes.append(out.stat().st_size)
        out.unlink()
    how = f"table of {count} pages: {sizes[1]} bytes by {sizes[0]}"
    return [Figure("size of a file in 50 chunks by one chunk", sizes[1] / sizes[0], "×", how, most=1.02)]


@measure("text")
def kinds_of_text(work: Path, pages: int) -> list[Figure]:
    """Tables whose text is not plain, by the plain table."""
    return texts.by_the_plain_table(work, max(100, pages // 2))


@measure("workers")
def two_workers(work: Path, pages: int) -> list[Figure]:
    """The same table by one worker and by two, three times in turn; times as the export's record has them, since
    whoever asks often takes the processor from those who work."""
    count = pages * 10
    took: dict[int, list[Export]] = {1: [], 2: []}
    for workers in (1, 2, 1, 2, 1, 2):
        with tempfile.TemporaryDirectory() as folder, running(Path(folder), workers) as system:
            order = Order(system, "table", {**TABLE, "listing": _put_table(system, count)})
            order.wait(1.0)
            took[workers].append(ExportRepository(system.store).load(order.id))
    pairs = list(zip(took[1], took[2], strict=True))
    whole = median(_seconds(a) / _seconds(b) for a, b in pairs)
    drawn = median(_drawing(a) / _drawing(b) for a, b in pairs)
    planned = median(1 - (_drawing(b) + _joining(b)) / _seconds(b) for b in took[2])
    how = f"table of {count} pages, request to ready, on the clock"
    apart = "two that share nothing by one, a local file each; Redis, S3 and web have no core here either"
    return [
        Figure("two workers: times faster than one", whole, "×", how, least=1.8),
        Figure("two workers: times faster than one, drawing alone", drawn, "×", "planned to all drawn"),
        Figure("two workers: share of their time that planning takes", planned, "", "one worker plans"),
        Figure("two processes: times faster than one, on this machine", _two_apart(work, pages), "×", apart),
    ]


def _seconds(export: Export) -> float:
    return (export.finished_at or inf) - export.created_at


def _drawing(export: Export) -> float:
    return (export.rendered_at or inf) - (export.planned_at or 0.0)


def _joining(export: Export) -> float:
    return (export.finished_at or inf) - (export.rendered_at or 0.0)


def _two_apart(work: Path, pages: int) -> float:
    """What a second core is worth to processes that have nothing to do with each other."""

    def seconds(_: int) -> float:
        return alone(registry.find("tables", registry.OURS), inputs.table, pages, work).wall

    found = []
    for _ in range(3):
        one = seconds(0)
        with ThreadPoolExecutor(2) as pool:
            found.append(2 * one / max(pool.map(seconds, range(2))))
    return median(found)


@measure("one page")
def one_page(work: Path, pages: int) -> list[Figure]:  # one page, 21 times
    """A page for somebody who waits, when workers are up."""
    with tempfile.TemporaryDirectory() as folder, running(Path(folder), 1) as system:
        seconds = []
        for _ in range(21):
            seconds.append(Order(system, "table", {**TABLE, "rows": [{"Order": "1", "Amount": "2.50"}]}).wait())
            time.sleep(0.5)  # as people ask: one after the other, not into the tail of the last one
    how = f"HTTP request to ready, median of {len(seconds)}; slowest {max(seconds):.2f} s"
    return [Figure("one page, workers warm", median(seconds), "s", how, most=0.5)]


@measure("waiting")
def request_to_ready(work: Path, pages: int) -> list[Figure]:  # of exports of every day
    """Small exports, with no worker up and with one."""
    return waiting.request_to_ready()


@measure("chunk")
def cost_of_a_chunk(work: Path, pages: int) -> list[Figure]:
    """Processor time of the workers for an export in many chunks of a page, less that in two chunks: the same
    pages are drawn, planned and joined, so the difference is messages, ledger and S3."""
    count = min(400, max(100, pages // 5))
    with tempfile.TemporaryDirectory() as folder, running(Path(folder), 2) as system:
        key = _put_table(system, count)
        spent: dict[int, list[float]] = {1: [], count // 2: []}
        for chunk in (*spent, *spent, *spent):
            before = worker_seconds()
            Order(system, "table", {**TABLE, "listing": key}, chunk_pages=chunk).wait(0.05)
            time.sleep(1.0)  # delivered, tidied up
            spent[chunk].append(worker_seconds() - before)
    many, few = (median(values) for values in spent.values())
    how = f"workers' processor time: {count} chunks {many:.2f} s, 2 chunks {few:.2f} s"
    return [Figure("around the drawing of a chunk", (many - few) / (count - 2) * 1000, "ms", how, most=15)]


@measure("through")
def joined_in_s3(work: Path, pages: int) -> list[Figure]:
    """Bytes of an album that pass through the process that joins it."""
    count = max(100, pages // 2)
    with tempfile.TemporaryDirectory() as folder, running(Path(folder), 2) as system:
        key = _put_album(system, inputs.photos(work, count))
        order = Order(system, "photos", {"listing": key, "captions": False, "bookmarks": "none"})
        order.wait(0.1)
        logs = "".join(path.read_text() for path in (Path(folder) / "logs").glob("worker.*.log"))
        (size, through) = re.findall(rf"export {order.id}: .*? became (\d+) bytes; (\d+) bytes passed", logs)[-1]
    how = f"{count} photo pages, {int(size) / MB:.0f} MB, {int(through) / MB:.1f} MB of them; joined in S3"
    return [
        Figure("bytes through the joining process by the file's", int(through) / int(size), "×", how, most=0.02)
    ]


@measure("sheets")
def contact_sheets(work: Path, pages: int) -> list[Figure]:  # 400 photos, as somebody asks for them
    """An album of twelve photos a page, scaled down to 300 dpi and not scaled, three times in turn."""
    count = 400
    took: dict[int, list[float]] = {0: [], 300: []}
    sizes = {}
    with tempfile.TemporaryDirectory() as folder, running(Path(folder), 2) as system:
        params = {"listing": _put_album(system, inputs.photos(work, count)), "rows": 4, "columns": 3}
        for dpi in (*took, *took, *took):
            order = Order(system, "photos", {**params, "dpi": dpi})
            took[dpi].append(order.wait(0.05))
            sizes[dpi] = order.last["result"]["bytes"] / MB
    copied, scaled = (median(seconds) for seconds in took.values())
    what = f"contact sheets, {count} photos at 300 dpi"
    how = f"request to ready, two workers: {scaled:.2f} s by {copied:.2f} s"
    return [
        Figure(f"{what}: size of the file", sizes[300], "MB", f"{sizes[0]:.0f} MB without scaling", most=20),
        Figure(f"{what}: time by that without scaling", scaled / copied, "×", how, most=2),
    ]


@measure("memory")
def memory_over_pages(work: Path, pages: int) -> list[Figure]:  # inputs are streamed
    """The largest process of web and workers, whatever it does: planning, drawing, joining."""
    found = []
    for count in (pages // 2, pages * 5, pages * 50):
        with tempfile.TemporaryDirectory() as folder, running(Path(folder), 2) as system:
            key = _put_table(system, count)
            with Watch() as watch:
                Order(system, "table", {**TABLE, "listing": key}).wait(0.2)
        kinds = ", ".join(f"{kind} {bytes / MB:.0f} MB" for kind, bytes in sorted(watch.peaks.items()))
        found.append((count, watch.largest, kinds))
    least = found[0][1]
    figures = [
        Figure(f"largest process, table of {n} pages", peak / MB, "MB", kinds, 160) for n, peak, kinds in found
    ]
    largest = max(peak for _, peak, _ in found)
    how = f"{found[-1][0]} pages by {found[0][0]} pages"
    return [*figures, Figure("memory over pages", largest / least, "×", how, most=1.15)]


def _put_table(system: Laptop, pages: int) -> str:
    key = f"inputs/rows-{pages}.csv"
    put(system.store, key, inputs.csv_blocks(pages))
    return key


def _put_album(system: Laptop, folder: Path) -> str:
    names = sorted(path.name for path in folder.iterdir())

    def send(name: str) -> None:
        system.store.put(f"inputs/{name}", (folder / name).read_bytes())

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(send, names))
    system.store.put("inputs/album.jsonl", b"".join(listing(names, captions=False, below="inputs/")))
    return "inputs/album.jsonl"
