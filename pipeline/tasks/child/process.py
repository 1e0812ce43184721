"""The process beside the web process that makes small exports and previews: `python -m pipeline.tasks.child`.

It reads the settings from stdin, then tasks, one a line. It answers an export with the messages that are left for
workers, a preview with the page. It forks for each one: what is imported stays, and what a task takes is free after
it. It has one thread, so it may fork. What documents print goes to stderr, as only answers may be on stdout.
"""

from __future__ import annotations

import gc
import logging
import os
import select
import signal
import sys
import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import BinaryIO, Literal

import msgspec
import psutil
from msgspec import structs

from ... import logs
from ...exports.export import Charge, Export, State
from ...exports.waves import Wave
from ...pdf.fonts import default_chain
from ...services import Message, Services, open_services
from ...settings import Settings
from .. import flow
from ..outcomes import Again
from ..retry import Retry
from ..stall import first_progress
from ..step import NEAR, resident
from .pipe import FAILED
from .preview import PREVIEW_SECONDS, PreviewRequest, try_preview

log = logging.getLogger(__name__)
LOOK_SECONDS = 0.02  # between two looks at the memory of the process that works
SIGN_SECONDS = 1.0  # between two empty lines, which tell that this process works
LATE_SECONDS = 3.0  # for the page or the plan in hand when the time is over; then the process is killed
STARTS = 4  # that a slice lasts at least: a quarter of it goes into its start at most, however busy the machine is
NICENESS = 10  # of an export: requests come first, and so do previews, for which a person waits
LEASE_SECONDS = 5.0  # at most: the leases of a killed process must not hold up the workers
CALLBACKS = {"measure": "plan", "render": "assemble"}  # what the chord of workers sends when all parts are done


class Task(msgspec.Struct, frozen=True):
    """A line of stdin: one of the two."""

    export: Message | None = None
    preview: PreviewRequest | None = None


class Answer(msgspec.Struct, frozen=True):
    """What is left after a message."""

    left: list[Message]


read_task = msgspec.json.Decoder(Task).decode


class PutOff(Exception):
    """A service is down, or something else is short: the keeper sends the step again."""


class Collected:
    """A queue that keeps its messages: this process handles them itself."""

    def __init__(self) -> None:
        self.messages: deque[Message] = deque()

    def send(self, message: Message) -> None:
        self.messages.append(message)


def child_settings(settings: Settings) -> Settings:
    """Return the settings for work beside the web process, which gets the other half of the memory."""
    return replace(
        settings,
        memory_bytes=settings.memory_bytes // 2,
        concurrency=1,
        lease_seconds=min(settings.lease_seconds, LEASE_SECONDS),
        shutdown_seconds=min(settings.shutdown_seconds, LEASE_SECONDS),
    )


def work(services: Services, queue: Collected, first: Message, stopping: threading.Event) -> list[Message]:
    """Do the steps from this message on, until the export is over. Returns the messages that are left when it stops
    before: it was told to, or the export is larger than it seemed. Raises PutOff."""
    todo = queue.messages
    todo.append(first)
    planned: Export | None = None
    while todo:
        message = todo.popleft()
        if message.step == "measure" and first.small:
            return [message, *todo]
        if message.step == "render" and planned is None and first.step == "plan":
            planned = services.exports.load(message.export_id)
            if services.exports.plan(planned.id).seconds > services.settings.inline_seconds:
                return [message, *todo]
        if message.step == "deliver" and (planned or first.small):
            _charge_nothing(services, message.export_id)
        if left := _handle(services, message, stopping):
            return [left, *todo]
    return []


def _handle(services: Services, message: Message, stopping: threading.Event) -> Message | None:
    """Do the steps of a message. Returns the part of it that is left."""
    if message.step not in CALLBACKS:
        done = _step(services, message.step, message.export_id, None, stopping)
        return None if done else message
    for i, part in enumerate(message.chunks):
        if not _step(services, message.step, message.export_id, part, stopping):
            return replace(message, chunks=message.chunks[i:])
    if message.wave:
        _step(services, "wave", message.export_id, message.wave, stopping)
    else:
        services.queue.send(Message(CALLBACKS[message.step], message.export_id))
    return None


def _step(
    services: Services, step: str, export_id: str, part: int | Wave | None, stopping: threading.Event
) -> bool:
    """Do a step to its end. Returns False when the rest is left to workers. Raises PutOff."""
    while step in ("wave", "deliver") or not stopping.is_set():  # they are short
        outcome = flow.handle(services, step, export_id, part, stopping)
        if isinstance(outcome, Retry):
            raise PutOff
        if not isinstance(outcome, Again):
            return True
        if resident() > NEAR * services.settings.memory_per_process:
            return False
    return False


def _charge_nothing(services: Services, export_id: str) -> None:
    """Note that the export cost no worker's time, except before a retry. What workers do meanwhile, others pay.

    When what they did before the retry is not charged yet, the scaler charges it.
    """
    if services.usage.is_marked(export_id):
        return

    def change(export: Export) -> Export:
        if export.state is not State.READY or export.charge:
            return export
        return structs.replace(export, charge=export.charged_before or Charge())

    services.exports.change(export_id, change)


def serve(settings: Settings, answers: BinaryIO) -> None:
    """Do the tasks that stdin has, and write their answers, until it ends, or until SIGTERM."""
    queue, stopping, undone = Collected(), threading.Event(), Counter[str]()
    services = open_services(child_settings(settings), queue)
    default_chain()  # a third of the processor time of a page; each fork has it then
    gc.freeze()  # all this lives as long as the process, and a fork would copy what the collector looks through
    gc.enable()
    while not stopping.is_set():
        signal.signal(signal.SIGTERM, lambda *_: os._exit(0))  # there is nothing to give back, nor to end
        if not (line := sys.stdin.buffer.readline()):
            return
        signal.signal(signal.SIGTERM, lambda *_: stopping.set())
        task = read_task(line)
        if task.preview:
            told = _in_child(
                partial(_previewed, services, task.preview), PREVIEW_SECONDS, services.settings, answers
            )
        elif task.export:
            seconds = settings.inline_seconds * 2 ** undone[task.export.export_id]
            made = partial(_exported, services, queue, task.export, stopping, seconds)
            # Where no worker can come, it has the time of one.
            most = max(seconds + LATE_SECONDS, 0 if settings.scaled else settings.time_limit)
            told = _in_child(made, most, services.settings, answers)
            _count_undone(undone, task.export, told)
        _say(answers, told + b"\n")


def _count_undone(undone: Counter[str], message: Message, told: bytes) -> None:
    """Count how often an export came back as it was: next time it gets twice the time, or it would never end.

    Drawing always gets on, page by page; but of a plan or a join that is put back there may be nothing to keep.
    """
    answer = msgspec.json.decode(told, type=Answer | None)
    if answer and answer.left == [message] and message.step != "render":
        undone[message.export_id] += 1
    else:
        undone.pop(message.export_id, None)


def _say(answers: BinaryIO, line: bytes) -> None:
    with suppress(BrokenPipeError):  # the web process was killed; what is at work may end
        answers.write(line)
        answers.flush()


def _in_child(do: Callable[[], bytes], seconds: float, settings: Settings, answers: BinaryIO) -> bytes:
    """Do a task in a child process. Returns what it tells; FAILED when it died, or had to be killed. Meanwhile
    `answers` gets signs that this process works."""
    read, write = os.pipe()
    if (child := os.fork()) == 0:
        os._exit(_tell(do, write))
    os.close(write)
    _watch(child, read, settings.memory_bytes, time.monotonic() + seconds, answers)
    with os.fdopen(read, "rb") as answer:
        told = answer.read()
    _, status = os.waitpid(child, 0)
    return told if status == 0 else FAILED


def _tell(do: Callable[[], bytes], write: int) -> Literal[0, 1]:
    """Do a task and write what it tells. Returns the exit code of this process."""
    try:
        told = do()
    except Exception:
        log.exception("what is done beside the web process failed")
        return 1
    with os.fdopen(write, "wb") as answer:
        answer.write(told)
    return 0


def _exported(
    services: Services, queue: Collected, message: Message, stopping: threading.Event, seconds: float
) -> bytes:
    """Work on a message for `seconds`. Returns what is left of it."""
    os.nice(NICENESS)
    starts = 0 if services.settings.scaled else STARTS
    threading.Thread(target=_end_in_time, args=(stopping, seconds, starts), daemon=True).start()
    try:
        return msgspec.json.encode(Answer(work(services, queue, message, stopping)))
    except PutOff:
        return FAILED
    except Exception:
        log.exception("export %s: it is left to workers", message.export_id)
        return FAILED


def _end_in_time(stopping: threading.Event, seconds: float, starts: int) -> None:
    """Tell the work to stop after `seconds`, and not before `starts` times as long as it took to begin."""
    began = time.monotonic()
    stopping.wait(seconds)
    while starts and not stopping.is_set():
        first = first_progress()
        left = LOOK_SECONDS if first is None else began + starts * (first - began) - time.monotonic()
        if left <= 0:
            break
        stopping.wait(left)
    stopping.set()


def _previewed(services: Services, wanted: PreviewRequest) -> bytes:
    return msgspec.json.encode(try_preview(services, wanted))


def _watch(child: int, read: int, most_bytes: int, until: float, answers: BinaryIO) -> None:
    """Wait until the child answers or ends; kill it when it takes too much memory or time.

    A limit of the kernel (RLIMIT_DATA) would show as a picture that cannot be read, and not as a lack of memory.
    """
    process, signed = psutil.Process(child), float("-inf")
    while not select.select([read], [], [], LOOK_SECONDS)[0]:
        now = time.monotonic()
        if process.memory_info().rss > most_bytes or now > until:
            process.kill()
        if now - signed >= SIGN_SECONDS:
            signed = now
            _say(answers, b"\n")


def main() -> None:
    settings = msgspec.json.decode(sys.stdin.buffer.readline(), type=Settings)  # with secrets: not as arguments
    logs.begin(settings.log_format, "%(name)s: %(message)s")
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to all processes; the web process tells this one
    with suppress(BrokenPipeError), os.fdopen(os.dup(sys.stdout.fileno()), "wb") as answers:
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
        serve(settings, answers)
