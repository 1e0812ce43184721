"""Where exports are kept: in the bucket, the only truth, and in Redis, which knows what happens now."""

from __future__ import annotations

from dataclasses import dataclass

from ..adapters.bucket import BACKGROUND, Bucket, Timeouts
from ..adapters.bucket.s3 import S3Bucket
from ..adapters.redis import Coordination
from ..settings import Settings
from .repository import ExportRepository
from .segments import SegmentRepository


@dataclass(frozen=True)
class Stores:
    """Everything needed to read and change exports."""

    settings: Settings
    bucket: Bucket
    exports: ExportRepository
    segments: SegmentRepository
    redis: Coordination

    @classmethod
    def open(cls, settings: Settings, timeouts: Timeouts = BACKGROUND) -> Stores:
        """Connect to what the settings name. Nothing is sent yet."""
        bucket = S3Bucket.open(settings, timeouts)
        return Stores(
            settings, bucket, ExportRepository(bucket), SegmentRepository(bucket), Coordination.open(settings)
        )
