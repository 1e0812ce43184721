"""The wiring: every process opens its services here, once, after it was forked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from . import documents
from .adapters.bucket import BACKGROUND, Timeouts
from .adapters.https import Fetcher, Limits
from .adapters.mail import Mailer
from .adapters.redis import Coordination
from .adapters.webhooks import DELIVERY_SECONDS, Webhooks
from .documents.inputs.bucket import MAX_SOURCE, BucketInputs
from .exports.stores import Stores
from .exports.waves import Wave
from .pdf import fonts
from .scaler.outside import OutsidePool
from .scaler.pool import WorkerPool
from .scaler.usage import UsageLog
from .settings import Settings


def worker_pool(settings: Settings, redis: Coordination) -> WorkerPool:
    """Return the pool that SCALER_MODE names: one-off dynos, dynos of the formation, or what another program runs.

    Imports Heroku's client only here: it takes a tenth of a second, and most commands do not scale.
    """
    if settings.scaler_mode == "one-off":
        from .scaler.one_off import OneOffPool

        return OneOffPool(settings, redis)
    if settings.scaler_mode == "none":
        return OutsidePool(redis)
    from .scaler.formation import FormationPool

    return FormationPool(settings, redis)


@dataclass(frozen=True)
class Message:
    """What workers are asked for: a step of an export, or several of its chunks and what follows them.

    `wave`: of a large export, which small ones overtake; the next wave follows. Otherwise the assembly does.
    `owner`: of a wave, whose exports take turns. `later`: it is not this one's turn.
    `small`: it need not wait for a worker.
    """

    step: str
    export_id: str
    chunks: tuple[int, ...] = ()
    wave: Wave | None = None
    owner: str = ""
    later: bool = False
    small: bool = False


class Queue(Protocol):
    """Sends messages to workers."""

    def send(self, message: Message) -> None:
        """Send a message; RedisDown when it could not be sent."""


@dataclass(frozen=True)
class Services(Stores):
    """Everything a step needs."""

    usage: UsageLog
    inputs: BucketInputs
    mailer: Mailer
    webhooks: Webhooks
    queue: Queue


def open_services(settings: Settings, queue: Queue, timeouts: Timeouts = BACKGROUND) -> Services:
    """Connect lazily to everything the settings name."""
    documents.load(settings.documents)
    fonts.load(settings.fonts)
    stores = Stores.open(settings, timeouts)
    webhooks = Webhooks(Fetcher(Limits(seconds=DELIVERY_SECONDS)), settings.secret_keys)
    inputs = BucketInputs(stores.bucket, Fetcher(Limits(bytes=MAX_SOURCE)))
    usage = UsageLog(stores.bucket, stores.exports)
    return Services(
        **vars(stores), usage=usage, inputs=inputs, mailer=Mailer(settings), webhooks=webhooks, queue=queue
    )
