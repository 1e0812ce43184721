"""When a step that failed is tried again, and what the failure is called; pure."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
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


_LARGER_DISK = "Free disk space there, or use a larger disk (TMPDIR for temporary files)."
SHORTAGES = {
    errno.ENOSPC: ("The disk is full", _LARGER_DISK),
    errno.EDQUOT: ("The disk quota is used up", _LARGER_DISK),
    errno.EMFILE: ("The process has too many open files", "Raise its limit (`ulimit -n`)."),
    errno.ENFILE: ("The machine has too many open files", "Raise its limit, or run fewer processes on it."),
    errno.ENOMEM: ("The machine has no memory left", "Lower WORKER_CONCURRENCY, or use larger dynos."),
}
"""By errno: what is short on this machine, and what to do."""


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


def as_shortage(error: Exception, folder: str) -> Exception:
    """Return ResourceShort for an error that says that this machine lacks something; any other as it is.

    `folder`: where temporary files are; the error of a full disk seldom names a file.
    """
    if isinstance(error, MemoryError):
        what, advice = SHORTAGES[errno.ENOMEM]
    elif isinstance(error, OSError) and error.errno in SHORTAGES:
        what, advice = SHORTAGES[error.errno]
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            what += f": {error.filename or folder}"
    else:
        return error
    return ResourceShort(f"{what}.", advice=advice)


@contextmanager
def shortages(folder: str) -> Iterator[None]:
    """Raise ResourceShort, which names the place, for an error that says that this machine lacks something."""
    try:
        yield
    except (OSError, MemoryError) as error:
        if (short := as_shortage(error, folder)) is error:
            raise
        raise short from error


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
