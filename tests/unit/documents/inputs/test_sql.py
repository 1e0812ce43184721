"""Registered queries on a real SQLite database: one state of the data, and no secret in a message."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from pipeline import documents
from pipeline.documents.inputs import key_ranges, snapshot, sql
from pipeline.documents.inputs.folder import FolderInputs
from pipeline.documents.inputs.sql import Query
from pipeline.documents.table.params import TableParams
from pipeline.errors import DatabaseDown, InvalidRequest, InvalidSetting, PipelineError, QueryFailed
from pipeline.settings import Settings

ROWS = 5000
ORDERS = Query(
    "orders",
    database="SHOP_DATABASE_URL",
    statement="SELECT id, day, total FROM orders WHERE day >= :since AND total >= :least ORDER BY id",
    arguments={"since": date, "least": float},
)
GIVEN = {"since": "2026-01-02", "least": 0}


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[sqlite3.Connection]:
    """A shop's database, in which others write at the same time."""
    path = tmp_path / "shop.sqlite"
    monkeypatch.setenv("SHOP_DATABASE_URL", f"sqlite:///{path}")
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("CREATE TABLE orders (id INTEGER PRIMARY KEY, day TEXT, total REAL)")
        connection.execute("BEGIN")
        rows = ((n, "2026-01-01" if n % 10 == 0 else "2026-01-03", n / 4) for n in range(ROWS))
        connection.executemany("INSERT INTO orders VALUES (?, ?, ?)", rows)
        connection.execute("COMMIT")
        yield connection


@pytest.fixture(autouse=True)
def known() -> None:
    documents.load(Settings.from_env({}).documents)
    sql.register(ORDERS)


def taken(query: Query, given: dict[str, Any]) -> list[dict[str, Any]]:
    return list(sql.rows(query, query.bind(given)))


def test_arguments_are_bound_in_their_types(shop: sqlite3.Connection) -> None:
    rows = taken(ORDERS, {"since": "2026-01-02", "least": 1000})
    assert [row["id"] for row in rows] == [n for n in range(ROWS) if n % 10 and n / 4 >= 1000]
    assert rows[0] == {"id": 4001, "day": "2026-01-03", "total": 1000.25}


def test_rows_are_neither_lost_nor_doubled_while_others_write(shop: sqlite3.Connection) -> None:
    stream = sql.rows(ORDERS, ORDERS.bind(GIVEN))
    seen = [next(stream)["id"] for _ in range(700)]
    shop.execute("DELETE FROM orders WHERE id % 2 = 0")
    shop.execute("UPDATE orders SET id = id + 100000 WHERE id < 300")  # what was read would be read again
    shop.execute("INSERT INTO orders VALUES (99999, '2026-01-03', 1)")
    seen += [row["id"] for row in stream]
    assert seen == [n for n in range(ROWS) if n % 10]


def test_a_query_cannot_write(shop: sqlite3.Connection) -> None:
    with pytest.raises(PipelineError):
        taken(Query("bad", "SHOP_DATABASE_URL", "DELETE FROM orders RETURNING id"), {})
    assert shop.execute("SELECT count(*) FROM orders").fetchone() == (ROWS,)


def test_a_query_becomes_lines(shop: sqlite3.Connection, tmp_path: Path) -> None:
    params = TableParams(query="orders", arguments={"since": "2026-01-01", "least": 1249.5})
    snapshot.check(params)
    made = snapshot.take(params, None, FolderInputs(tmp_path))
    assert made is not None
    assert b"".join(made.pieces) == (
        b'{"id":4998,"day":"2026-01-03","total":1249.5}\n{"id":4999,"day":"2026-01-03","total":1249.75}\n'
    )


@pytest.mark.parametrize(
    ("params", "field", "words"),
    [
        ({"query": "others"}, "query", "no query 'others'. Known: .*orders"),
        ({"query": "orders"}, "arguments.since", "`since` is missing"),
        ({"query": "orders", "arguments": GIVEN | {"x": 1}}, "arguments.x", "There is no `x`"),
        (
            {"query": "orders", "arguments": GIVEN | {"since": "1; DROP"}},
            "arguments.since",
            r"RFC3339 encoded date \(since: date\)",
        ),
        ({"listing": "a.csv", "arguments": {"a": 1}}, "arguments", "arguments but no query"),
    ],
    ids=["name", "missing", "unknown", "type", "none"],
)
def test_what_can_never_be_asked_is_refused_at_once(params: dict[str, Any], field: str, words: str) -> None:
    with pytest.raises(InvalidRequest, match=words) as caught:
        snapshot.check(TableParams(**params))
    assert caught.value.field == field


def test_a_statement_binds_its_arguments_and_no_others() -> None:
    with pytest.raises(InvalidSetting, match=r"binds \['a'\], but its arguments are \['b'\]"):
        Query("q", "URL", "SELECT :a, x::text, '12:30'", {"b": int})


def test_a_key_is_a_name() -> None:
    with pytest.raises(InvalidSetting, match="has the key 'id; DROP'"):
        Query("q", "URL", "SELECT 1", key="id; DROP")


def test_only_postgresql_has_snapshots_for_other_transactions(shop: sqlite3.Connection) -> None:
    """So a query with a key is read at once."""
    keyed = Query("keyed", "SHOP_DATABASE_URL", "SELECT id FROM orders ORDER BY id", key="id")
    with key_ranges.hold(keyed, {}) as query:
        assert query is None


@pytest.mark.parametrize(
    ("statement", "url", "kind"),
    [
        ("SELECT secret FROM nowhere", None, QueryFailed),
        ("DELETE FROM orders RETURNING id", None, QueryFailed),
        ("SELECT CAST(x'ff41' AS TEXT)", None, QueryFailed),
        ("SELECT id, id FROM orders", None, QueryFailed),
        ("SELECT 1", "postgres://user:secret@127.0.0.1:9/secret", DatabaseDown),
        ("SELECT 1", "sqlite:////nowhere/secret", DatabaseDown),
        ("SELECT 1", "secret", InvalidSetting),
        ("SELECT 1", "oracle://user:secret@127.0.0.1/x", InvalidSetting),
        ("SELECT 1", "", InvalidSetting),
    ],
    ids=["table", "write", "text", "twice", "closed", "no file", "no URL", "no driver", "not set"],
)
def test_an_error_says_what_to_look_at_and_no_secret(
    shop: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture,
    statement: str, url: str | None, kind: type[PipelineError],
) -> None:  # fmt: skip
    if url is not None:
        monkeypatch.setenv("SHOP_DATABASE_URL", url)
    with pytest.raises(kind) as caught:
        taken(Query("failing", "SHOP_DATABASE_URL", statement), {})
    assert "failing" in caught.value.message or "SHOP_DATABASE_URL" in caught.value.message
    assert "secret" not in caught.value.message + caught.value.advice + caplog.text
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
