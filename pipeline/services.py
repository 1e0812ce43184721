"""The wiring: every process opens its services here, once, after it was forked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from . import documents
from .accounts import Accounts
from .delivery import Post
from .fetcher import Fetcher, Limits
from .ledger import Ledger
from .live import Live
from .pdf import fonts
from .s3 import PATIENT, Patience
from .settings import Settings
from .sources.bucket import SOURCE_MOST, BucketInputs
from .store import Store


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
    ledger: Ledger
    accounts: Accounts
    live: Live
    inputs: BucketInputs
    post: Post
    messages: Messages


def open_services(settings: Settings, messages: Messages, patience: Patience = PATIENT) -> Services:
    """Connect lazily to everything the settings name."""
    documents.load(settings.documents)
    fonts.load(settings.fonts)
    store = Store.open(settings, patience)
    ledger = Ledger(store)
    return Services(
        settings,
        ledger,
        Accounts(ledger),
        Live.open(settings),
        BucketInputs(store, Fetcher(Limits(bytes=SOURCE_MOST))),
        Post(settings),
        messages,
    )
