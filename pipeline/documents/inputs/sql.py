"""Registered queries. SQLAlchemy, an optional extra, is imported here only.

A request names a query and gives its arguments. SQL comes from modules that DOCUMENTS names, never from a
request. The URL of a database is read from the environment when it is needed, and appears in no message.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import msgspec

from ...errors import DatabaseDown, InvalidRequest, InvalidSetting, QueryFailed, SnapshotGone
from ..params import invalid

ROWS_AT_ONCE = 500
BOUND = re.compile(r"(?<![:\w\\]):(\w+)(?!:)")  # :name, as SQLAlchemy's text() finds it
ONE_SNAPSHOT: Mapping[str, Mapping[str, Any]] = {
    "postgresql": {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True},
    "mysql": {"isolation_level": "REPEATABLE READ"},
    "mariadb": {"isolation_level": "REPEATABLE READ"},
}
"""Options of a connection by dialect, so that a query sees one state of the data. SQLite needs none."""
WATCH = "SET LOCAL client_connection_check_interval = '2s'"
"""Else PostgreSQL notices only when it has a row to send that its client is gone: a statement of a process that was
killed, such as a preview that took too long, would run to its end."""
WATCHES = (14,)  # the first version that has it
GONE = {"22023", "42704", "55000", "58P01"}  # SQLSTATEs of PostgreSQL's versions for a snapshot that does not exist


@dataclass(frozen=True)
class Query:
    """A statement that requests may name.

    `database` is the environment variable with the URL, `arguments` the type of each :name in the statement:

        register(Query("orders", "SHOP_URL", "SELECT * FROM orders WHERE day >= :since", {"since": date}))

    `key`: a column of whole numbers by which the statement orders its rows first, ascending. On PostgreSQL, several
    workers then read a large result, each some ranges of the key.
    """

    name: str
    database: str
    statement: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    key: str = ""

    def __post_init__(self) -> None:
        bound = set(BOUND.findall(self.statement))
        if bound != set(self.arguments):
            raise InvalidSetting(
                f"The query {self.name} binds {sorted(bound)}, but its arguments are {sorted(self.arguments)}.",
                field="DOCUMENTS",
            )
        if self.key and not self.key.isidentifier():
            raise InvalidSetting(
                f"The query {self.name} has the key {self.key!r}; name a column.", field="DOCUMENTS"
            )

    def bind(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Return the arguments of a request in their types. InvalidRequest names a wrong one."""
        kind = msgspec.defstruct("Arguments", list(self.arguments.items()), forbid_unknown_fields=True)
        try:
            return msgspec.structs.asdict(msgspec.convert(given, kind))
        except msgspec.ValidationError as error:
            told = invalid(error, kind)
            field = "arguments" if told.field == "params" else f"arguments.{told.field}"
            raise InvalidRequest(f"Query {self.name}: {told.message}", field=field) from None


_register: dict[str, Query] = {}


def register(query: Query) -> None:
    """Make a query known under its name. The last one registered under a name is used."""
    _register[query.name] = query


def find(name: str) -> Query:
    """Return the query with this name. Raises InvalidRequest."""
    if name not in _register:
        known = ", ".join(sorted(_register)) or "none"
        raise InvalidRequest(f"There is no query {name!r}. Known: {known}.", field="query")
    return _register[name]


def rows(query: Query, values: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the rows of a query: one statement in one read-only transaction, 500 rows at a time."""
    count = 0
    with connected(query, lambda: after(count)) as connection:
        for count, row in enumerate(stream(connection, query, query.statement, values), 1):  # noqa: B007  # told
            yield row


def stream(
    connection: Any, query: Query, statement: str, values: Mapping[str, Any]
) -> Generator[dict[str, Any], None, None]:
    """Yield the rows of a statement through a cursor on the server."""
    with closing(run(connection, statement, values, yield_per=ROWS_AT_ONCE)) as result:
        names = list(result.keys())
        if twice := [name for name in names if names.count(name) > 1]:
            raise QueryFailed(f"The query {query.name} has two columns {twice[0]!r}; name them with AS.")
        for row in result:
            yield dict(zip(names, row, strict=True))


def run(connection: Any, statement: str, values: Mapping[str, Any], **options: Any) -> Any:
    """Return the result of a statement with its arguments."""
    from sqlalchemy import text

    return connection.execute(text(statement).bindparams(**values), execution_options=options)


@contextmanager
def connected(query: Query, told: Callable[[], str]) -> Iterator[Any]:
    """Open a connection for one read-only transaction. Translates errors; `told` says where one happened."""
    with _translated(query, told), _connected(query) as connection:
        yield connection


def import_snapshot(connection: Any, query: Query, snapshot: str) -> None:
    """Let the transaction that begins now read a snapshot that another one exported. Raises SnapshotGone."""
    from sqlalchemy import exc

    try:
        connection.exec_driver_sql(f"SET TRANSACTION SNAPSHOT '{snapshot}'")
    except exc.DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) in GONE:
            raise SnapshotGone(
                f"The snapshot of query {query.name} is gone: the process that held it has ended."
            ) from None
        raise


@contextmanager
def _connected(query: Query) -> Iterator[Any]:
    from sqlalchemy import create_engine
    from sqlalchemy.pool import NullPool

    engine = create_engine(_url(query), poolclass=NullPool, hide_parameters=True)
    with engine.connect() as connection:
        connection = connection.execution_options(**ONE_SNAPSHOT.get(engine.dialect.name, {}))
        if engine.dialect.name == "sqlite":
            connection.exec_driver_sql("PRAGMA query_only = ON")
        if engine.dialect.name == "postgresql" and (engine.dialect.server_version_info or ()) >= WATCHES:
            _end_without_reader(connection)
        if engine.dialect.driver == "psycopg":
            _load_exactly(connection.connection.driver_connection)
        yield connection


def _end_without_reader(connection: Any) -> None:
    """Let the server end the statements of this transaction soon after this process has ended."""
    from sqlalchemy import exc

    with suppress(exc.DBAPIError), connection.begin_nested():  # refused by a server on Windows
        connection.exec_driver_sql(WATCH)


def _load_exactly(connection: Any) -> None:
    """Make psycopg keep what Python's types cannot hold.

    Text: times such as `infinity`, before the year 1 or past 9999, and intervals with months, which psycopg counts
    as 30 days; ranges, whose open ends are None in Python; JSON with a name twice. JSON: the digits of numbers.
    """
    from psycopg.types import datetime as times
    from psycopg.types.json import set_json_loads
    from psycopg.types.string import TextLoader

    set_json_loads(_json, connection)
    loaders = {
        "date": times.DateLoader,
        "time": times.TimeLoader,
        "timetz": times.TimetzLoader,
        "timestamp": times.TimestampLoader,
        "timestamptz": times.TimestamptzLoader,
        "interval": times.IntervalLoader,
    }
    for name, loader in loaders.items():
        connection.adapters.register_loader(name, _or_text(loader))
    for of in ("int4", "int8", "num", "date", "ts", "tstz"):
        connection.adapters.register_loader(f"{of}range", TextLoader)
        connection.adapters.register_loader(f"{of}multirange", TextLoader)


def _or_text(loader: Any) -> type[Any]:
    from psycopg import DataError

    class OrText(loader):  # type: ignore[misc]  # a class that is chosen at run time
        def load(self, data: Any) -> Any:
            text = bytes(data).decode()
            if "mon" in text or "year" in text:
                return text
            try:
                return super().load(data)
            except DataError:
                return re.sub(r"(?<=\d) (?=\d)", "T", text, count=1)

    return OrText


def _json(text: str | bytes) -> Any:
    """Return a value of JSON; as text if an object has a name twice."""
    try:
        return json.loads(text, parse_float=_digits, parse_int=_digits, object_pairs_hook=_object)
    except _NameTwice:
        return text.decode() if isinstance(text, bytes) else text


class _NameTwice(Exception):
    pass


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise _NameTwice
    return found


def _digits(number: str) -> msgspec.Raw:
    """Return a number that is written to JSON as it is."""
    return msgspec.Raw(number.encode())


def _url(query: Query) -> str:
    """Return the URL of the database. Heroku's name no driver; the extra brings psycopg."""
    url = os.environ.get(query.database, "")
    if not url:
        raise InvalidSetting(
            f"{query.database} is not set, but query {query.name} needs it.",
            field=query.database,
            advice="Set it to the URL of the database.",
        )
    return re.sub(r"^postgres(ql)?://", "postgresql+psycopg://", url)


@contextmanager
def _translated(query: Query, told: Callable[[], str]) -> Iterator[None]:
    """Translate errors, without their text: it may hold the statement, arguments or parts of the URL."""
    try:
        from sqlalchemy import exc
    except ImportError:
        raise InvalidSetting(
            "Queries need SQLAlchemy, which is not installed here.",
            advice="Add SQLAlchemy and the database's driver to requirements.txt, or install pipeline[sql].",
        ) from None
    try:
        yield
    except (exc.ArgumentError, exc.NoSuchModuleError, ImportError):
        raise InvalidSetting(
            f"{query.database} does not hold the URL of a database whose driver is installed.",
            field=query.database,
            advice="Correct the environment variable, or add the driver to requirements.txt.",
        ) from None
    except exc.SQLAlchemyError as error:
        down = isinstance(error, exc.OperationalError | exc.InterfaceError | exc.TimeoutError)
        if down and not _is_of_sqlite_statement(getattr(error, "orig", None)):
            raise DatabaseDown(f"The database of query {query.name} failed{told()}: {_kind(error)}.") from None
        raise QueryFailed(f"The query {query.name} failed{told()}: {_kind(error)}.") from None


def _is_of_sqlite_statement(error: object) -> bool:
    """Return True for what SQLite calls operational, though it comes again: no such column, no UTF-8."""
    of_sqlite = type(error).__module__ == "sqlite3"
    return of_sqlite and getattr(error, "sqlite_errorname", None) in (None, "SQLITE_ERROR", "SQLITE_READONLY")


def after(rows: int) -> str:
    """Return the words that say after how many rows something happened."""
    return f" after {rows:,} rows" if rows else ""


def _kind(error: Any) -> str:
    """Return the driver's name of the error, with its SQLSTATE if it has one."""
    origin = getattr(error, "orig", None) or error
    state = getattr(origin, "sqlstate", None)
    return type(origin).__name__ + (f" ({state})" if state else "")
