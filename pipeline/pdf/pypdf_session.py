"""How pypdf reads one file: within limits, names as bytes, repairs noted, errors translated."""

from __future__ import annotations

import logging
import re
import struct
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from pypdf import apply_configuration
from pypdf.errors import DependencyError, DeprecationError, LimitReachedError, PyPdfError
from pypdf.generic import NameObject

from ..errors import UnreadableSource

_MAX_REPAIRS = 100  # that are kept of one file
_NAME_END = re.compile(rb"[\s\0]+|[()<>\[\]{}/%]")  # with the null byte (7.2.2)
_REFERENCE = re.compile(r"IndirectObject\((\d+), \d+, \d+\)")  # as pypdf writes it, with an address in memory
_MAX_DECODED = 20 * 2**20  # bytes of one stream; only cross-reference and object streams are decoded
_LIMITS: dict[str, Any] = {
    "zlib_maximum_output_length": _MAX_DECODED,
    "lzw_maximum_output_length": _MAX_DECODED,
    "run_length_maximum_output_length": _MAX_DECODED,
    "brotli_maximum_output_length": _MAX_DECODED,
    "outline_maximum_entries": 20_000,
    "outline_maximum_depth": 50,
    "jbig2dec_binary": None,  # a file must not make us start a program
}


# What pypdf raises on damaged data. Not Exception: Celery's soft time limit is one.
_READER_ERRORS = (
    PyPdfError, DependencyError, DeprecationError, OSError, EOFError, ValueError, TypeError, AttributeError,
    AssertionError, LookupError, ArithmeticError, RuntimeError, MemoryError, struct.error, zlib.error,
)  # fmt: skip


@contextmanager
def reading() -> Iterator[list[str]]:
    """Prepare pypdf for one file. Yields what it guesses, mends or leaves out, a list that grows."""
    with apply_configuration(**_LIMITS), _names_as_bytes(), _repairs_noted() as repairs:
        yield repairs


class _Charsets:
    """pypdf's list of encodings to try for names, but only Latin-1 inside of `_names_as_bytes`.

    Latin-1 gives each byte a character, so a name can be written as it was; pypdf's usual choice cannot be undone.
    Only the current thread (context) sees the difference.
    """

    def __init__(self, usual: tuple[str, ...]) -> None:
        self._usual = usual

    def __iter__(self) -> Iterator[str]:
        return iter(("latin-1",) if _as_bytes.get() else self._usual)


_as_bytes: ContextVar[bool] = ContextVar("as_bytes", default=False)


@contextmanager
def _names_as_bytes() -> Iterator[None]:
    if not isinstance(NameObject.CHARSETS, _Charsets):
        NameObject.delimiter_pattern = _NAME_END
        NameObject.CHARSETS = _Charsets(NameObject.CHARSETS)  # type: ignore[assignment]  # it is only iterated
    token = _as_bytes.set(True)
    try:
        yield
    finally:
        _as_bytes.reset(token)


class _RepairLog(logging.Handler):
    """Hears what pypdf guesses, mends or leaves out of a damaged file: it only says so in its log."""

    def emit(self, record: logging.LogRecord) -> None:
        noted = _repairs.get()
        if noted is not None and len(noted) < _MAX_REPAIRS and not _is_harmless(record):
            noted.append(record.getMessage())


def _is_harmless(record: logging.LogRecord) -> bool:
    """Return whether an entry that is there twice is not copied anyway: TCPDF says twice how a file is opened."""
    values = record.args if isinstance(record.args, Mapping) else {}
    return record.msg.startswith("Multiple definitions") and values.get("key") in ("/PageMode", "/PageLayout")


_repairs: ContextVar[list[str] | None] = ContextVar("repairs", default=None)
log_of_pypdf = logging.getLogger("pypdf")


@contextmanager
def _repairs_noted() -> Iterator[list[str]]:
    if not any(isinstance(handler, _RepairLog) for handler in log_of_pypdf.handlers):
        log_of_pypdf.addHandler(_RepairLog())
    if not log_of_pypdf.isEnabledFor(logging.WARNING):  # silenced by the program that we are part of
        log_of_pypdf.setLevel(logging.WARNING)
        log_of_pypdf.propagate = False
    noted: list[str] = []
    token = _repairs.set(noted)
    try:
        yield noted
    finally:
        _repairs.reset(token)


@contextmanager
def translated_errors() -> Iterator[None]:
    """Raise UnreadableSource in place of what pypdf raises."""
    try:
        yield
    except LimitReachedError as error:
        words = _REFERENCE.sub(r"object \1", str(error)).rstrip(".!")
        raise UnreadableSource(f"The PDF is over a safety limit: {words}.") from error
    except _READER_ERRORS as error:
        raise UnreadableSource("The PDF is damaged and cannot be read.") from error
