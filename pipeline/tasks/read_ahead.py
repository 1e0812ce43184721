"""Reads objects in order, the next ones meanwhile: each request to a bucket waits longer than it works."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")
AHEAD = 6  # the bucket's client has 8 connections


def read_ahead(read: Callable[[T], R], items: Iterable[T], ahead: int = AHEAD) -> Generator[R, None, None]:
    """Yield what `read` returns for each item, in their order.

    Threads read the next `ahead` items meanwhile, so at most one more result is in memory. Close it if it is not
    exhausted.
    """
    reading: deque[Future[R]] = deque()
    with ThreadPoolExecutor(ahead) as readers:
        try:
            for item in items:
                reading.append(readers.submit(read, item))
                if len(reading) > ahead:
                    yield reading.popleft().result()
            while reading:
                yield reading.popleft().result()
        finally:
            readers.shutdown(cancel_futures=True)
