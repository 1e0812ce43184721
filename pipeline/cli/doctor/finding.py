"""The result of a check."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from ...errors import PipelineError


class Outcome(StrEnum):
    """How a check ended. Only `failed` prevents exports."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True)
class Check:
    """A finding: what was checked, the outcome, and what to do."""

    name: str
    outcome: Outcome
    words: str
    advice: str = ""


def guarded(name: str, checks: Iterable[Check]) -> Iterator[Check]:
    """Yield the checks. An error becomes a failed check, so that the others still run."""
    try:
        yield from checks
    except PipelineError as error:
        yield failed(name, error, error.advice)
    except Exception as error:  # noqa: BLE001  # a service may answer in an unforeseen way
        words = f"Unexpected error ({type(error).__name__})."
        yield Check(name, Outcome.FAILED, words, "Try again. If it remains, report it with this line.")


def failed(name: str, error: PipelineError, advice: str) -> Check:
    return Check(name, Outcome.FAILED, error.message, advice)


def skipped(name: str, why: str) -> Check:
    return Check(name, Outcome.SKIPPED, f"Not tried: {why}.")
