"""Chunks, progress and wake-ups on a real Redis; every key expires, and a dead Redis is named soon."""

from __future__ import annotations

import gc
import socket
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from local.services import Valkey, valkey
from pipeline.adapters.redis import Coordination
from pipeline.adapters.redis import connection as connections
from pipeline.adapters.redis.progress import Drawn, Progress, pieces
from pipeline.errors import RedisDown, RedisFull
from pipeline.settings import Settings

from ....nowhere import closed_port
from ....waiting import until


@pytest.fixture
def settings(valkey_server: Valkey) -> Settings:
    return Settings.from_env({"REDIS_URL": valkey_server.url})


SOON = 60.0  # seconds, in which an error comes on the busiest machine; without a limit it never does
DRAWN = Drawn("1", 7, 20, 5, seconds=1.5, attempt="1:7:20", tries=2, ended=1000.125, process="worker.1, process 9")


def test_beginning_a_chunk_tells_whether_pages_may_be_stored(shared: Coordination) -> None:
    lease, begun = shared.begin_chunk("1", 7, 600)
    assert lease is not None
    assert not begun
    assert shared.leases.held(["1:7"]) == {"1:7"}
    assert shared.begin_chunk("1", 7, 600)[0] is None
    shared.leases.release(lease)
    other, begun = shared.begin_chunk("1", 7, 600)
    assert other is not None
    assert begun, "the first attempt may have stored some"
    assert other.fence >= lease.fence
    assert shared.begin_chunk("1", 8, 600)[1] is False
    shared.progress.forget("1")
    assert shared.begin_chunk("1", 8, 600)[1] is False


def test_pages_that_were_noted_again_after_redis_was_wiped_may_be_stored(shared: Coordination) -> None:
    shared.progress.restore_pages("1", {7: 5})
    assert shared.begin_chunk("1", 7, 600)[1] is True
    assert shared.begin_chunk("1", 8, 600)[1] is False


def test_finishing_a_chunk_notes_uncounts_and_releases(
    shared: Coordination,
) -> None:
    lease, _ = shared.begin_chunk("1", 7, 600)
    assert lease is not None
    assert shared.counters.count_attempt(DRAWN.attempt) == 1
    shared.finish_chunk(lease, DRAWN)
    assert shared.progress.load("1") == Progress(5, 0, 0, 1.5, 1)
    (piece,) = pieces(shared.progress.fields("1"))
    assert piece.ended == 1000.125, "the log of an export is in the order of these times"
    assert shared.counters.count_attempt(DRAWN.attempt) == 1
    assert shared.leases.held(["1:7"]) == set()


def test_finishing_late_leaves_the_next_lease_alone(shared: Coordination) -> None:
    former, _ = shared.begin_chunk("1", 7, 0.05)
    assert former is not None
    time.sleep(0.1)
    holder, _ = shared.begin_chunk("1", 7, 600)
    assert holder is not None
    shared.finish_chunk(former, DRAWN)
    assert shared.leases.held(["1:7"]) == {"1:7"}


def test_a_forgotten_attempt_is_not_uncounted_below_zero(shared: Coordination) -> None:
    shared.counters.uncount_attempt("1:0")
    assert shared.counters.count_attempt("1:0") == 1
    lease, _ = shared.begin_chunk("1", 7, 600)
    assert lease is not None
    shared.finish_chunk(lease, DRAWN)
    assert shared.counters.count_attempt(DRAWN.attempt) == 1


def test_progress_is_a_sum_over_chunks_and_can_be_restored(shared: Coordination, client: Any) -> None:
    assert shared.progress.load("1") is None
    shared.progress.note_pages("1", 0, 5)
    shared.progress.note_pages("1", 1, 3)
    shared.progress.note_pages("1", 0, 7)
    shared.progress.note_pages("2", 0, 100)
    shared.progress.note_bytes("1", 10, 40)
    assert shared.progress.load("1") == Progress(10, 10, 40)
    client.flushall()
    shared.progress.restore_pages("1", {})
    assert shared.progress.load("1") is None
    shared.progress.restore_pages("1", {0: 7, 1: 3})
    assert shared.progress.load("1") == Progress(10, 0, 0)
    shared.progress.forget("1")
    assert shared.progress.load("1") is None


def test_several_wake_ups_count_as_one(shared: Coordination) -> None:
    for _ in range(5):
        shared.wakeup.wake()
    assert shared.wakeup.wait(1)
    assert not shared.wakeup.wait(0.05)
    until(lambda: wakes_soon(shared), "a wait that ends as soon as it may")


def wakes_soon(shared: Coordination) -> bool:
    """Return whether a wait ended before its time; on a busy machine not each does."""
    later = threading.Timer(0.2, shared.wakeup.wake)
    later.start()
    began = time.monotonic()
    woken = shared.wakeup.wait(1.9)
    took = time.monotonic() - began
    later.join()
    shared.client.delete("pipeline:wakeup")
    return woken and took < 1.5


def test_every_key_expires(shared: Coordination, client: Any) -> None:
    shared.leases.take("chunk", 600)
    shared.counters.count_attempt("1:0")
    assert [shared.counters.count_attempt("2:0") for _ in range(2)] == [1, 2]
    shared.counters.uncount_attempt("2:0")
    shared.counters.allow("mail", 1)
    shared.progress.note_pages("1", 0, 1)
    shared.progress.note_bytes("2", 1, 2)
    shared.progress.restore_pages("3", {0: 1})
    lease, _ = shared.begin_chunk("4", 7, 600)
    assert lease is not None
    shared.finish_chunk(lease, replace(DRAWN, export="4"))
    shared.messages.note_sent("1", 600)
    shared.wakeup.wake()
    keys = list(client.scan_iter())
    assert len(keys) == 15
    assert not [key for key in keys if client.ttl(key) <= 0]


def test_info_tells_the_memory_used(shared: Coordination) -> None:
    assert "used_memory" in (shared.info() or {})


def test_connections_of_a_client_in_a_cycle_are_closed(settings: Settings, client: Any) -> None:
    """Before anything else is finalized: else a socket may come first, and warn that it is open."""
    before, shared = {each["id"] for each in client.client_list()}, Coordination.open(settings)
    shared.leases.take("chunk", 600)
    (own,) = {each["id"] for each in client.client_list()} - before
    pool = shared.client.connection_pool  # it lives on, so its own finalizer does not close anything
    cycle: list[object] = [shared]
    cycle.append(cycle)
    del shared, cycle
    gc.collect()
    until(lambda: own not in {each["id"] for each in client.client_list()})
    del pool


def test_a_redis_that_does_not_answer_is_named_soon(settings: Settings) -> None:
    shared = Coordination.open(replace(settings, redis_url=f"redis://:hunter2@127.0.0.1:{closed_port()}/0"))
    began = time.monotonic()
    with pytest.raises(RedisDown, match="Redis does not answer: ConnectionError") as down:
        shared.leases.take("chunk", 600)
    assert time.monotonic() - began < SOON
    assert "hunter2" not in str(down.value)


def test_a_redis_that_hangs_is_named_soon(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Noticed after twice MAX_WAIT."""
    monkeypatch.setattr(connections, "MAX_WAIT", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        shared = Coordination.open(replace(settings, redis_url=f"redis://127.0.0.1:{silent.getsockname()[1]}/0"))
        began = time.monotonic()
        with pytest.raises(RedisDown, match="TimeoutError"):
            shared.wakeup.wake()
        assert time.monotonic() - began < SOON


def test_a_full_redis_is_named(settings: Settings, tmp_path: Path) -> None:
    """By every kind of write; what frees memory still works."""
    with valkey(tmp_path) as server:
        shared = Coordination.open(replace(settings, redis_url=server.url))
        lease = shared.leases.take("chunk", 60)
        assert lease is not None
        shared.check_room()
        shared.client.config_set("maxmemory", 1_000_000)
        for write in (
            lambda: shared.leases.take("other", 1),
            lambda: shared.counters.count_attempt("chunk"),
            lambda: shared.messages.note_sent("1", 1),
            lambda: shared.progress.note_pages("1", 7, 5),
        ):
            with pytest.raises(RedisFull):
                write()
        with pytest.raises(RedisFull, match=r"Redis is full: \d\.\d of 1\.0 MB are in use\."):
            shared.check_room()
        assert shared.leases.renew(lease, 60)
        shared.leases.release(lease)
        shared.client.config_set("maxmemory", 0)
        shared.check_room()
        shared.client.connection_pool.disconnect()
