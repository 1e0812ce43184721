"""The health check: Redis, the bucket, the keeper and Heroku's key.

One mail when one of them turns bad, and one when all are good again. What was told last is in the bucket and in
Redis, so that one of them may be down; the newest counts.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from contextlib import suppress

import msgspec

from ...errors import MailRefused, PipelineError, RedisDown, StoreDown
from ...services import Services
from . import operator_mail

log = logging.getLogger("pipeline.tasks.health")  # the name that alarms know
AGAIN_SECONDS = 5.0  # a service that fails over for a moment is no reason for a mail
KEEPER_SECONDS = 60.0  # without a turn; more when the keeper's turns are rare
KEY = "health.json"
_LOOK = "Look for `keeper:` in the log of the web process."
_STATE = "told:health"  # no schedule has such a name


class Told(msgspec.Struct, frozen=True):
    """What was told last: the problems by what is bad; none when all is good. `at`: seconds since 1970."""

    at: float = 0.0
    problems: dict[str, str] = {}


_decode = msgspec.json.Decoder(Told).decode


class HealthCheck:
    """Looks at the services, and tells what changed."""

    def __init__(self, services: Services) -> None:
        self._s = services
        self._told = Told()

    def run(self, now: float, wait: Callable[[float], object] = time.sleep) -> str:
        """Check once. Returns what is bad, in words. Raises MailDown when it could not be told."""
        told, problems = self._look(now)
        if problems.keys() - told.problems.keys():
            wait(AGAIN_SECONDS)
            again = self._look(now + AGAIN_SECONDS)[1]
            problems = {what: why for what, why in again.items() if what in problems}
        self._tell(told, problems, now)
        return " ".join(problems.values()) or "good"

    def _look(self, now: float) -> tuple[Told, dict[str, str]]:
        """Return what was told last, and the problems now."""
        problems: dict[str, str] = {}
        told = [self._told]
        try:
            if stored := self._s.bucket.get(KEY):
                told.append(_decoded(stored.data))
        except StoreDown as error:
            problems["bucket"] = f"{error.message} {error.advice}"
        try:
            self._s.redis.check_room()
            if text := self._s.redis.decisions.last_run(_STATE):
                told.append(_decoded(text))
            before = max(told, key=lambda each: each.at).problems
            if "redis" not in before:  # it was down: the keeper may not have had a turn yet
                problems |= self._keeper(now)
            problems |= self._key()
        except RedisDown as error:
            problems["redis"] = f"{error.message} {error.advice}"
            before = max(told, key=lambda each: each.at).problems
            # What only Redis knows stays as it was.
            problems |= {what: before[what] for what in ("keeper", "key") if what in before}
        return max(told, key=lambda each: each.at), problems

    def _keeper(self, now: float) -> dict[str, str]:
        # When idle, it rests six times as long.
        silent = max(KEEPER_SECONDS, 3 * 6 * self._s.settings.keeper_seconds)
        last = self._s.redis.decisions.last_turn()
        if last is None and not self._s.redis.leases.held(["keeper"]):
            return {"keeper": f"No keeper runs. {_LOOK}"}
        if last is not None and now - last > silent:
            return {"keeper": f"No keeper finished a turn for {now - last:.0f} s. {_LOOK}"}
        return {}

    def _key(self) -> dict[str, str]:
        """Return what Heroku said to the leading keeper: another call a minute would tell no more."""
        state = self._s.redis.decisions.state() if self._s.settings.heroku_api_key else None
        return {"key": f"{state['refused']} Renew HEROKU_API_KEY."} if state and state.get("refused") else {}

    def _tell(self, told: Told, problems: dict[str, str], now: float) -> None:
        """Mail what turned bad, or that all is good again, and note it."""
        new = problems.keys() - told.problems.keys()
        if new:
            log.error("health: %s", " ".join(problems.values()))
            lines = [f"{what}: {problems[what]}" for what in sorted(problems)]
            self._mail(f"Bad: {', '.join(sorted(new))}", [*lines, "", "A mail follows when all is good."], now)
        elif told.problems and not problems:
            log.info("health: all is good again")
            self._mail("Good again", [f"Good again: {', '.join(sorted(told.problems))}."], now)
        if problems.keys() != told.problems.keys():
            self._note(Told(now, problems))

    def _mail(self, subject: str, lines: list[str], now: float) -> None:
        host = self._s.settings.base_url
        try:
            operator_mail.send(self._s, subject, [*lines, host], f"health-{now:.0f}", now)
        except MailRefused as error:  # counts as told: another mail each minute would be refused too
            log.error("health: %s %s", error.message, error.advice)

    def _note(self, told: Told) -> None:
        self._told, data = told, msgspec.json.encode(told)
        with suppress(RedisDown):
            self._s.redis.decisions.note_run(_STATE, data)
        with suppress(PipelineError):
            self._s.bucket.put(KEY, data)


def _decoded(data: bytes | str) -> Told:
    try:
        return _decode(data)
    except msgspec.DecodeError:
        return Told()
