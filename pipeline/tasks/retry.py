"""When a step that failed is tried again; pure."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import PipelineError


@dataclass(frozen=True)
class Retry:
    """Try the step again `after` seconds later."""

    after: float
    error: PipelineError


@dataclass(frozen=True)
class Fail:
    """End the export with this error."""

    error: PipelineError


@dataclass(frozen=True)
class RetryPolicy:
    """Retries with growing pauses: if `first` is 0.5 and `longest` 30, pauses of about 0.5, 1, 2, 4 … 30 s."""

    tries: int = 8
    first: float = 0.5  # seconds
    longest: float = 30.0  # seconds

    def decide(self, error: Exception, failures: int, chance: float) -> Retry | Fail:
        """Returns what to do after the `failures`-th failure of a step.

        `chance`, from 0 to 1, spreads the retries of many steps: a pause is shortened by up to a half.
        """
        if not isinstance(error, PipelineError):
            return Fail(PipelineError(f"Internal error ({type(error).__name__}). It was logged; please report it."))
        if not error.retry or failures > self.tries:
            return Fail(error)
        pause: float = min(self.longest, self.first * 2 ** (failures - 1))
        return Retry(pause * (0.5 + chance / 2), error)


def pages_to_try(missing: int, attempt: int) -> int:
    """Returns how many pages of a chunk to draw: all at first, half as many after each killed attempt."""
    return max(1, missing >> (attempt - 1))
