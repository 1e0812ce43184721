"""When a step that failed is tried again, by the kind of its failure; pure."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from ..errors import PipelineError, ReadFailed, ResourceShort, ServiceDown, StoreRefused


class Retry(msgspec.Struct, frozen=True):
    """Try the step again `after` seconds later."""

    after: float
    error: PipelineError


class Fail(msgspec.Struct, frozen=True):
    """End the export with this error."""

    error: PipelineError


class Kind(StrEnum):
    """What went wrong, as far as trying again is concerned."""

    SERVICE_DOWN = "service down"  # tried again until the keeper ends the export (EXPORT_DEADLINE)
    RESOURCE_SHORT = "resource short"  # of this machine: tried again, `tries` times
    PASSING = "passing"  # a conflict, a time limit, a refused key, a bad read: tried again, `tries` times
    WRONG_INPUT = "wrong input"  # it would fail again: ends the export
    PROGRAM_ERROR = "program error"  # ends the export without the error's text, which may hold data


def kind(error: Exception) -> Kind:
    """Return what kind of failure an error is."""
    match error:
        case StoreRefused() | ReadFailed():
            return Kind.PASSING
        case ServiceDown(retry=True):
            return Kind.SERVICE_DOWN
        case ResourceShort():
            return Kind.RESOURCE_SHORT
        case PipelineError(retry=True):
            return Kind.PASSING
        case PipelineError():
            return Kind.WRONG_INPUT
    return Kind.PROGRAM_ERROR


class RetryPolicy(msgspec.Struct, frozen=True):
    """Retries with growing pauses: if `first` is 0.5 and `longest` 30, pauses of about 0.5, 1, 2, 4 … 30 s."""

    tries: int = 8  # unless a service is down
    first: float = 0.5  # seconds
    longest: float = 30.0  # seconds

    def decide(self, error: Exception, failures: int, chance: float) -> Retry | Fail:
        """Return what to do after the `failures`-th failure of this kind of a step.

        `chance`, from 0 to 1, spreads the retries of many steps: a pause is shortened by up to a half.
        """
        if not isinstance(error, PipelineError):
            return Fail(PipelineError(f"Internal error ({type(error).__name__}). It was logged; please report it."))
        match kind(error):
            case Kind.WRONG_INPUT:
                return Fail(error)
            case Kind.RESOURCE_SHORT | Kind.PASSING if failures > self.tries:
                return Fail(error)
        return Retry(self.pause(failures, chance), error)

    def pause(self, failures: int, chance: float) -> float:
        """Return the seconds to wait after the `failures`-th failure."""
        pause: float = min(self.longest, self.first * 2 ** min(failures - 1, 100))  # 2 ** 1024 is no float
        return pause * (0.5 + chance / 2)


def pages_to_try(missing: int, attempt: int) -> int:
    """Return how many pages of a chunk to draw: all at first, half as many after each killed attempt."""
    return max(1, missing >> (attempt - 1))
