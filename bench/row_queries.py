"""The queries of `bench.rows`, as an operator registers them."""

from __future__ import annotations

from pipeline.documents.inputs.sql import Query, register

DATABASE = "BENCH_DATABASE_URL"
STATEMENT = "SELECT id, name FROM rows ORDER BY id"

register(Query("query", database=DATABASE, statement=STATEMENT))
register(Query("keyed", database=DATABASE, statement=STATEMENT, key="id"))
