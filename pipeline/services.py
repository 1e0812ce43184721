"""The wiring: every process opens its services here, once, after it was forked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from . import documents
from .accounts import Accounts
from .adapters.bucket.bucket import S3Bucket
from .adapters.bucket.client import BACKGROUND, Timeouts
from .adapters.https import Fetcher, Limits
from .adapters.mail import Mailer
from .adapters.redis.live import Live
from .documents.inputs.bucket import SOURCE_MOST, BucketInputs
from .exports.repository import ExportRepository
from .pdf import fonts
from .settings import Settings


class Messages(Protocol):
    """What can be asked of workers. Each message carries an export id and at most a chunk number."""

    def plan(self, export_id: str) -> None: ...
    def render(self, export_id: str, chunks: list[int], large: bool) -> None: ...
    def assemble(self, export_id: str) -> None: ...
    def deliver(self, export_id: str) -> None: ...


@dataclass(frozen=True)
class Services:
    """Everything a step needs."""

    settings: Settings
    ledger: ExportRepository
    accounts: Accounts
    live: Live
    inputs: BucketInputs
    post: Mailer
    messages: Messages


def open_services(settings: Settings, messages: Messages, patience: Timeouts = BACKGROUND) -> Services:
    """Connect lazily to everything the settings name."""
    documents.load(settings.documents)
    fonts.load(settings.fonts)
    store = S3Bucket.open(settings, patience)
    ledger = ExportRepository(store)
    return Services(
        settings,
        ledger,
        Accounts(ledger),
        Live.open(settings),
        BucketInputs(store, Fetcher(Limits(bytes=SOURCE_MOST))),
        Mailer(settings),
        messages,
    )
