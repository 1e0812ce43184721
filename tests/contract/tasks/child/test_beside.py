"""The queue of the web process, with a real child process; the messages for workers are kept."""

from __future__ import annotations

import sys
import threading
import time
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from pipeline.adapters.redis.leases import Leases
from pipeline.adapters.redis.workers import Worker
from pipeline.errors import ChunkFailed
from pipeline.exports.export import Charge, State
from pipeline.exports.request import ExportRequest
from pipeline.scaler.learned import Learned
from pipeline.scaler.usage import Due
from pipeline.services import Message
from pipeline.tasks import flow
from pipeline.tasks.again import retry
from pipeline.tasks.child import beside as child_beside
from pipeline.tasks.child import pipe as child_pipe
from pipeline.tasks.child.beside import MAX_WAITING, Beside
from pipeline.tasks.child.pipe import ChildPipe
from pipeline.tasks.lease import claim_name
from pipeline.tasks.submit import submit

from .... import steps
from ....conftest import SentMessages
from ....journey import slow
from ....waiting import PATIENCE, until
from .asking import ROWS, Web, ask, finish, given_up, made


def test_rows_inside_the_request_need_no_worker(
    web: Web, messages: SentMessages, monkeypatch: pytest.MonkeyPatch
) -> None:
    claimed, expect_back = list[tuple[str, threading.Thread]](), Leases.expect_back

    def noted(leases: Leases, name: str, seconds: float) -> None:
        claimed.append((name, threading.current_thread()))
        expect_back(leases, name, seconds)

    monkeypatch.setattr(Leases, "expect_back", noted)
    s = web()
    export_id = ask(s)
    assert (claim_name(export_id), threading.current_thread()) in claimed, "the keeper sees it as taken at once"
    export = made(s, export_id)
    assert export.state is State.READY
    assert export.charge == Charge(0.0, 0.0)
    assert export_id not in s.exports.active()
    assert messages.sent == []


def test_a_kind_that_takes_little_time_needs_no_worker_either(web: Web, messages: SentMessages) -> None:
    s = web()
    s.bucket.put("inputs/rows.csv", b"Order,Name\n1,Ann\n")
    unknown = ask(s, listing="inputs/rows.csv")
    assert messages.sent == [("plan", unknown)]
    for pages, small in ((100.0, True), (10_000_000.0, False)):
        learned = Learned(page={"table": 0.001}, pages={"table": pages})
        s.redis.decisions.show_state({"learned": vars(learned)})
        export_id = ask(s, listing="inputs/rows.csv", title=f"{pages} pages")
        assert (messages.sent[-1] != ("plan", export_id)) is small


def test_what_takes_longer_is_left_to_workers(
    web: Web, messages: SentMessages, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(child_beside, "CLAIM_SECONDS", 2 * PATIENCE)  # it does not end by itself
    s = web(INLINE_SECONDS="0.01")
    export_id = ask(s, ROWS)
    until(lambda: messages.sent)
    until(lambda: given_up(s, export_id))
    finish(s, messages, export_id)


def test_the_queue_goes_on_after_an_error_of_the_program(
    web: Web, messages: SentMessages, monkeypatch: pytest.MonkeyPatch
) -> None:
    s, asked = web(INLINE_SECONDS="0.01"), list[Message]()

    def mistaken(message: Message) -> None:
        asked.append(message)
        raise ValueError("a mistake")

    with monkeypatch.context() as patched:
        patched.setattr(messages, "send", mistaken)
        ask(s, ROWS)
        until(lambda: asked)
    export_id = ask(s, ROWS + 1)
    until(lambda: messages.sent)
    finish(s, messages, export_id)


def test_what_takes_too_much_memory_is_left_to_the_keeper(web: Web, messages: SentMessages) -> None:
    s = web(WORKER_MEMORY_MB="60", WORKER_CONCURRENCY="1")
    export_id = ask(s, ROWS)
    until(lambda: given_up(s, export_id))
    assert not s.exports.load(export_id).state.over
    until(lambda: not s.redis.messages.sent_lately(export_id))
    assert messages.sent == []


def test_a_worker_that_is_up_gets_what_is_not_small(web: Web, messages: SentMessages) -> None:
    s = web(HEROKU_API_KEY="")
    s.redis.workers.report(Worker("a", "worker.1", False, time.time()))
    s.queue.send(Message("plan", "x"))
    assert messages.sent == [("plan", "x")]


def test_where_another_program_starts_workers_only_small_exports_are_made_here(
    web: Web, messages: SentMessages
) -> None:
    """It starts one because a message waits, so the first message must not be kept."""
    s = web(HEROKU_API_KEY="", HEROKU_APP_NAME="", SCALER_MODE="none")
    s.bucket.put("inputs/rows.csv", b"Order,Name\n1,Ann\n")
    large = ask(s, listing="inputs/rows.csv")
    assert messages.sent == [("plan", large)]
    assert given_up(s, large)
    assert made(s, ask(s)).state is State.READY
    assert messages.sent == [("plan", large)]


def test_an_export_that_is_over_is_closed_here_while_no_worker_is_up(web: Web, messages: SentMessages) -> None:
    s = web()
    s.bucket.put("inputs/rows.csv", b"Order,Name\n1,Ann\n")
    first, second = (ask(s, listing="inputs/rows.csv", title=title) for title in ("First", "Second"))
    messages.sent.clear()
    flow.cancel(s, first)
    until(lambda: s.exports.active() == [second])
    assert messages.sent == []
    s.redis.workers.report(Worker("a", "worker.1", False, time.time()))
    flow.cancel(s, second)
    assert messages.sent == [("deliver", second)]


def test_a_cancelled_export_that_is_made_here_stays_claimed_until_it_is_closed(
    web: Web, messages: SentMessages, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the claim the keeper would take it for work, and order a worker."""
    s = web(DOCUMENTS=slow.__name__)
    given_up_while: list[list[str]] = []
    expect_back = Leases.expect_back

    def noted(leases: Leases, name: str, seconds: float) -> None:
        if not seconds:
            given_up_while.append(s.exports.active())
        expect_back(leases, name, seconds)

    monkeypatch.setattr(Leases, "expect_back", noted)
    params = {"pages": 400, "seconds": 0.05, "records": ["one"]}
    export_id = submit(s, ExportRequest(slow.Slow.name, params, "shop")).export.id
    until(lambda: s.redis.leases.held([f"{export_id}:0"]))
    flow.cancel(s, export_id)
    until(lambda: given_up_while)
    assert given_up_while == [[]]
    assert messages.sent == []


@pytest.mark.parametrize("planned", [False, True])
def test_a_retry_of_a_small_export_needs_no_worker(web: Web, messages: SentMessages, planned: bool) -> None:
    s = web()
    workers = replace(s, queue=messages)
    export_id = ask(workers)
    if planned:
        steps.plan(workers, export_id)
    flow.fail(workers, export_id, ChunkFailed("Page 1 could not be rendered."))
    steps.deliver(workers, export_id)
    s.usage.bill(export_id, Due(Charge(10.0, 0.5), s.exports.load(export_id).begun_at))
    messages.sent.clear()
    assert retry(s, export_id).state is (State.RENDERING if planned else State.QUEUED)
    export = made(s, export_id)
    assert export.state is State.READY
    assert export.charge == Charge(10.0, 0.5)
    assert messages.sent == []


def test_what_a_try_cost_is_charged_after_its_retry_too(web: Web, messages: SentMessages) -> None:
    s = web()
    workers = replace(s, queue=messages)
    export_id = ask(workers)
    flow.fail(workers, export_id, ChunkFailed("Page 1 could not be rendered."))
    steps.deliver(workers, export_id)
    shared = Due(Charge(10.0, 0.5), s.exports.load(export_id).begun_at)
    retry(s, export_id)
    assert made(s, export_id).charge is None
    s.usage.bill(export_id, shared)
    assert s.usage.is_marked(export_id)
    found = s.usage.unbilled(export_id)
    assert found and found.charged_before == Charge(10.0, 0.5)


def test_a_retry_of_a_large_export_goes_to_workers(web: Web, messages: SentMessages) -> None:
    s = web(INLINE_SECONDS="0.001")
    export_id = ask(replace(s, queue=messages), ROWS)
    steps.plan(s, export_id)
    flow.fail(s, export_id, ChunkFailed("Page 1 could not be rendered."))
    steps.deliver(s, export_id)
    messages.sent.clear()
    retry(s, export_id)
    assert [message[:2] for message in messages.sent] == [("render", export_id)]


def test_more_than_a_few_at_once_go_to_workers(
    web: Web, messages: SentMessages, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, all_are_there = ChildPipe.ask, threading.Event()

    def held_up(*given: Any) -> bytes | None:
        assert all_are_there.wait(PATIENCE)
        return asked(*given)

    monkeypatch.setattr(ChildPipe, "ask", held_up)
    s = web()
    ids = [ask(s, rows=n) for n in range(1, MAX_WAITING + 4)]
    assert messages.sent
    all_are_there.set()
    for export_id in ids:
        if ("plan", export_id) not in messages.sent:
            assert made(s, export_id).state is State.READY


def test_a_service_that_is_down_is_tried_again_by_the_keeper(web: Web, messages: SentMessages) -> None:
    s = web()
    s.queue.send(Message("plan", "01m8kg7dgtfcpaf8n1vtbj021r", small=True))  # there is no such export yet
    until(lambda: given_up(s, "01m8kg7dgtfcpaf8n1vtbj021r"))
    assert messages.sent == []


def test_the_end_of_the_web_process_gives_everything_to_workers(web: Web, messages: SentMessages) -> None:
    s = web()
    assert made(s, ask(s, rows=9)).state is State.READY  # so the child has started
    ids = [ask(s, rows=n) for n in range(1, 4)]
    assert isinstance(s.queue, Beside)
    s.queue.stop()
    for export_id in ids:
        until(partial(given_up, s, export_id))
        if not s.exports.load(export_id).state.over:
            finish(s, messages, export_id)


def test_an_idle_child_is_stopped_and_comes_again(
    web: Web, monkeypatch: pytest.MonkeyPatch, messages: SentMessages
) -> None:
    monkeypatch.setattr(child_pipe, "IDLE_SECONDS", 0.0)
    s = web()
    for rows in (1, 2):
        export_id = ask(s, rows)
        child = s.queue._pipe._child  # type: ignore[attr-defined]  # the process itself is what counts
        assert made(s, export_id).state is State.READY
        until(lambda: s.queue._pipe._child is None)  # type: ignore[attr-defined]
        assert child is None or child.returncode is not None
    assert messages.sent == []


def test_what_documents_print_is_no_answer(web: Web, messages: SentMessages) -> None:
    s = web(DOCUMENTS="tests.contract.tasks.child.unruly tests.late_limit", UNRULY="prints")
    for rows in (1, 2):
        assert made(s, ask(s, rows)).state is State.READY
    assert messages.sent == []


def test_what_a_killed_child_forked_is_killed_too(web: Web, messages: SentMessages) -> None:
    s = web(DOCUMENTS="tests.contract.tasks.child.unruly", UNRULY="dies")
    export_id = ask(s)
    until(lambda: given_up(s, export_id))
    until(lambda: not s.redis.messages.sent_lately(export_id))  # so the keeper need not wait
    assert messages.sent == []


def test_the_queue_goes_on_when_no_process_can_be_started(
    web: Web, messages: SentMessages, monkeypatch: pytest.MonkeyPatch
) -> None:
    s = web()
    with monkeypatch.context() as patched:
        patched.setattr(sys, "executable", "/nowhere/python")
        export_id = ask(s)
        until(lambda: given_up(s, export_id))
        until(lambda: not s.redis.messages.sent_lately(export_id))
    assert made(s, ask(s, rows=2)).state is State.READY
    assert messages.sent == []
