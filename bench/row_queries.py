"""The query of `bench.rows`, as an operator registers one."""

from __future__ import annotations

from pipeline.documents.inputs.sql import Query, register

DATABASE = "BENCH_DATABASE_URL"
NAME = "rows"

register(Query(NAME, database=DATABASE, statement="SELECT id, name FROM rows ORDER BY id"))
