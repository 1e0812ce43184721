"""Checks exports one by one, so that one bad export never stops the others.

An export that cannot be checked is tried again after 1, 2, 4 … 60 s. Until then its last known work counts, so that
no worker is stopped under it.

A check asks the bucket, so thousands of exports take longer than a turn should. What a turn has no time for is
checked in the next ones, in the order of age; until then its last known work counts too.
"""

from __future__ import annotations

import logging
import time
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import inf

from ...errors import PipelineError, ServiceDown, StoreDown
from ...exports.ids import created
from ...scaler.decide import Demand

log = logging.getLogger(__name__)
MAX_PAUSE = 60.0  # seconds between two tries of the same export
KNOWN_SECONDS = 300.0  # how long the last known work counts; after that, one worker is kept
DOWN_AFTER = 3  # exports that the bucket refuses, before it gave any: then it is down as a whole


@dataclass(frozen=True)
class _Failure:
    """An export that could not be checked; times on the monotonic clock."""

    error: Exception
    since: float
    tries: int
    again_at: float


class ExportChecks:
    """The checks of all active exports. Its state is a cache and may be lost."""

    def __init__(self, deadline: float) -> None:
        """`deadline`: seconds from the request; an export that still cannot be checked then has no work."""
        self._deadline = deadline
        self._failures: dict[str, _Failure] = {}
        self._known: dict[str, Demand | None] = {}  # by export that was checked
        self._next = ""  # the export with which the next turn begins; the oldest if empty

    @property
    def failing(self) -> int:
        """The number of exports that could not be checked."""
        return len(self._failures)

    def forget(self) -> None:
        """Drop all cached state, since another process may have led meanwhile."""
        self._failures.clear()
        self._known.clear()
        self._next = ""

    def demands(
        self, ids: Sequence[str], check: Callable[[str], Demand | None], seconds: float = inf
    ) -> list[Demand]:
        """Check the exports that are due, in the order of `ids`, which are sorted. Returns the work of all.

        `seconds`: after this time the rest is left for the next turns; those that failed may take as long again.
        Raises StoreDown when the bucket is down as a whole: it refuses all exports, or the first three.
        """
        self._failures = {each: self._failures[each] for each in ids if each in self._failures}
        self._known = {each: self._known[each] for each in ids if each in self._known}
        refused, answered = 0, False
        for export_id in self._due(ids, seconds):
            error = self._check(export_id, check)
            refused += isinstance(error, StoreDown)
            answered = answered or not isinstance(error, StoreDown)
            if error and refused == DOWN_AFTER and not answered:
                raise error
        self._raise_if_all_are_refused(ids)
        return [demand for demand in map(self._demand, ids) if demand]

    def _due(self, ids: Sequence[str], seconds: float) -> Iterator[str]:
        """Yield the exports to check while there is time; those that failed last: they may be slow."""
        began = time.monotonic()
        sound = [each for each in ids if each not in self._failures]
        failed = sorted((self._failures[each].again_at, each) for each in ids if each in self._failures)
        at, self._next = bisect_left(sound, self._next), ""
        for export_id in (*sound[at:], *sound[:at]):
            if time.monotonic() - began > seconds:
                self._next = export_id
                break
            yield export_id
        for again_at, export_id in failed:
            if again_at <= time.monotonic() <= began + 2 * seconds:
                yield export_id

    def _check(self, export_id: str, check: Callable[[str], Demand | None]) -> Exception | None:
        """Check one export. Returns the error that ended it; raises what would end every check, as RedisDown."""
        try:
            demand = check(export_id)
        except Exception as error:
            if isinstance(error, ServiceDown) and not isinstance(error, StoreDown):
                raise
            self._note_failure(export_id, error)
            return error
        if self._failures.pop(export_id, None):
            log.info("keeper: export %s can be checked again", export_id)
        self._known[export_id] = demand
        return None

    def _note_failure(self, export_id: str, error: Exception) -> None:
        """Note when to try again; log it unless it is the same error as before."""
        before, now = self._failures.get(export_id), time.monotonic()
        tries = before.tries if before else 0
        again_at = now + min(MAX_PAUSE, 2.0 ** min(tries, 6))
        self._failures[export_id] = _Failure(error, before.since if before else now, tries + 1, again_at)
        if before and (type(before.error), str(before.error)) == (type(error), str(error)):
            return
        log.warning(
            "keeper: export %s could not be checked: %s Others are not affected; it is tried again later.",
            export_id, error, exc_info=None if isinstance(error, PipelineError) else error,
        )  # fmt: skip

    def _raise_if_all_are_refused(self, ids: Sequence[str]) -> None:
        failures = [self._failures.get(each) for each in ids if not self._is_late(each)]
        refusals = [failure.error for failure in failures if failure and isinstance(failure.error, StoreDown)]
        if refusals and len(refusals) == len(failures):
            raise refusals[-1]

    def _is_late(self, export_id: str) -> bool:
        return time.time() - created(export_id) > self._deadline

    def _demand(self, export_id: str) -> Demand | None:
        """Return the outstanding work of an export; of one that was not or cannot be checked, what is assumed."""
        assumed = Demand(export_id, 0, 0.0)
        known, failure = self._known.get(export_id, assumed), self._failures.get(export_id)
        if failure is None:
            return known
        if known and export_id in self._known and time.monotonic() - failure.since < KNOWN_SECONDS:
            return known  # also of one that was requested long ago: it may have been retried
        return None if self._is_late(export_id) else assumed
