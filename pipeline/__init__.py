"""Very large PDFs on very small workers.

`pipeline.connect()`, `pipeline.submit(services, document, rows)` and `pipeline.render(document, out, rows)` are for
programs in Python; everything else is reached through `python -m pipeline` and over HTTP.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .tasks.client import connect, render, submit

__all__ = ["connect", "render", "submit"]


def __getattr__(name: str) -> Any:
    """Public names, imported when they are first used: `import pipeline.errors` must not bring Celery."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from .tasks import client

    return getattr(client, name)
