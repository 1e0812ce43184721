"""What a person reads when the code of a document fails: which document, on which page, and the error's text."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import NoReturn

from ..errors import ChunkFailed, PipelineError
from ..errors.shortages import SHORTAGES

Interruptions = tuple[type[BaseException], ...]

_MAX_TEXT = 500  # characters
_DOORS = ("pipeline.adapters.", "pipeline.documents.inputs.")  # their errors may hold keys and signed addresses


def drawn_pages(
    drawing: Generator[None, None, None], name: str, first: int, interruptions: Interruptions
) -> Iterator[None]:
    """Yield after each page that a document draws, from page `first` on. Raises ChunkFailed when its code fails."""
    page = first
    try:
        for _ in drawing:
            yield
            page += 1
    except Exception as error:  # noqa: BLE001  # any error of the document's code
        _fail(error, name, f"on page {page + 1:,}", interruptions)


@contextmanager
def document_errors(name: str, where: str, interruptions: Interruptions = ()) -> Iterator[None]:
    """Raise ChunkFailed in place of an unforeseen error of a document's own code; the log has its stack trace."""
    try:
        yield
    except Exception as error:  # noqa: BLE001  # any error of the document's code
        _fail(error, name, where, interruptions)


def _fail(error: Exception, name: str, where: str, interruptions: Interruptions) -> NoReturn:
    """Raise an error that was met in a document's code, or ChunkFailed in place of one that is not foreseen."""
    short = isinstance(error, OSError) and error.errno in SHORTAGES  # the step says what is short
    if short or isinstance(error, (PipelineError, MemoryError, *interruptions)):
        raise error
    import logging  # 3 ms, for the few processes that need it

    logging.getLogger(__name__).exception("the document %s failed %s", name, where)
    raise ChunkFailed(
        f"The document {name!r} failed {where}: {_words(error)}.",
        advice="It is an error in the document's code, or in what it was given; the log has the stack trace.",
    ) from error


def _words(error: Exception) -> str:
    """Return class and text of an error; the class alone when it comes from a service."""
    from traceback import walk_tb

    kind = type(error).__name__
    through = [frame.f_globals.get("__name__", "") for frame, _ in walk_tb(error.__traceback__)]
    text = " ".join(str(error).split())[:_MAX_TEXT].rstrip(".")
    return kind if not text or any(module.startswith(_DOORS) for module in through) else f"{kind}: {text}"
