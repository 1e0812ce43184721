"""Mails as the mail server stored them."""

from __future__ import annotations

import email
import email.policy
from email.message import EmailMessage

from local.services import Smtp


def arrived(mail: Smtp, sent: EmailMessage) -> EmailMessage:
    """Return the mail as the server stored it."""
    for path in mail.folder.glob("*.eml"):
        found = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
        if found["Message-ID"] == sent["Message-ID"]:
            return found
    raise AssertionError(f"nothing arrived with the Message-ID {sent['Message-ID']}")
