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
from pipeline.adapters.redis import live as lives
from pipeline.adapters.redis.live import QUEUES, Live
from pipeline.adapters.redis.progress import Drawn, Progress
from pipeline.errors import RedisDown
from pipeline.exports.ids import new_id
from pipeline.settings import Settings
from pipeline.tasks.app import CeleryMessages, make_app


@pytest.fixture
def settings(valkey_server: Valkey) -> Settings:
    return Settings.from_env({"REDIS_URL": valkey_server.url})


# leases


def test_a_lease_has_one_holder(live: Live) -> None:
    first = live.lease("chunk", 10)
    assert first is not None
    assert live.lease("chunk", 10) is None
    assert live.lease("other", 10) is not None
    assert live.held(["chunk", "nobody's"]) == {"chunk"}
    assert live.held([]) == set()
    live.note_pause("paused", 60)
    assert live.held(["chunk", "paused", "nobody's"]) == {"chunk", "paused"}
    assert live.lease("paused", 60), "whoever comes first may take it"
    live.release(first)
    second = live.lease("chunk", 10)
    assert second is not None
    assert second.token != first.token


def test_of_many_who_ask_at_once_one_gets_the_lease(live: Live) -> None:
    with ThreadPoolExecutor(8) as pool:
        taken = list(pool.map(lambda _: live.lease("chunk", 10), range(16)))
    assert sum(lease is not None for lease in taken) == 1


def test_a_lease_ends_by_itself_unless_it_is_renewed(live: Live) -> None:
    kept, left = live.lease("kept", 0.3), live.lease("left", 0.3)
    assert kept is not None
    assert left is not None
    for _ in range(4):
        time.sleep(0.15)
        assert live.renew(kept, 0.3)
    assert live.held(["kept", "left"]) == {"kept"}
    assert not live.renew(left, 10)
    assert live.held(["left"]) == set()


def test_a_lease_that_was_lost_is_neither_renewed_nor_given_back_by_its_former_holder(live: Live) -> None:
    former = live.lease("chunk", 0.05)
    assert former is not None
    time.sleep(0.1)
    holder = live.lease("chunk", 10)
    assert holder is not None
    assert not live.renew(former, 10)
    live.release(former)
    assert live.held(["chunk"]) == {"chunk"}
    assert live.renew(holder, 10)


# counting


def test_attempts_are_counted_each_for_itself(live: Live) -> None:
    assert [live.attempt("1:0"), live.attempt("1:0"), live.attempt("1:1"), live.attempt("1:0")] == [1, 2, 1, 3]
    live.forget_attempt("1:0")
    assert live.attempt("1:0") == 3


def test_an_attempt_that_a_wiped_redis_forgot_is_not_uncounted(live: Live) -> None:
    live.forget_attempt("1:0")
    assert live.attempt("1:0") == 1
    lease, _ = live.begin("1", 7, 10)
    assert lease is not None
    live.finish(lease, DRAWN)
    assert live.attempt(DRAWN.attempt) == 1


def test_so_many_are_allowed_in_a_minute_and_more_in_the_next(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 6_000_000.0
    monkeypatch.setattr(time, "time", lambda: now)
    assert [live.allow("mail", 2) for _ in range(4)] == [True, True, False, False]
    assert live.allow("sign-in", 2)
    now += 60
    assert live.allow("mail", 2)


# a chunk


DRAWN = Drawn("1", 7, first=20, pages=5, seconds=1.5, attempt="1:7:20")


def test_a_chunk_is_begun_by_one_who_hears_whether_anything_of_it_was_drawn(live: Live) -> None:
    lease, begun = live.begin("1", 7, 10)
    assert lease is not None
    assert not begun
    assert live.held(["1:7"]) == {"1:7"}
    assert live.begin("1", 7, 10)[0] is None
    live.finish(lease, DRAWN)
    other, begun = live.begin("1", 7, 10)
    assert other is not None
    assert begun
    assert other.fence >= lease.fence
    assert live.begin("1", 8, 10)[1] is False


def test_what_is_finished_is_noted_its_attempt_is_uncounted_and_its_lease_is_free(live: Live) -> None:
    lease, _ = live.begin("1", 7, 10)
    assert lease is not None
    assert live.attempt(DRAWN.attempt) == 1
    live.finish(lease, DRAWN)
    assert live.progress("1") == Progress(5, 0, 0, 1.5, 1)
    assert live.attempt(DRAWN.attempt) == 1
    assert live.held(["1:7"]) == set()


def test_who_finishes_late_does_not_take_away_the_lease_of_another(live: Live) -> None:
    former, _ = live.begin("1", 7, 0.05)
    assert former is not None
    time.sleep(0.1)
    holder, _ = live.begin("1", 7, 10)
    assert holder is not None
    live.finish(former, DRAWN)
    assert live.held(["1:7"]) == {"1:7"}


# progress


def test_progress_is_the_sum_over_chunks_and_can_be_put_back(live: Live, client: Any) -> None:
    assert live.progress("1") is None
    live.note_pages("1", 0, 5)
    live.note_pages("1", 1, 3)
    live.note_pages("1", 0, 7)
    live.note_pages("2", 0, 100)
    live.note_bytes("1", 10, 40)
    assert live.progress("1") == Progress(10, 10, 40)
    client.flushall()
    live.restore_pages("1", {})
    assert live.progress("1") is None
    live.restore_pages("1", {0: 7, 1: 3})
    assert live.progress("1") == Progress(10, 0, 0)
    live.forget("1")
    assert live.progress("1") is None


# messages


def test_that_messages_went_out_is_known_for_a_while(live: Live) -> None:
    assert not live.sent("1")
    live.note_sent("1", 0.1)
    assert live.sent("1")
    assert not live.sent("2")
    time.sleep(0.15)
    assert not live.sent("1")


def test_messages_are_seen_while_they_wait_and_while_a_worker_has_them(live: Live, settings: Settings) -> None:
    """Of every kind that is sent, as kombu writes them."""
    app = make_app(settings)
    messages = CeleryMessages(app)
    planned, assembled, drawn = new_id(), new_id(), new_id()
    messages.plan(planned)
    messages.assemble(assembled)
    messages.render(drawn, [0, 1], large=True)
    assert (live.waiting(), live.unacknowledged()) == (4, [])
    with taken(app, [QUEUES[0], QUEUES[0], QUEUES[2]]) as held:
        assert live.waiting() == 1
        assert sorted(live.unacknowledged()) == sorted([planned, assembled, drawn])
        for message in held:
            message.ack()
        assert live.unacknowledged() == []
    app.close()


def test_who_sends_messages_does_not_wait_for_their_results(settings: Settings, client: Any) -> None:
    """Else each process that sends keeps a subscription and an object for every chunk, for ever."""
    app = make_app(settings)
    CeleryMessages(app).render(new_id(), [0, 1], large=False)
    assert client.pubsub_channels() == []
    app.close()


def test_messages_of_another_program_on_the_same_redis_are_not_ours(live: Live, settings: Settings) -> None:
    """Everybody's Celery keeps what is not acknowledged in the same hash."""
    other = celery.Celery("shop", broker=settings.redis_url, set_as_current=False)
    other.conf.update(task_serializer="pickle", accept_content=["pickle"])
    for arguments in ((), (7,), ("an-id",)):
        other.send_task("shop.tidy", arguments, queue="shop")
    with other.connection_for_write() as connection:
        connection.SimpleQueue("shop").put({"no": "task"})
    with taken(other, ["shop"] * 4):
        assert (live.waiting(), live.unacknowledged()) == (0, [])
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


def test_the_bell_wakes_a_sleeper_once_however_often_it_rang(live: Live) -> None:
    for _ in range(5):
        live.ring()
    assert live.wait_for_ring(1)
    assert not live.wait_for_ring(0.05)
    later = threading.Timer(0.2, live.ring)
    later.start()
    began = time.monotonic()
    assert live.wait_for_ring(1.9)
    assert time.monotonic() - began < 1.5
    later.join()


# the whole


def test_every_key_expires(live: Live, client: Any) -> None:
    live.lease("chunk", 10)
    live.attempt("1:0")
    assert [live.attempt("2:0") for _ in range(2)] == [1, 2]
    live.forget_attempt("2:0")
    live.allow("mail", 1)
    live.note_pages("1", 0, 1)
    live.note_bytes("2", 1, 2)
    live.restore_pages("3", {0: 1})
    lease, _ = live.begin("4", 7, 10)
    assert lease is not None
    live.finish(lease, replace(DRAWN, export="4"))
    live.note_sent("1", 10)
    live.ring()
    keys = list(client.scan_iter())
    assert len(keys) == 10
    assert not [key for key in keys if client.ttl(key) <= 0]


def test_what_the_server_says_of_itself(live: Live) -> None:
    assert "used_memory" in live.ping()


def test_a_redis_that_nobody_listens_at_is_said_soon(settings: Settings) -> None:
    live = Live.open(replace(settings, redis_url=f"redis://:hunter2@127.0.0.1:{free_port()}/0"))
    began = time.monotonic()
    with pytest.raises(RedisDown, match="Redis does not answer: ConnectionError") as down:
        live.lease("chunk", 1)
    assert time.monotonic() - began < 5
    assert "hunter2" not in str(down.value)


def test_a_redis_that_hangs_is_said_soon(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """After twice the time for which the bell may be silent."""
    monkeypatch.setattr(lives, "RING_MOST", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        live = Live.open(replace(settings, redis_url=f"redis://127.0.0.1:{silent.getsockname()[1]}/0"))
        began = time.monotonic()
        with pytest.raises(RedisDown, match="TimeoutError"):
            live.ring()
        assert time.monotonic() - began < 4
