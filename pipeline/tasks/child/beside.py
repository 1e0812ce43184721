"""Small exports are made beside the web process: no dyno boots for half a second of work.

`Beside` is the queue of the web process. It keeps the messages of small exports for a child process (`process.py`),
which previews too; all others go to workers. While no worker is up, exports that are over are closed here. Where no
worker can come, it keeps all messages.

While it has an export, a *claim* in Redis tells the keeper that this is no work for workers. A claim lasts a few
seconds and is renewed, so it ends with this process too. Then the keeper repairs the export like any other.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from contextlib import suppress
from dataclasses import replace

import msgspec

from ...errors import PipelineError, RedisDown
from ...services import Message, Services
from .. import sending
from ..lease import claim_name
from .pipe import STOP_SECONDS, ChildPipe
from .process import Answer

log = logging.getLogger(__name__)
CLAIM_SECONDS = 5.0  # after which workers get the work of a web process that died
MAX_WAITING = 4  # small exports that wait for the one before them; more go to workers
_answer = msgspec.json.Decoder(Answer).decode


class Beside:
    """A queue that handles small exports itself, one at a time, in a thread that watches a child process."""

    def __init__(self, services: Services, pipe: ChildPipe) -> None:
        """`services`: with the queue of the workers."""
        self._s = services
        self._pipe = pipe
        self._line: deque[Message] = deque()  # the first one is at work
        self._changed = threading.Condition()
        self._stopping = False
        self._thread: threading.Thread | None = None

    def send(self, message: Message) -> None:
        """Keep a message, or send it to workers. Raises RedisDown when neither can be done."""
        if not self._takes(message):
            self._s.queue.send(message)
            return
        self._claim(message.export_id)
        with self._changed:
            self._line.append(message)
            self._changed.notify()
        self.start()

    def start(self) -> None:
        """Start the child, so that the first export need not wait for it. Called after gunicorn's fork."""
        with self._changed:
            if self._thread is None and not self._stopping:
                thread = threading.Thread(target=self._run, name="beside", daemon=True)
                thread.start()  # it may raise: then the next export tries again
                self._thread = thread

    def stop(self) -> None:
        """Give everything to workers: what is at work, at the next page. Takes STOP_SECONDS at most."""
        until = time.monotonic() + STOP_SECONDS
        with self._changed:
            self._stopping = True
            self._changed.notify()
        self._pipe.end_task()
        if self._thread:
            self._thread.join(STOP_SECONDS)
        self._pipe.stop(until - time.monotonic())

    def _takes(self, message: Message) -> bool:
        if self._stopping:
            return False
        if message.small and len(self._line) <= MAX_WAITING:
            return True
        return (message.step == "deliver" or not self._s.settings.scaled) and not self._s.redis.workers.up()

    def _run(self) -> None:
        self._pipe.start()
        while not self._stopping:
            with self._changed:
                self._changed.wait_for(lambda: self._line or self._stopping)
                if self._stopping:
                    break
                message = self._line[0]
            left = self._make(message)
            with self._changed:
                self._line.popleft()
            self._hand_over(message.export_id, left)
        for message in list(self._line):  # a request may still add one, which the keeper finds
            self._hand_over(message.export_id, [message])

    def _make(self, message: Message) -> list[Message] | None:
        """Have the child work on a message. Returns what it left; None when it died or gave no such answer."""
        try:
            told = self._pipe.ask({"export": message}, self._renew)
            return _answer(told).left if told else None
        except Exception:
            log.exception("export %s: internal error; the queue goes on", message.export_id)
            return None

    def _renew(self) -> None:
        with suppress(RedisDown):
            for waiting in list(self._line):
                self._claim(waiting.export_id)

    def _hand_over(self, export_id: str, left: list[Message] | None) -> None:
        """Give up the claim, unless more of the export waits here, and send what is left; what a child left that
        died, the keeper finds out."""
        redis = self._s.redis
        try:
            if not any(waiting.export_id == export_id for waiting in list(self._line)):
                redis.leases.expect_back(claim_name(export_id), 0.0)
            if left is None:
                log.warning("export %s: the process beside the web process left it to workers", export_id)
                redis.messages.forget_sent(export_id)
            for message in left or ():
                sending.send(replace(self._s, queue=self), replace(message, small=False))
            if left != []:
                redis.wakeup.wake()
        except PipelineError as error:  # then the keeper sends it
            log.warning("export %s: %s", export_id, error.message)
        except Exception:
            log.exception("export %s: internal error; the queue goes on", export_id)

    def _claim(self, export_id: str) -> None:
        self._s.redis.leases.expect_back(claim_name(export_id), CLAIM_SECONDS)
