"""The collector while modules are imported."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def importing() -> Iterator[None]:
    """Stops the collector, and makes it leave out what was imported from then on: none of it can be collected."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
