"""The wiring: every process opens its services here, once, after it was forked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from . import documents
from .adapters.bucket.bucket import S3Bucket
from .adapters.bucket.client import BACKGROUND, Timeouts
from .adapters.https import Fetcher, Limits
from .adapters.mail import Mailer
from .adapters.redis.live import Live
from .documents.inputs.bucket import MAX_SOURCE, BucketInputs
from .exports.repository import ExportRepository
from .pdf import fonts
from .scaler.formation import Formation
from .scaler.one_off import OneOffs
from .scaler.pool import WorkerPool
from .scaler.usage import UsageLog
from .settings import Settings


def worker_pool(settings: Settings, live: Live) -> WorkerPool:
    return OneOffs(settings, live) if settings.scaler_way == "one-off" else Formation(settings, live)


class Queue(Protocol):
    """What can be asked of workers. Each message carries an export id and at most a chunk number."""

    def plan(self, export_id: str) -> None: ...
    def render(self, export_id: str, chunks: list[int], large: bool) -> None: ...
    def assemble(self, export_id: str) -> None: ...
    def deliver(self, export_id: str) -> None: ...


@dataclass(frozen=True)
class Services:
    """Everything a step needs."""

    settings: Settings
    exports: ExportRepository
    usage: UsageLog
    live: Live
    inputs: BucketInputs
    mailer: Mailer
    queue: Queue


def open_services(settings: Settings, queue: Queue, patience: Timeouts = BACKGROUND) -> Services:
    """Connect lazily to everything the settings name."""
    documents.load(settings.documents)
    fonts.load(settings.fonts)
    store = S3Bucket.open(settings, patience)
    exports = ExportRepository(store)
    return Services(
        settings,
        exports,
        UsageLog(exports),
        Live.open(settings),
        BucketInputs(store, Fetcher(Limits(bytes=MAX_SOURCE))),
        Mailer(settings),
        queue,
    )
