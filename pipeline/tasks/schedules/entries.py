"""What runs by the clock: the built-in entries, and those of the modules in SCHEDULES.

Both are written in Celery's own format, `beat_schedule`. Celery's classes say when an entry is due.
"""

from __future__ import annotations

import copy
import importlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import celery
import msgspec
from celery.schedules import BaseSchedule, crontab, maybe_schedule, schedule

from ...errors import InvalidSetting
from ...settings import Settings

CLEAN_UP, REPORT, CHECK, EXPORT = TASKS = tuple(
    f"pipeline.{name}" for name in ("clean_up", "report", "check", "export")
)
"""What an entry may name as its task."""

CLEAN_HOURS = 6
BUILT_IN: Mapping[str, Mapping[str, Any]] = {
    "check": {"task": CHECK, "schedule": 60.0},
    "clean-up": {"task": CLEAN_UP, "schedule": crontab(minute=0, hour=f"*/{CLEAN_HOURS}")},
    "report": {"task": REPORT, "schedule": crontab(minute=0, hour=9)},
}
SHORT = timedelta(hours=1)  # a fixed interval below this may run again after Redis was wiped
NAME = re.compile(r"[\w.-]{1,100}", re.ASCII)
_EPOCH = datetime.fromtimestamp(0, UTC)


class ExportCall(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The keyword arguments of `pipeline.export`.

    `exclusive`: not while the last export of this entry is at work. `skip` leaves a run out, `queue` lets it wait.
    """

    document: str
    params: dict[str, Any] = {}
    owner: str = "schedules"
    notify: str | None = None
    chunk_pages: int | None = None
    volume_pages: int | None = None
    volume_bytes: int | None = None
    exclusive: Literal["skip", "queue"] | None = None


@dataclass(frozen=True)
class Entry:
    """Something that runs by the clock. `call` is set for `pipeline.export`."""

    name: str
    task: str
    schedule: BaseSchedule
    call: ExportCall | None = None

    @property
    def is_short(self) -> bool:
        """True for a fixed interval below an hour."""
        return type(self.schedule) is schedule and self.schedule.run_every < SHORT

    @property
    def words(self) -> str:
        """The times: "every 60 s", the five fields of cron, or as Celery writes another class."""
        if type(self.schedule) is schedule:
            return f"every {self.schedule.run_every.total_seconds():,.10g} s"
        return repr(self.schedule).strip("<>").removeprefix("crontab: ").removesuffix(" (m/h/dM/MY/d)")

    def next_run(self, last: float) -> float:
        """Return when the entry is due after a run at `last`; both in seconds since 1970."""
        moment = datetime.fromtimestamp(last, UTC)
        # The schedule's clock stands at the epoch, so the time that remains is the moment itself.
        return float(self.schedule.remaining_estimate(moment).total_seconds())


def beat_schedule(settings: Settings) -> dict[str, dict[str, Any]]:
    """Return all entries in Celery's format. A module of SCHEDULES replaces a built-in entry of the same name."""
    found: dict[str, Mapping[str, Any]] = {name: dict(entry) for name, entry in BUILT_IN.items()}
    for module in settings.schedules:
        found.update(_of_module(module))
    # A message that another scheduler sends says which entry it is for.
    return {name: {**entry, "options": {"headers": {"schedule": name}}} for name, entry in found.items()}


def entries(settings: Settings) -> list[Entry]:
    """Return all entries, in the order in which they run. InvalidSetting names a wrong one."""
    clock = celery.Celery("schedules", set_as_current=False)
    clock.conf.timezone = settings.timezone
    return [_entry(name, given, clock) for name, given in beat_schedule(settings).items()]


def _of_module(module: str) -> Mapping[str, Mapping[str, Any]]:
    try:
        found = importlib.import_module(module).beat_schedule
    except Exception as error:  # a module may raise anything while it is imported
        raise _wrong(f"SCHEDULES names {module}, which cannot be used: {error!r}.") from error
    if not isinstance(found, Mapping) or not all(isinstance(entry, Mapping) for entry in found.values()):
        raise _wrong(f"beat_schedule of {module} must have a dict for each name.")
    return found


def _entry(name: str, given: Mapping[str, Any], clock: celery.Celery) -> Entry:
    if not NAME.fullmatch(name):
        raise _wrong(f"{name!r} is not a name for a schedule: use letters, digits, '.', '_' and '-'.")
    if unknown := given.keys() - {"task", "schedule", "kwargs", "options"}:
        raise _wrong(f"Schedule {name}: {min(unknown)!r} is not known. An entry has task, schedule and kwargs.")
    if given.get("task") not in TASKS:
        raise _wrong(f"Schedule {name}: task is {given.get('task')!r}; known are {', '.join(TASKS)}.")
    return Entry(name, given["task"], _times(name, given.get("schedule"), clock), _call(name, given))


def _times(name: str, given: Any, clock: celery.Celery) -> BaseSchedule:
    if not isinstance(given, int | float | timedelta | BaseSchedule):
        raise _wrong(f"Schedule {name}: schedule must be seconds, a timedelta, a crontab or another of Celery's.")
    found: BaseSchedule = maybe_schedule(copy.copy(given), app=clock)
    if type(found) is schedule and found.run_every < timedelta(seconds=1):
        raise _wrong(f"Schedule {name}: it must run every second at most.")
    found.nowfun = lambda: _EPOCH
    return found


def _call(name: str, given: Mapping[str, Any]) -> ExportCall | None:
    kwargs = given.get("kwargs") or {}
    if given["task"] != EXPORT:
        if kwargs:
            raise _wrong(f"Schedule {name}: {given['task']} takes no kwargs.")
        return None
    try:
        return msgspec.convert(kwargs, ExportCall)
    except msgspec.ValidationError as error:
        raise _wrong(f"Schedule {name}: kwargs of pipeline.export: {error}.") from None


def _wrong(words: str) -> InvalidSetting:
    return InvalidSetting(words, field="SCHEDULES")
