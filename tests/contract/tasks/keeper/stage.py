"""Services whose messages are kept, an album of five photos, and local dynos that do no work."""

from __future__ import annotations

import dataclasses
from typing import Any

import redis
from msgspec import structs

from local.dynos import Dynos
from pipeline.exports.export import Export
from pipeline.exports.request import ExportRequest
from pipeline.scaler.formation import FormationPool
from pipeline.services import Services
from pipeline.tasks.keeper import Keeper
from pipeline.tasks.submit import submit

from .... import steps
from ....conftest import SentMessages
from ....waiting import until

LINGER = 0.2
LEASE_SECONDS = 60.0  # a leader that a busy machine stops for a while leads on


class KeeperStage:
    """Services whose messages are kept, an album of five photos, and local dynos that do no work."""

    def __init__(self, s: Services, messages: SentMessages, dynos: Dynos) -> None:
        self.s = s
        self.queue = messages
        self.dynos = dynos
        self.keepers: list[Keeper] = []

    @property
    def workers(self) -> int:
        return self.dynos.row("worker").quantity

    def keeper(self, lease_seconds: float = LEASE_SECONDS, **changes: Any) -> Keeper:
        settings = dataclasses.replace(self.s.settings, **changes)
        s = dataclasses.replace(self.s, settings=settings)
        # Its dynos never say that they are up.
        pool = FormationPool(settings, s.redis, settle_seconds=0.0)
        self.keepers.append(Keeper(s, pool, lease_seconds=lease_seconds))
        return self.keepers[-1]

    def wait_for_renewal(self) -> None:
        """Let half of the leader's lease be over, and wait until it renews it."""
        half, client = int(LEASE_SECONDS * 500), self.s.redis.client
        assert client.pexpire("pipeline:lease:keeper", half)
        until(lambda: client.pttl("pipeline:lease:keeper") > half, "the leader renews its lease")

    def submit(self, notify: str | None = None, **params: Any) -> str:
        params = {"listing": "inputs/album.jsonl", **params}
        order = ExportRequest("photos", params, "shop", notify, chunk_pages=2)
        return submit(self.s, order).export.id

    def planned(self, **params: Any) -> str:
        export_id = self.submit(**params)
        steps.plan(self.s, export_id)
        return export_id

    def render(self, export_id: str, *chunks: int) -> None:
        for chunk in chunks:
            steps.render(self.s, export_id, chunk)

    def ready(self, **params: Any) -> str:
        export_id = self.planned(**params)
        self.render(export_id, 0, 1, 2)
        steps.assemble(self.s, export_id)
        return export_id

    def forget_what_was_sent(self) -> None:
        """As if all messages were lost long ago."""
        self.queue.sent.clear()
        with redis.Redis.from_url(self.s.settings.redis_url) as client:
            client.delete(*client.keys("pipeline:sent:*"), "none")

    def wipe_redis(self) -> None:
        with redis.Redis.from_url(self.s.settings.redis_url) as client:
            client.flushall()

    def age(self, export_id: str, **times: Any) -> Export:
        """Change the times in an export's record."""
        return self.s.exports.change(export_id, lambda e: structs.replace(e, **times))
