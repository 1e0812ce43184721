"""Leases, counters and the bell on a real Redis; nothing in it stays for ever."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import celery
import pytest

from local.services import Valkey, free_port
from pipeline.adapters.redis import Coordination
from pipeline.adapters.redis import connection as connections
from pipeline.adapters.redis.messages import QUEUES
from pipeline.adapters.redis.progress import Drawn, Progress
from pipeline.errors import RedisDown
from pipeline.exports.ids import new_id
from pipeline.services import Message
from pipeline.settings import Settings
from pipeline.tasks.app import make_app
from pipeline.tasks.queue import CeleryQueue


@pytest.fixture
def settings(valkey_server: Valkey) -> Settings:
    return Settings.from_env({"REDIS_URL": valkey_server.url})


# leases


def test_a_lease_has_one_holder(shared: Coordination) -> None:
    first = shared.leases.take("chunk", 10)
    assert first is not None
    assert shared.leases.take("chunk", 10) is None
    assert shared.leases.take("other", 10) is not None
    assert shared.leases.held(["chunk", "nobody's"]) == {"chunk"}
    assert shared.leases.held([]) == set()
    shared.leases.expect_back("paused", 60)
    assert shared.leases.held(["chunk", "paused", "nobody's"]) == {"chunk", "paused"}
    assert shared.leases.take("paused", 60), "whoever comes first may take it"
    shared.leases.release(first)
    second = shared.leases.take("chunk", 10)
    assert second is not None
    assert second.token != first.token


def test_of_many_who_ask_at_once_one_gets_the_lease(shared: Coordination) -> None:
    with ThreadPoolExecutor(8) as pool:
        taken = list(pool.map(lambda _: shared.leases.take("chunk", 10), range(16)))
    assert sum(lease is not None for lease in taken) == 1


def test_a_lease_ends_by_itself_unless_it_is_renewed(shared: Coordination) -> None:
    kept, left = shared.leases.take("kept", 0.3), shared.leases.take("left", 0.3)
    assert kept is not None
    assert left is not None
    for _ in range(4):
        time.sleep(0.15)
        assert shared.leases.renew(kept, 0.3)
    assert shared.leases.held(["kept", "left"]) == {"kept"}
    assert not shared.leases.renew(left, 10)
    assert shared.leases.held(["left"]) == set()


def test_a_lease_that_was_lost_is_neither_renewed_nor_given_back_by_its_former_holder(
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


# counting


def test_attempts_are_counted_each_for_itself(shared: Coordination) -> None:
    assert [
        shared.counters.count_attempt("1:0"),
        shared.counters.count_attempt("1:0"),
        shared.counters.count_attempt("1:1"),
        shared.counters.count_attempt("1:0"),
    ] == [1, 2, 1, 3]
    shared.counters.uncount_attempt("1:0")
    assert shared.counters.count_attempt("1:0") == 3


def test_an_attempt_that_a_wiped_redis_forgot_is_not_uncounted(shared: Coordination) -> None:
    shared.counters.uncount_attempt("1:0")
    assert shared.counters.count_attempt("1:0") == 1
    lease, _ = shared.begin_chunk("1", 7, 10)
    assert lease is not None
    shared.finish_chunk(lease, DRAWN)
    assert shared.counters.count_attempt(DRAWN.attempt) == 1


def test_so_many_are_allowed_in_a_minute_and_more_in_the_next(
    shared: Coordination, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 6_000_000.0
    monkeypatch.setattr(time, "time", lambda: now)
    assert [shared.counters.allow("mail", 2) for _ in range(4)] == [True, True, False, False]
    assert shared.counters.allow("sign-in", 2)
    now += 60
    assert shared.counters.allow("mail", 2)


# a chunk


DRAWN = Drawn("1", 7, first=20, pages=5, seconds=1.5, attempt="1:7:20")


def test_a_chunk_is_begun_by_one_who_hears_whether_anything_of_it_was_drawn(shared: Coordination) -> None:
    lease, begun = shared.begin_chunk("1", 7, 10)
    assert lease is not None
    assert not begun
    assert shared.leases.held(["1:7"]) == {"1:7"}
    assert shared.begin_chunk("1", 7, 10)[0] is None
    shared.finish_chunk(lease, DRAWN)
    other, begun = shared.begin_chunk("1", 7, 10)
    assert other is not None
    assert begun
    assert other.fence >= lease.fence
    assert shared.begin_chunk("1", 8, 10)[1] is False


def test_what_is_finished_is_noted_its_attempt_is_uncounted_and_its_lease_is_free(
    shared: Coordination,
) -> None:
    lease, _ = shared.begin_chunk("1", 7, 10)
    assert lease is not None
    assert shared.counters.count_attempt(DRAWN.attempt) == 1
    shared.finish_chunk(lease, DRAWN)
    assert shared.progress.load("1") == Progress(5, 0, 0, 1.5, 1)
    assert shared.counters.count_attempt(DRAWN.attempt) == 1
    assert shared.leases.held(["1:7"]) == set()


def test_who_finishes_late_does_not_take_away_the_lease_of_another(shared: Coordination) -> None:
    former, _ = shared.begin_chunk("1", 7, 0.05)
    assert former is not None
    time.sleep(0.1)
    holder, _ = shared.begin_chunk("1", 7, 10)
    assert holder is not None
    shared.finish_chunk(former, DRAWN)
    assert shared.leases.held(["1:7"]) == {"1:7"}


# progress


def test_progress_is_the_sum_over_chunks_and_can_be_put_back(shared: Coordination, client: Any) -> None:
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


# messages


def test_that_messages_went_out_is_known_for_a_while(shared: Coordination) -> None:
    assert not shared.messages.sent_lately("1")
    shared.messages.note_sent("1", 0.1)
    assert shared.messages.sent_lately("1")
    assert not shared.messages.sent_lately("2")
    time.sleep(0.15)
    assert not shared.messages.sent_lately("1")


def test_messages_are_seen_while_they_wait_and_while_a_worker_has_them(
    shared: Coordination, settings: Settings
) -> None:
    """Of every kind that is sent, as kombu writes them."""
    app = make_app(settings)
    messages = CeleryQueue(app)
    planned, assembled, drawn = new_id(), new_id(), new_id()
    messages.send(Message("plan", planned))
    messages.send(Message("assemble", assembled))
    messages.send(Message("render", drawn, (0, 1), large=True))
    assert (shared.messages.waiting(), shared.messages.unacknowledged()) == (4, [])
    with taken(app, [QUEUES[0], QUEUES[0], QUEUES[2]]) as held:
        assert shared.messages.waiting() == 1
        assert sorted(shared.messages.unacknowledged()) == sorted([planned, assembled, drawn])
        for message in held:
            message.ack()
        assert shared.messages.unacknowledged() == []
    app.close()


def test_who_sends_messages_does_not_wait_for_their_results(settings: Settings, client: Any) -> None:
    """Else each process that sends keeps a subscription and an object for every chunk, for ever."""
    app = make_app(settings)
    CeleryQueue(app).send(Message("render", new_id(), (0, 1)))
    assert client.pubsub_channels() == []
    app.close()


def test_messages_of_another_program_on_the_same_redis_are_not_ours(
    shared: Coordination, settings: Settings
) -> None:
    """Everybody's Celery keeps what is not acknowledged in the same hash."""
    other = celery.Celery("shop", broker=settings.redis_url, set_as_current=False)
    other.conf.update(task_serializer="pickle", accept_content=["pickle"])
    for arguments in ((), (7,), ("an-id",)):
        other.send_task("shop.tidy", arguments, queue="shop")
    with other.connection_for_write() as connection:
        connection.SimpleQueue("shop").put({"no": "task"})
    with taken(other, ["shop"] * 4):
        assert (shared.messages.waiting(), shared.messages.unacknowledged()) == (0, [])
    other.close()


@contextmanager
def taken(app: celery.Celery, queues: list[str]) -> Iterator[list[Any]]:
    """One message of each queue, taken as a worker takes it and not acknowledged."""
    with app.connection_for_read() as connection, connection.channel() as channel:
        held = [channel.basic_get(name) for name in queues]
        assert all(held)
        yield held
        channel.qos.restore_at_shutdown = False


# the bell


def test_the_bell_wakes_a_sleeper_once_however_often_it_rang(shared: Coordination) -> None:
    for _ in range(5):
        shared.wakeup.wake()
    assert shared.wakeup.wait(1)
    assert not shared.wakeup.wait(0.05)
    later = threading.Timer(0.2, shared.wakeup.wake)
    later.start()
    began = time.monotonic()
    assert shared.wakeup.wait(1.9)
    assert time.monotonic() - began < 1.5
    later.join()


# the whole


def test_every_key_expires(shared: Coordination, client: Any) -> None:
    shared.leases.take("chunk", 10)
    shared.counters.count_attempt("1:0")
    assert [shared.counters.count_attempt("2:0") for _ in range(2)] == [1, 2]
    shared.counters.uncount_attempt("2:0")
    shared.counters.allow("mail", 1)
    shared.progress.note_pages("1", 0, 1)
    shared.progress.note_bytes("2", 1, 2)
    shared.progress.restore_pages("3", {0: 1})
    lease, _ = shared.begin_chunk("4", 7, 10)
    assert lease is not None
    shared.finish_chunk(lease, replace(DRAWN, export="4"))
    shared.messages.note_sent("1", 10)
    shared.wakeup.wake()
    keys = list(client.scan_iter())
    assert len(keys) == 10
    assert not [key for key in keys if client.ttl(key) <= 0]


def test_what_the_server_says_of_itself(shared: Coordination) -> None:
    assert "used_memory" in shared.info()


def test_a_redis_that_nobody_listens_at_is_said_soon(settings: Settings) -> None:
    shared = Coordination.open(replace(settings, redis_url=f"redis://:hunter2@127.0.0.1:{free_port()}/0"))
    began = time.monotonic()
    with pytest.raises(RedisDown, match="Redis does not answer: ConnectionError") as down:
        shared.leases.take("chunk", 1)
    assert time.monotonic() - began < 5
    assert "hunter2" not in str(down.value)


def test_a_redis_that_hangs_is_said_soon(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """After twice the time for which the bell may be silent."""
    monkeypatch.setattr(connections, "MAX_WAIT", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        shared = Coordination.open(replace(settings, redis_url=f"redis://127.0.0.1:{silent.getsockname()[1]}/0"))
        began = time.monotonic()
        with pytest.raises(RedisDown, match="TimeoutError"):
            shared.wakeup.wake()
        assert time.monotonic() - began < 4
