"""What is promised, checked from outside: the file, the mail, the bucket, Redis, the workers, the logs."""

from __future__ import annotations

import email
import json
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import redis

from pipeline.adapters.redis.messages import QUEUES
from pipeline.exports.repository import ExportRepository
from pipeline.tasks.schedules.clean_up import CleanUp

from ..readback import read
from .stage import Stage

if TYPE_CHECKING:
    from .caller import Caller

TOLD_SECONDS = 60.0  # from the end of an export to its mail, should its sender be killed and the next one wait
GONE_SECONDS = 60.0  # a last retry waits for 30 s
SPARE_SECONDS = 20.0  # that workers may be paid beyond the runs: boot, linger, restarts
WORKERS = 2
FOREVER = "_kombu."  # keys of Redis that stay: which queues there are
KEPT = ("export.json", "work.json", "plan.json", "listing.jsonl", "result/")
LIBRARIES = ("celery", "kombu", "billiard", "multiprocessing", "gunicorn")
ALARM = "pipeline.tasks.health"  # says at level ERROR what is away


class Wrong(Exception):
    """A promise was broken; no use to go on with the run."""


class Late(Wrong):
    """It did not happen in time."""


def of_export(stage: Stage, caller: Caller) -> list[str]:
    """Return what is wrong with an export that is over."""
    if caller.export["state"] != "ready":
        return [f"{caller.export['state']}: {caller.export.get('failure')}"]
    told = max(caller.ended(), time.monotonic()) + stage.allowed(TOLD_SECONDS)
    problems = list(_file(caller, told))
    marks = [f"active/{caller.id}", f"unsent/{caller.id}"]
    if left := _wait(lambda: [mark for mark in marks if stage.store.head(mark)], told - time.monotonic()):
        problems.append(f"{left} stay")
    mails = _mails(stage, caller.address)
    if not 1 <= len(mails) <= 2 or len(set(mails)) != 1:
        problems.append(f"{len(mails)} mails of {len(set(mails))} Message-IDs")
    return problems


def of_stage(stage: Stage, spent: float) -> list[str]:
    """Return what is left although nothing is outstanding. `spent`: seconds of all runs since the last time."""
    problems = []
    if _wait(lambda: stage.running.dynos.count(), stage.allowed(GONE_SECONDS)):
        problems.append("workers stay")
    paid, stage.paid = stage.running.dynos.dyno_seconds() - stage.paid, stage.running.dynos.dyno_seconds()
    if paid > WORKERS * (spent + stage.allowed(SPARE_SECONDS)):
        problems.append(f"{paid:.0f} dyno-seconds are paid for {spent:.0f} s")
    problems += _wait(lambda: _left_in_redis(stage), stage.allowed(5))
    if _left_in_bucket(stage):  # what arrives late is removed once an hour
        CleanUp(stage.store, ExportRepository(stage.store), stage.running.settings).run()
        problems += _left_in_bucket(stage)
    return problems


def _file(caller: Caller, told: float) -> Iterator[str]:
    with tempfile.TemporaryDirectory() as folder:
        seen = read(caller.download(Path(folder), lambda: told))
    yield from caller.order.wrong(seen)
    if seen.complaints:
        yield str(seen.complaints)


def _mails(stage: Stage, address: str) -> list[str]:
    """Return the Message-IDs of the mails to an address."""
    found = (email.message_from_bytes(path.read_bytes()) for path in stage.running.smtp.folder.glob("*.eml"))
    return [str(mail["Message-ID"]) for mail in found if mail["To"] == address]


def _left_in_redis(stage: Stage) -> list[str]:
    """Messages of killed workers stay in `unacked` until a worker is up that puts them back: they are harmless."""
    with redis.Redis(port=stage.redis_port, decode_responses=True) as client:
        waiting = [f"{client.llen(queue)} messages in {queue}" for queue in QUEUES if client.llen(queue)]
        keys = list(client.scan_iter(count=1000))
        with client.pipeline(transaction=False) as pipe:
            for key in keys:
                pipe.ttl(key)
            forever = [key for key, left in zip(keys, pipe.execute(), strict=True) if left == -1]
    known = (FOREVER, *QUEUES, "unacked")
    return waiting + [f"{key} never expires" for key in forever if not str(key).startswith(known)]


def _left_in_bucket(stage: Stage) -> list[str]:
    keys = [entry.key for entry in stage.store.entries("exports/")]
    strays = [key for key in keys if not key.split("/", 2)[2].startswith(KEPT)]
    uploads = [f"an upload of {upload.key}" for upload in stage.store.uploads("exports/")]
    return strays + uploads


def _wait(left: Callable[[], Any], seconds: float) -> Any:
    """Wait until nothing is left. Returns what still is."""
    deadline = time.monotonic() + seconds
    while (found := left()) and time.monotonic() < deadline:
        time.sleep(0.3)
    return found


class Logs:
    """The logs of all processes, from this moment on."""

    def __init__(self, stage: Stage) -> None:
        self._folder = stage.running.folder / "logs"
        self._from = {path: path.stat().st_size for path in self._folder.glob("*.log")}

    def problems(self) -> list[str]:
        """Return errors of our own program. What a library logs when it loses a service is no error of ours."""
        return sorted(set(self._problems()))

    def _problems(self) -> Iterator[str]:
        for path in self._folder.glob("*.log"):
            with path.open("rb") as file:
                file.seek(self._from.get(path, 0))
                for line in file:
                    if problem := _problem(line.decode(errors="replace")):
                        yield f"{path.stem}: {problem}"


def _problem(line: str) -> str:
    try:
        record = json.loads(line)
    except ValueError:
        return "a traceback" if line.startswith("Traceback") else ""
    ours = not str(record.get("logger")).startswith((*LIBRARIES, ALARM))
    bad = "exception" in record or record.get("level") in ("error", "critical")
    return str(record["message"])[:200] if ours and bad else ""
