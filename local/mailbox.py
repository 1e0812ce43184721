"""The hooks of the local mail server: who may send, and where messages are stored."""
# ruff: noqa: ARG002, N802 - aiosmtpd gives the hooks their names and arguments

from __future__ import annotations

from hmac import compare_digest
from pathlib import Path

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

__all__ = ["Controller", "Mailbox"]


class Mailbox:
    """Stores each message as a numbered file, for one user with a password."""

    def __init__(self, folder: Path, user: str, password: str) -> None:
        self._folder = folder
        self._login = f"{user}\0{password}".encode()

    def knows(self, mechanism: str, user: bytes, password: bytes) -> bool:
        """Return whether the user and the password are right."""
        return compare_digest(user + b"\0" + password, self._login)

    async def handle_MAIL(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        # Not aiosmtpd's `auth_required`: without TLS it warns at each connection.
        if not session.authenticated:
            return "530 5.7.0 Authentication required"
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 2.1.0 Ok"

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address.startswith("refused@"):
            return "550 5.1.1 No such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 Ok"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        number = 1 + sum(1 for _ in self._folder.glob("*.eml"))
        part = self._folder / f"{number:04}.part"
        part.write_bytes(envelope.original_content or b"")
        part.rename(part.with_suffix(".eml"))  # a reader of the folder sees whole messages only
        return "250 2.0.0 Stored"
