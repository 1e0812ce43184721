"""Where exports are kept: in the bucket, the only truth, and in Redis, which knows what happens now."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

from ..adapters.bucket import BACKGROUND, Bucket, Timeouts
from ..adapters.bucket.s3 import S3Bucket
from ..adapters.redis import Coordination
from ..adapters.redis.polls import Polls
from ..adapters.redis.progress import Progress
from ..errors import RedisDown
from ..settings import Settings
from .export import Change, Export, State
from .frozen import FrozenRepository
from .measures import MeasureRepository
from .repository import ExportRepository
from .segments import SegmentRepository


class WatchedExports(ExportRepository):
    """Exports of which every change is noted in Redis, so that polls need not ask the bucket."""

    def __init__(self, bucket: Bucket, polls: Polls) -> None:
        super().__init__(bucket)
        self._polls = polls

    def change(self, export_id: str, change: Change) -> Export:
        """Apply a change, as any repository, and note that the export has changed."""
        changed = super().change(export_id, change)
        with suppress(RedisDown):  # polls read the bucket every 30 s in any case
            self._polls.note_change(export_id)
        return changed


@dataclass(frozen=True)
class Stores:
    """Everything needed to read and change exports."""

    settings: Settings
    bucket: Bucket
    exports: ExportRepository
    segments: SegmentRepository
    frozen: FrozenRepository
    measures: MeasureRepository
    redis: Coordination

    @classmethod
    def open(cls, settings: Settings, timeouts: Timeouts = BACKGROUND) -> Stores:
        """Connect to what the settings name. Nothing is sent yet."""
        bucket, redis = S3Bucket.open(settings, timeouts), Coordination.open(settings)
        return Stores(
            settings, bucket, WatchedExports(bucket, redis.polls), SegmentRepository(bucket),
            FrozenRepository(bucket), MeasureRepository(bucket), redis,
        )  # fmt: skip

    def progress(self, export: Export) -> Progress | None:
        """Return the live progress of an export; None before it is rendered and when it is over.

        The stored segments tell it when Redis is down or was wiped.
        """
        if export.state not in (State.RENDERING, State.ASSEMBLING):
            return None
        with suppress(RedisDown):
            if progress := self.redis.progress.load(export.id):
                return progress
        stored = self.segments.found(export.id)
        return Progress(sum(pages for pieces in stored.values() for _, pages in pieces), 0, 0)
