"""What a machine lacks, by the error of the system that says so."""

from __future__ import annotations

import errno
import threading

import pytest

from pipeline.errors import ResourceShort, StoreDown
from pipeline.errors.shortages import as_shortage, shortages

from ..no_threads import no_threads


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (OSError(errno.ENOSPC, "No space left"), "The disk is full: /tmp."),
        (OSError(errno.ENOSPC, "No space left", "/data/x"), "The disk is full: /data/x."),
        (OSError(errno.EDQUOT, "Disk quota exceeded"), "The disk quota is used up: /tmp."),
        (OSError(errno.EMFILE, "Too many open files", "x"), "The process has too many open files."),
        (OSError(errno.ENFILE, "Too many open files"), "The machine has too many open files."),
        (OSError(errno.ENOMEM, "Cannot allocate"), "The machine has no memory left."),
        (MemoryError(), "The machine has no memory left."),
        (RuntimeError("can't start new thread"), "The machine starts no more threads."),
    ],
)
def test_what_a_machine_lacks_is_named(error: Exception, message: str) -> None:
    short = as_shortage(error, "/tmp")  # noqa: S108  # a name, no file
    assert isinstance(short, ResourceShort)
    assert short.message == message
    assert short.advice.endswith(".")


OTHERS = [OSError(errno.EIO, "I/O error"), StoreDown("It is down."), KeyError("x"), RuntimeError("x")]


@pytest.mark.parametrize("error", OTHERS)
def test_another_error_stays_as_it_is(error: Exception) -> None:
    assert as_shortage(error, "/tmp") is error  # noqa: S108  # a name, no file


def test_a_shortage_names_the_place_that_is_nearest() -> None:
    full = pytest.raises(ResourceShort, match=r"The disk is full: /out\.")
    with full as short, shortages("/temporary"), shortages("/out"):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert "Free disk space there" in short.value.advice
    with pytest.raises(FileNotFoundError), shortages("/out"):
        raise FileNotFoundError(errno.ENOENT, "No such file or directory")


def test_threads_that_do_not_start_are_a_shortage() -> None:
    with pytest.raises(ResourceShort, match="no more threads"), shortages("/tmp"), no_threads():  # noqa: S108
        threading.Thread(target=print).start()
