"""A soak of the scaler on real parts: random requests, a failing Heroku, two keepers, deaths and wipes.

    python -m tests.journey.scaling --minutes 10 --seed 3 --mode formation
    python -m tests.journey.scaling --runs 50 --mode one-off

prints the promises of docs/scaling.md beside what was measured, from the record of the local dynos and the bucket.
With --runs the runs are short: a few exports and at most one fault, then all exports must end and all workers stop.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from random import Random
from signal import SIGKILL

import redis

from local import process
from local.demo import mails
from local.dynos import Fault
from local.formation import Refused
from local.laptop import ROOT, Laptop, laptop
from pipeline.errors import PipelineError
from pipeline.exports.notices import unsent
from pipeline.exports.repository import ExportRepository
from pipeline.scaler.learned import Learned
from pipeline.scaler.usage import UsageLog

from ..readback import read
from ..waiting import until
from . import client, figures

DEFAULTS = {"DOCUMENTS": "tests.journey.task_log", "KEEPER_SECONDS": "5", "LINGER_SECONDS": "5"}
ENVIRON = {
    **DEFAULTS,
    "HEROKU_TIMEOUT": "1",
    "KEEPER_SECONDS": "0.5",
    "LEASE_SECONDS": "2",
    "LINGER_SECONDS": "1",
    "REPAIR_PATIENCE": "5",
    "SHUTDOWN_SECONDS": "2",
}
LIMITED = json.dumps({"id": "cannot_run_above_limit", "message": "No more than 2.", "limit": 2})
FAULTS: Mapping[str, Callable[[], Fault]] = {
    "401": lambda: Fault(401),
    "403": lambda: Fault(403),
    "404": lambda: Fault(404),
    "409": lambda: Fault(409),
    "422 above limit": lambda: Fault(422, body=LIMITED),
    "429 in seconds": lambda: Fault(429, {"Retry-After": "2"}),
    "429 as a moment": lambda: Fault(429, {"Retry-After": str(int(time.time()) + 2)}),
    "500": lambda: Fault(500),
    "503": lambda: Fault(503),
    "503, but obeyed": lambda: Fault(503, lost=True),
    "hang": lambda: Fault(hang=1.5),
    "reset": lambda: Fault(reset=True),
    "reset, but obeyed": lambda: Fault(lost=True),
    "garbage": lambda: Fault(200, body="<html>It works!</html>"),
}

FAULT_EACH = 8.0  # seconds; about every third call meets one


@dataclass(frozen=True)
class Event:
    """An event of a soak: export, fault, kill, kill keeper, or wipe."""

    at: float
    what: str
    detail: str = ""
    pages: int = 0
    page_seconds: float = 0.0


def random_events(seed: int, seconds: float, fault_each: float | None = FAULT_EACH) -> list[Event]:
    """Returns the events of so many seconds, in order, by the seed. No faults without `fault_each`."""
    dice = Random(seed)
    found, at = [], 0.0
    while at < seconds:  # a few at a time, and often a pause in which all workers stop
        for _ in range(dice.choice((1, 1, 2, 4))):
            found.append(Event(at, "export", "", dice.randint(4, 40), dice.uniform(0.02, 0.15)))
            at += dice.uniform(0, 1)
        at += dice.choice((2, 5, 12, 25))
    if fault_each:
        names = sorted(FAULTS)
        dice.shuffle(names)
        for n in range(int(seconds / fault_each)):
            found.append(Event(fault_each * (n + dice.random()), "fault", names[n % len(names)]))
        found += [Event(x, "kill") for x in _now_and_then(dice, 17, seconds)]
        found += [Event(x, "kill keeper") for x in _now_and_then(dice, 45, seconds)]
        found += [Event(seconds / 2, "wipe"), *(Event(x, "wipe") for x in _now_and_then(dice, 60, seconds))]
    return sorted(found, key=lambda one: one.at)


def short_run_events(dice: Random) -> list[Event]:
    """Returns the events of a short run, in order."""
    found = [
        Event(dice.uniform(0, 3), "export", "", dice.randint(4, 24), dice.uniform(0.02, 0.1))
        for _ in range(dice.randint(1, 3))
    ]
    what = dice.choice(("nothing", "fault", "fault", "fault", "kill", "kill keeper", "wipe"))
    if what != "nothing":
        found.append(Event(dice.uniform(0, 6), what, dice.choice(sorted(FAULTS)) if what == "fault" else ""))
    return sorted(found, key=lambda one: one.at)


def _now_and_then(dice: Random, each: float, until: float) -> Iterator[float]:
    at = dice.uniform(0.3, 1) * each
    while at < until:
        yield at
        at += dice.uniform(0.5, 1.5) * each


@dataclass
class Soak:
    """A running system, its exports, and the faults that the soak caused."""

    running: Laptop
    start: process.Start
    asked: dict[str, int] = field(default_factory=dict)  # export -> pages
    kills: list[tuple[float, str]] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)  # by name; the last ones may still wait for a call
    keeper: process.ProcessTree | None = None
    pending: int = len(FAULTS)
    """At most so many faults wait for a call: when calls are rare, more would let no call succeed."""

    def apply(self, one: Event, dice: Random) -> None:
        if one.what == "export":
            title = f"Soak {len(self.asked) + 1}"
            chunk = max(2, one.pages // 5)
            export_id = client.ask(
                self.running, "slow", pages=one.pages, seconds=one.page_seconds, chunk_pages=chunk, title=title
            )
            self.asked[export_id] = one.pages
        elif one.what == "fault" and len(self.running.dynos.faults) < self.pending:
            self.running.dynos.faults.append(FAULTS[one.detail]())
            self.faults.append(one.detail)
        elif one.what == "kill":
            self._kill(dice)
        elif one.what == "kill keeper":
            self.start_keeper()
        elif one.what == "wipe":
            with redis.Redis.from_url(self.running.valkey.url) as connection:
                connection.flushall()

    def start_keeper(self) -> None:
        """Start a keeper beside those of web and workers; the previous one is killed."""
        if self.keeper:
            self.keeper.signal(SIGKILL)
        log = self.running.folder / "logs" / "keeper.log"
        self.keeper = self.start(
            (sys.executable, "-m", "pipeline", "keeper"), cwd=ROOT, env=self.running.env, output=log
        )

    def _kill(self, dice: Random) -> None:
        dynos = self.running.dynos
        if names := sorted(dyno.name for dyno in dynos.dynos() if dyno.running):
            name = dice.choice(names)
            with suppress(Refused):  # it stopped in between
                dynos.kill(name, SIGKILL)
                self.kills.append((time.time(), name))

    def wait_for_the_end(self) -> None:
        """Wait until every notification is sent, no worker is left, and all is charged.

        A busy machine may take long, but one export after another must end in time.
        """
        for left in range(len(_unfinished(self.running)), 0, -1):
            until(partial(_fewer, self.running, left), "one more is told")
        if unmet := len(self.running.dynos.faults):
            del self.faults[-unmet:]
            self.running.dynos.faults.clear()
        client.wait_for_no_workers(self.running)
        usage = UsageLog(self.running.store, ExportRepository(self.running.store))
        until(lambda: not any(map(usage.unbilled, usage.marked())), "all is charged")


def _unfinished(running: Laptop) -> set[str]:
    """Returns the exports with work left, and those whose mail waits."""
    return {*ExportRepository(running.store).active(), *unsent(running.store)}


def _fewer(running: Laptop, than: int) -> bool:
    return len(_unfinished(running)) < than


@contextmanager
def soaking(
    folder: Path, mode: str, environ: Mapping[str, str] = ENVIRON, start: process.Start = process.start
) -> Iterator[Soak]:
    environ = {**environ, "SCALER_MODE": mode, "TASK_LOG": str(folder / "task-log")}
    with laptop(folder, workers=3, boot_seconds=0.5, stop_seconds=5, environ=environ, start=start) as running:
        soak = Soak(running, start)
        soak.start_keeper()
        try:
            yield soak
        finally:
            if soak.keeper:
                soak.keeper.end(5)


def apply_all(soak: Soak, events: Iterable[Event], dice: Random) -> None:
    """Apply each event at its time, and wait until nothing is left."""
    began = time.monotonic()
    for one in events:
        time.sleep(max(0.0, began + one.at - time.monotonic()))
        soak.apply(one, dice)
    soak.wait_for_the_end()


def run_often(soak: Soak, seed: int, runs: int) -> set[str]:
    """Do so many short runs. Returns the exports that were not over after two minutes without progress."""
    dice, exports = Random(seed), ExportRepository(soak.running.store)
    stranded: set[str] = set()
    for number in range(runs):
        events = short_run_events(dice)
        print(f"run {number + 1}:", *(one.detail or one.what for one in events), flush=True)
        try:
            apply_all(soak, events, dice)
        except AssertionError as late:
            print(late, flush=True)
            stranded |= set(exports.active())
        print(f"  {measured(soak)}, {len(stranded)} stranded", flush=True)
    return stranded


def lives(soak: Soak) -> list[figures.Stretch]:
    return figures.lives(list(soak.running.dynos.history), time.time())


def stints(soak: Soak) -> list[figures.Stretch]:
    lines = (soak.running.folder / "task-log").read_text().splitlines()
    return figures.stints(lines, soak.kills, time.time())


def measured(soak: Soak) -> figures.Figures:
    """Returns the figures, from the records of dynos, workers and bucket."""
    now = time.time()
    wanted = figures.outstanding(list(ExportRepository(soak.running.store).all()), now)
    return figures.measured(lives(soak), stints(soak), wanted, len(soak.running.dynos.requests), now)


def told(tail: figures.Stretch, soak: Soak) -> str:
    """Returns in words what happened from the last task until all workers were gone, in seconds after it."""
    dynos, workers = soak.running.dynos, lives(soak)
    events = [(call.time, f"{call.method} {call.status}") for call in dynos.requests]
    events += [(event.time, f"{event.dyno} {event.state.value}") for event in dynos.history]
    events += [(at, f"{name} killed") for at, name in soak.kills]
    there = [f"{at - tail.begin:.1f} {what}" for at, what in sorted(events) if tail.begin <= at <= tail.end]
    first = sum(life.begin < tail.begin < life.end for life in workers)
    return f"{figures.paid(tail, workers):.1f} dyno-seconds, {first} workers at the last task; {', '.join(there)}"


def wrong(soak: Soak, folder: Path) -> list[str]:
    """Returns what went wrong: other pages than requested, or not one mail per export.

    A process killed after the mail server accepted a mail, and before that was noted, is followed by another that
    sends it again with the same Message-ID; both count as one.
    """
    told = Counter(
        subject for subject, _ in {(str(m["Subject"]), str(m["Message-ID"])) for m in mails(soak.running)}
    )
    found = []
    for number, (export_id, pages) in enumerate(soak.asked.items(), 1):
        if told[f"Ready: Soak {number}"] != 1:
            found.append(f"{export_id}: {told[f'Ready: Soak {number}']} mails")
        try:
            texts = [page.text for page in read(client.download(soak.running, export_id, folder)).pages]
        except (AssertionError, PipelineError) as error:
            found.append(f"{export_id}: {error}")
            continue
        if texts != [f"slow page {n + 1} of {pages}" for n in range(pages)]:
            found.append(f"{export_id}: other pages")
    return found


def charged(soak: Soak) -> float:
    """Returns the dyno-seconds charged to all exports; each must have its charge."""
    exports = list(ExportRepository(soak.running.store).all())
    assert all(export.charge for export in exports), [e.id for e in exports if not e.charge]
    return sum(export.charge.dyno_seconds for export in exports if export.charge)


def refused_at_the_end(soak: Soak) -> float:
    """Returns the seconds after the last export in which Heroku still failed, so no worker could be stopped."""
    over = max(export.finished_at or 0.0 for export in ExportRepository(soak.running.store).all())
    failed = [call.time for call in soak.running.dynos.requests if not 200 <= call.status < 300]
    return max(0.0, max(failed, default=0.0) - over)


def unknown(soak: Soak) -> float:
    """Returns the dyno-seconds by which charges may be wrong.

    Heroku reports in whole seconds when a dyno was ordered or stopped; after a lost answer nothing else is known.
    """
    return len(lives(soak))


def missed(soak: Soak) -> float:
    """Dyno-seconds charged for one-off dynos that we killed: at the most until Heroku's list was had again."""
    calls, last = soak.running.dynos.requests, soak.running.dynos.history[-1].time
    listed = [
        call.time for call in calls if call.path.endswith("/dynos") and (call.method, call.status) == ("GET", 200)
    ]
    return sum(min((at for at in listed if at > killed), default=last) - killed for killed, _ in soak.kills)


def costs(soak: Soak) -> dict[str, float]:
    """Returns what the command `costs` reports."""
    said = subprocess.run(
        [sys.executable, "-m", "pipeline", "costs", "--json"],
        cwd=ROOT, env=dict(soak.running.env), capture_output=True, check=True, timeout=60,
    )  # fmt: skip
    (line,) = json.loads(said.stdout)["costs"]
    found: dict[str, float] = line
    return found


def worst(soak: Soak) -> list[str]:
    """Returns the most expensive ends of a period, in words, the most expensive first."""
    workers = lives(soak)
    tails = sorted(figures.tails(workers, stints(soak)), key=lambda tail: figures.paid(tail, workers), reverse=True)
    return [told(tail, soak) for tail in tails[:5]]


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--minutes", type=float, default=10)
    options.add_argument("--runs", type=int, help="so many short runs instead of a long one")
    options.add_argument("--seed", type=int, default=3)
    options.add_argument("--mode", choices=("formation", "one-off"), default="formation")
    options.add_argument("--no-faults", action="store_true")
    options.add_argument("--defaults", action="store_true", help="the times of an app instead of shorter ones")
    options.add_argument("--fault-each", type=float, default=FAULT_EACH, help="seconds")
    options.add_argument("--folder", type=Path)
    chosen = options.parse_args()
    folder = chosen.folder or Path(tempfile.mkdtemp(prefix="soak-"))
    with soaking(folder, chosen.mode, DEFAULTS if chosen.defaults else ENVIRON) as soak:
        stranded: set[str] = set()
        if chosen.runs:
            stranded = run_often(soak, chosen.seed, chosen.runs)
        else:
            fault_each, soak.pending = None if chosen.no_faults else chosen.fault_each, 1
            apply_all(soak, random_events(chosen.seed, chosen.minutes * 60, fault_each), Random(chosen.seed))
        _print(soak, folder, stranded)


def _print(soak: Soak, folder: Path, stranded: set[str]) -> None:
    found, dynos = measured(soak), soak.running.dynos
    failures = wrong(soak, folder)
    billed, paid = charged(soak), dynos.dyno_seconds()
    learned = Learned.decode(UsageLog(soak.running.store, ExportRepository(soak.running.store)).learned())
    print(f"{found.exports} exports, {len(soak.kills)} workers killed by us, {len(dynos.requests)} calls of Heroku")
    print("Heroku's faults:", ", ".join(f"{name} x{times}" for name, times in Counter(soak.faults).most_common()))
    for name, value, bar in (
        ("busy workers killed by a decision", found.killed, "0"),
        ("dyno-seconds after the last task", f"{found.after_last:.1f}", "10"),
        ("API calls an export", f"{found.calls:.1f}", "4"),
        ("seconds with workers and nothing to do", f"{found.idle:.1f}", "30"),
        ("seconds with work and no worker", f"{found.alone:.1f}", "-"),
        ("exports stranded", len(stranded), "0"),
        ("exports that ended wrong", len(failures), "0"),
        ("charged of the dyno-seconds paid", f"{billed:.0f} of {paid:.0f}", "all"),
        ("costs says", f"{costs(soak)['dyno_seconds']:.0f}", f"{billed:.0f}"),
    ):
        print(f"{name:<42} {value!s:>12}  bar {bar}")
    print("the longest ends:", *worst(soak), sep="\n  ")
    print(f"learned: boot {learned.boot:.1f} s, page {learned.page.get('slow', 0):.3f} s")
    print(*failures, sep="\n")
    print(f"logs: {folder}")


if __name__ == "__main__":
    main()
