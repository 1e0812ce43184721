"""How long a read may wait, and what TLS connections are made with."""

from __future__ import annotations

from time import monotonic

import pytest

from pipeline.adapters import timed_tls
from pipeline.adapters.timed_tls import client_context, seconds_left


def test_what_is_left_of_the_time_may_be_less_than_a_second() -> None:
    assert 0 < seconds_left(monotonic() + 0.5) <= 0.5


@pytest.mark.parametrize("late", [0.0, 0.001, 0.5, 60])
def test_from_the_deadline_on_nothing_waits(monkeypatch: pytest.MonkeyPatch, late: float) -> None:
    """A time limit of 0 would mean that a socket does not wait for anything, which is another error."""
    monkeypatch.setattr(timed_tls, "monotonic", lambda: 1000.0)
    with pytest.raises(TimeoutError):
        seconds_left(1000.0 - late)


def test_certificates_are_read_once() -> None:
    assert client_context(None) is client_context(None)
