"""A registered query on a real PostgreSQL: a cursor on the server, in one snapshot."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import psycopg
import pytest

from pipeline.documents.inputs import sql
from pipeline.documents.inputs.jsonl import encode_records
from pipeline.documents.inputs.sql import Query
from pipeline.errors import QueryFailed
from pipeline.exports.request import ExportRequest
from pipeline.services import Services
from pipeline.tasks.submit import submit

from ... import steps
from ...postgres import postgres
from ...waiting import until

pytestmark = pytest.mark.xdist_group("postgres")  # one server for all, whoever runs them
ORDERS = Query("orders", "SHOP_DATABASE_URL", "SELECT * FROM orders ORDER BY id")


@pytest.fixture(scope="module")
def server() -> Iterator[int]:
    with postgres() as port:
        yield port


@pytest.fixture
def shop(server: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[psycopg.Connection[Any]]:
    monkeypatch.setenv("SHOP_DATABASE_URL", f"postgres://shop@127.0.0.1:{server}/postgres")
    url = f"postgresql://shop@127.0.0.1:{server}/postgres"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("DROP TABLE IF EXISTS orders")
        connection.execute("CREATE TABLE orders (id int, day date, total numeric(12, 2), tags text[], doc jsonb)")
        connection.execute(
            "INSERT INTO orders SELECT n, '2026-01-31', n / 4.0, array['a', 'b'], '{\"k\": 1}'"
            " FROM generate_series(1, 5000) n"
        )
        yield connection


def test_rows_are_neither_lost_nor_doubled_while_others_write(shop: psycopg.Connection[Any]) -> None:
    stream = sql.rows(ORDERS, {})
    seen = [next(stream)["id"] for _ in range(700)]
    busy = shop.execute("SELECT query FROM pg_stat_activity WHERE state = 'idle in transaction'").fetchall()
    assert len(busy) == 1
    assert busy[0][0].startswith("FETCH FORWARD"), "rows wait on the server, not in this process"
    shop.execute("DELETE FROM orders WHERE id % 2 = 0")
    shop.execute("UPDATE orders SET id = id + 100000 WHERE id < 300")
    shop.execute("INSERT INTO orders (id) VALUES (99999)")
    seen += [row["id"] for row in stream]
    assert seen == list(range(1, 5001))


def test_its_types_have_their_text(shop: psycopg.Connection[Any]) -> None:
    with closing(encode_records(sql.rows(ORDERS, {}), "orders")) as stream:
        assert next(stream) == b'{"id":1,"day":"2026-01-31","total":"0.25","tags":["a","b"],"doc":{"k":1}}\n'


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("'1 month'::interval", '"1 mon"'),
        ("'1 year 2 mons 3 days 04:05:06'::interval", '"1 year 2 mons 3 days 04:05:06"'),
        ("'-90 seconds'::interval", '"-0:01:30"'),
        ("'36 hours'::interval", '"1 day, 12:00:00"'),
        ("'infinity'::date", '"infinity"'),
        ("'-infinity'::timestamptz", '"-infinity"'),
        ("'12000-01-01 01:02:03'::timestamp", '"12000-01-01T01:02:03"'),
        ("'0044-03-15 BC'::date", '"0044-03-15 BC"'),
        ("'24:00'::time", '"24:00:00"'),
        ("'2026-01-31 12:00'::timestamp", '"2026-01-31T12:00:00"'),
        ("'[1.10, 1e400, 12345678901234567.89, 123456789012345678901, 7]'::json",
         "[1.10,1e400,12345678901234567.89,123456789012345678901,7]"),
        ("'{\"price\": 1.10}'::jsonb", '{"price":1.10}'),
        ("'1.10'::jsonb", "1.10"),
        ("'{\"a\":1.10,\"a\":2}'::json", '"{\\"a\\":1.10,\\"a\\":2}"'),
        ("numrange(1.10, NULL)", '"[1.10,)"'),
        ("'{[1,3),[5,8)}'::int4multirange", '"{[1,3),[5,8)}"'),
        ("daterange('2026-01-31', 'infinity')", '"[2026-01-31,infinity)"'),
    ],
)  # fmt: skip
def test_a_value_that_python_cannot_hold_keeps_its_text(
    shop: psycopg.Connection[Any], value: str, expected: str
) -> None:
    statement = f"SELECT {value} AS v".replace(":", "\\:")  # else :00 would be an argument
    rows = sql.rows(Query("one", "SHOP_DATABASE_URL", statement), {})
    assert b"".join(encode_records(rows, "one")).decode() == f'{{"v":{expected}}}\n'


def test_a_query_that_fails_after_many_rows_says_so_and_leaves_none(
    shop: psycopg.Connection[Any], services: Services
) -> None:
    sql.register(Query("broken", ORDERS.database, "SELECT id, 1 / (4800 - id) AS share FROM orders"))
    export_id = submit(services, ExportRequest("table", {"query": "broken"}, "shop")).export.id
    with pytest.raises(QueryFailed, match=r"The query broken failed after [\d,]+ rows: DivisionByZero \(22012\)\."):
        steps.plan(services, export_id)
    assert not list(services.bucket.entries(f"exports/{export_id}/frozen/"))


READER = """
import sys
from pipeline.documents.inputs import sql

query = sql.Query("slow", "SHOP_DATABASE_URL", sys.argv[1], key=sys.argv[2])
with sql.connected(query, str) as connection:
    if sys.argv[3]:
        sql.import_snapshot(connection, query, sys.argv[3])
    for row in sql.stream(connection, query, query.statement, {}):
        pass
"""


@pytest.mark.parametrize("shared", [False, True], ids=["alone", "in one snapshot with others"])
def test_a_statement_ends_when_its_reader_was_killed(shop: psycopg.Connection[Any], shared: bool) -> None:
    """As a preview that took too long: the statement has no row yet, so nothing is sent to find that out."""
    with psycopg.connect(shop.info.dsn) as holder:
        snapshot = ""
        if shared:
            holder.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            snapshot = holder.execute("SELECT pg_export_snapshot()").fetchall()[0][0]
        with subprocess.Popen([sys.executable, "-c", READER, "SELECT pg_sleep(3600)", "", snapshot]) as reader:
            await_statements(shop, 1)
            reader.kill()
        await_statements(shop, 0)


def await_statements(shop: psycopg.Connection[Any], count: int) -> None:
    """Wait until this many others are at work on the server."""
    statement = (
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE backend_type = 'client backend' AND state = 'active' AND pid <> pg_backend_pid()"
    )
    until(lambda: shop.execute(statement).fetchall()[0][0] == count)


def test_a_query_cannot_write(shop: psycopg.Connection[Any]) -> None:
    drop = Query("drop", "SHOP_DATABASE_URL", "WITH gone AS (SELECT 1) SELECT setval('s', 1) FROM gone")
    shop.execute("CREATE SEQUENCE IF NOT EXISTS s")
    with pytest.raises(QueryFailed, match="ReadOnlySqlTransaction"):
        list(sql.rows(drop, {}))
