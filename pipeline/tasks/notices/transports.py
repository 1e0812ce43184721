"""How notices are sent on each channel: mails by SMTP, webhooks by HTTPS."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from typing import Protocol
from urllib.parse import urlsplit

import msgspec

from ...exports.events import event
from ...exports.export import Channel, Export, Notice
from ...exports.notices import message_id
from ...services import Services
from .mail import message

Send = Callable[[], None]
Compose = Callable[[Export, Notice], Send]
"""Composes a notice; returns what sends it, and raises NoticeDown when it is not taken."""


class Transport(Protocol):
    """Sends the notices of a channel."""

    channel: Channel

    @property
    def configured(self) -> bool:
        """False when there can be nothing to send."""

    def server(self, notice: Notice) -> str:
        """Return the server of a notice: while it is down, it is tried once for all of them. It is logged."""

    def may_send(self) -> bool:
        """Count one that is about to be sent. Returns False over the limit per minute."""

    def connected(self) -> AbstractContextManager[Compose]:
        """Connect, where all notices have one server. Raises NoticeDown when it is down."""


class MailTransport:
    """Mails, of which all have one server."""

    channel = Channel.MAIL

    def __init__(self, services: Services) -> None:
        self._s = services

    @property
    def configured(self) -> bool:
        return self._s.mailer.configured

    def server(self, notice: Notice) -> str:  # noqa: ARG002  # the same for all
        return "the mail server"

    def may_send(self) -> bool:
        return self._s.redis.counters.allow("mail", self._s.settings.mails_per_minute)

    @contextmanager
    def connected(self) -> Iterator[Compose]:
        with self._s.mailer.connection() as connection:
            yield lambda export, notice: partial(connection.send, message(export, notice, self._s.settings))


class WebhookTransport:
    """Webhooks, each to a receiver of its own."""

    channel = Channel.WEBHOOK

    def __init__(self, services: Services) -> None:
        self._s = services

    @property
    def configured(self) -> bool:
        settings = self._s.settings
        return bool(settings.secret_keys and (settings.api_tokens or settings.webhooks))

    def server(self, notice: Notice) -> str:
        return urlsplit(notice.to.to).hostname or ""  # the rest of the URL may be a secret

    def may_send(self) -> bool:
        return True

    @contextmanager
    def connected(self) -> Iterator[Compose]:
        yield self._compose

    def _compose(self, export: Export, notice: Notice) -> Send:
        body = msgspec.json.encode(event(export, notice, self._s.settings.base_url))
        return partial(self._s.webhooks.send, export.owner, notice.to.to, message_id(export, notice), body)
