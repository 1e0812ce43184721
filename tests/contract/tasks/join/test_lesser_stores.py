"""Whole exports on stores that are not S3."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from pipeline.adapters.bucket.parts import Joining
from pipeline.errors import ReadFailed
from pipeline.exports.export import State
from pipeline.services import open_services
from pipeline.tasks import flow
from pipeline.tasks.outcomes import Done
from pipeline.tasks.retry import Fail, Retry

from .... import steps
from ....pictures import jpeg, noise
from ...lesser_s3 import Lacks, lesser
from ..stage import ALBUM, FIVE, Stage

On = Callable[[Lacks], AbstractContextManager[Stage]]


@pytest.fixture
def on(stage: Stage) -> On:
    """The stage, with its album, on a store that lacks something."""

    @contextmanager
    def open_stage(lacks: Lacks) -> Iterator[Stage]:
        with lesser(stage.s.settings, lacks) as other:
            services = open_services(other, stage.queue)
            yield Stage(services, stage.queue, stage.mail)
            services.redis.client.connection_pool.disconnect()

    return open_stage


@pytest.mark.parametrize(
    ("lacks", "way"),
    [
        (Lacks(), Joining.COPIED),
        (Lacks(quotes=False), Joining.COPIED),
        (Lacks(copied_etag=True), Joining.COPIED),
        (Lacks(copy_guard=True, checksums=True, long_suffixes=True), Joining.COPIED),
        (Lacks(equal_parts=True), Joining.EQUAL),
        (Lacks(part_copy=True), Joining.SENT),
        (Lacks(copied_etag=True, listed_parts=True), Joining.SENT),
        (Lacks(part_copy=True, equal_parts=True), Joining.SENT),
    ],
)
def test_a_file_is_joined_in_a_way_that_the_store_supports(
    on: On, tmp_path: Path, lacks: Lacks, way: Joining
) -> None:
    with on(lacks) as stage:
        stage.put_album([noise(1, 7), jpeg(1, 40, 30), noise(2, 12), jpeg(2, 40, 30), noise(3, 7)])
        for _ in range(2):  # the second export knows the way
            export_id = stage.rendered(chunk_pages=1)
            steps.assemble(stage.s, export_id)
            assert stage.load(export_id).state is State.READY
            assert stage.captions(export_id, tmp_path) == FIVE
            assert stage.store.joining is way
            assert stage.store.uploads("") == []
            steps.deliver(stage.s, export_id)


def take(stage: Stage, step: str, export_id: str, chunk: int | None = None) -> object:
    return flow.handle(stage.s, step, export_id, chunk, threading.Event())


@pytest.mark.parametrize("late", ["export.json", ALBUM])
def test_what_is_not_there_once_is_read_again(on: On, stage: Stage, late: str) -> None:
    export_id = stage.submit()
    with on(Lacks(late={late: 1})) as other:
        waiting = take(other, "plan", export_id)
        assert isinstance(waiting, Retry)
        assert isinstance(waiting.error, ReadFailed)
        assert isinstance(take(other, "plan", export_id), Done)


def test_a_photo_that_is_not_there_once_is_drawn(on: On, stage: Stage, tmp_path: Path) -> None:
    export_id = stage.planned()
    with on(Lacks(late={"album/1.jpg": 2})) as other:
        stage.queue.sent.append(("render", export_id, "0", "1", "2"))
        other.work()
        assert other.captions(export_id, tmp_path) == FIVE


def test_a_plan_that_is_not_there_once_does_not_fail_the_export(on: On, stage: Stage) -> None:
    export_id = stage.planned()
    plan = stage.s.exports.plan(export_id)
    with on(Lacks(late={"plan.json": 2})) as other:
        waiting = take(other, "render", export_id, 0)  # made again; another one is there, and cannot be read
        assert isinstance(waiting, Retry)
        assert isinstance(take(other, "render", export_id, 0), Done)
        assert other.s.exports.plan(export_id) == plan


def test_a_listing_that_stays_away_fails_the_export_with_words(stage: Stage) -> None:
    export_id = stage.submit()
    stage.store.delete([ALBUM])
    for _ in range(flow.POLICY.tries):
        assert isinstance(take(stage, "plan", export_id), Retry)
    assert isinstance(take(stage, "plan", export_id), Fail)
    failure = stage.load(export_id).failure
    assert failure is not None
    assert failure.message == f"There is no {ALBUM} in the bucket."
    assert failure.advice
