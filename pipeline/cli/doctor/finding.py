"""What a check found, as a value."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from ...errors import PipelineError


class Outcome(StrEnum):
    """How a check ended; only `failed` is in the way of an export."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True)
class Check:
    """A finding: what was looked at, how it is, and what to do about it."""

    name: str
    outcome: Outcome
    words: str
    advice: str = ""


def guarded(name: str, checks: Iterable[Check]) -> Iterator[Check]:
    """The checks; and what breaks them, as a failed one, so that the others still run."""
    try:
        yield from checks
    except PipelineError as error:
        yield failed(name, error, error.advice)
    except Exception as error:  # noqa: BLE001  # a service may answer in ways that nobody thought of
        words = f"It answered in a way that was not expected: {type(error).__name__}."
        yield Check(name, Outcome.FAILED, words, "Try again; if it stays, report it with this line.")


def failed(name: str, error: PipelineError, advice: str) -> Check:
    return Check(name, Outcome.FAILED, error.message, advice)


def skipped(name: str, why: str) -> Check:
    return Check(name, Outcome.SKIPPED, f"Not tried: {why}.")
