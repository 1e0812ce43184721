"""Redis for tests that use it directly."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import redis

from local.services import Valkey
from pipeline.adapters.redis import Coordination
from pipeline.settings import Settings


@pytest.fixture
def client(valkey_server: Valkey) -> Iterator[Any]:
    """A plain client of the server, which is emptied."""
    with redis.Redis.from_url(valkey_server.url, decode_responses=True) as client:
        client.flushall()
        yield client


@pytest.fixture
def shared(valkey_server: Valkey, client: Any) -> Iterator[Coordination]:
    """The adapters on an emptied server; their connections are closed at the end."""
    coordination = Coordination.open(Settings.from_env({"REDIS_URL": valkey_server.url}))
    yield coordination
    coordination.client.connection_pool.disconnect()
