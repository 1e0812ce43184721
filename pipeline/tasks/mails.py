"""Sends the mails that wait. The leading keeper does it, in a thread of its own: no worker stays up for a mail, and
a mail server that hangs delays neither repair nor scaling.

A mail is sent under a lease that is renewed while its sender lives, and under a claim in the export's record, which
holds when Redis is wiped. See `exports/notices.py` for what follows from an answer, and from none.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass

from ..adapters.mail import Connection
from ..errors import Conflict, MailDown, NoExport, PipelineError, ServiceDown, StoreDown
from ..exports import notices
from ..exports.export import Export
from ..services import Services
from .lease import exclusive
from .notice import message
from .retry import RetryPolicy

log = logging.getLogger(__name__)
POLICY = RetryPolicy(first=5.0, longest=300.0)
SERVER = "the mail server"  # its pause counts for all mails
STORE_SECONDS = 1.0  # between two tries to store an outcome


@dataclass(frozen=True)
class _Pause:
    """No try before `until`, on the monotonic clock. `problem` is told for each mail that waits."""

    tries: int
    until: float
    problem: str = ""


class Mails:
    """The mails that wait in the bucket. Its state is a cache: when each may be tried again."""

    def __init__(self, services: Services, policy: RetryPolicy = POLICY) -> None:
        self._s = services
        self._policy = policy
        self._pauses: dict[str, _Pause] = {}
        self._told: dict[str, str] = {}  # by export: the problem in its record
        self._stop = threading.Event()
        self._woken = threading.Event()
        self._thread: threading.Thread | None = None

    def wake(self, leads: Callable[[], bool]) -> None:
        """Let the thread look for mails to send. It sends while `leads` says that this process may."""
        if not self._s.mailer.configured:
            return
        self._woken.set()
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, args=(leads,), name="mails", daemon=True)
            self._thread.start()

    def stop(self, seconds: float) -> None:
        """End the thread; wait up to `seconds` for the mail that is being sent."""
        self._stop.set()
        self._woken.set()
        if self._thread:
            self._thread.join(seconds)

    def send_due(self, leads: Callable[[], bool]) -> float | None:
        """Try each mail whose time has come. Returns the seconds until the next one is due; None without one."""
        waiting = notices.unsent(self._s.bucket)
        self._pauses = {each: self._pauses[each] for each in (*waiting, SERVER) if each in self._pauses}
        self._told = {each: self._told[each] for each in waiting if each in self._told}
        for export_id in waiting:
            if not self._left(SERVER) and not self._left(export_id):
                if self._stop.is_set() or not leads():
                    return None
                self._try(export_id)
            if self._left(SERVER):
                self._tell(export_id, self._pauses[SERVER].problem)
        left = [self._left(export_id) for export_id in waiting if export_id in self._pauses or self._left(SERVER)]
        return max(min(left), self._left(SERVER)) if left else None

    def _run(self, leads: Callable[[], bool]) -> None:
        pause: float | None = None
        while not self._stop.is_set():
            self._woken.wait(pause)
            self._woken.clear()
            try:
                pause = self.send_due(leads) if leads() else None
            except PipelineError as error:
                pause = self._policy.longest
                log.warning("mails: %s %s", error.message, error.advice)
            except Exception:
                pause = self._policy.longest
                log.exception("mails: internal error; they are tried again")

    def _try(self, export_id: str) -> None:
        """Send one mail. An error delays this mail, and no other unless it is the mail server's."""
        self._told.pop(export_id, None)
        try:
            with exclusive(self._s.redis.leases, f"{export_id}:mail", self._s.settings.lease_seconds) as held:
                if held is None:
                    raise Conflict("Another process is sending the mail.")
                self._send(self._s.exports.load(export_id))
        except NoExport:
            notices.remove_mark(self._s.bucket, export_id)
        except Conflict:  # look often: its sender may be dead
            until = time.monotonic() + self._s.settings.lease_seconds / 4
            self._pauses[export_id] = _Pause(0, until)
        except PipelineError as error:
            self._postpone(export_id, error)
            if isinstance(error, ServiceDown) and not isinstance(error, MailDown):
                self._tell(export_id, error.message)
        except Exception as error:
            self._postpone(export_id, error)
            log.exception("mails: export %s: internal error; the mail is tried again", export_id)

    def _send(self, export: Export) -> None:
        s = self._s
        if not notices.is_due(export):
            notices.remove_mark(s.bucket, export.id)
        elif notices.is_claimed(export, time.time(), s.settings.lease_seconds):
            raise Conflict("Another process claimed the mail. It has no lease: it died, or Redis was wiped.")
        elif reason := notices.hopeless(export, time.time()):
            self._give_up(export.id, reason)
        elif missing := s.exports.missing_files(export):
            raise StoreDown(f"{missing[0].name} of export {export.id} is not there.")
        elif s.redis.counters.allow("mail", s.settings.mails_per_minute):
            self._connect(export)
        else:
            self._pauses[SERVER] = _Pause(0, time.monotonic() + 60 - time.time() % 60)

    def _connect(self, export: Export) -> None:
        with ExitStack() as stack:
            try:
                connection = stack.enter_context(self._s.mailer.connection())
            except MailDown as error:
                self._postpone(SERVER, error)
                return
            self._pauses.pop(SERVER, None)
            self._hand_over(export, connection)

    def _hand_over(self, export: Export, connection: Connection) -> None:
        """Claim the mail, send it, and store the outcome before anything else can fail."""
        s, mail, now = self._s, message(export, self._s.settings), time.time()
        claim = notices.handing_over(now, s.settings.lease_seconds)
        if s.exports.change(export.id, claim).notice_claimed_at != now:
            raise Conflict("Another process sends the mail.")
        try:
            connection.send(mail)
        except MailDown as error:
            if self._store(export.id, notices.not_taken(error, now)).notice_given_up:
                log.error("mails: export %s: %s The mail is given up.", export.id, error.message)
                notices.remove_mark(s.bucket, export.id)
                return
            raise
        self._store(export.id, notices.sent(time.time()))
        notices.remove_mark(s.bucket, export.id)

    def _store(self, export_id: str, outcome: notices.Step) -> Export:
        """Store what came of a mail, however long the bucket is down: until then the lease keeps others from it."""
        while True:
            try:
                return self._s.exports.change(export_id, outcome)
            except (ServiceDown, Conflict) as error:
                log.warning("mails: export %s: %s", export_id, error.message)
                if self._stop.wait(STORE_SECONDS):
                    raise

    def _give_up(self, export_id: str, reason: str) -> None:
        log.error("mails: export %s: %s The mail is given up.", export_id, reason)
        self._s.exports.change(export_id, notices.given_up(reason))
        notices.remove_mark(self._s.bucket, export_id)

    def _postpone(self, key: str, error: Exception) -> None:
        """Try this mail, or the server, again after a pause that grows."""
        tries = self._pauses[key].tries + 1 if key in self._pauses else 1
        pause = self._policy.pause(tries, random.random())  # noqa: S311  # jitter, no secret
        problem = error.message if isinstance(error, PipelineError) else ""
        self._pauses[key] = _Pause(tries, time.monotonic() + pause, problem)
        log.warning("mails: %s: %s Again in %.0f s.", key, error, pause)

    def _left(self, key: str) -> float:
        """Returns the seconds until this mail, or the server, may be tried."""
        return max(0.0, self._pauses[key].until - time.monotonic()) if key in self._pauses else 0.0

    def _tell(self, export_id: str, problem: str) -> None:
        """Let the export's record say why its mail waits, if that is news."""
        if not problem or self._told.get(export_id) == problem:
            return
        try:
            self._s.exports.change(export_id, notices.waiting(problem))
            self._told[export_id] = problem
        except PipelineError as error:
            log.warning("mails: export %s: %s", export_id, error.message)
