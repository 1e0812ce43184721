"""A query that is read by ranges of its key, by several processes, on one snapshot of a PostgreSQL database.

One transaction exports the snapshot and is held open. Others read the same state of the data as long as it is. What
is read of a range is `SELECT * FROM (statement) WHERE key BETWEEN … AND …`. So all ranges together are the rows of
the statement, whatever it says, and they are in its order if it orders them by the key first; that is checked.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from typing import Any

from ...errors import QueryFailed
from ...exports.frozen import Share
from ...settings import MIB
from . import sql
from .jsonl import encode_record
from .sql import Query

log = logging.getLogger(__name__)
SHARE_ROWS = 50_000  # about two seconds of work
BATCH_ROWS = 500  # or more, as many as the last of them has of its key
BATCH_BYTES = 1 * MIB
MAX_KEY_BYTES = 32 * MIB  # of the lines of one key, which are in memory together
MOST_COST = 4.0  # of reading all ranges, by that of reading all rows at once
LEAST_KEY, GREATEST_KEY = -(2**63), 2**63 - 1
INTEGERS = {20, 21, 23}  # PostgreSQL's numbers of the types bigint, smallint and integer


class RangedQuery:
    """A query in an open transaction. `snapshot` is the name by which other transactions can read its state."""

    def __init__(self, query: Query, values: Mapping[str, Any]) -> None:
        self.query = query
        self.values = values
        self.connection: Any = None  # once it is open
        self.snapshot = ""
        self.place = ""  # what is read now, in words
        self.rows_read = 0  # of it

    def divide(self) -> Iterator[Share]:
        """Yield the rows in shares, each of SHARE_ROWS or somewhat more: rows of one key stay together. Only the
        first one if the database cannot read a range without reading all rows."""
        self._check_key()
        least, begin = LEAST_KEY, 0
        while share := self._next_share(least, begin):
            yield share
            least, begin = share.stop, begin + share.rows
            if share.rows < SHARE_ROWS or least > GREATEST_KEY or not (share.begin or self._is_worth_it(share)):
                return

    def lines(self, share: Share, start: int) -> Iterator[list[bytes]]:
        """Yield the lines of a share from its row `start` on, in batches. Each begins with the first row of a key:
        rows of equal keys may come in another order when they are read again."""
        name, last, size, batch = self.query.key, share.first, 0, list[bytes]()
        self.place, self.rows_read = f" at {name} {share.first:,} to {share.stop - 1:,}", start
        statement = f"{self._of(share)} OFFSET {start}"
        with closing(sql.stream(self.connection, self.query, statement, self.values)) as rows:
            for row in rows:
                key = row[name]
                if key < last:
                    raise self._failed(f"does not order its rows by {name} first", f"Write ORDER BY {name}, …")
                if key > last and (len(batch) >= BATCH_ROWS or size > BATCH_BYTES):
                    yield batch
                    size, batch = 0, []
                self.rows_read += 1
                batch.append(encode_record(row, share.begin + self.rows_read, f"the query {self.query.name}"))
                last, size = key, size + len(batch[-1])
                if size > MAX_KEY_BYTES:
                    told = f"has more than {MAX_KEY_BYTES // MIB} MiB of rows whose {name} is {key}"
                    raise self._failed(told, "Register it with a key that fewer rows share, or without one.")
        yield batch
        if self.rows_read != share.rows:
            told = f"gave {self.rows_read:,} rows{self.place}, but counted {share.rows:,}"
            raise self._failed(told, "Give times as arguments: now() differs between workers.")

    def touch(self) -> None:
        """Show the database that the transaction is in use. Raises DatabaseDown when its connection is lost."""
        sql.run(self.connection, "SELECT 1", {}).close()

    def told(self) -> str:
        """Return the words that say where an error happened."""
        return self.place + sql.after(self.rows_read)

    def _next_share(self, least: int, begin: int) -> Share | None:
        """Return the share from a key on. Only the keys are read, from an index if there is one."""
        keys = self._select(f"{self._key} AS key", f"WHERE {self._key} >= {least} ORDER BY key")
        few = f"{keys} FETCH FIRST {SHARE_ROWS} ROWS WITH TIES"
        found = sql.run(
            self.connection,
            f"SELECT min(key), max(key), count(*) FROM ({few}) AS few",  # noqa: S608  # see _select
            self.values,
        )
        first, last, rows = found.one()
        return Share(first, last + 1, begin, rows, 0) if rows else None

    def _check_key(self) -> None:
        name = self.query.key
        with closing(sql.run(self.connection, self._select("*", "LIMIT 0"), self.values)) as result:
            types = {column[0]: column[1] for column in result.cursor.description}
        if name not in types:
            raise self._failed(f"has no column {name}, its key")
        if types[name] not in INTEGERS:
            raise self._failed(f"has a key, {name}, that is not of the type smallint, integer or bigint")
        if sql.run(self.connection, self._select("1", f"WHERE {self._key} IS NULL LIMIT 1"), self.values).first():
            advice = f"Leave them out (WHERE {name} IS NOT NULL), or register it without a key."
            raise self._failed(f"has rows whose key, {name}, is NULL", advice)

    def _is_worth_it(self, share: Share) -> bool:
        """Return False if the database reads all rows to pick a range: there may be no index on the key."""
        whole, rows = self._estimate(self._select("*"))
        cost = self._estimate(self._of(share))[0] * max(1.0, rows / SHARE_ROWS)
        if cost <= MOST_COST * whole:
            return True
        log.warning(
            "query %s: one worker reads it. In ranges of %s it would cost the database %.0f times as much: there"
            " may be no index on it, or the statement has a LIMIT or aggregates.",
            self.query.name, self.query.key, cost / whole,
        )  # fmt: skip
        return False

    def _estimate(self, statement: str) -> tuple[float, float]:
        """Return what the database thinks that a statement costs, and how many rows it gives."""
        first = sql.run(self.connection, f"EXPLAIN {statement}", self.values).scalars().first()
        found = re.search(r"\.\.([\d.]+) rows=(\d+)", str(first))
        return (float(found[1]), float(found[2])) if found else (0.0, 0.0)

    def _of(self, share: Share) -> str:
        return self._select("*", f"WHERE {self._key} BETWEEN {share.first} AND {share.stop - 1}")

    def _select(self, what: str, rest: str = "") -> str:
        """Return a statement that reads the query's. What is added to it are the name of a column, and numbers."""
        statement = self.query.statement.rstrip().rstrip(";")
        return f"SELECT {what} FROM (\n{statement}\n) AS whole {rest}"  # noqa: S608  # as said

    def _failed(self, told: str, advice: str | None = None) -> QueryFailed:
        return QueryFailed(f"The query {self.query.name} {told}.", advice=advice)

    @property
    def _key(self) -> str:
        return f'whole."{self.query.key}"'


@contextmanager
def hold(query: Query, values: Mapping[str, Any]) -> Iterator[RangedQuery | None]:
    """Open a transaction and export its snapshot. Yields None where the database is no PostgreSQL."""
    ranged = RangedQuery(query, values)
    with sql.connected(query, ranged.told) as connection:
        if connection.dialect.name != "postgresql":
            yield None
            return
        ranged.connection = connection
        ranged.snapshot = sql.run(connection, "SELECT pg_export_snapshot()", {}).scalar_one()
        yield ranged


@contextmanager
def join(query: Query, values: Mapping[str, Any], snapshot: str) -> Iterator[RangedQuery]:
    """Open a transaction on a snapshot that another one exported. Raises SnapshotGone."""
    ranged = RangedQuery(query, values)
    with sql.connected(query, ranged.told) as connection:
        sql.import_snapshot(connection, query, snapshot)
        ranged.connection = connection
        yield ranged
