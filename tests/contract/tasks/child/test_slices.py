"""Where no worker can come, everything is made beside the web process, slice by slice."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import pytest

from pipeline.exports.export import State
from pipeline.exports.request import ExportRequest
from pipeline.tasks.child.pipe import ChildPipe
from pipeline.tasks.submit import submit

from ....conftest import SentMessages
from ....journey import slow
from .asking import Web, ask, made


@pytest.fixture
def slices(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What the child is asked for, as long as the test lasts."""
    asked, noted = ChildPipe.ask, list[Any]()

    def note(pipe: ChildPipe, task: Mapping[str, Any], *given: Any) -> bytes | None:
        noted.append(task)
        return asked(pipe, task, *given)

    monkeypatch.setattr(ChildPipe, "ask", note)
    return noted


def test_where_no_worker_can_come_everything_is_made_slice_by_slice(
    web: Web, messages: SentMessages, slices: list[Any]
) -> None:
    """Drawing takes four times as long as all there is to one page, on any machine."""
    s = web(INLINE_SECONDS="0.3", HEROKU_API_KEY="", DOCUMENTS=f"tests.late_limit {slow.__name__}")
    took = list[float]()
    for _ in range(2):  # the child boots for the first one
        began = time.monotonic()
        made(
            s,
            submit(
                s, ExportRequest(slow.Slow.name, {"pages": 1, "seconds": 0.0}, "shop", key=f"{began}")
            ).export.id,
        )
        took.append(time.monotonic() - began)
    slices.clear()
    params = {"pages": 16, "seconds": max(0.1, took[-1] / 4)}
    assert made(s, submit(s, ExportRequest(slow.Slow.name, params, "shop")).export.id).state is State.READY
    assert len(slices) > 1
    assert messages.sent == []


def test_a_slice_is_not_spent_on_its_start(web: Web, messages: SentMessages, slices: list[Any]) -> None:
    """When the start alone took longer than a slice, as on a starved machine, each slice drew one page."""
    s = web(INLINE_SECONDS="0.1", HEROKU_API_KEY="", DOCUMENTS=f"tests.late_limit {slow.__name__}")
    params = {"pages": 12, "seconds": 0.05, "begin": 1.0}
    assert made(s, submit(s, ExportRequest(slow.Slow.name, params, "shop")).export.id).state is State.READY
    assert len(slices) < params["pages"]
    assert messages.sent == []


def test_what_takes_longer_than_a_slice_gets_more_time_until_it_is_done(web: Web, messages: SentMessages) -> None:
    """A small file is joined from the beginning each time: nothing of it is kept."""
    s = web(INLINE_SECONDS="0.001", HEROKU_API_KEY="")
    assert made(s, ask(s)).state is State.READY
    assert messages.sent == []


def test_where_no_worker_can_come_a_large_listing_is_measured_here_too(web: Web, messages: SentMessages) -> None:
    s = web(INLINE_SECONDS="2", HEROKU_API_KEY="")
    rows = b"".join(b"%d,Customer %d %s\n" % (n, n, b"x" * 8_000) for n in range(2_200))
    s.bucket.put("inputs/large.csv", b"Order,Name\n" + rows)  # more than is planned at once
    export_id = ask(s, listing="inputs/large.csv", columns=[{"field": "Order"}])
    export = made(s, export_id)
    assert export.state is State.READY
    assert export.result
    assert export.result.records == 2_200
    assert messages.sent == []
