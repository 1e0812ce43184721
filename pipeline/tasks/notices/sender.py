"""Sends the notices that wait: mails and webhooks. The leading keeper does it, in a thread for each channel: no
worker stays up for a notice, and a server that hangs delays neither repair nor scaling, nor the other channel.

A notice is sent under a lease that is renewed while its sender lives, and under a claim in the export's record,
which holds when Redis is wiped. See `exports/notices.py` for what follows from an answer, and from none.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass

from ...errors import Conflict, NoExport, NoticeDown, PipelineError, ServiceDown, StoreDown, StoreRefused
from ...exports import notices
from ...exports.export import Change, Export, Notice, State
from ...services import Services
from ..lease import exclusive, notices_name
from ..retry import RetryPolicy
from .transports import Send, Transport

log = logging.getLogger(__name__)
POLICY = RetryPolicy(first=5.0, longest=300.0)
STORE_SECONDS = 1.0  # between two tries to store an outcome
STORE_TRIES = 10  # of an outcome, before others are sent meanwhile if the bucket refuses this record alone


@dataclass(frozen=True)
class _Pause:
    """No try before `until`, on the monotonic clock. `problem` is told for each notice that waits."""

    tries: int
    until: float
    problem: str = ""


class Sender:
    """The notices of a channel that wait in the bucket. Its state is a cache: when each may be tried again."""

    def __init__(self, services: Services, transport: Transport, policy: RetryPolicy = POLICY) -> None:
        self._s = services
        self._transport = transport
        self._channel = transport.channel
        self._policy = policy
        self._pauses: dict[str, _Pause] = {}  # by the id of a notice, a server, or an export that cannot be read
        self._due: dict[str, list[tuple[str, ...]]] = {}  # by export: what pauses each of its notices
        self._told: dict[str, str] = {}  # by notice: the problem in its record
        self._unstored: dict[str, Change] = {}  # by notice: what came of it, which its record does not say yet
        self._stop = threading.Event()
        self._woken = threading.Event()
        self._free = threading.Event()  # no notice is being handed over
        self._free.set()
        self._thread: threading.Thread | None = None

    def wake(self, leads: Callable[[], bool]) -> None:
        """Let the thread look for notices to send. It sends while `leads` says that this process may."""
        if not self._transport.configured:
            return
        self._woken.set()
        if self._thread is None:
            thread = threading.Thread(target=self._run, args=(leads,), name=f"{self._channel}s", daemon=True)
            thread.start()  # it may raise: then the next turn tries again
            self._thread = thread

    def stop(self, seconds: float) -> None:
        """End the thread; wait up to `seconds` for the notice that is being sent."""
        self._stop.set()
        self._woken.set()
        if self._thread:
            self._thread.join(seconds)

    @property
    def hands_over(self) -> bool:
        """True from the claim of a notice until its outcome is stored; ending meanwhile may send it twice."""
        return not self._free.is_set()

    def finish(self, seconds: float) -> None:
        """Begin no other notice; wait up to `seconds` for the one that is being handed over."""
        self.stop(0.0)
        self._free.wait(seconds)

    def send_due(self, leads: Callable[[], bool]) -> float | None:
        """Try each notice whose time has come. Returns the seconds until the next one is due; None without one."""
        waiting = notices.unsent(self._s.bucket, self._channel)
        self._forget_all_but(waiting)
        for export_id in waiting:
            known = self._due.get(export_id)
            if known is None or not all(map(self._left, known)):
                if self._stop.is_set() or not leads():
                    return None
                self._try_export(export_id)
        return min((self._left(keys) for due in self._due.values() for keys in due), default=None)

    def _run(self, leads: Callable[[], bool]) -> None:
        pause: float | None = None
        while not self._stop.is_set():
            self._woken.wait(pause)
            self._woken.clear()
            try:
                pause = self.send_due(leads) if leads() else None
            except PipelineError as error:
                pause = self._policy.longest
                log.warning("%ss: %s %s", self._channel, error.message, error.advice)
            except Exception:
                pause = self._policy.longest
                log.exception("%ss: internal error; they are tried again", self._channel)

    def _try_export(self, export_id: str) -> None:
        """Send what is due of an export. An error delays this export, and no other unless it is the server's."""
        try:
            name = notices_name(export_id, self._channel)
            with exclusive(self._s.redis.leases, name, self._s.settings.lease_seconds) as held:
                if held is None:
                    raise Conflict("Another process is sending notices about the export.")
                while self._send_all(export := self._s.exports.load(export_id)):
                    pass  # of webhooks, the next one is due now
            self._note_due(export)
        except NoExport:
            notices.remove_mark(self._s.bucket, export_id, self._channel)
        except Conflict:  # look often: its sender may be dead
            self._wait_for_sender(export_id)
            self._due[export_id] = [(export_id,)]
        except PipelineError as error:
            self._postpone(export_id, error)
            self._due[export_id] = [(export_id,)]

    def _send_all(self, export: Export) -> bool:
        """Try the notices that are due and not paused. Returns whether one is over now."""
        over = False
        for notice in notices.due(export, self._channel):
            if self._left(self._keys(export, notice)):
                self._tell(export, notice)
            else:
                over |= self._try(export, notice)
        return over

    def _note_due(self, export: Export) -> None:
        """Note when to look again. Remove the mark if nothing is left, and look for what came meanwhile."""
        s = self._s
        if not notices.due(export, self._channel):
            notices.remove_mark(s.bucket, export.id, self._channel)
            export = s.exports.find(export.id) or export
            if notices.due(export, self._channel):
                notices.mark(s.bucket, export.id, self._channel)
        self._due.pop(export.id, None)  # a new mark may come before this thread sees that there was none
        if left := notices.due(export, self._channel):
            self._due[export.id] = [self._keys(export, notice) for notice in left]

    def _try(self, export: Export, notice: Notice) -> bool:
        """Send a notice. Returns whether it is over: sent or given up."""
        key = notices.message_id(export, notice)
        self._told.pop(key, None)
        try:
            return self._send(export, notice)
        except Conflict:
            self._wait_for_sender(key)
        except NoticeDown as error:
            server = self._transport.server(notice)
            if not error.of_server:
                self._pauses.pop(server, None)  # it answered
            self._postpone(server if error.of_server else key, error)
        except PipelineError as error:
            self._postpone(key, error)
            if isinstance(error, ServiceDown):
                self._tell(export, notice)
        except Exception as error:
            self._postpone(key, error)
            log.exception("%ss: %s: internal error; it is tried again", self._channel, key)
        return False

    def _send(self, export: Export, notice: Notice) -> bool:
        s, now = self._s, time.time()
        if outcome := self._unstored.get(key := notices.message_id(export, notice)):
            s.exports.change(export.id, outcome)
            del self._unstored[key]
            return True
        if notices.is_claimed(notice, now, s.settings.lease_seconds):
            raise Conflict("Another process claimed the notice. It has no lease: it died, or Redis was wiped.")
        if reason := notices.hopeless(notice, now):
            return self._give_up(export, notice, reason)
        if notice.event is export.state is State.READY and (missing := s.exports.missing_files(export)):
            raise StoreDown(f"{missing[0].name} of export {export.id} is not there.")
        if self._transport.may_send():
            return self._connect(export, notice)
        self._pauses[self._transport.server(notice)] = _Pause(0, time.monotonic() + 60 - time.time() % 60)
        return False

    def _connect(self, export: Export, notice: Notice) -> bool:
        server = self._transport.server(notice)
        with ExitStack() as stack:
            try:
                compose = stack.enter_context(self._transport.connected())
            except NoticeDown as error:
                self._postpone(server, error)
                self._tell(export, notice)
                return False
            send = compose(export, notice)
            self._free.clear()
            try:
                over = not self._stop.is_set() and self._hand_over(export, notice, send)
            finally:
                self._free.set()
            self._pauses.pop(server, None)
            return over

    def _hand_over(self, export: Export, notice: Notice, send: Send) -> bool:
        """Claim the notice, send it, and store the outcome before anything else can fail."""
        s, number, now = self._s, notice.number, time.time()
        try:
            claimed = s.exports.change(export.id, notices.handing_over(number, now, s.settings.lease_seconds))
        except StoreRefused:  # nothing is written
            raise
        except ServiceDown:  # it may be written nevertheless, and would count as a notice that may have arrived
            self._store(export, notice, notices.not_handed_over(number, now))
            raise
        if claimed.notices[number - 1].claimed_at != now:
            raise Conflict("Another process sends the notice.")
        try:
            send()
        except NoticeDown as error:
            stored = self._store(export, notice, notices.not_taken(number, error, now)).notices[number - 1]
            if not stored.given_up:
                raise
            log.error("%ss: export %s: %s It is given up.", self._channel, export.id, error.message)
            return True
        self._store(export, notice, notices.sent(number, time.time()))
        return True

    def _store(self, export: Export, notice: Notice, outcome: Change) -> Export:
        """Store what came of a notice, however long the bucket is down: the lease keeps others from it.

        When the bucket refuses its record alone, the next try of the notice stores it.
        """
        tries = 0
        while True:
            try:
                return self._s.exports.change(export.id, outcome)
            except (ServiceDown, Conflict) as error:
                tries += 1
                log.warning("%ss: export %s: %s", self._channel, export.id, error.message)
                if self._stop.wait(STORE_SECONDS):
                    raise
                if tries >= STORE_TRIES and self._takes_marks(export):
                    self._unstored[notices.message_id(export, notice)] = outcome
                    raise

    def _takes_marks(self, export: Export) -> bool:
        """Return whether the bucket takes other writes: a mark that is there is written again."""
        with suppress(StoreDown):
            notices.mark(self._s.bucket, export.id, self._channel)
            return True
        return False

    def _give_up(self, export: Export, notice: Notice, reason: str) -> bool:
        log.error("%ss: export %s: %s It is given up.", self._channel, export.id, reason)
        self._s.exports.change(export.id, notices.given_up(notice.number, reason))
        return True

    def _postpone(self, key: str, error: Exception) -> None:
        """Try this notice, or the server, again after a pause that grows."""
        tries = self._pauses[key].tries + 1 if key in self._pauses else 1
        pause = self._policy.pause(tries, random.random())  # noqa: S311  # jitter, no secret
        problem = error.message if isinstance(error, PipelineError) else ""
        self._pauses[key] = _Pause(tries, time.monotonic() + pause, problem)
        log.warning("%ss: %s: %s Again in %.0f s.", self._channel, key, error, pause)

    def _wait_for_sender(self, key: str) -> None:
        self._pauses[key] = _Pause(0, time.monotonic() + self._s.settings.lease_seconds / 4)

    def _keys(self, export: Export, notice: Notice) -> tuple[str, ...]:
        """Return what may pause a notice: itself and its server."""
        return notices.message_id(export, notice), self._transport.server(notice)

    def _left(self, keys: tuple[str, ...]) -> float:
        """Return the seconds until all of these may be tried."""
        now = time.monotonic()
        return max(0.0, *(self._pauses[key].until - now for key in keys if key in self._pauses), 0.0)

    def _tell(self, export: Export, notice: Notice) -> None:
        """Let the record say why a notice waits, if that is news."""
        key, *_ = keys = self._keys(export, notice)
        problem = next((p.problem for each in keys if (p := self._pauses.get(each)) and p.problem), "")
        if not problem or self._told.get(key) == problem:
            return
        try:
            self._s.exports.change(export.id, notices.waiting(notice.number, problem))
            self._told[key] = problem
        except PipelineError as error:
            log.warning("%ss: export %s: %s", self._channel, export.id, error.message)

    def _forget_all_but(self, waiting: list[str]) -> None:
        """Forget exports, notices and servers of which nothing waits."""
        self._due = {each: self._due[each] for each in waiting if each in self._due}
        used = {key for due in self._due.values() for keys in due for key in keys}
        self._pauses = {key: pause for key, pause in self._pauses.items() if key in used}
        self._told = {key: problem for key, problem in self._told.items() if key in used}
