"""A worker takes messages again after Redis was away for seconds while its chunks ended."""

from __future__ import annotations

import dataclasses
import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import redis

from local.services import valkey
from pipeline.adapters.redis.messages import LATER, PLAN, SMALL
from pipeline.exports.export import State
from pipeline.exports.request import ExportRequest
from pipeline.services import Services
from pipeline.settings import Settings
from pipeline.tasks.submit import submit

from ... import steps
from ...commands import CELERY
from ...conftest import Environ
from ...journey import slow
from ...waiting import until
from .faulty_redis import passage, refuse_connections, refuse_writes

AWAY_SECONDS = 1.5
RECONNECTS = "a message could not be acknowledged"
ONLY = "*1\r\n$4\r\nEXEC"  # what follows the last command of a transaction; the keeper asks for all queues in one


@contextmanager
def worker(environ: Environ, redis_url: str, log: Path) -> Iterator[None]:
    """Run a worker of one process, which holds one message at a time."""
    own = {"REDIS_URL": redis_url, "WORKER_CONCURRENCY": "1", "DOCUMENTS": slow.__name__}
    with log.open("wb") as out:
        process = subprocess.Popen(
            [*CELERY, "worker", "-l", "info"], env={**os.environ, **environ, **own}, stdout=out, stderr=out
        )
    try:
        yield
    finally:
        process.kill()
        process.wait()


def ask(services: Services, pages: int) -> str:
    order = ExportRequest("slow", {"pages": pages, "seconds": 0.1}, "shop", chunk_pages=2)
    return submit(services, order).export.id


@pytest.mark.parametrize("fault", ["writes", "connections"])
def test_a_worker_takes_messages_after_redis_refused(
    environ: Environ, settings: Settings, tmp_path: Path, fault: str
) -> None:
    """The end of a chunk could not be acknowledged, so kombu gives the worker no other message."""
    log = tmp_path / "worker.log"
    with valkey(tmp_path) as server, passage(server) as between:
        direct = dataclasses.replace(settings, redis_url=server.url)
        with steps.sending(direct) as (services, _):
            with worker(environ, between.url, log):
                long = ask(services, 200)
                until(lambda: services.redis.messages.waiting() > 10, "chunks are sent")
                until(lambda: bool(services.segments.found(long)), "a chunk is drawn")
                if fault == "writes":
                    refuse_writes(server, AWAY_SECONDS)
                else:
                    refuse_connections(between, AWAY_SECONDS)
                short = ask(services, 2)
                until(lambda: services.exports.load(short).state.over, "the export ends")
            assert services.exports.load(short).state is State.READY


def test_an_idle_worker_goes_on_after_redis_refused_writes(
    environ: Environ, settings: Settings, tmp_path: Path
) -> None:
    """Redis ends its wait for a message with an error. Its process does not end."""
    log = tmp_path / "worker.log"
    with valkey(tmp_path) as server, worker(environ, server.url, log):
        direct = dataclasses.replace(settings, redis_url=server.url)
        with steps.sending(direct) as (services, _):
            until(lambda: bool(services.redis.workers.up()), "the worker is up")
            until(lambda: "ready" in log.read_text(), "it waits for messages")
            refuse_writes(server, AWAY_SECONDS)
            short = ask(services, 2)
            until(lambda: services.exports.load(short).state.over, "the export ends")
            assert services.exports.load(short).state is State.READY
            assert "Unrecoverable" not in log.read_text()


def test_a_worker_opens_no_more_connections_while_redis_refuses_writes(
    environ: Environ, settings: Settings, tmp_path: Path
) -> None:
    """kombu does not close what an error interrupts, and small plans allow twenty connections in all."""
    log = tmp_path / "worker.log"
    with (
        valkey(tmp_path) as server,
        redis.Redis.from_url(server.url) as client,
        worker(environ, server.url, log),
        steps.sending(dataclasses.replace(settings, redis_url=server.url)) as (services, _),
    ):
        until(lambda: bool(services.redis.workers.up()), "the worker is up")
        until(lambda: "ready" in log.read_text(), "it waits for messages")
        before = len(client.client_list())
        refuse_writes(server, 4 * AWAY_SECONDS)
        assert len(client.client_list()) <= before + 2
        short = ask(services, 2)
        until(lambda: services.exports.load(short).state.over, "the export ends")
        assert services.exports.load(short).state is State.READY


def test_a_drained_worker_goes_on_after_its_connection_was_lost(
    environ: Environ, settings: Settings, tmp_path: Path
) -> None:
    """It has no queues then. It takes them up when it is needed again.

    It is idle: with a task at work it would connect when that ends, without a word.
    """
    log = tmp_path / "worker.log"
    with valkey(tmp_path) as server, passage(server) as between:
        direct = dataclasses.replace(settings, redis_url=server.url)
        with steps.sending(direct) as (services, _), worker(environ, between.url, log):
            long = ask(services, 4)
            until(lambda: bool(services.segments.found(long)), "a chunk is drawn")
            services.redis.workers.drain(0)
            until(
                lambda: [one.drains and not one.busy for one in services.redis.workers.up()] == [True],
                "it is drained and idle",
            )
            refuse_connections(between, AWAY_SECONDS)
            until(lambda: log.read_text().count("Connected to redis") >= 2, "it is connected again")
            services.redis.workers.end_drain()
            until(lambda: services.exports.load(long).state.over, "the export ends")
            assert services.exports.load(long).state is State.READY


def test_a_worker_that_lost_redis_while_it_resumed_takes_up_all_queues(
    environ: Environ, settings: Settings, tmp_path: Path
) -> None:
    """Celery asks for the length of each queue it takes up. At the third one the connection is cut."""
    log = tmp_path / "worker.log"
    with valkey(tmp_path) as server, passage(server) as between:
        direct = dataclasses.replace(settings, redis_url=server.url)
        with steps.sending(direct) as (services, _), worker(environ, between.url, log):
            until(lambda: bool(services.redis.workers.up()), "the worker is up")
            services.redis.workers.drain(0)
            until(lambda: f"Canceling queue {LATER}" in log.read_text(), "it is drained")
            between.cut_at = f"{SMALL}\r\n{ONLY}".encode()
            services.redis.workers.end_drain()
            until(lambda: log.read_text().count("Connected to redis") >= 2, "it is connected again")
            short = ask(services, 2)
            until(lambda: services.exports.load(short).state.over, "the export ends")
            assert services.exports.load(short).state is State.READY


@pytest.mark.parametrize("mark", [b"HDEL\r\n$7\r\nunacked", b"BRPOP"], ids=["acknowledgement", "wait"])
def test_a_worker_notices_a_connection_that_is_dead_without_a_word(
    environ: Environ, settings: Settings, tmp_path: Path, mark: bytes
) -> None:
    """As when the machine of Redis vanishes: nothing is closed, and no answer comes on this connection."""
    log = tmp_path / "worker.log"
    with valkey(tmp_path) as server, passage(server) as between:
        direct = dataclasses.replace(settings, redis_url=server.url)
        with steps.sending(direct) as (services, _), worker(environ, between.url, log):
            until(lambda: bool(services.redis.workers.up()), "the worker is up")
            between.mute_at = mark
            first = ask(services, 2)
            until(lambda: not between.mute_at, "its connection is dead")
            second = ask(services, 2)
            until(lambda: services.exports.load(first).state.over, "the export ends")
            until(lambda: services.exports.load(second).state.over, "so does the next one")
            said = log.read_text()
            assert "has not turned" not in said, "its process need not end"
            waited = re.findall(r"no reply for (\d+) seconds", said)
            assert not any(int(each) > 60 for each in waited), "so long it is with the defaults of kombu"


def test_a_message_that_waits_for_its_countdown_is_left_alone(
    environ: Environ, settings: Settings, tmp_path: Path
) -> None:
    """Such a message is not acknowledged either, and the worker has no task."""
    log = tmp_path / "worker.log"
    with valkey(tmp_path) as server, worker(environ, server.url, log):
        direct = dataclasses.replace(settings, redis_url=server.url)
        with steps.sending(direct) as (services, app):
            until(lambda: bool(services.redis.workers.up()), "the worker is up")
            app.tasks["pipeline.plan"].apply_async(kwargs={"export": "no-export"}, queue=PLAN, countdown=4)
            until(
                lambda: services.redis.client.hlen("unacked") == 1 or "a message is ignored" in log.read_text(),
                "it waits in the worker",
            )
            until(lambda: "a message is ignored" in log.read_text(), "it was done: there is no such export")
            assert RECONNECTS not in log.read_text()


def test_workers_wait_while_redis_is_full(environ: Environ, settings: Settings, tmp_path: Path) -> None:
    """Also one that starts then. A full Redis hands out messages, and refuses to note to whom."""
    log, late = tmp_path / "worker.log", tmp_path / "late.log"
    with valkey(tmp_path) as server, redis.Redis.from_url(server.url) as client:
        direct = dataclasses.replace(settings, redis_url=server.url)
        with steps.sending(direct) as (services, _), worker(environ, server.url, log):
            asked = ask(services, 100)
            until(lambda: bool(services.segments.found(asked)), "a chunk is drawn")
            client.config_set("maxmemory", 1_000_000)
            until(lambda: "worker: Redis is full" in log.read_text(), "it says why it waits")
            until(lambda: "keeper: Redis is full" in log.read_text(), "so does the keeper")
            with worker(environ, server.url, late):
                until(lambda: "worker: Redis is full" in late.read_text(), "it starts, and waits")
                client.config_set("maxmemory", 0)
                until(lambda: services.exports.load(asked).state.over, "the export ends")
                assert services.exports.load(asked).state is State.READY
    for text in (log.read_text(), late.read_text()):
        assert text.count("worker: Redis is full") == 1
        assert "Frequent restarts" not in text
        assert "Unrecoverable" not in text
