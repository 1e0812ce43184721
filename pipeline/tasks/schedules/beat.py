"""Runs what is due by the clock: once over all processes, and once for all the times that were missed.

The leading keeper does it in a thread of its own, also when no worker is up; with BEAT=celery, `celery beat` does.
A run has a lease, and a claim in its record for when Redis is wiped.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from msgspec.structs import replace

from ...errors import Conflict, PipelineError, RedisDown
from ...services import Services
from ..lease import exclusive
from ..retry import RetryPolicy
from .entries import CHECK, Entry
from .last_runs import LastRun, LastRuns

log = logging.getLogger(__name__)
POLICY = RetryPolicy(first=5.0, longest=300.0)
LONGEST = 60.0  # seconds between two turns
LOOK_SECONDS = 3600.0  # between two looks at a record: the clock may have been set
LEADER_SECONDS = 5.0  # between two looks whether another process leads


@dataclass(frozen=True)
class Run:
    """A run that is due: since when, and what came of the one before it."""

    entry: Entry
    due: float
    now: float
    before: LastRun


@dataclass(frozen=True)
class Ended:
    """A run that ended: what it did, and the export that it started."""

    words: str = ""
    export: str = ""


@dataclass(frozen=True)
class Waits:
    """A run that may not begin yet."""

    words: str


Job = Callable[[Run], Ended | Waits]


class Next(NamedTuple):
    """When to look at an entry again; `due`: what was due is not done yet."""

    at: float
    due: bool = False


class Beat:
    """Runs due entries. Its state is a cache: when to look at each entry again."""

    def __init__(
        self, services: Services, jobs: Mapping[str, Job], entries: Sequence[Entry],
        clock: Callable[[], float] = time.time,
    ) -> None:  # fmt: skip
        """`jobs`: by task, what to do."""
        self._s = services
        self._jobs = jobs
        self._clock = clock
        self._entries = entries
        self._runs = LastRuns(services)
        self._look_at: dict[str, float] = {}  # by entry
        self._failures: dict[str, int] = {}  # by entry, in a row
        self._stop = threading.Event()
        self._woken = threading.Event()
        self._thread: threading.Thread | None = None

    # the thread of a keeper

    def start(self, leads: Callable[[], bool]) -> None:
        """Start the thread, if it is not. From the first wake on it runs what is due, while `leads` says that this
        process may."""
        if self._thread is None:
            thread = threading.Thread(target=self._run, args=(leads,), name="schedules", daemon=True)
            thread.start()  # it may raise: then the next turn tries again
            self._thread = thread

    def wake(self) -> None:
        """Tell the thread that this process leads."""
        self._woken.set()

    def stop(self, seconds: float) -> None:
        """End the thread; wait up to `seconds` for what is running."""
        self._stop.set()
        self._woken.set()
        if self._thread:
            self._thread.join(seconds)

    def _run(self, leads: Callable[[], bool]) -> None:
        pause: float | None = None
        while not self._stop.is_set():
            if pause is None:
                self._woken.wait()
            self._woken.clear()
            pause = self._turn(leads)
            if pause is not None:
                self._stop.wait(pause)

    def _turn(self, leads: Callable[[], bool]) -> float | None:
        """Return the seconds until the next turn; None when another process leads: then wait to be woken."""
        try:
            if leads():
                return self.run_due()
            return None if self._s.redis.leases.held(["keeper"]) else LEADER_SECONDS
        except RedisDown:
            return self.without_redis()
        except Exception:
            log.exception("schedules: internal error; the loop goes on")
            return LONGEST

    # entries

    def run_due(self) -> float:
        """Run every entry that is due. Returns the seconds until the next one is, at most a minute."""
        for entry in self._entries:
            now = self._clock()
            if not self._stop.is_set() and self._look_at.get(entry.name, now) <= now:
                self._look_at[entry.name] = self._look(entry, now).at
        return self._pause()

    def run(self, name: str) -> bool:
        """Run one entry, if it is due: another scheduler sent a message for it. Returns False if it must be tried
        again: a service is down, or another process is at it, and no other message comes soon.
        """
        for entry in self._entries:
            if entry.name == name:
                try:
                    return not self._look(entry, self._clock()).due or entry.is_short
                except RedisDown as error:
                    log.warning("schedule %s: %s %s", name, error.message, error.advice)
                    return entry.is_short
        return True

    def without_redis(self) -> float:
        """Check the services; the process that led last does it. Returns the seconds until the next look."""
        now = self._clock()
        for entry in self._entries:
            if entry.task == CHECK and self._look_at.get(entry.name, now) <= now:
                self._look_at[entry.name] = entry.next_run(now)
                self._do(Run(entry, now, now, LastRun(now)))
        return self._pause()

    def _pause(self) -> float:
        now = self._clock()
        left = [self._look_at[entry.name] - now for entry in self._entries if entry.name in self._look_at]
        return min(LONGEST, max(0.05, min(left, default=LONGEST)))

    def _look(self, entry: Entry, now: float) -> Next:
        """Run an entry if it is due. Returns when to look again."""
        later = Next(now + self._s.settings.lease_seconds / 4, due=True)
        try:
            with exclusive(self._s.redis.leases, f"schedule:{entry.name}", self._s.settings.lease_seconds) as held:
                return later if held is None else self._claimed(entry, now)
        except RedisDown:
            raise
        except Conflict:  # another process wrote the record first
            return later
        except PipelineError as error:
            log.warning("schedule %s: %s %s", entry.name, error.message, error.advice)
        except Exception:  # such as one of a class of its own: the entries behind it run
            log.exception("schedule %s: internal error", entry.name)
        return Next(now + self._failed(entry), due=True)

    def _claimed(self, entry: Entry, now: float) -> Next:
        before, etag = self._runs.load(entry)
        if before is None:
            self._runs.save(entry, LastRun(done=now), etag)
            return Next(min(entry.next_run(now), now + LOOK_SECONDS))
        due = entry.next_run(before.done)
        if due > now:
            return Next(min(due, now + LOOK_SECONDS))
        if before.began is not None and abs(now - before.began) < self._s.settings.lease_seconds:
            # Its lease was lost with Redis. It may be a little ahead: by its clock, or begun after `now` was taken.
            return Next(before.began + self._s.settings.lease_seconds, due=True)
        etag = self._runs.save(entry, replace(before, began=now), etag)
        after = self._do(Run(entry, due, now, before))
        self._runs.save(entry, after, etag)
        if after.done == before.done:
            return Next(now + (LONGEST if not after.problem else self._failed(entry)), due=True)
        self._failures.pop(entry.name, None)
        return Next(entry.next_run(after.done))

    def _do(self, run: Run) -> LastRun:
        """Return the record after a run. One that may work later is still due."""
        name, began = run.entry.name, time.monotonic()
        try:
            outcome = self._jobs[run.entry.task](run)
        except PipelineError as error:
            log.log(logging.WARNING if error.retry else logging.ERROR, "schedule %s: %s", name, error.message)
            later = replace(run.before, problem=f"{error.message} {error.advice}".rstrip())
            return later if error.retry else replace(later, done=run.now, ran=run.now, outcome="failed")
        except Exception as error:
            log.exception("schedule %s: internal error", name)
            words = f"Internal error ({type(error).__name__}); the log has the stack trace."
            return replace(run.before, done=run.now, ran=run.now, outcome="failed", problem=words)
        if isinstance(outcome, Waits):
            return replace(run.before, outcome=outcome.words, problem="")
        log.info("schedule %s: %s (%.1f s)", name, outcome.words, time.monotonic() - began)
        return LastRun(run.now, ran=run.now, outcome=outcome.words, export=outcome.export or run.before.export)

    def _failed(self, entry: Entry) -> float:
        """Return the pause after a failure; it grows."""
        self._failures[entry.name] = self._failures.get(entry.name, 0) + 1
        return POLICY.pause(self._failures[entry.name], random.random())  # noqa: S311  # jitter, no secret
