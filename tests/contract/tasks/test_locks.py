"""Locks: which process holds them, whether it lives, and how they are released."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from pipeline.adapters.redis.workers import Worker
from pipeline.services import Services
from pipeline.settings import Settings
from pipeline.tasks import locks
from pipeline.tasks.lease import exclusive

HOLDER = """
import os, time
from pipeline.adapters.redis import Coordination
from pipeline.settings import Settings
from pipeline.tasks.lease import exclusive
redis = Coordination.open(Settings.from_env(os.environ))
with exclusive(redis.leases, "orders", 60):
    print("held", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def dyno(settings: Settings) -> Iterator[subprocess.Popen[str]]:
    """Another dyno, which holds a lock."""
    env = {"REDIS_URL": settings.redis_url, "DYNO": "worker.7", "HEROKU_DYNO_ID": "0123"}
    with subprocess.Popen([sys.executable, "-c", HOLDER], env=env, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_a_lock_is_listed_with_its_holder(services: Services, dyno: subprocess.Popen[str]) -> None:
    (lock,) = locks.look(services.redis)
    assert (lock.name, lock.holder, lock.alive) == ("orders", f"worker.7, process {dyno.pid}", True)
    assert 0 < lock.seconds <= 60
    assert locks.release_gone(services.redis) == []


def test_the_lock_of_a_process_that_is_gone_is_released(services: Services, dyno: subprocess.Popen[str]) -> None:
    dyno.kill()
    dyno.wait()
    with exclusive(services.redis.leases, "mine", 60):
        assert {lock.name: lock.alive for lock in locks.look(services.redis)} == {"mine": True, "orders": False}
        assert locks.release_gone(services.redis) == ["orders"]
        assert services.redis.leases.held(["mine", "orders"]) == {"mine"}
    assert locks.look(services.redis) == []


def test_a_worker_that_reports_holds_its_locks(services: Services, dyno: subprocess.Popen[str]) -> None:
    """While it stops, it renews no lease."""
    dyno.kill()
    dyno.wait()
    services.redis.workers.report(Worker("0123", "worker.7", False, time.time()))
    assert [lock.alive for lock in locks.look(services.redis)] == [True]


def test_a_lock_that_another_took_meanwhile_is_not_released(services: Services) -> None:
    services.redis.leases.take("orders", 60)
    (lock,) = locks.look(services.redis)
    assert not lock.alive
    services.redis.leases.release(lock.held.lease)
    services.redis.leases.take("orders", 60)
    assert locks.release(services.redis, [lock]) == []
    assert services.redis.leases.held(["orders"]) == {"orders"}
