"""The garbage collector while modules are imported."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def importing() -> Iterator[None]:
    """Turn the garbage collector off, then let it ignore what was imported (`gc.freeze`): none of it is freed."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
