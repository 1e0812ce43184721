"""A port at which nothing listens."""

from __future__ import annotations

import socket
from functools import cache


@cache
def closed_port() -> int:
    """Return a loopback port that refuses connections, and that no program can take while this process lives."""
    held = socket.socket()
    held.bind(("127.0.0.1", 0))
    port: int = held.getsockname()[1]
    held.detach()  # it stays bound, and nothing listens
    return port
