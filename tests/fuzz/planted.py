"""A parser with a fault on purpose. Only four changes in a row, each of which is kept, lead to it."""

from __future__ import annotations


def run(data: bytes) -> None:
    """Fail for what begins with FUZZ."""
    if not data.startswith(b"F"):
        return
    if not data.startswith(b"FU"):
        return
    if not data.startswith(b"FUZ"):
        return
    if data.startswith(b"FUZZ"):
        raise ValueError("planted")
