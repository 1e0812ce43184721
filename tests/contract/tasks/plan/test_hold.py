"""A query with a key is read by several transactions on one snapshot of a real PostgreSQL, share by share."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest

from pipeline.documents.inputs import key_ranges, sql
from pipeline.documents.inputs.sql import Query
from pipeline.errors import InvalidRequest, QueryFailed, RedisDown
from pipeline.exports import frozen, measures
from pipeline.exports.export import State
from pipeline.exports.waves import Wave
from pipeline.tasks import flow
from pipeline.tasks.keeper.status import status_of
from pipeline.tasks.outcomes import Again, Done, Missing, NotWanted
from pipeline.tasks.plan import hold
from pipeline.tasks.repair import Repair, repair
from pipeline.tasks.step import Work

from .... import steps
from ....postgres import postgres
from ..stage import Stage, failing
from .shop import ROWS, Shop, asked, fill, lines, read, shares_of

pytestmark = pytest.mark.xdist_group("postgres")
SHARE = 500
STATEMENT = "SELECT id, name, day FROM orders WHERE day >= '2026-01-01' ORDER BY id, name"


@pytest.fixture(scope="module")
def server() -> Iterator[int]:
    with postgres() as port:
        yield port


@pytest.fixture
def shop(server: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    """A shop's database with ROWS orders, 1 to ROWS, that requests name by the queries `keyed` and `whole`."""
    monkeypatch.setenv("SHOP_DATABASE_URL", f"postgres://shop@127.0.0.1:{server}/postgres")
    sql.register(Query("keyed", "SHOP_DATABASE_URL", STATEMENT, key="id"))
    sql.register(Query("whole", "SHOP_DATABASE_URL", STATEMENT))
    with psycopg.connect(f"postgresql://shop@127.0.0.1:{server}/postgres", autocommit=True) as connection:
        fill(connection, "n, 'Order ' || n")
        yield connection


@pytest.fixture(autouse=True)
def small_shares(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(key_ranges, "SHARE_ROWS", SHARE)
    monkeypatch.setattr(key_ranges, "BATCH_ROWS", 32)
    monkeypatch.setattr(frozen, "PIECE_BYTES", 4000)
    monkeypatch.setattr(hold, "WAIT_SECONDS", 0.05)


@contextmanager
def told_to_stop_at(stage: Stage, share: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """The process that holds the snapshot is told to end when it comes to a share."""
    stopping = threading.Event()
    whole = hold._store_share

    def store(work: Any, query: Any, shares: frozen.Shares, number: int) -> None:
        if number == share:
            stopping.set()
        whole(work, query, shares, number)

    with monkeypatch.context() as patch:
        patch.setattr(hold, "_store_share", store)
        yield stopping


def left(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> str:
    """An export whose holder has ended after half of the shares."""
    export_id = asked(stage)
    with told_to_stop_at(stage, 5, monkeypatch) as stopping:
        assert isinstance(flow.take(stage.s, "plan", export_id, None, stopping), Again)
    assert len(stage.s.frozen.missing(export_id, shares_of(stage, export_id))) == 6
    return export_id


def test_one_worker_alone_reads_all(stage: Stage, shop: Shop) -> None:
    """It does not wait for others, whose messages nobody takes."""
    export_id = asked(stage)
    assert isinstance(steps.plan(stage.s, export_id), Done)
    assert stage.queue.sent[0] == ("measure", export_id, *map(str, range(ROWS // SHARE)))
    lines = read(stage, export_id).splitlines()
    assert lines[0] == b'{"id":1,"name":"Order 1","day":"2026-01-31"}'
    assert len(lines) == ROWS
    stage.work()
    export = stage.load(export_id)
    assert (export.state, export.records, export.query_starts) == (State.READY, ROWS, 1)
    assert not stage.objects(export_id, "shares/"), "removed with the segments"
    assert shop.execute("SELECT count(*) FROM pg_stat_activity WHERE state LIKE 'idle in %'").fetchone() == (0,)


def test_a_large_result_is_measured_next(stage: Stage, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measures, "RANGE_BYTES", 30_000)
    monkeypatch.setattr(measures, "SMALL_BYTES", 60_000)
    export_id = asked(stage)
    assert isinstance(steps.plan(stage.s, export_id), Missing)
    stage.work()
    assert (stage.load(export_id).records, stage.load(export_id).query_starts) == (ROWS, 1)


KEYS = {
    "negative": ("n - 2500, 'x'", ROWS),
    "skewed": ("CASE WHEN n < 4991 THEN n ELSE n * 10^14 END, 'x'", ROWS),
    "ends": ("CASE n WHEN 1 THEN -9223372036854775808 WHEN 2 THEN 9223372036854775807 ELSE n END, 'x'", ROWS),
    "equal": ("n / 7, 'x' || n", ROWS),
    "all equal": ("5, 'x' || n", ROWS),
    "one key of many rows": ("greatest(n, 3000), 'x' || n", ROWS),
    "exact shares": ("n, 'x'", 2 * SHARE),
    "one share": ("n, 'x'", SHARE - 1),
}


@pytest.mark.parametrize(("columns", "rows"), KEYS.values(), ids=KEYS)
def test_the_lines_are_those_of_one_statement(stage: Stage, shop: Shop, columns: str, rows: int) -> None:
    fill(shop, columns, rows)
    assert lines(stage, "keyed") == lines(stage, "whole")


def test_a_share_goes_on_where_a_key_begins(stage: Stage, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers are told to end after each piece; rows of equal keys have no order of their own."""
    fill(shop, "n / 7, 'x' || n % 10")
    export_id, again = asked(stage), list[int]()

    def store(work: Any, query: Any, shares: frozen.Shares, number: int) -> None:
        while isinstance(steps.measure(stage.s, export_id, number, steps.STOPPING), Again):
            again.append(number)
        assert stage.s.frozen.rest(export_id, shares, number) is None

    monkeypatch.setattr(hold, "_store_share", store)
    assert isinstance(steps.plan(stage.s, export_id), Done)
    assert len(again) > ROWS // SHARE
    assert read(stage, export_id) == lines(stage, "whole")


def test_shares_follow_the_rows_and_not_the_keys(stage: Stage, shop: Shop) -> None:
    fill(shop, *KEYS["skewed"])
    export_id = asked(stage)
    steps.plan(stage.s, export_id)
    assert [share.rows for share in shares_of(stage, export_id).shares] == [SHARE] * (ROWS // SHARE)


def test_all_rows_are_of_one_moment(stage: Stage, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Others change the table before each share; workers read half of them, in transactions of their own."""
    export_id = asked(stage)
    whole, outcomes = hold._store_share, []

    def store(work: Any, query: Any, shares: frozen.Shares, number: int) -> None:
        shop.execute("DELETE FROM orders WHERE id %% 10 = %s", (number,))
        shop.execute("UPDATE orders SET id = id + 100000, name = 'changed' WHERE id %% 10 = %s", (9 - number,))
        shop.execute("INSERT INTO orders SELECT n * 3, 'new' FROM generate_series(1, 500) n")
        if number % 2:
            whole(work, query, shares, number)
        else:
            outcomes.append(steps.measure(stage.s, export_id, number))

    monkeypatch.setattr(hold, "_store_share", store)
    assert isinstance(steps.plan(stage.s, export_id), Done)
    assert [type(outcome) for outcome in outcomes] == [Done] * (ROWS // SHARE // 2)
    assert [line.split(b",")[0] for line in read(stage, export_id).splitlines()] == [
        b'{"id":%d' % n for n in range(1, ROWS + 1)
    ]


def test_a_lost_snapshot_counts_no_more(stage: Stage, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """The rows of the next attempt are all those of its moment. A message for a share of the former is dropped."""
    export_id = left(stage, monkeypatch)
    before = shares_of(stage, export_id)
    shop.execute("UPDATE orders SET name = 'later'")
    assert isinstance(steps.measure(stage.s, export_id, 0), NotWanted)
    assert stage.s.frozen.missing(export_id, before) == [0, 1, 2, 3, 4, 5]
    assert isinstance(steps.plan(stage.s, export_id), Done)
    assert shares_of(stage, export_id).generation != before.generation
    assert read(stage, export_id).count(b'"later"') == ROWS
    assert stage.load(export_id).query_starts == 2
    assert not stage.objects(export_id, f"shares/{before.generation}"), "nobody will read it"
    stage.work()
    assert stage.load(export_id).state is State.READY


def test_what_is_stored_to_the_end_counts_without_its_snapshot(
    stage: Stage, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    export_id = asked(stage)
    with monkeypatch.context() as patch, pytest.raises(RuntimeError):
        patch.setattr("pipeline.tasks.plan._divided", failing(RuntimeError()))
        steps.plan(stage.s, export_id)
    shop.execute("TRUNCATE orders")
    assert isinstance(steps.plan(stage.s, export_id), Done)
    assert (read(stage, export_id).count(b"\n"), stage.load(export_id).query_starts) == (ROWS, 1)


def test_a_result_that_became_small_has_none_of_the_former_shares(
    stage: Stage, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    export_id = left(stage, monkeypatch)
    shop.execute("DELETE FROM orders WHERE id > 3")
    assert isinstance(steps.plan(stage.s, export_id), Done)
    assert read(stage, export_id).count(b"\n") == 3
    assert list(stage.objects(export_id, "shares/")) == [f"exports/{export_id}/shares/shares.json"], "it is empty"
    assert stage.load(export_id).query_starts == 2


def test_only_one_holder_counts(stage: Stage, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that lost its lease, as when Redis is wiped, stops when another one has begun."""
    export_id, again = asked(stage), list[Any]()
    whole = hold._store_share

    def store(work: Any, query: Any, shares: frozen.Shares, number: int) -> None:
        if number == 4 and not again:
            stage.s.redis.client.flushall()
            again.append(number)
            again.append(steps.plan(stage.s, export_id))
        whole(work, query, shares, number)

    monkeypatch.setattr(hold, "_store_share", store)
    assert isinstance(steps.plan(stage.s, export_id), NotWanted)
    assert isinstance(again[1], Done)
    assert (read(stage, export_id).count(b"\n"), stage.load(export_id).query_starts) == (ROWS, 2)


def test_a_holder_that_was_frozen_behind_its_fence_takes_nothing_from_the_next_one(
    stage: Stage, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It saw so few rows that no shares are needed; meanwhile there are more, and they are stored and planned."""
    export_id, again, fence = left(stage, monkeypatch), list[Any](), Work.fence
    shop.execute("DELETE FROM orders WHERE id > 3")

    def freeze(work: Work) -> None:
        fence(work)
        if not again:
            stage.s.redis.client.flushall()
            shop.execute(f"INSERT INTO orders SELECT n, 'Order' FROM generate_series(4, {ROWS}) n")  # noqa: S608
            again.append(export_id)
            again.append(steps.plan(stage.s, export_id))
            again.append(shares_of(stage, export_id))

    monkeypatch.setattr(Work, "fence", freeze)
    outcome = steps.plan(stage.s, export_id)
    assert isinstance(again[1], Done)
    assert shares_of(stage, export_id) == again[2]
    assert read(stage, export_id).count(b"\n") == ROWS
    assert isinstance(outcome, NotWanted)


def test_a_share_of_a_dead_worker_is_taken_when_its_lease_ends(stage: Stage, shop: Shop) -> None:
    export_id = asked(stage)
    assert stage.s.redis.leases.take(f"{export_id}:measure 3", 0.5)
    assert isinstance(steps.plan(stage.s, export_id), Done)
    assert read(stage, export_id).count(b"\n") == ROWS


def test_waiting_for_others_is_no_progress(stage: Stage, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """So the limit on the time without progress ends it."""
    export_id, stopping, calls, seen = asked(stage), threading.Event(), list[str](), list[int]()
    for module in ("plan.hold", "step", "plan.freeze"):
        monkeypatch.setattr(f"pipeline.tasks.{module}.progressed", lambda: calls.append("progress"))
    whole = Work.wait

    def wait(work: Work, seconds: float) -> None:
        seen.append(len(calls))
        if len(seen) == 5:
            stopping.set()
        whole(work, seconds)

    monkeypatch.setattr(Work, "wait", wait)
    assert stage.s.redis.leases.take(f"{export_id}:measure 3", 600)
    assert isinstance(flow.take(stage.s, "plan", export_id, None, stopping), Again)
    assert seen == [len(calls)] * 5
    assert stage.s.frozen.missing(export_id, shares_of(stage, export_id)) == [3]


def test_redis_may_be_away_for_a_moment(stage: Stage, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    export_id, failures = asked(stage), [RedisDown("Redis does not answer.")]
    whole = hold._store_share

    def store(*given: Any) -> None:
        if failures:
            raise failures.pop()
        whole(*given)

    monkeypatch.setattr(hold, "_store_share", store)
    assert isinstance(steps.plan(stage.s, export_id), Done)
    assert not failures
    assert stage.load(export_id).query_starts == 1


def test_a_cancelled_export_is_not_read_further(stage: Stage, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    export_id, whole = asked(stage), hold._store_share
    monkeypatch.setattr("pipeline.tasks.step.ASK_SECONDS", 0.0)
    monkeypatch.setattr("pipeline.tasks.step.LOOK_SECONDS", 0.0)

    def store(work: Any, query: Any, shares: frozen.Shares, number: int) -> None:
        if number == 7:
            flow.cancel(stage.s, export_id)
        whole(work, query, shares, number)

    monkeypatch.setattr(hold, "_store_share", store)
    assert isinstance(steps.plan(stage.s, export_id), NotWanted)
    assert len(stage.s.frozen.missing(export_id, shares_of(stage, export_id))) >= 7


def test_the_keeper_sends_no_shares_of_a_lost_snapshot(
    stage: Stage, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the snapshot is held, its shares are work for workers; afterwards the query must begin again."""
    export_id, seen = asked(stage), []

    def look() -> tuple[Repair, int]:
        stage.s.redis.messages.forget_sent(export_id)
        status = status_of(stage.s, stage.load(export_id))
        return repair(status, 1000), len(status.unleased)

    with told_to_stop_at(stage, 5, monkeypatch) as stopping:
        whole = hold._store_share

        def store(*given: Any) -> None:
            seen.append(look())
            whole(*given)

        monkeypatch.setattr(hold, "_store_share", store)
        flow.take(stage.s, "plan", export_id, None, stopping)
    assert seen[0] == (Repair.NOTHING, ROWS // SHARE)
    assert look() == (Repair.PLAN, 0)
    assert isinstance(flow.take(stage.s, "wave", export_id, Wave(0, 16)), Done)
    assert stage.queue.sent[-1] == ("plan", export_id)


FAILS = "SELECT id, 1 / (4200 - id) AS share FROM orders ORDER BY id"
FAILED = r"failed at id 4,001 to 4,500 after \d+ rows: DivisionByZero \(22012\)"
WRONG = {
    "null": ("SELECT nullif(id, 7) AS id FROM orders ORDER BY id", "has rows whose key, id, is NULL"),
    "missing": ("SELECT name FROM orders", "has no column id, its key"),
    "type": ("SELECT name AS id FROM orders ORDER BY id", "has a key, id, that is not of the type smallint"),
    "order": ("SELECT id FROM orders ORDER BY id DESC", "does not order its rows by id first"),
    "twice": ("SELECT id, name, name FROM orders ORDER BY id", "has two columns 'name'"),
    "random": ("SELECT id FROM orders WHERE random() < 0.5 ORDER BY id", "gave .* rows at id .*, but counted"),
    "fails": (FAILS, FAILED),
    "table": ("SELECT id FROM nowhere", r"UndefinedTable \(42P01\)"),
}


@pytest.mark.parametrize(("statement", "words"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_named(stage: Stage, shop: Shop, statement: str, words: str) -> None:
    sql.register(Query("wrong", "SHOP_DATABASE_URL", statement, key="id"))
    export_id = asked(stage, "wrong")
    with pytest.raises(QueryFailed, match=f"^The query wrong .*{words}"):
        steps.plan(stage.s, export_id)


def test_a_worker_names_the_query_that_fails(stage: Stage, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    sql.register(Query("wrong", "SHOP_DATABASE_URL", FAILS, key="id"))
    export_id = asked(stage, "wrong")
    monkeypatch.setattr(hold, "_store_share", lambda *_: steps.measure(stage.s, export_id, 8))
    with pytest.raises(QueryFailed, match=FAILED):
        steps.plan(stage.s, export_id)


def test_the_rows_of_one_key_must_fit_the_memory(stage: Stage, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(key_ranges, "MAX_KEY_BYTES", 2**20)
    monkeypatch.setattr(key_ranges, "MOST_COST", 100)
    fill(shop, "greatest(n, 3000), repeat('x', 2000)")
    with pytest.raises(QueryFailed, match="more than 1 MiB of rows whose id is 3000"):
        lines(stage, "keyed")


def test_a_query_without_rows_says_so(stage: Stage, shop: Shop) -> None:
    fill(shop, "n, 'x'", 0)
    with pytest.raises(InvalidRequest, match="There are no rows in the query keyed"):
        lines(stage, "keyed")


@pytest.mark.parametrize("limit", ["", "LIMIT 4000"], ids=["no index", "limit"])
def test_ranges_that_each_read_all_rows_are_not_made(
    stage: Stage, shop: Shop, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, limit: str
) -> None:
    monkeypatch.setattr(key_ranges, "MOST_COST", 2)  # of a small table, less is lost than of a large one
    if not limit:
        shop.execute("DROP INDEX orders_id_idx")
    sql.register(Query("keyed", "SHOP_DATABASE_URL", f"{STATEMENT} {limit};", key="id"))
    assert lines(stage, "keyed").count(b"\n") == (4000 if limit else ROWS)
    assert "query keyed: one worker reads it. In ranges of id it would cost the database" in caplog.text


def test_arguments_are_bound_in_each_range(stage: Stage, shop: Shop) -> None:
    statement = "SELECT id, name FROM orders WHERE id > :above AND name LIKE :like ORDER BY id -- the new ones"
    sql.register(Query("some", "SHOP_DATABASE_URL", statement, arguments={"above": int, "like": str}, key="id"))
    assert lines(stage, "some", arguments={"above": 1000, "like": "Order %"}).count(b"\n") == ROWS - 1000
