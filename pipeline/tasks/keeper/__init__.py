"""The keeper: the loop that repairs exports, scales workers, sends notices and runs schedules.

It runs in every long-running process. A lease in Redis chooses one leader; the others wait. It keeps no state that
matters: after Redis is wiped it finds everything in the bucket.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from functools import partial

from ...adapters.redis.metrics import Turn
from ...errors import (
    DamagedExport,
    ExportFailed,
    HerokuRefused,
    NoExport,
    PipelineError,
    RedisDown,
    RedisFull,
    TooManyCalls,
)
from ...exports.export import Export, State
from ...scaler.decide import Decision, Demand
from ...scaler.loop import Scaler
from ...scaler.measure import demand
from ...scaler.pool import WorkerPool
from ...services import Message, Services
from .. import flow, sending
from ..lease import HeldLease, claim_name, exclusive
from ..notices.sender import Sender
from ..notices.transports import MailTransport, WebhookTransport
from ..plan.parts import part_seconds
from ..records import label
from ..repair import ExportStatus, Repair, repair
from ..schedules.jobs import open_beat
from .checks import ExportChecks
from .one_at_a_time import OneAtATime, Verdict
from .status import status_of

log = logging.getLogger(__name__)
MAX_FAILED_TURNS = 3  # in a row, before the leader resigns: its disk may be full, or it has no file descriptors
LEADER_LEASE_SECONDS = 2.0  # a dead leader is replaced after this; a live one renews its lease, also while it waits
CHECK_SECONDS = 5.0  # of a turn, for looking at exports; with more of them the rest follows in the next turns
RELEASE_SECONDS = 5.0  # to end the turn and release the lease, when the process ends
MAIL_SECONDS = 3.0  # for the mail that is being sent, or the schedule that runs, when the process ends


class Keeper:
    """Takes one turn after another until it is stopped."""

    def __init__(
        self, services: Services, pool: WorkerPool, *, lease_seconds: float = LEADER_LEASE_SECONDS
    ) -> None:
        self._s = services
        self._scaler = Scaler(services.settings, services.usage, services.redis, pool)
        self._lease_seconds = lease_seconds
        self._term = ExitStack()
        self._held: HeldLease | None = None
        self._last_needed: dict[str, Repair] = {}  # by export: what it needed at the last turn
        self._seen: dict[str, tuple[State, str]] = {}  # by export that has work left: its state and document
        self._checks = ExportChecks(services.settings.export_deadline)
        self._one_at_a_time = OneAtATime()
        self._senders = [Sender(services, kind(services)) for kind in (MailTransport, WebhookTransport)]
        self._beat = open_beat(services) if services.settings.beat == "keeper" else None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self.run, name="keeper", daemon=True)

    def start(self) -> threading.Thread:
        """Run in a thread of this process. Returns the thread."""
        self._thread.start()
        return self._thread

    def stop(self) -> None:
        """End the loop after this turn."""
        self._stop.set()

    @property
    def hands_over(self) -> bool:
        """True while a notice is being handed over: this process must not be scaled away now."""
        return any(sender.hands_over for sender in self._senders)

    def end(self, until: float) -> None:
        """Stop before the process ends, at `until` on the monotonic clock; notices that are being handed over may
        end first."""
        self.stop()
        with suppress(RedisDown):
            self._s.redis.wakeup.wake()  # should it wait for one
        self._thread.join(max(0.0, min(RELEASE_SECONDS, until - time.monotonic())))
        for sender in self._senders:
            sender.stop(0.0)  # all are told first, so that one wait counts for all
        for sender in self._senders:
            sender.finish(max(0.0, until - time.monotonic()))

    def run(self) -> None:
        """Take turns until stopped. An error costs one turn; after three in a row, release the lease, so that
        another process can lead."""
        failed = 0
        while not self._stop.is_set():
            if (error := self._try_turn()) is None:
                failed = 0
                continue
            # Another leader would get the same answer from Heroku.
            failed += not isinstance(error, (HerokuRefused, TooManyCalls))
            if failed == MAX_FAILED_TURNS:
                failed = 0
                self.resign()
            self._stop.wait(self._s.settings.keeper_seconds)
        self.resign()
        for seconds in (0.0, MAIL_SECONDS):  # both are told first, so that one wait counts for both
            for sender in self._senders:
                sender.stop(seconds)
        if self._beat:
            self._beat.stop(MAIL_SECONDS)

    def _try_turn(self) -> Exception | None:
        """Take a turn and wait for the next. Returns the error that ended it, after logging it."""
        began = time.monotonic()
        try:
            if self._beat:
                self._beat.start(self._still_leads)
            busy = self.turn()
            # Messages wake the keeper; with hundreds of exports it would take all of a processor.
            self._stop.wait(min(time.monotonic() - began, self._s.settings.keeper_seconds))
            self._wait(busy)
        except PipelineError as error:
            error = self._explained(error)
            level = logging.ERROR if isinstance(error, HerokuRefused) else logging.WARNING
            log.log(level, "keeper: %s %s", error.message, error.advice)
            return error
        except Exception as error:
            log.exception("keeper: internal error; the loop goes on")
            return error
        return None

    def _explained(self, error: PipelineError) -> PipelineError:
        """Return an error with the figures, when Redis is full."""
        if isinstance(error, RedisFull):
            try:
                self._s.redis.check_room()
            except RedisDown as now:
                return now
        return error

    def resign(self) -> None:
        """Release the lease, so that another process can lead at once."""
        self._held = None
        with suppress(RedisDown):  # the lease expires by itself
            self._term.close()

    def turn(self) -> bool:
        """Repair and scale once, if this process leads. Returns False without work and workers."""
        if not self._leads():
            return True
        for sender in self._senders:
            sender.wake(self._still_leads)
        if self._beat:
            self._beat.wake()
        ids = self._s.exports.active()
        self._last_needed = {each: self._last_needed[each] for each in ids if each in self._last_needed}
        self._seen = {each: self._seen[each] for each in ids if each in self._seen}
        self._one_at_a_time.keep(ids)
        try:
            demands = self._checks.demands(ids, self._repair, CHECK_SECONDS)
            with suppress(RedisDown):  # also full: the next command says so. A refused key is no silent keeper
                self._s.redis.decisions.note_turn(time.time())
            workers = self._scaler.turn(self._for_workers(demands), self._still_leads, self._checks.failing)
        finally:
            self._note_turn()
        return bool(demands or workers) or not self._one_at_a_time.knows_all

    def _note_turn(self) -> None:
        """Note for GET /metrics what this turn saw."""
        counted = Counter((state.value, label(document)) for state, document in self._seen.values())
        exports = [(*kind, number) for kind, number in sorted(counted.items())]
        with suppress(RedisDown):
            self._s.redis.metrics.note_turn(Turn(time.time(), exports, *self._scaler.paid))

    def observe(self) -> Decision:
        """Return what the scaler would decide now. Changes nothing and takes no lease."""
        demands = self._checks.demands(self._s.exports.active(), self._observe)
        return self._scaler.decided(self._for_workers(demands))[0]

    def _for_workers(self, demands: Sequence[Demand]) -> list[Demand]:
        """Return the demands without those of exports that are made beside the web process at this moment."""
        beside = self._s.redis.leases.held([claim_name(demand.export_id) for demand in demands])
        return [demand for demand in demands if claim_name(demand.export_id) not in beside]

    def _wait(self, busy: bool) -> None:
        """Wait for the next turn. New work wakes a leader, and so does the end of a worker's linger time; when
        it is not busy, it waits six times as long."""
        seconds = self._s.settings.keeper_seconds * (1 if busy else 6)
        if self._scaler.holds is not None:
            seconds = min(seconds, self._scaler.holds)
        until = time.monotonic() + seconds
        while self._held and not self._stop.is_set() and (left := until - time.monotonic()) > 0:
            if self._s.redis.wakeup.wait(left) or not self._leads():
                return
        if not self._held:
            self._stop.wait(min(seconds, self._lease_seconds / 2))

    def _leads(self) -> bool:
        """Return whether this process leads, after taking the lease if it is free."""
        if self._still_leads():
            return True
        self.resign()
        self._scaler.forget()  # another leader may have scaled meanwhile
        self._checks.forget()
        self._one_at_a_time = OneAtATime()
        self._held = self._term.enter_context(exclusive(self._s.redis.leases, "keeper", self._lease_seconds))
        return self._held is not None

    def _still_leads(self) -> bool:
        """Return False once another process may lead: this one must not scale then."""
        held = self._held  # the threads of mails and schedules ask too
        return held is not None and held.is_ours()

    # repair

    def _observe(self, export_id: str) -> Demand | None:
        """Return the outstanding work of an export, without any repair."""
        with suppress(NoExport):
            export = self._s.exports.load(export_id)
            if self._one_at_a_time.verdict(export) is Verdict.GO:
                return self._demand(status_of(self._s, export))
        return None

    def _repair(self, export_id: str) -> Demand | None:
        """Send what an export needs. Returns its outstanding work."""
        before = self._last_needed.pop(export_id, None)  # an error here means that this turn saw nothing
        try:
            export = self._s.exports.load(export_id)
        except NoExport:
            self._one_at_a_time.note_read(export_id)
            self._s.exports.drop_unwritten(export_id)
            return None
        except DamagedExport:  # no worker can make it either
            self._one_at_a_time.note_read(export_id)
            raise
        self._seen[export_id] = export.state, export.document
        if (verdict := self._one_at_a_time.verdict(export)) is not Verdict.GO:
            self._hold_back(export, skip=verdict is Verdict.SKIP)
            return None
        status = status_of(self._s, export, restore=True)
        action = repair(status, self._s.settings.export_deadline)
        # Act only when two turns agree: in one, a message may be on its way from the queue to a lease.
        if action is before and action is not Repair.NOTHING and self._act(action, status):
            log.info("keeper: export %s is %s: %s", export_id, export.state, action)
            action = Repair.NOTHING
        self._last_needed[export_id] = action
        return self._demand(status)

    def _hold_back(self, export: Export, *, skip: bool) -> None:
        """Let an export wait, without demand for workers; or end it, when its document skips."""
        other = self._one_at_a_time.other(export)
        late = time.time() - export.begun_at > self._s.settings.export_deadline
        if other and (skip or late):
            words = f"It was not started: export {other} of the same document was at work."
            error = ExportFailed(words, advice="Request it again when that one is over.")
            flow.fail(self._s, export.id, error, partial(_still_waits, export))

    def _demand(self, status: ExportStatus) -> Demand:
        untaken = [status.plan.chunks[chunk] for chunk in status.unleased] if status.plan else []
        prior = status.plan.page_seconds if status.plan else 0.0
        unread = 0.0
        if status.export.state is State.PLANNING and status.unleased:
            unread = len(status.unleased) * part_seconds(self._s, status.export)
        return demand(status.export, untaken, prior, self._scaler.learned, self._s.settings, status.now, unread)

    def _act(self, action: Repair, status: ExportStatus) -> bool:
        """Do what an export needs. Returns False while there is no room for its messages."""
        s, export = self._s, status.export
        match action:
            case Repair.ASSEMBLE | Repair.DELIVER:
                sending.send(s, Message(action.value, export.id))
            case Repair.PLAN:
                return sending.begin(s, [Message("plan", export.id)])
            case Repair.MEASURE:
                return sending.begin(s, sending.ranges(export, status.unleased, sending.width(s)))
            case Repair.RENDER:
                return sending.begin(s, sending.chunks(export, status.unleased, sending.width(s)))
            case Repair.GIVE_UP:
                words = "It was not finished within the time allowed (EXPORT_DEADLINE)."
                advice = "Request it again, or less in one export; the log says why its steps were tried again."
                error = ExportFailed(words, advice=advice)
                flow.fail(s, export.id, error, lambda now: now.begun_at == export.begun_at)
        return True


def _still_waits(seen: Export, now: Export) -> bool:
    """Return False when an export was started or retried since it was seen, while this process was held up."""
    return (now.state, now.begun_at) == (State.QUEUED, seen.begun_at)
