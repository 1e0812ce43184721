"""Parquet files and Arrow streams as records. pyarrow, an optional extra, is imported here only.

A Parquet file is untrusted: how much is read at once follows from limits here, not from what the file says. If
one still kills its process, its export fails after a few attempts.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Set
from contextlib import ExitStack, contextmanager
from io import RawIOBase
from typing import Any

from msgspec.structs import replace

from ...errors import InvalidRequest
from ...exports.frozen import Share
from ...settings import MIB
from .jsonl import check_names
from .parquet_values import Record, in_words, pyarrow, records, stored_interval, with_nanoseconds

MAX_FOOTER = 16 * MIB
MAX_COLUMNS = 2000
BATCH_ROWS = 1024
BATCH_BYTES = 4 * MIB
BUFFERS = 8 * MIB  # read-ahead buffers of all columns together
MIN_BUFFER = 64 * 1024
SHARE_BYTES = 16 * MIB  # about two seconds of work
MAX_SHARES = 2000  # about: each reads the footer anew, and the sizes in it may be made up


def is_stream(source: object) -> bool:
    """Return True for anything with an Arrow C stream: a table, a RecordBatchReader, a data frame."""
    return hasattr(source, "__arrow_c_stream__")


def stream(source: Any, what: str) -> Iterator[Record]:
    """Yield the records of an Arrow stream, a batch at a time."""
    arrow = pyarrow()
    try:
        reader = arrow.RecordBatchReader.from_stream(source)
    except arrow.ArrowInvalid:  # a column alone
        raise InvalidRequest(f"Arrow gave values in place of rows: {what}.", advice="Pass a table.") from None
    check_names(reader.schema.names, what)
    for batch in reader:
        for at in range(0, batch.num_rows, BATCH_ROWS):
            yield from records(batch.slice(at, BATCH_ROWS), what)


def parquet(file: RawIOBase, what: str) -> Iterator[Record]:
    """Yield the records of a Parquet file. InvalidRequest if it is damaged or over a limit."""
    for some in _batches(file, what):
        yield from some


def shares(file: RawIOBase, what: str) -> tuple[Share, ...]:
    """Return a Parquet file in shares: one row group, or as many as have SHARE_BYTES in memory together; more in a
    very large file, so that there are at most 2 * MAX_SHARES + 1: any two neighbours exceed the size of one."""
    found: list[Share] = []
    with _damage(f"The Parquet file in {what}"):
        groups = list(_groups(_metadata(file, what)))
        most = max(SHARE_BYTES, sum(size for _, _, size in groups) // MAX_SHARES)
        for group, rows, size in groups:
            last = found[-1] if found else Share(0, 0, 0, 0, 0)
            if found and (not rows or last.size + size <= most):
                found[-1] = replace(last, stop=group + 1, rows=last.rows + rows, size=last.size + size)
            else:
                found.append(Share(group, group + 1, last.begin + last.rows, rows, size))
    return tuple(found)


def share_records(file: RawIOBase, what: str, share: Share, start: int) -> Iterator[list[Record]]:
    """Yield the records of a share from its row `start` on, a batch at a time; empty ones for those before."""
    return _batches(file, what, share.first, share.stop, start)


def _batches(
    file: RawIOBase, what: str, first: int = 0, stop: int | None = None, start: int = 0
) -> Iterator[list[Record]]:
    """Yield the records of row groups, a batch at a time."""
    with ExitStack() as stack:
        with _damage(f"The Parquet file in {what}"):
            found = _metadata(file, what)
            leaves = [found.schema.column(number) for number in range(found.num_columns)]
            # Arrow makes one number of such a time: in nanoseconds it wraps outside of the years 1678 to 2261.
            units = ("us", "ns") if any(leaf.physical_type == "INT96" for leaf in leaves) else (None,)
            files = [stack.enter_context(_opened(file, found, unit)) for unit in units]
        intervals = {leaf.path for leaf in leaves if leaf.converted_type == "INTERVAL"}
        batch, before = _batch_rows(found), sum(found.row_group(group).num_rows for group in range(first))
        for group in range(first, found.num_row_groups if stop is None else stop):
            rows = found.row_group(group).num_rows
            name = f"Row group {group + 1:,} of {found.num_row_groups:,}, rows {before + 1:,} to {before + rows:,},"
            with _damage(f"{name} of the Parquet file in {what}"):
                read = zip(*(each.iter_batches(batch, [group], use_threads=False) for each in files), strict=True)
                for some in _group(read, rows, what, start):
                    yield [_with_intervals(record, intervals) for record in some] if intervals else some
            start, before = max(0, start - rows), before + rows


def _opened(file: RawIOBase, found: Any, unit: str | None) -> Any:
    from pyarrow import parquet

    return parquet.ParquetFile(
        file, metadata=found, pre_buffer=False, buffer_size=max(MIN_BUFFER, BUFFERS // found.num_columns),
        page_checksum_verification=True, coerce_int96_timestamp_unit=unit,
    )  # fmt: skip


def _group(batches: Iterable[tuple[Any, ...]], rows: int, what: str, start: int) -> Iterator[list[Record]]:
    """Yield the records of a row group from row `start` on. ValueError if it has not as many as the file says.

    Each batch is given once, or in microseconds and again in nanoseconds.
    """
    at = 0
    for batch, *finer in batches:
        begin = min(batch.num_rows, max(0, start - at))
        some, *again = [list(records(each.slice(begin), what)) for each in (batch, *finer)]
        yield list(map(with_nanoseconds, some, *again)) if again else some
        at += batch.num_rows
    if at != rows:
        raise ValueError(f"it has {at:,} rows")


def _with_intervals(record: Record, names: Set[str]) -> Record:
    return {
        name: stored_interval(value) if name in names and isinstance(value, bytes) else value
        for name, value in record.items()
    }


@contextmanager
def _damage(what: str) -> Iterator[None]:
    """Name what is damaged when it cannot be read."""
    arrow = pyarrow()
    try:
        yield
    except arrow.ArrowNotImplementedError as error:
        raise InvalidRequest(
            f"{what} cannot be read: {in_words(error)}.",
            field="listing",
            advice="Write it with other types or another encoding; most programs read text and decimals.",
        ) from error
    except (arrow.ArrowException, OSError, ValueError, OverflowError) as error:
        raise InvalidRequest(
            f"{what} is damaged: {in_words(error)}.", field="listing", advice="Write the file again."
        ) from error


def _metadata(file: RawIOBase, what: str) -> Any:
    """Return what the footer of a file says of it. ValueError if it contradicts itself: rows would be lost."""
    from pyarrow import parquet

    _check_footer(file, what)
    found = parquet.read_metadata(file)
    _check_columns(found.schema.to_arrow_schema().names, what)
    rows = [count for _, count, _ in _groups(found)]
    if sum(rows) != found.num_rows or min(rows, default=0) < 0:
        raise ValueError(f"its footer says {found.num_rows:,} rows, its row groups {sum(rows):,}")
    return found


def _groups(found: Any) -> Iterator[tuple[int, int, int]]:
    """Yield the number, the rows and the bytes in memory of each row group."""
    for number in range(found.num_row_groups):
        group = found.row_group(number)
        yield number, group.num_rows, max(0, group.total_byte_size)


def _check_footer(file: RawIOBase, what: str) -> None:
    """Check the length of the footer, which must be in memory at once. The last 8 bytes hold it."""
    size = file.seek(0, 2)
    file.seek(max(0, size - 8))
    (length,) = struct.unpack("<I", file.read(4) or b"\0\0\0\0")
    if length > MAX_FOOTER:
        raise InvalidRequest(
            f"The footer of the Parquet file in {what} has {length // MIB} MiB; {MAX_FOOTER // MIB} are allowed.",
            field="listing",
            advice="Write it with larger row groups, or fewer columns.",
        )
    file.seek(0)


def _check_columns(names: list[str], what: str) -> None:
    if not 0 < len(names) <= MAX_COLUMNS:
        raise InvalidRequest(
            f"The Parquet file in {what} has {len(names):,} columns; 1 to {MAX_COLUMNS:,} are allowed.",
            field="listing",
        )
    check_names(names, what)


def _batch_rows(found: Any) -> int:
    """Return how many average rows make a batch of 4 MiB."""
    size = sum(size for _, _, size in _groups(found))
    rows: int = BATCH_BYTES * found.num_rows // max(1, size)
    return max(1, min(BATCH_ROWS, rows))
