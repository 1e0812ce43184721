"""deliver: exactly one message about an export that is over; then what is not needed any more is removed.

The claim is written to the bucket before the mail goes out, so that of several deliveries one sends. When the
sender dies before the mail was taken, another follows after a while. Only a death between the mail server's
acceptance and our note of it can lead to a second mail; it has the same Message-ID.
"""

from __future__ import annotations

import dataclasses
import logging
import time

from ..errors import MailDown, MailRefused, StoreDown
from ..exports.export import Export, State
from ..services import Services
from .notice import message
from .step import Done, NotWanted, Outcome, Work

log = logging.getLogger(__name__)


def body(work: Work) -> Outcome:
    """Send the message if one is due, then close the export."""
    s, export = work.services, work.export
    if seconds := notify(s, export):
        s.redis.messages.note_sent(export.id, seconds)
        return NotWanted("another worker may still be sending the message")
    s.exports.close(export.id, keep=export.state is State.READY)
    s.redis.progress.forget(export.id)
    s.redis.wakeup.wake()
    return Done(export)


def notify(s: Services, export: Export) -> float:
    """Send the message if one is due and was not sent; MailDown when it has to be tried again.

    Returns the seconds for which another worker may still be sending it; 0 when all is done.
    """
    if not _due(s, export):
        return 0.0
    claimed_at = time.time()
    export = s.exports.change(export.id, lambda e: _claim(e, claimed_at, s.settings.time_limit))
    if export.notified_at:
        return 0.0
    if export.notice_claimed_at != claimed_at:
        return max(1.0, (export.notice_claimed_at or 0.0) + s.settings.time_limit - claimed_at)
    try:
        _send(s, export)
    except MailRefused as error:
        log.error("export %s: %s", export.id, error.message)
    except BaseException:
        s.exports.change(export.id, lambda e: _unclaim(e, claimed_at))
        raise
    s.exports.change(export.id, lambda e: dataclasses.replace(e, notified_at=time.time()))
    return 0.0


def _due(s: Services, export: Export) -> bool:
    """True when a mail is asked for and not sent. A person who cancels an export needs no mail about it."""
    wanted = export.notify and export.state in (State.READY, State.FAILED)
    return bool(wanted and s.mailer.configured and not export.notified_at)


def _send(s: Services, export: Export) -> None:
    if missing := s.exports.missing_files(export):
        raise StoreDown(f"{missing[0].name} of export {export.id} is not there.")
    mail = message(export, s.settings)
    if not s.redis.counters.allow("mail", s.settings.mails_per_minute):
        raise MailDown(f"More than {s.settings.mails_per_minute} mails in this minute.")
    s.mailer.send(mail)


def _claim(export: Export, now: float, seconds: float) -> Export:
    """Claim the message, unless it is sent or was claimed in the last `seconds`: no task lives longer."""
    taken = export.notice_claimed_at is not None and now - export.notice_claimed_at < seconds
    return export if export.notified_at or taken else dataclasses.replace(export, notice_claimed_at=now)


def _unclaim(export: Export, claimed_at: float) -> Export:
    """Give a claim back, unless another worker has it by now."""
    ours = export.notice_claimed_at == claimed_at
    return dataclasses.replace(export, notice_claimed_at=None) if ours else export
