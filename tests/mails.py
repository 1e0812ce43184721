"""Mails as the mail server stored them, and mail servers that misbehave on purpose."""

from __future__ import annotations

import asyncio
import email
import email.policy
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from local.mailbox import Controller, Mailbox
from local.services import Smtp, free_port


def arrived(mail: Smtp, sent: EmailMessage) -> EmailMessage:
    """Return the mail as the server stored it."""
    for path in mail.folder.glob("*.eml"):
        found = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
        if found["Message-ID"] == sent["Message-ID"]:
            return found
    raise AssertionError(f"nothing arrived with the Message-ID {sent['Message-ID']}")


class Moody(Mailbox):
    """Answers as it is told: with a line, with "cut" (no answer, the connection ends), or, when None, as it should.

    What it "cuts" or answers as "garbled" after the text, it has stored.
    """

    def __init__(self, folder: Path, user: str, password: str) -> None:
        super().__init__(folder, user, password)
        self.on_login = True
        self.on_sender: str | None = None
        self.on_recipient: str | None = None
        self.on_text: str | None = None
        self.slow = 0.0  # seconds, with the recipient; it goes on at once when this is lowered
        self.slow_text = 0.0  # the same with the answer after the text, which it has stored
        self.recipients = 0  # times that one was named

    def knows(self, mechanism: str, user: bytes, password: bytes) -> bool:
        return self.on_login and super().knows(mechanism, user, password)

    async def handle_MAIL(self, *arguments: Any) -> str:  # noqa: N802  # aiosmtpd's name
        return self.on_sender or await super().handle_MAIL(*arguments)

    async def handle_RCPT(self, server: Any, *arguments: Any) -> str:  # noqa: N802
        self.recipients += 1
        await self._lasts("slow")
        return _said(self.on_recipient, server) or await super().handle_RCPT(server, *arguments)

    async def handle_DATA(self, server: Any, *arguments: Any) -> str:  # noqa: N802
        if self.on_text in (None, "cut", "garbled"):
            well = await super().handle_DATA(server, *arguments)
            await self._lasts("slow_text")
            return _said(self.on_text, server) or well
        return str(self.on_text)

    async def _lasts(self, what: str) -> None:
        began = time.monotonic()
        while time.monotonic() - began < getattr(self, what):
            await asyncio.sleep(0.02)


def _said(answer: str | None, server: Any) -> str | None:
    if answer == "cut":
        server.transport.abort()
    return answer


@dataclass(frozen=True)
class Running(Smtp):
    """A mail server that runs, and its behaviour."""

    mailbox: Any = None


@contextmanager
def mail_server(folder: Path, kind: type[Mailbox] = Mailbox, **options: Any) -> Iterator[Running]:
    """A mail server that behaves differently from the laptop's."""
    mails, port = folder / "mail", free_port()
    mails.mkdir(parents=True)
    mailbox = kind(mails, "demo", "secret")
    server = Controller(mailbox, hostname="127.0.0.1", port=port, auth_callback=mailbox.knows, **options)
    server.start()
    try:
        yield Running(f"smtp://demo:secret@127.0.0.1:{port}", mails, mailbox)
    finally:
        server.stop()
