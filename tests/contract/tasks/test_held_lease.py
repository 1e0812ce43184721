"""A lease that is held: when its holder may write, how it is renewed and released."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest

from pipeline.adapters.redis import Coordination
from pipeline.adapters.redis.leases import Lease, Leases
from pipeline.errors import RedisDown
from pipeline.tasks.lease import HeldLease, LeaseLost, Stopped, exclusive
from pipeline.tasks.renewals import pause_for

from ...waiting import PATIENCE, until


def hold(
    leases: Leases, seconds: float = 60.0, stopping: threading.Event | None = None, shutdown_seconds: float = 5.0
) -> HeldLease:
    lease = leases.take("tidy", 60.0)
    assert lease is not None
    return HeldLease(leases, lease, seconds, stopping or threading.Event(), shutdown_seconds)


class Answering(Leases):
    """Leases whose renewals are kept, and answered as told. `told` is set with the last answer."""

    def __init__(self, client: Any, *answers: bool | Exception) -> None:
        super().__init__(client)
        self.answers = list(answers)
        self.seconds: list[float] = []
        self.told = threading.Event()

    def renew(self, lease: Lease, seconds: float) -> bool:
        self.seconds.append(seconds)
        answer = self.answers.pop(0)
        if not self.answers:
            self.told.set()
        if isinstance(answer, Exception):
            raise answer
        return answer


def is_quiet(leases: Answering) -> bool:
    """Return whether none was renewed for ten pauses: the last renewal may have been on its way."""
    before = len(leases.seconds)
    time.sleep(0.1)
    return len(leases.seconds) == before


def test_the_holder_may_write(shared: Coordination) -> None:
    held = hold(shared.leases)
    assert held.is_ours()
    held.fence()
    assert held.fence_is_current()


def test_a_holder_whose_lease_ended_may_not_write(shared: Coordination, client: Any) -> None:
    held = hold(shared.leases)
    client.delete("pipeline:lease:tidy")
    assert not held.is_ours()
    with pytest.raises(LeaseLost, match="Another process has taken over tidy"):
        held.fence()


def test_a_holder_may_not_write_after_a_later_one_began(shared: Coordination) -> None:
    """Also when its own lease is there again, as Redis may bring back an older state."""
    held = hold(shared.leases)
    assert shared.leases.fence_is_current("tidy", held.lease.fence + 1)
    assert not held.fence_is_current()
    assert not held.is_ours()
    with pytest.raises(LeaseLost):
        held.fence()


def test_a_check_renews_the_lease(shared: Coordination, client: Any) -> None:
    held = hold(shared.leases, seconds=600.0)
    held.fence()
    assert client.pttl("pipeline:lease:tidy") > 500_000


@pytest.mark.parametrize(("seconds", "pause"), [(0.3, 0.1), (3.0, 1.0), (3.3, 1.0), (60.0, 1.0)])
def test_a_lease_is_renewed_each_second_and_three_times_in_its_life(seconds: float, pause: float) -> None:
    assert pause_for(seconds) == pytest.approx(pause)


def test_the_lease_is_released_at_the_end(shared: Coordination) -> None:
    with hold(shared.leases):
        assert shared.leases.held(["tidy"])
    assert not shared.leases.held(["tidy"])


def test_a_lease_that_was_released_with_other_commands_is_not_released_twice(shared: Coordination) -> None:
    leases = Answering(shared.client)
    with hold(leases, seconds=0.03) as held:
        held.was_released()
        until(lambda: is_quiet(leases), "it is not renewed any more")
    assert shared.leases.held(["tidy"])


def test_a_lease_is_not_renewed_after_its_end(shared: Coordination) -> None:
    leases = Answering(shared.client, True)
    with hold(leases, seconds=0.03):
        assert leases.told.wait(PATIENCE)
    until(lambda: is_quiet(leases), "it is not renewed any more")


def test_renewing_goes_on_while_redis_is_down_and_ends_when_the_lease_is_lost(
    shared: Coordination, caplog: pytest.LogCaptureFixture
) -> None:
    leases = Answering(shared.client, True, RedisDown("Redis does not answer."), True, False)
    with hold(leases, seconds=0.03):
        assert leases.told.wait(PATIENCE)
        time.sleep(0.1)
    assert leases.seconds == [0.03] * 4
    assert not caplog.records, "others say that Redis is down"
    assert not shared.leases.held(["tidy"])


def test_a_process_that_stops_shortens_its_lease_once(shared: Coordination) -> None:
    stopping = threading.Event()
    stopping.set()
    leases = Answering(shared.client, True)
    with hold(leases, seconds=0.03, stopping=stopping, shutdown_seconds=0.06):
        assert leases.told.wait(PATIENCE)
        time.sleep(0.2)  # ten pauses
    assert leases.seconds == [0.06]


def test_a_renewal_on_its_way_does_not_renew_a_released_lease(shared: Coordination, client: Any) -> None:
    held = hold(shared.leases)
    with held:
        pass
    assert not held.renew()
    assert not client.exists("pipeline:lease:tidy")


def test_an_exclusive_holder_refuses_the_former_one(shared: Coordination) -> None:
    with exclusive(shared.leases, "tidy", 60.0) as held:
        assert held is not None
        assert not shared.leases.fence_is_current("tidy", held.lease.fence - 1)
        with exclusive(shared.leases, "tidy", 60.0) as other:
            assert other is None
        assert held.is_ours()


def test_a_step_that_was_stopped_or_lost_its_lease_may_be_tried_again() -> None:
    assert Stopped("The process is told to end.").retry
    assert LeaseLost("Another process has taken over tidy.").retry
