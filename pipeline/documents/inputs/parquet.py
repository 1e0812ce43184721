"""Parquet files and Arrow streams as records. pyarrow, an optional extra, is imported here only.

A Parquet file is untrusted: how much is read at once follows from limits here, not from what the file says. If
one still kills its process, its export fails after a few attempts.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from io import RawIOBase
from typing import Any

from ...errors import InvalidRequest, InvalidSetting
from ...settings import MIB

MAGIC = b"PAR1"  # at both ends of a file
MAX_FOOTER = 16 * MIB
MAX_COLUMNS = 2000
BATCH_ROWS = 1024
BATCH_BYTES = 4 * MIB
BUFFERS = 8 * MIB  # read-ahead buffers of all columns together
MIN_BUFFER = 64 * 1024

Record = dict[str, Any]


def is_stream(source: object) -> bool:
    """True for anything with an Arrow C stream: a table, a RecordBatchReader, a data frame."""
    return hasattr(source, "__arrow_c_stream__")


def stream(source: Any) -> Iterator[Record]:
    """Yields the records of an Arrow stream, a batch at a time."""
    for batch in _pyarrow().RecordBatchReader.from_stream(source):
        for at in range(0, batch.num_rows, BATCH_ROWS):
            yield from _records(batch.slice(at, BATCH_ROWS))


def parquet(file: RawIOBase, what: str) -> Iterator[Record]:
    """Yields the records of a Parquet file. InvalidRequest if it is damaged or over a limit."""
    arrow = _pyarrow()
    try:
        yield from _read(file, what)
    except (arrow.ArrowException, OSError, ValueError, OverflowError) as error:
        words = next(iter(str(error).splitlines()), type(error).__name__).rstrip(".")
        raise InvalidRequest(
            f"The Parquet file in {what} is damaged: {words[:200]}.",
            field="listing",
            advice="Write the file again.",
        ) from error


def _read(file: RawIOBase, what: str) -> Iterator[Record]:
    from pyarrow import parquet

    _check_footer(file, what)
    found = parquet.read_metadata(file)
    _check_columns(found.schema.to_arrow_schema().names, what)
    with parquet.ParquetFile(
        file,
        metadata=found,
        pre_buffer=False,
        buffer_size=max(MIN_BUFFER, BUFFERS // found.num_columns),
    ) as opened:
        for batch in opened.iter_batches(_batch_rows(found), use_threads=False):
            yield from _records(batch)


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
    if twice := [name for name in names if names.count(name) > 1]:
        raise InvalidRequest(f"The Parquet file in {what} has two columns {twice[0]!r}.", field="listing")


def _batch_rows(found: Any) -> int:
    """Returns how many average rows make a batch of 4 MiB."""
    size = sum(found.row_group(i).total_byte_size for i in range(found.num_row_groups))
    rows: int = BATCH_BYTES * found.num_rows // max(1, size)
    return max(1, min(BATCH_ROWS, rows))


def _records(batch: Any) -> Iterator[Record]:
    names = batch.schema.names
    for row in zip(*map(_values, batch.columns), strict=True):
        yield dict(zip(names, row, strict=True))


def _values(column: Any) -> list[Any]:
    """Returns a column's values in Python's types; jsonl.to_json_value writes each as JSON."""
    arrow = _pyarrow()
    kind, types = column.type, arrow.types
    if types.is_dictionary(kind):
        return _values(column.dictionary_decode())
    if types.is_float16(kind) or types.is_float32(kind):  # as 0.1, not 0.10000000149011612
        return [None if text is None else float(text) for text in column.cast(arrow.string()).to_pylist()]
    if types.is_temporal(kind) and getattr(kind, "unit", "") == "ns":
        return _nanoseconds(column)
    values: list[Any] = column.to_pylist()
    return values


def _nanoseconds(column: Any) -> list[Any]:
    """Returns times in nanoseconds: text if some are finer than Python's microseconds."""
    arrow = _pyarrow()
    kind, types = column.type, arrow.types
    try:
        if types.is_timestamp(kind):
            return list(column.cast(arrow.timestamp("us", kind.tz)).to_pylist())
        return list(column.cast(arrow.time64("us") if types.is_time(kind) else arrow.duration("us")).to_pylist())
    except arrow.ArrowInvalid:
        texts = column.cast(arrow.string()).to_pylist()
        return [text and text.replace(" ", "T", 1) for text in texts]


def _pyarrow() -> Any:
    try:
        import pyarrow
    except ImportError:
        raise InvalidSetting(
            "Parquet and Arrow need pyarrow, which is not installed here.",
            advice="Add pyarrow to requirements.txt, or install pipeline[parquet].",
        ) from None
    return pyarrow
