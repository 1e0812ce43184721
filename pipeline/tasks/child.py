"""The process beside the web process that makes small exports: `python -m pipeline.tasks.child`.

It reads messages from stdin, one a line, and answers each with the messages that are left for workers. It forks for
each one: what is imported stays, and what an export takes is free after it. It has one thread, so it may fork.
"""

from __future__ import annotations

import logging
import os
import select
import signal
import sys
import threading
import time
from collections import deque
from dataclasses import replace
from typing import Literal

import msgspec
import psutil

from .. import logs
from ..exports.export import Charge, Export, State
from ..exports.waves import Wave
from ..pdf.fonts import default_chain
from ..services import Message, Services, open_services
from ..settings import Settings
from . import flow
from .outcomes import Again
from .retry import Retry
from .step import NEAR, resident

log = logging.getLogger(__name__)
LOOK_SECONDS = 0.02  # between two looks at the memory of the process that works
LATE_SECONDS = 3.0  # for the page or the plan in hand when the time is over; then the process is killed
LEASE_SECONDS = 5.0  # at most: the leases of a killed process must not hold up the workers
read_message = msgspec.json.Decoder(Message).decode


class Answer(msgspec.Struct):
    """What is left after a message; None when the keeper must find out: its process died, or it is put off."""

    left: list[Message] | None


class PutOff(Exception):
    """A service is down, or something else is short: the keeper sends the step again."""


class Collected:
    """A queue that keeps its messages: this process handles them itself."""

    def __init__(self) -> None:
        self.messages: deque[Message] = deque()

    def send(self, message: Message) -> None:
        self.messages.append(message)


def child_settings(settings: Settings) -> Settings:
    """Returns the settings for work beside the web process, which gets the other half of the memory."""
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
        if message.step == "measure":
            return [message, *todo]
        if message.step == "render" and planned is None and first.step == "plan":
            planned = services.exports.load(message.export_id)
            plan = services.exports.plan(planned.id)
            if plan.pages * plan.page_seconds > services.settings.inline_seconds:
                return [message, *todo]
        if message.step == "deliver" and planned:
            _charge_nothing(services, planned)
        if left := _handle(services, message, stopping):
            return [left, *todo]
    return []


def _handle(services: Services, message: Message, stopping: threading.Event) -> Message | None:
    """Do the steps of a message. Returns the part of it that is left."""
    if message.step != "render":
        done = _step(services, message.step, message.export_id, None, stopping)
        return None if done else message
    for i, chunk in enumerate(message.chunks):
        if not _step(services, "render", message.export_id, chunk, stopping):
            return replace(message, chunks=message.chunks[i:])
    if message.wave:
        _step(services, "wave", message.export_id, message.wave, stopping)
    else:
        services.queue.send(Message("assemble", message.export_id))
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


def _charge_nothing(services: Services, export: Export) -> None:
    """Note that the export cost no worker's time. What workers do meanwhile, others pay."""
    services.exports.change(
        export.id, lambda e: replace(e, charge=Charge()) if e.state is State.READY and not e.charge else e
    )


def serve(settings: Settings) -> None:
    """Answer messages until stdin ends, or until SIGTERM."""
    queue, stopping = Collected(), threading.Event()
    services = open_services(child_settings(settings), queue)
    default_chain()  # a third of the processor time of a page; each fork has it then
    while not stopping.is_set():
        signal.signal(signal.SIGTERM, lambda *_: os._exit(0))  # there is nothing to give back, nor to end
        if not (line := sys.stdin.buffer.readline()):
            return
        signal.signal(signal.SIGTERM, lambda *_: stopping.set())
        left = _in_child(services, queue, read_message(line), stopping)
        sys.stdout.buffer.write(msgspec.json.encode(Answer(left)) + b"\n")
        sys.stdout.buffer.flush()


def _in_child(
    services: Services, queue: Collected, message: Message, stopping: threading.Event
) -> list[Message] | None:
    """Work on a message in a child process. Returns what it left; None when it died, or had to be killed."""
    read, write = os.pipe()
    if (child := os.fork()) == 0:
        os._exit(_work_and_tell(services, queue, message, stopping, write))
    os.close(write)
    seconds = services.settings.inline_seconds + LATE_SECONDS
    _watch(child, read, services.settings.memory_bytes, time.monotonic() + seconds)
    with os.fdopen(read, "rb") as answer:
        told = answer.read()
    _, status = os.waitpid(child, 0)
    return msgspec.json.decode(told, type=list[Message]) if status == 0 else None


def _work_and_tell(
    services: Services, queue: Collected, message: Message, stopping: threading.Event, write: int
) -> Literal[0, 1]:
    """Work on a message and write what is left. Returns the exit code of this process."""
    timer = threading.Timer(services.settings.inline_seconds, stopping.set)
    timer.daemon = True
    timer.start()
    try:
        left = work(services, queue, message, stopping)
    except PutOff:
        return 1
    except Exception:
        log.exception("export %s: it is left to workers", message.export_id)
        return 1
    with os.fdopen(write, "wb") as answer:
        answer.write(msgspec.json.encode(left))
    return 0


def _watch(child: int, read: int, most_bytes: int, until: float) -> None:
    """Wait until the child answers or ends; kill it when it takes too much memory or time.

    A limit of the kernel (RLIMIT_DATA) would show as a picture that cannot be read, and not as a lack of memory.
    """
    process = psutil.Process(child)
    while not select.select([read], [], [], LOOK_SECONDS)[0]:
        if process.memory_info().rss > most_bytes or time.monotonic() > until:
            process.kill()


def main() -> None:
    settings = Settings.from_env(os.environ)
    logs.begin(settings.log_format, "%(name)s: %(message)s")
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to all processes; the web process tells this one
    serve(settings)


if __name__ == "__main__":
    main()
