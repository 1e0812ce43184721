"""Attempts and rates on a real Redis."""

from __future__ import annotations

import time
from typing import Any

import pytest

from pipeline.adapters.redis import Coordination
from pipeline.errors import RedisDown


def test_attempts_are_counted_by_name(shared: Coordination) -> None:
    assert [
        shared.counters.count_attempt("1:0"),
        shared.counters.count_attempt("1:0"),
        shared.counters.count_attempt("1:1"),
        shared.counters.count_attempt("1:0"),
    ] == [1, 2, 1, 3]
    shared.counters.uncount_attempt("1:0")
    assert shared.counters.count_attempt("1:0") == 3


def test_an_attempt_that_ended_while_redis_was_down_is_uncounted_later(shared: Coordination, client: Any) -> None:
    """It killed no worker: three such attempts must not end an export."""
    assert shared.counters.count_attempt("1:0") == 1
    client.replicaof("127.0.0.1", 1)
    try:
        with pytest.raises(RedisDown):
            shared.counters.uncount_attempt("1:0")
    finally:
        client.replicaof("NO", "ONE")
    assert [shared.counters.count_attempt("1:0"), shared.counters.count_attempt("1:0")] == [1, 2]


def test_a_rate_is_allowed_anew_each_minute(shared: Coordination, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 6_000_000.0
    monkeypatch.setattr(time, "time", lambda: now)
    assert [shared.counters.allow("mail", 2) for _ in range(4)] == [True, True, False, False]
    assert shared.counters.allow("sign-in", 2)
    now += 60
    assert shared.counters.allow("mail", 2)
