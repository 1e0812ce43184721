"""Messages as Celery and kombu leave them in a real Redis."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import celery
import pytest

from local.services import Valkey
from pipeline.adapters.redis import Coordination
from pipeline.adapters.redis.messages import ASSEMBLE, LARGE, LATER, PLAN
from pipeline.adapters.redis.metrics import Queued
from pipeline.exports.ids import new_id
from pipeline.exports.waves import Wave
from pipeline.services import Message
from pipeline.settings import Settings
from pipeline.tasks.app import make_app
from pipeline.tasks.queue import CeleryQueue


@pytest.fixture
def settings(valkey_server: Valkey) -> Settings:
    return Settings.from_env({"REDIS_URL": valkey_server.url})


def test_sent_messages_are_remembered_for_a_while(shared: Coordination) -> None:
    assert not shared.messages.sent_lately("1")
    shared.messages.note_sent("1", 600)
    assert shared.messages.sent_lately("1")
    assert not shared.messages.sent_lately("2")
    shared.messages.note_sent("1", 0.05)
    time.sleep(0.1)
    assert not shared.messages.sent_lately("1")


def test_messages_are_seen_waiting_and_unacknowledged(shared: Coordination, settings: Settings) -> None:
    """Of every kind that is sent, as kombu writes them."""
    app = make_app(settings)
    messages = CeleryQueue(app)
    planned, assembled, drawn = new_id(), new_id(), new_id()
    messages.send(Message("plan", planned))
    messages.send(Message("assemble", assembled))
    messages.send(Message("render", drawn, (0, 1), Wave(0, 16)))
    assert (shared.messages.waiting(), shared.messages.unacknowledged()) == (4, [])
    with taken(app, [PLAN, ASSEMBLE, LARGE]) as held:
        assert shared.messages.waiting() == 1
        assert sorted(shared.messages.unacknowledged()) == sorted([planned, assembled, drawn])
        for message in held:
            message.ack()
        assert shared.messages.unacknowledged() == []
    app.close()


def test_the_oldest_large_export_of_an_owner_has_its_turn(shared: Coordination, client: Any) -> None:
    first, second, third = sorted(new_id() for _ in range(3))
    take = shared.messages.take_turn
    assert [take("shop", each) for each in (second, third, second)] == [True, False, True]
    assert take("other", third), "each owner has a turn"
    assert [take("shop", each) for each in (first, second)] == [True, False], "an older one goes first"
    shared.messages.end_turn("shop", second)
    assert not take("shop", third), "one without the turn ended"
    shared.messages.end_turn("shop", first)
    assert [take("shop", each) for each in (third, second)] == [True, True]
    assert all(client.ttl(key) > 0 for key in client.keys("pipeline:turn*"))


def test_an_export_that_is_over_takes_no_turn(shared: Coordination, client: Any) -> None:
    """Its last wave ends after it was cancelled and delivered."""
    cancelled, second, third = sorted(new_id() for _ in range(3))
    take = shared.messages.take_turn
    take("shop", cancelled)
    shared.progress.note_over(cancelled)
    shared.messages.end_turn("shop", cancelled)
    assert take("shop", cancelled), "nobody waits for it"
    assert [take("shop", each) for each in (second, cancelled, third)] == [True, True, False]
    assert client.zrange("pipeline:turns:shop", 0, -1) == [third]


def test_what_waits_of_the_next_export_moves_when_its_turn_comes(
    shared: Coordination, settings: Settings, client: Any
) -> None:
    app = make_app(settings)
    queue, turns = CeleryQueue(app), shared.messages
    first, cancelled, second, third = sorted(new_id() for _ in range(4))
    for each in (first, cancelled, second, third):
        turns.take_turn("shop", each)
    for each in (second, third):
        queue.send(Message("render", each, (0, 1), Wave(0, 16), later=True))
    queue.send(Message("render", first, (9,), Wave(0, 16)))
    turns.end_turn("shop", cancelled)
    turns.end_turn("shop", first)
    assert [client.llen(name) for name in (LARGE, LATER)] == [3, 2]
    with taken(app, [LARGE] * 3) as held:
        chunks = [(message.payload[1]["export"], message.payload[1]["chunk"]) for message in held]
        assert chunks == [(first, 9), (second, 0), (second, 1)], "behind what waits, in their order"
    app.close()


def test_a_sender_does_not_subscribe_to_results(settings: Settings, client: Any) -> None:
    """Otherwise each sender would keep a subscription and an object per chunk for ever."""
    app = make_app(settings)
    CeleryQueue(app).send(Message("render", new_id(), (0, 1)))
    assert client.pubsub_channels() == []
    app.close()


def test_messages_of_another_program_are_not_ours(shared: Coordination, settings: Settings) -> None:
    """Every Celery app keeps unacknowledged messages in the same hash."""
    other = celery.Celery("shop", broker=settings.redis_url, set_as_current=False)
    other.conf.update(task_serializer="pickle", accept_content=["pickle"])
    for name in ("shop.tidy", "pipeline.tidy"):
        for arguments in ((), (7,), ("an-id",)):
            other.send_task(name, arguments, queue="shop")
    with other.connection_for_write() as connection:
        connection.SimpleQueue("shop").put({"no": "task"})
    with taken(other, ["shop"] * 7):
        assert (shared.messages.waiting(), shared.messages.unacknowledged()) == (0, [])
    other.close()


@pytest.mark.parametrize("message", ["", "{", "[]", '{"headers": null}', '{"headers": {"sent_at": "noon"}}'])
def test_a_strange_message_has_no_age(shared: Coordination, client: Any, message: str) -> None:
    """Any program that knows Redis' password can send one."""
    client.lpush(PLAN, message)
    assert shared.metrics.read().queues[PLAN] == Queued(1, 0.0)


@contextmanager
def taken(app: celery.Celery, queues: list[str]) -> Iterator[list[Any]]:
    """Take a message from each queue as a worker does, without acknowledging it."""
    with app.connection_for_read() as connection, connection.channel() as channel:
        held = [channel.basic_get(name) for name in queues]
        assert all(held)
        yield held
        channel.qos.restore_at_shutdown = False
