"""The keeper: one loop that repairs, scales and cleans up, and outlives its mistakes.

It runs inside every long-running process; a lease in Redis lets one of them lead. It needs no history:
after Redis was wiped it finds everything in the bucket.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack, suppress

from ..adapters.redis.messages import QUEUES
from ..errors import (
    ExportFailed,
    HerokuRefused,
    NoExport,
    NotFound,
    PipelineError,
    RedisDown,
    ServiceDown,
    TooManyCalls,
)
from ..exports.coverage import cover
from ..exports.export import Export, State
from ..exports.ids import created
from ..exports.plan import Plan
from ..scaler.decide import Decision, Demand
from ..scaler.loop import Scaler
from ..scaler.measure import demand
from ..scaler.pool import WorkerPool
from ..services import Message, Services
from . import flow
from .lease import HeldLease, exclusive
from .repair import Repair, View, repair

log = logging.getLogger(__name__)
CLEAN_SECONDS = 3600.0
FAILURES = 3  # turns; a leader whose disk is full or that is out of files would lead in vain as long as it lives
LEAD = 2.0  # seconds until a leader that died is missed; one that lives leads on, whatever it waits for


class Keeper:
    """Takes turns until it is stopped. `turn` is one round, for tests and for the curious."""

    def __init__(self, services: Services, pool: WorkerPool) -> None:
        self._s = services
        self._scaler = Scaler(services.settings, services.usage, services.redis, pool)
        self._term = ExitStack()
        self._held: HeldLease | None = None
        self._seen: dict[str, Repair] = {}
        self._cleaned = float("-inf")
        self._stop = threading.Event()

    def start(self) -> threading.Thread:
        """Run beside whatever this process does."""
        thread = threading.Thread(target=self.run, name="keeper", daemon=True)
        thread.start()
        return thread

    def stop(self) -> None:
        self._stop.set()

    def run(self) -> None:
        """Turn after turn. A mistake costs a turn, never the loop; after some in a row another may do better."""
        failed = 0
        while not self._stop.is_set():
            if (mistake := self._tried()) is None:
                failed = 0
                continue
            failed += not isinstance(mistake, (HerokuRefused, TooManyCalls))  # which another would be told as well
            if failed == FAILURES:
                failed = 0
                self.resign()
            self._stop.wait(self._s.settings.keeper_seconds)
        self.resign()

    def _tried(self) -> Exception | None:
        """Take a turn, and wait for the next; the mistake in it, which is in the log."""
        try:
            self._wait(self.turn())
        except PipelineError as error:
            loud = logging.ERROR if isinstance(error, HerokuRefused) else logging.WARNING
            log.log(loud, "keeper: %s %s", error.message, error.advice)
            return error
        except Exception as error:
            log.exception("keeper: a mistake; the next turn comes all the same")
            return error
        return None

    def resign(self) -> None:
        """Give the lease back: another may lead at once."""
        self._held = None
        with suppress(RedisDown):  # it runs out by itself
            self._term.close()

    def turn(self) -> bool:
        """Repair, scale, clean up, if this is the leader. True when there is work or a worker."""
        if not self._leads():
            return True
        ids = self._s.exports.active()
        self._seen = {export_id: self._seen[export_id] for export_id in ids if export_id in self._seen}
        demands = self._all(ids, self._repaired)
        workers = self._scaler.turn(demands, self._still_leads)
        if time.monotonic() - self._cleaned > CLEAN_SECONDS:
            self._cleaned = time.monotonic()
            self._clean()
        return bool(demands or workers)

    def observe(self) -> Decision:
        """What the scaler would do at this moment; nothing is repaired, led or changed."""
        return self._scaler.decided(self._all(self._s.exports.active(), self._outstanding))[0]

    def _wait(self, busy: bool) -> None:
        """The leader sleeps until somebody rings, or a worker has waited long enough; longer when there is nothing
        to do."""
        seconds = self._s.settings.keeper_seconds * (1 if busy else 6)
        if self._scaler.holds is not None:
            seconds = min(seconds, self._scaler.holds)
        until = time.monotonic() + seconds
        while self._held and not self._stop.is_set() and (left := until - time.monotonic()) > 0:
            if self._s.redis.wakeup.wait(left) or not self._leads():
                return
        if not self._held:
            self._stop.wait(min(seconds, LEAD / 2))

    def _leads(self) -> bool:
        """Whether this is the leader; it becomes it when nobody is."""
        if self._still_leads():
            return True
        self.resign()
        self._scaler.forget()  # another may have scaled meanwhile
        self._held = self._term.enter_context(exclusive(self._s.redis.leases, "keeper", LEAD))
        return self._held is not None

    def _still_leads(self) -> bool:
        """False when a later leader may have scaled already: whoever thinks it still leads must not."""
        return self._held is not None and self._held.is_ours()

    # repair

    def _all(self, ids: Iterable[str], look: Callable[[str], Demand | None]) -> list[Demand]:
        return [item for item in (self._look_after(export_id, look) for export_id in ids) if item]

    def _look_after(self, export_id: str, look: Callable[[str], Demand | None]) -> Demand | None:
        """What is outstanding of one export. A mistake with it costs the others nothing."""
        try:
            return look(export_id)
        except ServiceDown:
            raise
        except Exception:
            log.exception("keeper: export %s cannot be looked after", export_id)
            late = time.time() - created(export_id) > self._s.settings.export_deadline
            return None if late else Demand(export_id, 0, 0.0)

    def _outstanding(self, export_id: str) -> Demand | None:
        with suppress(NoExport):
            return self._demand(self._view(self._s.exports.load(export_id)))
        return None

    def _repaired(self, export_id: str) -> Demand | None:
        try:
            view = self._view(self._s.exports.load(export_id))
        except NoExport:
            self._s.exports.drop_unwritten(export_id)
            return None
        action = repair(view, self._s.settings.export_deadline)
        # Twice in a row: between two looks a message may be on its way from the queue to a lease.
        if action is self._seen.get(export_id) and action is not Repair.NOTHING:
            log.info("keeper: export %s is %s: %s", export_id, view.export.state, action)
            self._do(action, view)
            action = Repair.NOTHING
        self._seen[export_id] = action
        return self._demand(view)

    def _demand(self, view: View) -> Demand:
        untaken = [view.plan.chunks[chunk] for chunk in view.unleased] if view.plan else []
        prior = view.plan.page_seconds if view.plan else 0.0
        return demand(view.export, untaken, prior, self._scaler.learned, self._s.settings, view.now)

    def _view(self, export: Export) -> View:
        redis, export_id = self._s.redis, export.id
        missing: list[int] = []
        plan: Plan | None = None
        if export.state in (State.RENDERING, State.ASSEMBLING):
            found = self._s.segments.found(export_id)
            with suppress(NotFound):  # lost: the assembly, which is asked for then, makes it again
                plan = self._s.exports.plan(export_id)
            missing = cover(plan, found)[1] if plan else []
            if self._held and redis.progress.load(export_id) is None:  # who only observes changes nothing
                redis.progress.restore_pages(
                    export_id, {c: sum(n for _, n in pieces) for c, pieces in found.items()}
                )
        held = redis.leases.held([f"{export_id}:{chunk}" for chunk in missing])
        return View(
            export,
            missing,
            [chunk for chunk in missing if f"{export_id}:{chunk}" not in held],
            bool(redis.leases.held([f"{export_id}:{step}" for step in ("plan", "assemble", "deliver")])),
            redis.messages.sent_lately(export_id),
            redis.messages.waiting(QUEUES if missing else QUEUES[:1]) == 0,  # what comes alone is short
            time.time(),
            plan,
        )

    def _do(self, action: Repair, view: View) -> None:
        s, export = self._s, view.export
        match action:
            case Repair.PLAN | Repair.ASSEMBLE | Repair.DELIVER:
                flow.send(s, Message(action.value, export.id))
            case Repair.RENDER:
                flow.send(s, flow.chunks(export, tuple(view.unleased)))
            case Repair.CLOSE:
                log.error("keeper: the notice about export %s could not be sent", export.id)
                s.exports.close(export.id)
            case Repair.GIVE_UP:
                flow.fail(s, export.id, ExportFailed("It was not finished within the time an export may take."))

    # clean up

    def _clean(self) -> None:
        """Expire files that were kept as long as promised."""
        now = time.time()
        for export in self._s.exports.kept():
            if export.created_at > now - self._s.settings.keep_seconds:
                return  # in the order of time: all others are younger
            if export.state is not State.EXPIRED and export.state.over:
                self._s.exports.remove_result(export)
                self._s.exports.change(export.id, lambda e: e if e.state is State.EXPIRED else e.to(State.EXPIRED))
                log.info("keeper: export %s expired", export.id)
