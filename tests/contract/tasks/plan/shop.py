"""A shop's table of orders in PostgreSQL, and exports of it."""

from __future__ import annotations

from typing import Any

import psycopg

from pipeline.exports import frozen
from pipeline.exports.request import ExportRequest
from pipeline.tasks.outcomes import Done
from pipeline.tasks.submit import submit

from .... import steps
from ..stage import Stage

ROWS = 5000
Shop = psycopg.Connection[Any]


def fill(shop: Shop, columns: str, rows: int = ROWS) -> None:
    """Let the table have so many rows, of which `n` is the number, and an index on its key."""
    shop.execute("DROP TABLE IF EXISTS orders")
    shop.execute("CREATE TABLE orders (id bigint, name text, day date DEFAULT '2026-01-31')")
    shop.execute(f"INSERT INTO orders SELECT {columns} FROM generate_series(1, {rows}) n")  # noqa: S608
    shop.execute("CREATE INDEX ON orders (id)")
    shop.execute("ANALYZE orders")


def asked(stage: Stage, query: str = "keyed", **params: Any) -> str:
    order = ExportRequest("table", {"query": query, **params}, "shop", None)
    export_id = submit(stage.s, order).export.id
    stage.queue.sent.clear()
    return export_id


def read(stage: Stage, export_id: str) -> bytes:
    """The lines that were stored, as drawing reads them."""
    found = stage.s.exports.plan(export_id)
    assert found.listing
    return b"".join(stage.s.inputs.pinned(found.listing).blocks(found.listing.key))


def lines(stage: Stage, query: str, **params: Any) -> bytes:
    export_id = asked(stage, query, **params)
    assert isinstance(steps.plan(stage.s, export_id), Done)
    return read(stage, export_id)


def shares_of(stage: Stage, export_id: str) -> frozen.Shares:
    found = stage.s.frozen.shares(export_id)
    assert found
    return found
