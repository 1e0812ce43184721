"""Leases on a real Redis: one holder, an end, no way back for a former holder."""

from __future__ import annotations

import os
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from pipeline.adapters.redis import Coordination


def test_a_lease_has_one_holder(shared: Coordination) -> None:
    first = shared.leases.take("chunk", 600)
    assert first is not None
    assert shared.leases.take("chunk", 600) is None
    assert shared.leases.take("other", 600) is not None
    assert shared.leases.held(["chunk", "free"]) == {"chunk"}
    assert shared.leases.held([]) == set()
    shared.leases.expect_back("paused", 60)
    assert shared.leases.held(["chunk", "paused", "free"]) == {"chunk", "paused"}
    assert shared.leases.take("paused", 60), "the first to ask may take it"
    shared.leases.release(first)
    second = shared.leases.take("chunk", 600)
    assert second is not None
    assert second.token != first.token


def test_one_of_many_gets_the_lease(shared: Coordination) -> None:
    with ThreadPoolExecutor(8) as pool:
        taken = list(pool.map(lambda _: shared.leases.take("chunk", 600), range(16)))
    assert sum(lease is not None for lease in taken) == 1


def test_a_lease_ends_unless_it_is_renewed(shared: Coordination) -> None:
    kept, left = shared.leases.take("kept", 60), shared.leases.take("left", 60)
    assert kept is not None
    assert left is not None
    assert shared.leases.renew(kept, 600)
    assert shared.leases.renew(left, 0.05)
    time.sleep(0.1)
    assert shared.leases.renew(kept, 600)
    assert shared.leases.held(["kept", "left"]) == {"kept"}
    assert not shared.leases.renew(left, 600)
    assert shared.leases.held(["left"]) == set()


def test_a_former_holder_can_neither_renew_nor_release(
    shared: Coordination,
) -> None:
    former = shared.leases.take("chunk", 0.05)
    assert former is not None
    time.sleep(0.1)
    holder = shared.leases.take("chunk", 600)
    assert holder is not None
    assert not shared.leases.renew(former, 600)
    shared.leases.release(former)
    assert shared.leases.held(["chunk"]) == {"chunk"}
    assert shared.leases.renew(holder, 600)


def test_a_lease_lasts_as_long_as_was_asked(shared: Coordination, client: Any) -> None:
    def lasts(name: str, seconds: float) -> bool:
        left = client.pttl(name)
        return bool((seconds - 300) * 1000 < left <= seconds * 1000)

    lease = shared.leases.take("chunk", 10_000)
    assert lease is not None
    assert lasts("pipeline:lease:chunk", 10_000)
    assert shared.leases.renew(lease, 20_000)
    assert lasts("pipeline:lease:chunk", 20_000)
    shared.leases.expect_back("chunk", 10_000)
    assert lasts("pipeline:pause:chunk", 10_000)
    shared.leases.expect_back("soon", 0.0)  # Redis refuses an end of 0 ms


def test_the_lease_is_refused_with_the_fence_of_a_former_holder(shared: Coordination, client: Any) -> None:
    current = shared.leases.fence_is_current
    assert current("file", 5)
    assert current("file", 5), "the holder asks before each write"
    assert current("file", 7)
    assert not current("file", 6)
    assert not current("file", 5)
    assert current("file", 7), "a refused fence is not recorded"
    assert current("other", 1), "each name has its own"
    assert 86_000 < client.ttl("pipeline:fence:file") <= 86_400, "a former holder wakes up within a day"


def test_fences_grow_with_each_holder_even_after_redis_was_wiped(shared: Coordination, client: Any) -> None:
    fences = []
    for _ in range(5):
        lease = shared.leases.take("file", 600)
        assert lease is not None
        fences.append(lease.fence)
        client.flushall()
        time.sleep(0.005)
    assert sorted(set(fences)) == fences


def test_the_next_holder_has_a_higher_fence_after_the_clock_of_redis_went_back(
    shared: Coordination, client: Any
) -> None:
    """As after a failover to a machine whose clock is behind: the fences of the other one are ahead of it."""
    ahead = int((time.time() + 600) * 1000)
    assert shared.leases.fence_is_current("file", ahead)
    holder = shared.leases.take("file", 600)
    assert holder is not None
    assert holder.fence > ahead
    assert shared.leases.fence_is_current("file", holder.fence)
    assert not shared.leases.fence_is_current("file", ahead), "the former holder is refused"


def test_all_leases_are_listed_with_their_holders(
    shared: Coordination, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert shared.leases.all() == []
    monkeypatch.setenv("DYNO", "worker.7")
    monkeypatch.setenv("HEROKU_DYNO_ID", "dyno-id")
    second, first = shared.leases.take("b", 10_000), shared.leases.take("a", 20_000)
    assert first is not None
    assert second is not None
    client.set("pipeline:lease:old", "0123", px=9_000_000)
    found = shared.leases.all()
    assert [(each.lease.name, each.dyno, each.lease.fence) for each in found] == [
        ("a", "dyno-id", 0), ("b", "dyno-id", 0), ("old", "", 0),
    ]  # fmt: skip
    assert found[0].holder == f"worker.7, process {os.getpid()}"
    assert found[2].holder == "a process of another version"
    for each, seconds in zip(found, (20_000, 10_000, 9_000), strict=True):
        assert seconds - 300 < each.seconds <= seconds
    assert shared.leases.release(found[0].lease), "an operator may release what is listed"
    assert not shared.leases.release(first)


def test_the_holders_of_names_are_told_in_words(
    shared: Coordination, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DYNO", "worker.7")
    assert shared.leases.take("chunk", 600)
    client.set("pipeline:lease:old", "0123", px=9_000_000)
    holder = f"worker.7, process {os.getpid()}"
    assert shared.leases.holders(["free", "chunk", "old"]) == {"chunk": holder, "old": "0123"}
    assert shared.leases.holders([]) == {}
