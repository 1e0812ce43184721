"""What a machine may lack, such as disk space: errors of the system that say so, as ours. Pure."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from .work import ResourceShort

_LARGER_DISK = "Free disk space there, or use a larger disk (TMPDIR for temporary files)."
SHORTAGES = {
    errno.ENOSPC: ("The disk is full", _LARGER_DISK),
    errno.EDQUOT: ("The disk quota is used up", _LARGER_DISK),
    errno.EMFILE: ("The process has too many open files", "Raise its limit (`ulimit -n`)."),
    errno.ENFILE: ("The machine has too many open files", "Raise its limit, or run fewer processes on it."),
    errno.ENOMEM: ("The machine has no memory left", "Lower WORKER_CONCURRENCY, or use larger dynos."),
}
"""By errno: what is short on this machine, and what to do."""
_NO_THREAD = "can't start new thread"  # Python's words, in a RuntimeError without an errno
_NO_THREADS = "The machine starts no more threads", "Lower WORKER_CONCURRENCY, or use larger dynos."


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
    elif isinstance(error, RuntimeError) and str(error) == _NO_THREAD:
        what, advice = _NO_THREADS
    else:
        return error
    return ResourceShort(f"{what}.", advice=advice)


@contextmanager
def shortages(folder: str) -> Iterator[None]:
    """Raise ResourceShort, which names the place, for an error that says that this machine lacks something."""
    try:
        yield
    except (OSError, MemoryError, RuntimeError) as error:
        if (short := as_shortage(error, folder)) is error:
            raise
        raise short from error
