"""One thread renews all leases of a process: each in time, whatever becomes of the others."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator

import pytest

from pipeline.tasks.renewals import Renewable, Renewals

from ...no_threads import no_threads

LONG = 60.0


class Held:
    """Counts its renewals. `enough` is set after a number of them."""

    def __init__(self, pause: float, *, enough: int = 3, error: Exception | None = None) -> None:
        self.renewed, self.enough = 0, threading.Event()
        self._pause, self._enough, self._error = pause, enough, error

    def renew(self) -> bool:
        self.renewed += 1
        if self.renewed >= self._enough:
            self.enough.set()
        if self._error:
            raise self._error
        return True

    def pause(self) -> float:
        return self._pause


class Watched(Renewals):
    """Knows what was added, so that nothing is renewed after the test."""

    def __init__(self) -> None:
        super().__init__()
        self.added: list[Renewable] = []

    def add(self, held: Renewable) -> None:
        self.added.append(held)
        super().add(held)


@pytest.fixture
def renewals() -> Iterator[Renewals]:
    watched = Watched()
    yield watched
    for held in watched.added:
        watched.remove(held)


def test_a_short_lease_is_renewed_while_a_long_one_waits(renewals: Renewals) -> None:
    long, short = Held(LONG), Held(0.01)
    renewals.add(long)
    time.sleep(0.05)  # its thread waits for the long one
    renewals.add(short)
    assert short.enough.wait(30)
    assert long.renewed == 0


def test_there_is_a_pause_between_two_renewals(renewals: Renewals) -> None:
    held, began = Held(0.1, enough=3), time.monotonic()
    renewals.add(held)
    assert held.enough.wait(30)
    assert time.monotonic() - began >= 0.3


def test_a_lease_is_renewed_after_all_others_ended(renewals: Renewals) -> None:
    first = Held(0.01)
    renewals.add(first)
    assert first.enough.wait(30)
    renewals.remove(first)
    time.sleep(0.05)  # its thread waits for nothing
    second = Held(0.01)
    renewals.add(second)
    assert second.enough.wait(30)


def test_what_was_removed_is_not_renewed(renewals: Renewals) -> None:
    removed, other = Held(0.01), Held(0.01, enough=10)
    renewals.add(removed)
    renewals.remove(removed)
    before = removed.renewed
    renewals.add(other)
    assert other.enough.wait(30)
    assert removed.renewed <= before + 1, "one may have been on its way"
    renewals.remove(removed)  # a second time: nothing happens


def test_an_error_stops_no_renewal(renewals: Renewals, caplog: pytest.LogCaptureFixture) -> None:
    broken, other = Held(0.01, error=RuntimeError("no such command")), Held(0.01, enough=5)
    renewals.add(broken)
    renewals.add(other)
    assert other.enough.wait(30)
    assert broken.enough.wait(30)
    assert "a lease could not be renewed; it is tried again" in caplog.text


def test_one_thread_renews_all_and_keeps_no_process_alive(renewals: Renewals) -> None:
    before = set(threading.enumerate())
    for _ in range(20):
        renewals.add(Held(LONG))
    begun = set(threading.enumerate()) - before
    assert [thread.name for thread in begun] == ["renewals"]
    assert all(thread.daemon for thread in begun)


def test_a_fork_renews_its_own(renewals: Renewals) -> None:
    """The thread of its parent is gone, and the leases are its parent's."""
    parents, reading, writing = Held(LONG), *os.pipe()
    renewals.add(parents)
    if not (child := os.fork()):
        own = Held(0.01)
        renewals.add(own)
        os.write(writing, b"renewed" if own.enough.wait(30) and not parents.renewed else b"failed")
        os._exit(0)
    os.close(writing)
    os.waitpid(child, 0)
    with os.fdopen(reading, "rb") as said:
        assert said.read() == b"renewed"


def test_what_could_not_be_held_is_not_renewed_and_the_next_is(renewals: Renewals) -> None:
    """The machine started no thread, once: the step failed, and its lease must end."""
    failed, held = Held(0.01), Held(0.01)
    with no_threads(), pytest.raises(RuntimeError):
        renewals.add(failed)
    renewals.add(held)
    assert held.enough.wait(30)
    assert not failed.renewed
