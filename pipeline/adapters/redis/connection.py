"""A connection to Redis, and its errors as ours."""

from __future__ import annotations

import ssl
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import redis

from ...errors import RedisDown, RedisFull
from ...settings import Settings

MAX_WAIT = 2.0  # seconds of a blocking call; a reply may take twice as long, so that a Redis that hangs is noticed
DAY = 86400

Client = Any
"""redis.Redis, or a pipeline of it. The library's own types cannot tell its blocking calls from the others."""


def connect(settings: Settings) -> Client:
    """Return a client; nothing is sent yet. It opens two connections at most: small plans allow twenty in all.

    They are closed when the client is no longer used, before the garbage collector meets their sockets.
    """
    # Heroku's certificate is self-signed: encrypted, not authenticated.
    tls: dict[str, Any] = {"ssl_cert_reqs": "none", "ssl_check_hostname": False}
    pool = redis.BlockingConnectionPool.from_url(
        settings.broker_url,
        max_connections=2,  # one waits for a wake-up, everything else takes turns
        timeout=MAX_WAIT,
        socket_connect_timeout=MAX_WAIT,
        socket_timeout=2 * MAX_WAIT,
        socket_keepalive=True,
        health_check_interval=60,
        decode_responses=True,
        **(tls if settings.broker_url.startswith("rediss:") else {}),
    )
    client = redis.Redis(connection_pool=pool)
    weakref.finalize(client, pool.disconnect).atexit = False
    return client


@contextmanager
def redis_errors() -> Iterator[None]:
    """Raise RedisDown for every error of Redis or of the connection to it; RedisFull when its memory is used up."""
    try:
        yield
    except redis.OutOfMemoryError as error:
        raise RedisFull("Redis is full.") from error
    except (redis.RedisError, OSError, ssl.SSLError) as error:
        raise RedisDown(f"Redis does not answer: {type(error).__name__}.") from error
