"""Exports whose mails wait, and what sends them."""

from __future__ import annotations

import time
from email import message_from_bytes
from typing import Any

from msgspec import structs

from pipeline.exports import notices
from pipeline.exports.export import Channel, Export
from pipeline.services import Services
from pipeline.tasks.notices.sender import POLICY, Sender
from pipeline.tasks.notices.transports import MailTransport
from pipeline.tasks.retry import RetryPolicy

from .... import steps
from ....mails import Running
from ..stage import Stage

SOON = RetryPolicy(first=0.02, longest=0.05)
LEASE = 600.0  # seconds, which no test takes


def waiting(stage: Stage, **order: Any) -> str:
    """Returns an export that is closed and whose mail waits."""
    export_id = stage.rendered(**order)
    steps.assemble(stage.s, export_id)
    steps.deliver(stage.s, export_id)
    assert stage.s.exports.active() == []
    return export_id


def mails_of(s: Services, policy: RetryPolicy = POLICY) -> Sender:
    return Sender(s, MailTransport(s), policy)


def stands(stage: Stage, export_id: str) -> str:
    found = notices.state(stage.load(export_id), Channel.MAIL)
    return found[0] if found else ""


def problem_of(stage: Stage, export_id: str) -> str:
    return stage.load(export_id).notices[0].problem


def ids(server: Running) -> list[str]:
    """The Message-IDs of the mails that arrived."""
    return [message_from_bytes(path.read_bytes())["Message-ID"] for path in server.folder.glob("*.eml")]


def aged(export: Export) -> Export:
    """The export when the claim of its mail is older by a lease."""
    (mail,) = export.notices
    return structs.replace(export, notices=(structs.replace(mail, claimed_at=(mail.claimed_at or 0.0) - LEASE),))


def send(mails: Sender, times: int = 1) -> None:
    for _ in range(times):
        mails.send_due(lambda: True)
        time.sleep(SOON.longest)
