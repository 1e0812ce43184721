"""Attempts and rates on a real Redis."""

from __future__ import annotations

import time

import pytest

from pipeline.adapters.redis import Coordination


def test_attempts_are_counted_by_name(shared: Coordination) -> None:
    assert [
        shared.counters.count_attempt("1:0"),
        shared.counters.count_attempt("1:0"),
        shared.counters.count_attempt("1:1"),
        shared.counters.count_attempt("1:0"),
    ] == [1, 2, 1, 3]
    shared.counters.uncount_attempt("1:0")
    assert shared.counters.count_attempt("1:0") == 3


def test_a_rate_is_allowed_anew_each_minute(shared: Coordination, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 6_000_000.0
    monkeypatch.setattr(time, "time", lambda: now)
    assert [shared.counters.allow("mail", 2) for _ in range(4)] == [True, True, False, False]
    assert shared.counters.allow("sign-in", 2)
    now += 60
    assert shared.counters.allow("mail", 2)
