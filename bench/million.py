"""A table of a million pages on two workers of 512 MB: made, opened by others, and compared.

What is finished is kept in the folder, inputs and results in the bucket beneath it: a second call goes on
with the step that broke off. The log of the whole run is written to docs/.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pypdfium2
import requests

from local.laptop import Laptop
from pipeline.documents import Range
from pipeline.exports.stores import Stores
from pipeline.tasks.app import open_with_celery
from pipeline.tasks.plan import job_of

from . import inputs, machine, measure, readers, registry, texts
from .chunked import PIXELS, write_alone
from .figures import Figure
from .system import TABLE, Order, Watch, processes, put, resident, running

MB = 1_000_000
TOLD = 10.0  # seconds from one line of the log to the next
LOOK = 0.2  # from one look at the export to the next
PAGES = 1_000_000  # of the run whose log is kept
BASE = 10_000  # pages of the shorter runs that this one is compared with
SMALL = 1_000
Say = Callable[[str], None]
Found = dict[str, Any]


@dataclass(frozen=True)
class Input:
    """A kind of rows. Those of a plain page fill `pages` pages; `peer`: cairo's table has the same rows."""

    name: str
    log: str  # in docs/
    blocks: Callable[[int], Iterator[bytes]]
    pages: float
    peer: bool = False


INPUTS = {
    "plain": Input("", "million.log", inputs.csv_blocks, 1, peer=True),
    "wrapped": Input(" of wrapped notes", "million-wrapped.log", texts.VARIANTS[texts.NOTES].blocks, 1.8538),
}
"""What --input names. Notes wrap over 1 to 5 lines: 21.57 rows fill a page, so there are about as many as asked."""


class Steps:
    """What is finished, in a file: a step is done once."""

    def __init__(self, folder: Path, say: Say) -> None:
        self._file = folder / "steps.json"
        self._log = folder / "log.txt"
        self._done: Found = json.loads(self._file.read_text()) if self._file.exists() else {}
        self._say = say

    def once(self, name: str, do: Callable[..., Any], *arguments: Any) -> Any:
        """The step's outcome, from the last time if it was finished."""
        if name in self._done:
            self.say(f"{name}: done before")
            return self._done[name]
        self.say(f"{name} …")
        began = time.perf_counter()
        self._done[name] = do(*arguments)
        self._file.write_text(json.dumps(self._done, indent=1))
        self.say(f"{name}: {time.perf_counter() - began:.1f} s")
        return self._done[name]

    def say(self, words: str) -> None:
        """To the terminal and to log.txt."""
        line = f"{time.strftime('%H:%M:%S')}  {words}"
        with self._log.open("a") as log:
            log.write(line + "\n")
        self._say(line)


def run(work: Path, pages: int, kind: str, again: bool, say: Say) -> tuple[list[Figure], list[Found]]:
    """All of it; figures with their bars, and what the readers said."""
    given = INPUTS[kind]
    folder = work / f"million-{kind}-{pages}"
    if again:
        shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(exist_ok=True)
    steps = Steps(folder, say)
    steps.say(", ".join(f"{name} {value}" for name, value in machine.described().items()))
    made = {n: steps.once(f"table of {n} pages", make, folder, given, n, steps) for n in (SMALL, BASE, pages)}
    cairo = steps.once(f"cairo, {BASE} pages", by_cairo, work) if given.peer else None
    whole, file = made[pages], folder / "result.pdf"
    steps.once("fetching the file", fetch, folder, whole["key"], file)
    seen = [steps.once(f"opened by {name}", opened, name, file, whole["pages"]) for name in readers.READERS]
    same = steps.once("pages compared", compared, folder, whole["id"], file, whole["pages"])
    found = list(figures(pages, given, made, cairo, seen, same))
    for figure in found:
        steps.say(f"{figure.what}: {figure.value:.4g} {figure.unit} {figure.bar} ({figure.how})")
    if pages == PAGES:
        shutil.copy(folder / "log.txt", measure.ROOT / "docs" / given.log)
    return found, seen


def make(folder: Path, given: Input, pages: int, steps: Steps) -> Found:
    """One export: its times, the peaks of its processes, its file."""
    with running(folder / "system", 2, LOG_FORMAT="json") as system:
        key = f"inputs/rows-{pages}.csv"
        if system.store.head(key) is None:
            size = put(system.store, key, given.blocks(round(pages / given.pages)))
            steps.say(f"  {size / MB:,.0f} MB of CSV are in the bucket")
        drop_left_over(system)
        with Watch() as watch:
            order = Order(system, "table", {**TABLE, "listing": key})
            told = 0.0
            while order.look()["state"] not in ("ready", "failed", "cancelled"):
                if time.perf_counter() - order.began >= told:
                    steps.say(progress(order))
                    told += TOLD
                time.sleep(LOOK)
            seconds = order.wait()
        kills = sum(system.dynos.oom_kills(f"worker.{n}") for n in (1, 2))
        export = Stores.open(system.settings).exports.load(order.id)
        if export.result is None:
            raise RuntimeError(f"Export {order.id} has no file.")
        steps.say(f"  {seconds:.1f} s, {export.result.bytes / MB:,.0f} MB; states first seen at {order.seen}")
        return {
            "id": order.id, "key": export.result.key, "bytes": export.result.bytes, "pages": export.pages,
            "seconds": seconds, "seen": order.seen, "peaks": watch.peaks, "chunks": export.chunks, "kills": kills,
            "tasks": tasks(folder / "system" / "logs", order.id, steps),
        }  # fmt: skip


def tasks(logs: Path, export_id: str, steps: Steps) -> dict[str, float]:
    """Seconds of the longest task of each step of an export, by the records of the workers."""
    took = defaultdict[str, list[float]](list)
    for path in logs.glob("worker.*.log"):
        for line in path.open():
            if '"message": "step"' in line and export_id in line:
                record = json.loads(line)
                took[record["step"]].append(record["ms"] / 1000)
    for step, seconds in took.items():
        steps.say(f"  {step}: {len(seconds)} tasks, {sum(seconds):.1f} s, the longest {max(seconds):.1f} s")
    return {step: max(seconds) for step, seconds in took.items()}


def drop_left_over(system: Laptop) -> None:
    """What a run that broke off left unfinished would be taken up again beside this one."""
    exports = Stores.open(system.settings).exports
    for export_id in exports.active():
        requests.delete(f"{system.url}/v1/exports/{export_id}", headers=system.headers, timeout=60)
    while exports.active():
        time.sleep(1.0)


def progress(order: Order) -> str:
    """One line of the log: how far it is, and the memory of every process at this moment."""
    now = order.last["progress"]
    memory: dict[str, list[int]] = {}
    for process, kind in processes().items():
        memory.setdefault(kind, []).append(resident(process.pid) // MB)
    shown = ", ".join(f"{kind} {'+'.join(map(str, sizes))} MB" for kind, sizes in sorted(memory.items()))
    done = f"{now['pages_done']:,} of {now['pages']:,} pages, {now['bytes_done'] / MB:,.0f} MB joined"
    return f"  {time.perf_counter() - order.began:6.0f} s  {order.last['state']:10}  {done};  {shown}"


def by_cairo(work: Path) -> float:
    """Seconds on the clock that cairo takes for its table."""
    tool = registry.find("tables", "cairo")
    run = measure.alone(tool, inputs.table, BASE, work)
    return run.wall * BASE / 1000


def fetch(folder: Path, key: str, file: Path) -> int:
    """The file from the bucket."""
    with running(folder / "system", 1) as system, file.open("wb") as out:
        found = system.store.head(key)
        if found is None:
            raise RuntimeError(f"{key} is not in the bucket any more; begin again with --again.")
        out.writelines(system.store.read(key, 0, found.size))
        return found.size


def opened(name: str, file: Path, pages: int) -> Found:
    """What a reader says of the file; RuntimeError with its last words when it gives up."""
    python = str(measure.PEERS) if name in readers.THEIRS else sys.executable
    command = [python, "-m", "bench.readers", name, str(file), str(pages)]
    ended = subprocess.run(command, cwd=measure.ROOT, capture_output=True, text=True)
    if ended.returncode:
        words = (ended.stderr.strip().splitlines() or [f"ended by signal {-ended.returncode}"])[-1]
        return {"name": name, "said": f"**failed**: {words}", "sound": False, "seconds": 0.0, "peak_mib": 0.0}
    found: Found = json.loads(ended.stdout.splitlines()[-1])
    return found


def compared(folder: Path, export_id: str, file: Path, pages: int) -> int:
    """How many of first, middle and last page look, pixel by pixel, like the same page drawn alone."""
    whole, same = pypdfium2.PdfDocument(file), 0
    with running(folder / "system", 1) as system:
        for page in readers.shown_pages(pages):
            alone = folder / f"page-{page + 1}.pdf"
            draw_alone(system, export_id, page, alone)
            same += pixels(whole, page) == pixels(pypdfium2.PdfDocument(alone), 0)
    return same


def draw_alone(system: Laptop, export_id: str, page: int, out: Path) -> None:
    """One page of an export as a file of its own."""
    services = open_with_celery(system.settings)
    job = job_of(services, services.exports.load(export_id))
    plan = services.exports.plan(export_id)
    chunk = next(chunk for chunk in reversed(plan.chunks) if chunk.first_page <= page)
    with out.open("w+b") as file:
        write_alone(job, Range(chunk, page, plan.pages, PIXELS, plan.found), 1, file)


def pixels(document: Any, page: int) -> bytes:
    """A page as PDFium shows it, at 144 dots an inch."""
    shown: bytes = document[page].render(scale=2).to_pil().tobytes()
    return shown


def figures(
    asked: int, given: Input, made: dict[int, Found], cairo: float | None, seen: list[Found], same: int
) -> Iterator[Figure]:
    whole, base, small = made[asked], made[BASE], made[SMALL]
    times, name = whole["pages"] / base["pages"], f"{whole['pages']:,} pages{given.name}"
    largest, least = max(whole["peaks"].values()), max(small["peaks"].values())
    kinds = ", ".join(f"{kind} {peak / MB:.0f} MB" for kind, peak in sorted(whole["peaks"].items()))
    yield Figure(f"{name}: largest process", largest / MB, "MB", kinds, most=160)
    yield Figure(
        f"{name}: largest process by that of {SMALL:,} pages", largest / least, "×", f"{least / MB:.0f} MB", 1.15
    )
    yield Figure(f"{name}: killed for want of memory", whole["kills"], "", "workers in 512 MB cgroups", most=0)
    step, longest = max(whole["tasks"].items(), key=lambda task: task[1])
    yield Figure(f"{name}: longest single task", longest, "s", f"of the step {step}", most=60)
    if cairo:
        how = f"{whole['seconds']:.0f} s by {times:.4g} × {cairo:.1f} s of cairo for {BASE:,}"
        yield Figure(f"{name}: time by cairo's", whole["seconds"] / (times * cairo), "×", how, most=0.25)
    how = (
        f"{whole['seconds']:.0f} s by {times:.4g} × {base['seconds']:.1f} s for {base['pages']:,},"
        " both request to ready"
    )
    yield Figure(f"{name}: time by our own", whole["seconds"] / (times * base["seconds"]), "×", how, most=1.1)
    yield Figure(
        f"{name}: readers that found it sound", sum(r["sound"] for r in seen), "", "of four", least=len(seen)
    )
    yield Figure(
        f"{name}: pages that look as if drawn alone", same, "", "first, middle, last; pixel by pixel", least=3
    )
    yield Figure(f"{name}: size", whole["bytes"] / MB, "MB", f"{whole['chunks']} chunks")
