"""A broker that delivers every message twice. Named by DOCUMENTS in the processes under test."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from kombu.transport import redis

import tests.journey.slow  # noqa: F401  # the document that is asked for

channel: Any = redis.Channel  # kombu has no types
_put = channel._put


def _put_twice(self: Any, queue: str, message: dict[str, Any], **options: Any) -> None:
    _put(self, queue, message, **options)
    properties = {**message["properties"], "delivery_tag": str(uuid4())}
    _put(self, queue, {**message, "properties": properties}, **options)


channel._put = _put_twice
