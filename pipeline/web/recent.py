"""Records that a list of exports read lately, so that one that is asked for every 2 s reads only what changed."""

from __future__ import annotations

import time
from collections import OrderedDict
from contextlib import suppress
from dataclasses import dataclass
from threading import Lock

from ..adapters.redis.polls import ANSWER_SECONDS
from ..errors import RedisDown
from ..exports.export import Export
from ..exports.stores import Stores

MOST = 400  # records of a few kB


@dataclass(frozen=True)
class Read:
    """A record with the version that Redis had for it before it was read."""

    export: Export | None
    version: str
    at: float


class Recent:
    """Reads records; one that was read in the last 30 s, and has the same version, is not read again."""

    def __init__(self, stores: Stores) -> None:
        self._stores = stores
        self._read: OrderedDict[str, Read] = OrderedDict()
        self._lock = Lock()

    def find(self, export_id: str) -> Export | None:
        """Return an export, None if there is none. Without Redis it is read each time."""
        version = None
        with suppress(RedisDown):
            version = self._stores.redis.polls.version(export_id)
        with self._lock:
            before = self._read.get(export_id)
        if before and before.version == version and time.monotonic() - before.at < ANSWER_SECONDS:
            return before.export
        export = self._stores.exports.find(export_id)
        if version is not None:
            self._keep(export_id, Read(export, version, time.monotonic()))
        return export

    def _keep(self, export_id: str, read: Read) -> None:
        with self._lock:
            self._read[export_id] = read
            self._read.move_to_end(export_id)
            if len(self._read) > MOST:
                self._read.popitem(last=False)
