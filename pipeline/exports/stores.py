"""Where exports are kept: the bucket, which is the truth, and Redis, which knows what happens now."""

from __future__ import annotations

from dataclasses import dataclass

from ..adapters.bucket.bucket import S3Bucket
from ..adapters.bucket.client import BACKGROUND, Timeouts
from ..adapters.redis import Coordination
from ..settings import Settings
from .repository import ExportRepository
from .segments import SegmentRepository


@dataclass(frozen=True)
class Stores:
    """Everything that is needed to look at exports."""

    settings: Settings
    bucket: S3Bucket
    exports: ExportRepository
    segments: SegmentRepository
    redis: Coordination

    @classmethod
    def open(cls, settings: Settings, timeouts: Timeouts = BACKGROUND) -> Stores:
        """Connect lazily to what the settings name."""
        bucket = S3Bucket.open(settings, timeouts)
        return Stores(
            settings, bucket, ExportRepository(bucket), SegmentRepository(bucket), Coordination.open(settings)
        )
