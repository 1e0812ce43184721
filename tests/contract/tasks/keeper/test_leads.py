"""One keeper leads; another takes over when it is gone."""

from __future__ import annotations

import dataclasses
import logging
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import redis

from local.dynos import Fault
from local.services import free_port
from pipeline.adapters.bucket import REQUEST
from pipeline.adapters.mail import Mailer
from pipeline.errors import HerokuDown, HerokuRefused, RedisDown, StoreDown
from pipeline.exports.export import Channel, Export, State
from pipeline.exports.notices import mark
from pipeline.exports.repository import ExportRepository
from pipeline.scaler.formation import FormationPool
from pipeline.scaler.measure import Gauge
from pipeline.scaler.usage import UsageLog
from pipeline.services import open_services
from pipeline.tasks.keeper import Keeper

from ....conftest import SentMessages
from ....waiting import until
from .stage import KeeperStage


def test_another_keeper_leads_after_the_leader_resigned(stage: KeeperStage) -> None:
    first, second = stage.keeper(), stage.keeper()
    first.turn()
    calls = len(stage.dynos.requests)
    stage.submit()
    for _ in range(3):
        assert second.turn(), "it comes back soon"
    assert len(stage.dynos.requests) == calls
    assert stage.workers == 0
    first.resign()
    second.turn()
    assert stage.workers == 1
    first.turn()
    asked = {call.path.removeprefix("/apps/demo/") for call in stage.dynos.requests}
    assert asked == {"formation", "formation/worker", "available-dyno-sizes"}
    stage.dynos.scale({"worker": 0})
    stage.s.exports.close(stage.s.exports.active()[0], State.READY)
    first.turn()
    assert stage.workers == 0


def test_a_keeper_leads_after_the_clock_of_redis_went_back(stage: KeeperStage) -> None:
    """A former leader took its lease while the clock was ten minutes ahead, or on a machine where it is."""
    stage.submit()
    stage.s.redis.leases.fence_is_current("keeper", int((time.time() + 600) * 1000))
    keeper = stage.keeper()
    for _ in range(2):
        keeper.turn()
    assert stage.workers == 1


def test_a_leader_keeps_its_lease_while_heroku_is_slow(stage: KeeperStage) -> None:
    """Otherwise its call could reach Heroku after one of the next leader, and stop the workers that one started."""
    stage.submit()
    first, second = stage.keeper(lease_seconds=0.3, heroku_timeout=5.0), stage.keeper(lease_seconds=0.3)
    stage.dynos.faults.append(Fault(hang=1.5, status=409))
    with ThreadPoolExecutor() as threads:
        turn = threads.submit(first.turn)
        until(lambda: not stage.dynos.faults)
        for _ in range(10):
            time.sleep(0.1)
            second.turn()
            assert len(stage.dynos.requests) <= 1, "it does not lead"
        with pytest.raises(HerokuDown):
            turn.result()
    assert stage.workers == 0


def test_a_leader_keeps_its_lease_over_a_long_turn(stage: KeeperStage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without this, a turn that takes longer than a lease could never scale."""
    for n in range(5):
        stage.submit(title=str(n))
    load, tries = ExportRepository.load, []

    def slowly(exports: ExportRepository, export_id: str) -> Export:
        time.sleep(0.5)
        tries.append(stage.s.redis.leases.take("keeper", 9.0))
        return load(exports, export_id)

    monkeypatch.setattr(ExportRepository, "load", slowly)
    stage.keeper(lease_seconds=0.9).turn()
    assert set(tries) == {None}
    assert stage.workers


def test_a_leader_that_always_fails_resigns(stage: KeeperStage) -> None:
    """What fails in one process may work in another."""
    stage.submit()
    bad = dataclasses.replace(stage.s.settings, s3_endpoint_url=f"http://127.0.0.1:{free_port()}")
    failing = open_services(bad, SentMessages(), REQUEST)
    first = Keeper(failing, FormationPool(bad, failing.redis, settle_seconds=0.0))
    thread = first.start()
    until(lambda: bool(stage.s.redis.leases.held(["keeper"])))
    second = stage.keeper()
    other = second.start()
    until(lambda: stage.workers == 1)
    for keeper in (first, second):
        keeper.stop()
    for one in (thread, other):
        one.join(5)


def test_a_leader_that_heroku_limits_leads_on(stage: KeeperStage) -> None:
    stage.submit()
    stage.dynos.faults.append(Fault(429, headers={"Retry-After": "60"}, sticky=True))
    first = stage.keeper()
    thread = first.start()
    until(lambda: bool(stage.dynos.requests))
    second = stage.keeper()
    for _ in range(10):
        time.sleep(0.1)
        second.turn()
    first.stop()
    thread.join(5)
    assert len(stage.dynos.requests) == 1


def test_a_refused_key_does_not_make_the_keeper_silent(stage: KeeperStage) -> None:
    """The health check tells of the key, and of nothing else."""
    stage.submit()
    stage.dynos.faults.append(Fault(401, sticky=True))
    with pytest.raises(HerokuRefused):
        stage.keeper().turn()
    assert stage.s.redis.decisions.last_turn() is not None
    assert (stage.s.redis.decisions.state() or {})["refused"]


def test_a_former_leader_asks_for_the_lease_no_more_often(stage: KeeperStage) -> None:
    """The linger time of a worker was nearly over when another process began to lead."""
    stage.dynos.scale({"worker": 1})
    # With so long a lease no second try is due while it is counted.
    keeper = stage.keeper(lease_seconds=20.0, linger_seconds=0.05, keeper_seconds=9.0)
    keeper.turn()
    stage.wipe_redis()
    assert stage.s.redis.leases.take("keeper", 60.0)

    def asked() -> int:
        with redis.Redis.from_url(stage.s.settings.redis_url) as client:
            return int(client.info("commandstats").get("cmdstat_eval", {}).get("calls", 0))

    before = asked()
    thread = keeper.start()
    time.sleep(1.0)
    keeper.stop()
    thread.join(5)
    assert asked() - before <= 3, "to look whether it leads, and to try, once"


def test_a_leader_that_lost_its_lease_changes_nothing(stage: KeeperStage, monkeypatch: pytest.MonkeyPatch) -> None:
    """It lost its lease in the middle of its turn; the next leader has scaled already."""
    first, second = stage.keeper(), stage.keeper()
    export_id = stage.submit()
    looking = type(stage.s.exports).active

    def overtaken(exports: ExportRepository) -> list[str]:
        monkeypatch.undo()
        stage.wipe_redis()
        second.turn()
        stage.s.exports.close(export_id, State.READY)
        return []

    monkeypatch.setattr(type(stage.s.exports), "active", overtaken)
    notes = list(stage.s.usage.workers_since(0.0))
    first.turn()
    assert looking(stage.s.exports) == []
    assert stage.workers == 1
    assert [workers for _, workers, _ in stage.s.usage.workers_since(0.0)] == [0, 1]
    assert notes == []
    assert list(stage.s.usage.marked()) == [export_id], "its worker is still there"
    assert len(stage.s.redis.decisions.latest()) == 1
    shown = stage.s.redis.decisions.state()
    assert shown is not None
    assert shown["outstanding"] == {export_id: 0}, "what the one that leads sees"


def test_a_leader_that_lost_its_lease_while_it_wrote_scales_nothing(
    stage: KeeperStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was frozen behind its decision; the next leader has started more workers, which may be busy."""
    first, second = stage.keeper(), stage.keeper(min_workers=2)
    stage.submit()
    written, started = UsageLog.note_workers, list[int]()

    def overtaken(usage: UsageLog, *change: Any) -> None:
        monkeypatch.undo()
        written(usage, *change)
        stage.wipe_redis()
        second.turn()
        started.append(stage.workers)

    monkeypatch.setattr(UsageLog, "note_workers", overtaken)
    first.turn()
    assert started == [2] and stage.workers == 2


def test_a_returning_leader_drops_its_old_decision(stage: KeeperStage, monkeypatch: pytest.MonkeyPatch) -> None:
    """While it measured, another process led, scaled and released the lease."""
    first, second = stage.keeper(), stage.keeper()
    first.turn()
    stage.submit()
    snapshot = Gauge.snapshot

    def overtaken(gauge: Gauge, *args: Any) -> Any:
        monkeypatch.undo()
        found = snapshot(gauge, *args)
        stage.wipe_redis()
        second.turn()
        with redis.Redis.from_url(stage.s.settings.redis_url) as client:
            client.delete("pipeline:lease:keeper")
        return found

    monkeypatch.setattr(Gauge, "snapshot", overtaken)
    first.turn()
    assert stage.workers == 1
    assert sum(call.method == "PATCH" for call in stage.dynos.requests) == 1, "not once more by the first"


def test_the_loop_continues_after_errors(
    stage: KeeperStage, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    stage.submit()
    keeper = stage.keeper()
    stage.dynos.faults.append(Fault(401, sticky=True))
    errors = iter([ZeroDivisionError("a mistake of ours"), StoreDown("The bucket is away."), RedisDown("Gone.")])
    well = type(stage.s.exports).active

    def active(exports: Any) -> list[str]:
        for error in errors:
            raise error
        return well(exports)

    monkeypatch.setattr(type(stage.s.exports), "active", active)
    with caplog.at_level(logging.WARNING):
        thread = keeper.start()
        until(lambda: "the key is not valid" in caplog.text)
        stage.dynos.faults.clear()
        until(lambda: stage.workers == 1)
        keeper.stop()
        thread.join(5)
    assert not thread.is_alive()
    for words in ("a mistake of ours", "The bucket is away.", "Gone."):
        assert words in caplog.text
    assert stage.s.redis.leases.take("keeper", 1), "the lease is released"


def test_a_mail_server_that_hangs_delays_no_turn(stage: KeeperStage) -> None:
    """It takes the connection and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        settings = dataclasses.replace(
            stage.s.settings, smtp_url=f"smtp://127.0.0.1:{server.getsockname()[1]}", keeper_seconds=0.05
        )
        stage.s = dataclasses.replace(stage.s, settings=settings, mailer=Mailer(settings))
        mark(stage.s.bucket, waiting := stage.ready(notify="admin@example.org"), Channel.MAIL)
        keeper = stage.keeper()
        thread = keeper.start()
        client, _ = server.accept()
        with client:
            stage.submit()
            stage.s.redis.wakeup.wake()
            until(lambda: stage.workers == 1)
            assert stage.s.exports.load(waiting).notices[0].problem == "", "it still hangs"
        keeper.stop()
        thread.join(10)
    assert not thread.is_alive()


def test_new_work_wakes_the_leader(stage: KeeperStage) -> None:
    keeper = stage.keeper(keeper_seconds=1.9)
    thread = keeper.start()
    until(lambda: bool(stage.dynos.requests))
    began = time.monotonic()
    stage.submit()
    until(lambda: stage.workers == 1)
    assert time.monotonic() - began < 1.5
    keeper.stop()
    stage.s.redis.wakeup.wake()
    thread.join(5)
