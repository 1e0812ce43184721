"""A large export is sent in waves, and no more work is begun while too many messages wait."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import pytest
import redis

from pipeline.adapters.redis import messages
from pipeline.adapters.redis.messages import LARGE, LATER
from pipeline.exports.export import State
from pipeline.exports.waves import Wave
from pipeline.services import Message
from pipeline.tasks import flow, sending, step

from ... import steps
from ...pictures import jpeg
from .stage import Stage

CHUNKS = 36


@pytest.fixture
def large(stage: Stage) -> Stage:
    """With an album that makes a large export."""
    stage.put_album([jpeg(0, 40, 30)] * CHUNKS)
    return stage


@pytest.fixture
def client(stage: Stage) -> Iterator[Any]:
    with redis.Redis.from_url(stage.s.settings.redis_url) as connection:
        yield connection


def sent(stage: Stage, first: int, stop: int, export_id: str) -> tuple[str, ...]:
    return ("render", export_id, *map(str, range(first, stop)))


def test_the_next_wave_but_one_follows_and_the_assembly_comes_last(large: Stage) -> None:
    export_id = large.submit(chunk_pages=1)
    large.queue.sent.clear()
    steps.plan(large.s, export_id)
    assert large.queue.sent == [sent(large, 0, 16, export_id), sent(large, 16, 32, export_id)]

    def end(number: int, *chunks: int) -> list[tuple[str, ...]]:
        large.queue.sent.clear()
        for chunk in chunks:
            steps.render(large.s, export_id, chunk)
        flow.take(large.s, "wave", export_id, Wave(number, 16))
        return large.queue.sent

    assert end(0, *range(16)) == [sent(large, 32, CHUNKS, export_id)]
    assert end(2, *range(32, CHUNKS)) == [], "the last wave but one is under way"
    assert end(1, *range(16, 32)) == [("assemble", export_id)]
    large.work()
    assert large.load(export_id).state is State.READY


def test_a_wave_is_followed_by_the_next_in_a_process_that_measured_just_before(
    large: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It keeps the export for a moment, as it was while it was planned."""
    monkeypatch.setattr(step, "ASK_SECONDS", 60.0)
    export_id = large.submit(chunk_pages=1)
    large.s.exports.change(export_id, lambda export: export.to(State.PLANNING))
    assert large.s.exports.load(export_id, max_age=60.0).state is State.PLANNING
    steps.plan(large.s, export_id)
    for chunk in range(16):
        steps.render(large.s, export_id, chunk)
    large.queue.sent.clear()
    flow.take(large.s, "wave", export_id, Wave(0, 16))
    assert large.queue.sent == [sent(large, 32, CHUNKS, export_id)]


def test_only_the_missing_chunks_of_the_next_wave_are_sent(large: Stage, client: Any) -> None:
    """After a repair. When Redis forgot what is drawn, all are sent: a stored chunk is drawn to the same bytes."""
    export_id = large.planned(chunk_pages=1)
    for chunk in (*range(16), 33):
        steps.render(large.s, export_id, chunk)
    large.queue.sent.clear()
    flow.take(large.s, "wave", export_id, Wave(0, 16))
    assert large.queue.sent == [("render", export_id, "32", "34", "35")]
    client.flushall()
    flow.take(large.s, "wave", export_id, Wave(0, 16))
    assert large.queue.sent[1:] == [sent(large, 32, CHUNKS, export_id)]


def test_a_wave_that_ended_incomplete_leaves_its_chunks_to_the_keeper(large: Stage) -> None:
    """A part of the chord returned, because another worker was at its chunk, and that one died."""
    export_id = large.planned(chunk_pages=1)
    for chunk in range(1, CHUNKS):
        steps.render(large.s, export_id, chunk)
    flow.take(large.s, "wave", export_id, Wave(0, 16))
    assert large.queue.sent == []
    assert sending.chunks(large.load(export_id), [0], 16)[0].chunks == (0,)


def test_a_cancelled_export_sends_no_further_wave(large: Stage) -> None:
    export_id = large.planned(chunk_pages=1)
    flow.cancel(large.s, export_id)
    large.queue.sent.clear()
    flow.take(large.s, "wave", export_id, Wave(0, 16))
    assert large.queue.sent == []


def test_no_work_is_begun_while_too_many_messages_wait(
    large: Stage, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The request is accepted all the same, and the keeper need not wait for REPAIR_PATIENCE."""
    monkeypatch.setattr(messages, "QUEUE_LIMIT", 3)
    planned = large.submit(chunk_pages=1)
    client.rpush(LARGE, *"abc")
    accepted = large.submit(chunk_pages=1, title="Second")
    steps.plan(large.s, planned)
    assert large.queue.sent == [("plan", planned)]
    assert not large.s.redis.messages.sent_lately(accepted)
    assert not large.s.redis.messages.sent_lately(planned)
    assert large.load(accepted).state is State.QUEUED
    assert large.load(planned).state is State.RENDERING


def test_a_small_export_goes_on_while_too_many_messages_wait(
    stage: Stage, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(messages, "QUEUE_LIMIT", 3)
    export_id = stage.submit()
    stage.queue.sent.clear()
    client.rpush(LARGE, *"abc")
    steps.plan(stage.s, export_id)
    assert stage.queue.sent == [sent(stage, 0, 3, export_id)]


class Sent:
    """Messages that were sent: their exports, and whether it was not their turn."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, bool]] = []

    def send(self, message: Message) -> None:
        if message.wave:
            self.sent.append((message.export_id, message.later))


def test_large_exports_of_an_owner_take_their_turns_one_after_the_other(large: Stage, client: Any) -> None:
    first, second, third = (large.submit(chunk_pages=1, title=title) for title in "ABC")
    queue = Sent()
    s = dataclasses.replace(large.s, queue=queue)
    for each in (first, second):
        flow.take(s, "plan", each)
    assert queue.sent == [(first, False)] * 2 + [(second, True)] * 2
    client.rpush(LATER, "a chunk of the second")
    flow.take(s, "plan", third)
    assert len(queue.sent) == 4, "it is not begun: what the keeper sends again and again must not fill the queues"
    assert not s.redis.messages.sent_lately(third)
    flow.take(s, "wave", first, Wave(0, 16))
    flow.take(s, "wave", second, Wave(0, 16))
    assert queue.sent[4:] == [(first, False), (second, True)], "what is begun goes on"
    flow.cancel(s, first)
    flow.take(s, "deliver", first)
    flow.take(s, "wave", second, Wave(1, 16))
    flow.take(s, "wave", second, Wave(0, 16))
    assert queue.sent[6:] == [(second, False)]


def test_each_owner_has_a_turn(large: Stage) -> None:
    queue = Sent()
    s = dataclasses.replace(large.s, queue=queue)
    for owner in ("shop", "other"):
        export_id = large.submit(owner=owner, chunk_pages=1)
        flow.take(s, "plan", export_id)
    assert [later for _, later in queue.sent] == [False] * 4
