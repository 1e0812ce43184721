"""The pipe to the child: each task gets its own answer."""

from __future__ import annotations

import os
import resource
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import msgspec
import pytest

from pipeline.settings import Settings
from pipeline.tasks.child import pipe as child_pipe
from pipeline.tasks.child.pipe import ChildPipe
from pipeline.tasks.child.preview import PreviewRequest

from ....conftest import Environ
from ..stage import failing

CONNECTIONS = 1024


@pytest.fixture
def pipe(environ: Environ) -> Iterator[ChildPipe]:
    made = ChildPipe(Settings.from_env(environ), environ)
    yield made
    made.stop()


def first_page(pipe: ChildPipe, name: str, meanwhile: Callable[[], None] = lambda: None) -> str:
    """Returns the text of the first page of a table with this name in it."""
    records = msgspec.json.encode({"Name": name})
    told = pipe.ask({"preview": PreviewRequest("table", {}, "shop", records)}, meanwhile)
    assert told is not None
    return str(msgspec.json.decode(told)["preview"]["text"])


@contextmanager
def many_connections() -> Iterator[None]:
    """The next descriptor is above what select() takes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(2 * CONNECTIONS, hard), hard))
    try:
        with ExitStack() as stack:
            for _ in range(CONNECTIONS):
                stack.enter_context(Path(os.devnull).open())
            yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_web_process_with_a_thousand_connections_gets_answers(pipe: ChildPipe) -> None:
    with many_connections():
        assert "Anna" in first_page(pipe, "Anna")


def test_no_task_gets_the_answer_to_one_that_was_broken_off(
    pipe: ChildPipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as hurried:
        hurried.setattr(child_pipe, "MEANWHILE_SECONDS", 0.0)
        with pytest.raises(ZeroDivisionError):
            first_page(pipe, "Anna", failing(ZeroDivisionError()))
    assert "Bert" in first_page(pipe, "Bert")
