"""Dynos that are up and whose worker is silent: they are restarted, or stopped if they are one-off."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.dyno import DynoState
from local.dynos import Dynos, Fault
from pipeline.adapters.redis import Coordination
from pipeline.adapters.redis.messages import LARGE
from pipeline.adapters.redis.workers import FORGET_SECONDS, Worker
from pipeline.errors import HerokuDown
from pipeline.scaler import one_off, silent
from pipeline.scaler.formation import FormationPool
from pipeline.scaler.learned import BOOT_SECONDS, Learned
from pipeline.scaler.loop import Scaler
from pipeline.scaler.one_off import OneOffPool
from pipeline.scaler.pool import WorkerPool
from pipeline.services import Services

from ...waiting import until
from .pools import resized, settings_for

BOOT = 1.0


class Later:
    """A clock that can be moved on."""

    def __init__(self) -> None:
        self.ahead = silent.BOOTS * BOOT_SECONDS + 10 * BOOT

    def time(self) -> float:
        return time.time() + self.ahead


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Later:
    clock = Later()
    monkeypatch.setattr(silent, "time", clock)
    return clock


@pytest.fixture
def dynos(tmp_path: Path) -> Iterator[Dynos]:
    (tmp_path / "Procfile").write_text("web: exec sleep 600\nworker: exec sleep 600\n")
    with Dynos(
        tmp_path / "Procfile", {"PATH": os.environ["PATH"]}, cwd=tmp_path, log_folder=tmp_path / "logs",
        types=("web", "worker"), boot_seconds=0,
    ) as running:  # fmt: skip
        yield running


def wait_until_up(dynos: Dynos, count: int) -> None:
    until(lambda: [dyno.state for dyno in dynos.dynos()].count(DynoState.UP) == count)


def restarted(dynos: Dynos) -> list[str]:
    return [call.path.rpartition("/")[2] for call in dynos.requests if call.method == "DELETE"]


@pytest.fixture
def formation(dynos: Dynos, shared: Coordination) -> FormationPool:
    dynos.scale({"web": 1, "worker": 2})
    wait_until_up(dynos, 3)
    pool = FormationPool(settings_for(dynos), shared)
    assert pool.quantity() == 2
    return pool


def look(pool: WorkerPool, shared: Coordination, *reporting: str) -> None:
    for name in reporting:
        shared.workers.report(Worker(name, name, name.startswith("start"), time.time()))
    pool.restart_silent(BOOT)


def test_only_the_silent_dyno_is_restarted(
    dynos: Dynos, shared: Coordination, formation: FormationPool, clock: Later
) -> None:
    first = dynos.dyno("worker.1").id
    look(formation, shared, "worker.2")
    assert formation.status().unable == ("worker.1",), "it is not counted on"
    assert restarted(dynos) == []
    clock.ahead += FORGET_SECONDS
    look(formation, shared, "worker.2")
    look(formation, shared, "worker.2")
    assert restarted(dynos) == ["worker.1"]
    assert dynos.dyno("worker.1").id != first
    assert dynos.row("worker").quantity == 2
    look(formation, shared, "worker.1", "worker.2")
    assert formation.status().unable == ()


def test_dynos_that_report_cost_no_call(dynos: Dynos, shared: Coordination, formation: FormationPool) -> None:
    calls = len(dynos.requests)
    look(formation, shared, "worker.1", "worker.2")
    assert len(dynos.requests) == calls


def test_no_dyno_is_restarted_while_it_has_time_to_boot(
    dynos: Dynos, shared: Coordination, formation: FormationPool, clock: Later
) -> None:
    for clock.ahead in (0.0, 1.0):
        formation.restart_silent(60.0)
    assert restarted(dynos) == []


def test_after_redis_was_away_workers_have_time_to_report(
    dynos: Dynos, shared: Coordination, formation: FormationPool, clock: Later
) -> None:
    look(formation, shared)
    clock.ahead += FORGET_SECONDS
    formation.forget()
    formation.quantity()
    look(formation, shared)
    assert restarted(dynos) == []
    look(formation, shared, "worker.1", "worker.2")
    clock.ahead += FORGET_SECONDS
    look(formation, shared, "worker.1", "worker.2")
    assert restarted(dynos) == []


@pytest.mark.parametrize("fault", [Fault(500), Fault(lost=True)])
def test_a_restart_that_fails_is_not_repeated_at_once(
    dynos: Dynos, shared: Coordination, formation: FormationPool, clock: Later, fault: Fault
) -> None:
    look(formation, shared, "worker.2")
    clock.ahead += FORGET_SECONDS
    dynos.faults.extend([Fault(), fault])
    with pytest.raises(HerokuDown):
        look(formation, shared, "worker.2")
    clock.ahead += 2 * BOOT - 1
    look(formation, shared, "worker.2")
    assert restarted(dynos) == ["worker.1"]


def test_a_dyno_that_is_gone_needs_no_restart(
    dynos: Dynos, shared: Coordination, formation: FormationPool, clock: Later
) -> None:
    look(formation, shared, "worker.2")
    clock.ahead += FORGET_SECONDS
    dynos.faults.extend([Fault(), Fault(404)])
    look(formation, shared, "worker.2")
    assert restarted(dynos) == ["worker.1"]


@pytest.mark.parametrize(("waiting", "minimum"), [(3, 0), (0, 1)])
def test_it_is_restarted_without_an_export_at_work(
    dynos: Dynos, shared: Coordination, services: Services, clock: Later, waiting: int, minimum: int
) -> None:
    """Messages of an export that is over wait, and the low number is kept: the one that could take them was
    drained, and the other never replaced."""
    dynos.scale({"worker": 2})
    wait_until_up(dynos, 2)
    settings = settings_for(dynos, MIN_WORKERS=str(minimum), LINGER_SECONDS="0.1")
    services.usage.write_learned(Learned(boot=BOOT).encode())
    scaler = Scaler(settings, services.usage, shared, FormationPool(settings, shared, settle_seconds=0.0))
    for _ in range(waiting):
        shared.client.lpush(LARGE, "{}")
    for _ in range(3):
        shared.workers.report(Worker("worker.2", "worker.2", one_off=False, since=time.time()))
        scaler.turn([], lambda: True)
        clock.ahead += FORGET_SECONDS
    assert restarted(dynos) == ["worker.1"]


def test_a_silent_one_off_dyno_is_stopped_and_another_ordered(
    dynos: Dynos, shared: Coordination, clock: Later, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(one_off, "COMMAND", "exec sleep 600 #")
    pool = OneOffPool(settings_for(dynos, SCALER_MODE="one-off"), shared)
    assert resized(pool, 2) == 2
    wait_until_up(dynos, 2)
    time.sleep(2 * BOOT)
    alive = dynos.dyno("run.2").spec.command.rpartition(" ")[2]
    for _ in range(2):
        shared.workers.report(Worker(alive, "run.2", True, time.time()))
        pool.restart_silent(BOOT)
        clock.ahead += FORGET_SECONDS
    assert restarted(dynos) == ["run.1"]
    assert pool.status().quantity == 1
    assert resized(pool, 2) == 2
    wait_until_up(dynos, 2)
    assert [dyno.name for dyno in dynos.dynos() if dyno.state is DynoState.UP] == ["run.2", "run.3"]


def test_a_one_off_dyno_whose_worker_died_is_stopped_and_one_that_leaves_is_not(
    dynos: Dynos, shared: Coordination, clock: Later, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(one_off, "COMMAND", "exec sleep 600 #")
    pool = OneOffPool(settings_for(dynos, SCALER_MODE="one-off"), shared, missed_seconds=0.0)
    assert resized(pool, 3) == 3
    wait_until_up(dynos, 3)
    alive, died, leaving = (dynos.dyno(f"run.{n}").spec.command.rpartition(" ")[2] for n in (1, 2, 3))
    for start_id in (alive, died, leaving):
        shared.workers.report(Worker(start_id, "run", True, time.time()))
    pool.refresh()
    shared.workers.drain(2)
    assert shared.workers.leave(leaving)
    shared.client.delete(f"pipeline:workers:{died}")
    for _ in range(2):
        shared.workers.report(Worker(alive, "run", True, time.time()))
        pool.refresh()
    assert pool.status().quantity == 1, "the others are not counted any more"
    for _ in range(2):
        shared.workers.report(Worker(alive, "run", True, time.time()))
        pool.restart_silent(BOOT)
        clock.ahead += FORGET_SECONDS
    assert restarted(dynos) == ["run.2"]
