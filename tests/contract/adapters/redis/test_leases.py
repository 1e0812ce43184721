"""Leases on a real Redis: one holder, an end, no way back for a former holder."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

from pipeline.adapters.redis import Coordination


def test_a_lease_has_one_holder(shared: Coordination) -> None:
    first = shared.leases.take("chunk", 10)
    assert first is not None
    assert shared.leases.take("chunk", 10) is None
    assert shared.leases.take("other", 10) is not None
    assert shared.leases.held(["chunk", "free"]) == {"chunk"}
    assert shared.leases.held([]) == set()
    shared.leases.expect_back("paused", 60)
    assert shared.leases.held(["chunk", "paused", "free"]) == {"chunk", "paused"}
    assert shared.leases.take("paused", 60), "the first to ask may take it"
    shared.leases.release(first)
    second = shared.leases.take("chunk", 10)
    assert second is not None
    assert second.token != first.token


def test_one_of_many_gets_the_lease(shared: Coordination) -> None:
    with ThreadPoolExecutor(8) as pool:
        taken = list(pool.map(lambda _: shared.leases.take("chunk", 10), range(16)))
    assert sum(lease is not None for lease in taken) == 1


def test_a_lease_ends_unless_it_is_renewed(shared: Coordination) -> None:
    kept, left = shared.leases.take("kept", 0.3), shared.leases.take("left", 0.3)
    assert kept is not None
    assert left is not None
    for _ in range(4):
        time.sleep(0.15)
        assert shared.leases.renew(kept, 0.3)
    assert shared.leases.held(["kept", "left"]) == {"kept"}
    assert not shared.leases.renew(left, 10)
    assert shared.leases.held(["left"]) == set()


def test_a_former_holder_can_neither_renew_nor_release(
    shared: Coordination,
) -> None:
    former = shared.leases.take("chunk", 0.05)
    assert former is not None
    time.sleep(0.1)
    holder = shared.leases.take("chunk", 10)
    assert holder is not None
    assert not shared.leases.renew(former, 10)
    shared.leases.release(former)
    assert shared.leases.held(["chunk"]) == {"chunk"}
    assert shared.leases.renew(holder, 10)
