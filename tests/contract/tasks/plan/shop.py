"""A shop's table of orders in PostgreSQL."""

from __future__ import annotations

from typing import Any

import psycopg

ROWS = 5000
Shop = psycopg.Connection[Any]


def fill(shop: Shop, columns: str, rows: int = ROWS) -> None:
    """Let the table have so many rows, of which `n` is the number, and an index on its key."""
    shop.execute("DROP TABLE IF EXISTS orders")
    shop.execute("CREATE TABLE orders (id bigint, name text, day date DEFAULT '2026-01-31')")
    shop.execute(f"INSERT INTO orders SELECT {columns} FROM generate_series(1, {rows}) n")  # noqa: S608
    shop.execute("CREATE INDEX ON orders (id)")
    shop.execute("ANALYZE orders")
