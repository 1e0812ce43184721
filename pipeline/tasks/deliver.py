"""deliver: exactly one message about an export that is over.

The claim is written to the bucket before the mail goes out, so that of several deliveries one sends.
Whoever claims and dies before the mail was taken is followed by another after a while. Only between the
mail server's yes and our note of it can a death lead to a second mail; it has the same Message-ID.
"""

from __future__ import annotations

import dataclasses
import logging
import time

from ..errors import MailDown, MailRefused, StoreDown
from ..exports.export import Export, State
from ..services import Services
from .notice import message

log = logging.getLogger(__name__)


def notify(s: Services, export_id: str) -> float:
    """Send the message if one is due and nobody has; MailDown when it has to be tried again.

    How many seconds another worker may still be sending it; 0 when all is done.
    """
    if not _due(s, s.exports.load(export_id)):
        return 0.0
    claimed_at = time.time()
    export = s.exports.change(export_id, lambda e: _claim(e, claimed_at, s.settings.time_limit))
    if export.notified_at:
        return 0.0
    if export.notice_claimed_at != claimed_at:
        return max(1.0, (export.notice_claimed_at or 0.0) + s.settings.time_limit - claimed_at)
    try:
        _send(s, export)
    except MailRefused as error:
        log.error("export %s: %s", export_id, error.message)
    except BaseException:
        s.exports.change(export_id, lambda e: _unclaim(e, claimed_at))
        raise
    s.exports.change(export_id, lambda e: dataclasses.replace(e, notified_at=time.time()))
    return 0.0


def _due(s: Services, export: Export) -> bool:
    """Nobody wants a mail about what they cancelled themselves."""
    wanted = export.notify and export.state in (State.READY, State.FAILED)
    return bool(wanted and s.mailer.configured and not export.notified_at)


def _send(s: Services, export: Export) -> None:
    if missing := s.exports.missing_files(export):
        raise StoreDown(f"{missing[0].name} of export {export.id} is not there.")
    mail = message(export, s.settings)
    if not s.redis.counters.allow("mail", s.settings.mails_per_minute):
        raise MailDown(f"More than {s.settings.mails_per_minute} mails in this minute.")
    s.mailer.send(mail)


def _claim(export: Export, now: float, patience: float) -> Export:
    """Claim the message, unless it is sent or somebody may be at it: no task lives for `patience` seconds."""
    taken = export.notice_claimed_at is not None and now - export.notice_claimed_at < patience
    return export if export.notified_at or taken else dataclasses.replace(export, notice_claimed_at=now)


def _unclaim(export: Export, claimed_at: float) -> Export:
    """Give a claim back, unless another has it by now."""
    ours = export.notice_claimed_at == claimed_at
    return dataclasses.replace(export, notice_claimed_at=None) if ours else export
