"""The local formation: the quantity of each process type, its dynos, and what happened to them."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from signal import Signals
from uuid import NAMESPACE_URL, uuid5

from pipeline.errors import InvalidSetting

from .dyno import DynoSettings, DynoSpec, DynoState, LocalDyno
from .sizes import STANDARD

LIMITS_PAGE = "https://devcenter.heroku.com/articles/limits"


class Refused(Exception):
    """A request that the Platform API answers with an error: HTTP status, Heroku's error id, more fields."""

    def __init__(self, status: int, id: str, message: str, **more: object) -> None:
        super().__init__(message)
        self.status = status
        self.body = {"id": id, "message": message, **more}


@dataclass(frozen=True)
class Event:
    """A dyno's new state; `time` in seconds since the epoch."""

    time: float
    dyno: str
    state: DynoState


@dataclass(frozen=True)
class Change:
    """What a row is set to. `quantity` may be relative ("+1"); None: stays."""

    kind: str
    quantity: int | str | None = None
    size: str | None = None


@dataclass(frozen=True)
class Release:
    """A version of the app: its code never changes here, its config vars do."""

    version: int
    description: str
    created_at: datetime
    config_vars: Mapping[str, str]


class Row:
    """A process type of the formation, and its dynos by ordinal."""

    def __init__(self, app: str, kind: str, command: str) -> None:
        self.id = str(uuid5(NAMESPACE_URL, f"local:{app}/{kind}"))
        self.kind = kind
        self.command = command
        self.size = STANDARD
        self.created_at = self.updated_at = datetime.now(UTC)
        self.dynos: dict[int, LocalDyno] = {}

    @property
    def quantity(self) -> int:
        return len(self.dynos)


def parse_procfile(text: str) -> dict[str, str]:
    """Return the command of each type, from lines `type: command`; ignores other lines, as Heroku does."""
    return dict(re.findall(r"^([A-Za-z0-9_-]+):[ \t]*(\S.*?)[ \t]*$", text, re.MULTILINE))


class LocalFormation:
    """The dynos of one app. Scaling returns at once; threads start and stop the processes."""

    def __init__(
        self,
        app: str,
        procfile: Path,
        types: Sequence[str],
        limit: int,
        settings: DynoSettings,
        config_vars: Mapping[str, str],
    ) -> None:
        commands = parse_procfile(procfile.read_text())
        for kind in types:
            if kind not in commands:
                raise InvalidSetting(f"{procfile} has no line `{kind}: command`.", field=kind)
        self.app = app
        self.rows = {kind: Row(app, kind, commands[kind]) for kind in types}
        self.limit = limit
        self.one_off_limit = limit
        self.releases = [Release(1, "Initial release", datetime.now(UTC), dict(config_vars))]
        self.history: list[Event] = []
        self.max_at_once = 0
        self._settings = settings
        self._all: list[LocalDyno] = []
        self._runs = 0
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._sampler = threading.Thread(target=self._sample, name="memory", daemon=True)

    def open(self) -> None:
        """Create the folder for logs and start sampling memory."""
        self._settings.log_folder.mkdir(parents=True, exist_ok=True)
        self._sampler.start()

    def close(self) -> None:
        """Scale all types to zero and wait until every process is gone: a little over `stop_seconds` at most."""
        with self._lock:
            self._closing.set()
            for row in self.rows.values():
                self._resize(row, 0)
            for dyno in self.one_offs():
                dyno.leave()
        for dyno in self._all:
            dyno.join()
        if self._sampler.ident is not None:
            self._sampler.join()

    @property
    def release(self) -> Release:
        """The current release."""
        return self.releases[-1]

    def row(self, identity: str) -> Row:
        """Return a row by type or id; Refused with 404 if there is none."""
        for row in self.rows.values():
            if identity in (row.kind, row.id):
                return row
        raise Refused(404, "not_found", f"Couldn't find that process type ({identity}).")

    def scale(self, quantities: Mapping[str, int | str]) -> list[Row]:
        """Set quantities by type; "+1" and "-1" are relative. Refused, and nothing changed, if one is wrong."""
        return self.update([Change(kind, quantity) for kind, quantity in quantities.items()])

    def update(self, changes: Sequence[Change]) -> list[Row]:
        """Set quantities and sizes. Refused, and nothing changed, if one is wrong."""
        with self._lock:
            self._check_open()
            wanted = {row.kind: row.quantity for row in self.rows.values()}
            rows = [self.row(change.kind) for change in changes]
            for row, change in zip(rows, changes, strict=True):
                if change.quantity is not None:
                    wanted[row.kind] = _absolute(change.quantity, row.quantity)
            self._check_limit(sum(wanted.values()))
            for row, change in zip(rows, changes, strict=True):
                if change.size not in (None, row.size):
                    row.size, row.updated_at = change.size or row.size, datetime.now(UTC)
                self._resize(row, wanted[row.kind])
                self._replace(row, [n for n, dyno in row.dynos.items() if dyno.spec.size != row.size])
            self.max_at_once = max(self.max_at_once, sum(wanted.values()))
        return rows

    def set_config(self, changes: Mapping[str, str | None]) -> None:
        """Set config vars, or remove those that are None: a new release, with which the formation restarts."""
        with self._lock:
            self._check_open()
            merged = {**self.release.config_vars, **changes}
            values = {name: value for name, value in merged.items() if value is not None}
            verb = "Set" if any(changes.values()) else "Remove"
            words = f"{verb} {', '.join(sorted(changes))} config vars"
            self.releases.append(Release(self.release.version + 1, words, datetime.now(UTC), values))
            for row in self.rows.values():
                self._replace(row, list(row.dynos))

    def restart(self, kind: str | None = None) -> None:
        """Restart the dynos of one type, or of all. Of a type of one-off dynos: stop them."""
        with self._lock:
            self._check_open()
            one_offs = [dyno for dyno in self.one_offs() if dyno.kind == kind]
            for dyno in one_offs:
                dyno.leave()
            rows = [row for row in self.rows.values() if kind in (None, row.kind, row.id)]
            if not rows and not one_offs:
                raise Refused(404, "not_found", f"Couldn't find that process type ({kind}).")
            for row in rows:
                self._replace(row, list(row.dynos))

    def run(self, kind: str, spec: DynoSpec) -> LocalDyno:
        """Start a one-off dyno; Refused above the limit."""
        with self._lock:
            self._check_open()
            running = self.one_offs()
            if len(running) >= self.one_off_limit:
                self._refuse_above(self.one_off_limit, len(running) + 1, spec.size)
            self._runs += 1
            dyno = LocalDyno(kind, self._runs, self._released(spec), self._settings, self._note)
            self._all.append(dyno)
            self.max_at_once = max(self.max_at_once, len(running) + 1)
        return dyno

    def one_offs(self) -> list[LocalDyno]:
        """Return the one-off dynos that start or run."""
        return [dyno for dyno in self.dynos() if dyno.spec.one_off and dyno.state is not DynoState.DOWN]

    def stop_dyno(self, identity: str) -> None:
        """Stop one dyno; one of the formation is replaced, as on Heroku."""
        dyno = self.dyno(identity)
        with self._lock:
            dyno.leave()
            for row in self.rows.values():
                for ordinal, other in row.dynos.items():
                    if other is dyno:
                        self._add(row, ordinal)

    def dynos(self) -> list[LocalDyno]:
        """Return the dynos that the API lists: ordered, or stopped and not gone yet."""
        return [dyno for dyno in list(self._all) if dyno.state is not DynoState.GONE]

    def dyno(self, identity: str) -> LocalDyno:
        """Return the newest dyno of a name or id; Refused with 404 if there is none."""
        for dyno in reversed(self.dynos()):
            if identity in (dyno.name, dyno.id):
                return dyno
        raise Refused(404, "not_found", f"Couldn't find that dyno ({identity}).")

    def count(self) -> int:
        """Return how many dynos have a process now, those being stopped included."""
        return sum(dyno.running for dyno in self.dynos())

    def dyno_seconds(self) -> float:
        """Return what Heroku would bill: for each dyno, from the request to start it to the request to stop it."""
        return sum(dyno.billed_seconds for dyno in list(self._all))

    def peak_rss(self, name: str) -> int:
        """Return the most bytes that the dyno's processes were seen to use, sampled every `look_seconds`.

        The sum of PSS on Linux (a page that forked children share counts once), of RSS elsewhere.
        """
        return max((dyno.peak_bytes for dyno in self._named(name)), default=0)

    def oom_kills(self, name: str) -> int:
        """Return how many of the dyno's processes the kernel killed at the memory limit; 0 without cgroups."""
        return sum(dyno.oom_kills for dyno in self._named(name))

    def kill(self, name: str, number: Signals) -> None:
        """Send a signal to each process of a dyno."""
        self.dyno(name).signal(number)

    def _named(self, name: str) -> Iterator[LocalDyno]:
        return (dyno for dyno in list(self._all) if dyno.name == name)

    def _check_open(self) -> None:
        if self._closing.is_set():
            raise Refused(503, "service_unavailable", "The local dynos are being stopped.")

    def _check_limit(self, total: int) -> None:
        if total > self.limit:
            self._refuse_above(self.limit, total, STANDARD)

    def _refuse_above(self, limit: int, total: int, size: str) -> None:
        message = f"Cannot run more than {limit} {size} size dynos."
        raise Refused(422, "cannot_run_above_limit", message, limit=limit, size=total, url=LIMITS_PAGE)

    def _resize(self, row: Row, quantity: int) -> None:
        if quantity != row.quantity:
            row.updated_at = datetime.now(UTC)
        for ordinal in range(row.quantity, quantity, -1):  # Heroku stops the highest ordinals
            row.dynos.pop(ordinal).leave()
        for ordinal in range(row.quantity + 1, quantity + 1):
            self._add(row, ordinal)

    def _replace(self, row: Row, ordinals: Sequence[int]) -> None:
        """Stop these dynos of a row and start others in their places, at the same moment, as Heroku does."""
        for ordinal in ordinals:
            row.dynos[ordinal].leave()
            self._add(row, ordinal)

    def _add(self, row: Row, ordinal: int) -> None:
        spec = self._released(DynoSpec(row.command, row.size))
        row.dynos[ordinal] = LocalDyno(row.kind, ordinal, spec, self._settings, self._note)
        self._all.append(row.dynos[ordinal])

    def _released(self, spec: DynoSpec) -> DynoSpec:
        """Return a spec with the config vars of the current release; its own variables come first."""
        return replace(spec, env={**self.release.config_vars, **spec.env}, release=self.release.version)

    def _note(self, dyno: LocalDyno, state: DynoState) -> None:
        self.history.append(Event(time.time(), dyno.name, state))

    def _sample(self) -> None:
        while not self._closing.wait(self._settings.look_seconds):
            for dyno in self.dynos():
                dyno.sample()


def _absolute(quantity: int | str, now: int) -> int:
    """Return the number for a quantity of the API or the Heroku CLI; Refused with 422 if it is not one."""
    text = str(quantity)
    if isinstance(quantity, bool) or not re.fullmatch(r"[+-]?[0-9]{1,9}", text):
        raise Refused(422, "invalid_params", f"Quantity must be a whole number, not {text}.")
    relative = isinstance(quantity, str) and text[0] in "+-"
    wanted = now + int(text) if relative else int(text)
    if wanted < 0:
        raise Refused(422, "invalid_params", f"Quantity must not be negative; {text} would make it {wanted}.")
    return wanted
