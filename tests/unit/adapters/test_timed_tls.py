"""How long a read may wait, and what TLS connections are made with."""

from __future__ import annotations

from time import monotonic

import pytest

from pipeline.adapters.timed_tls import client_context, seconds_left


def test_what_is_left_of_the_time_may_be_less_than_a_second() -> None:
    assert 0 < seconds_left(monotonic() + 0.5) <= 0.5


@pytest.mark.parametrize("late", [0.001, 0.5, 60])
def test_after_the_deadline_nothing_waits(late: float) -> None:
    with pytest.raises(TimeoutError):
        seconds_left(monotonic() - late)


def test_certificates_are_read_once() -> None:
    assert client_context(None) is client_context(None)
