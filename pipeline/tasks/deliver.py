"""deliver: send one mail about an export that is over, then remove what is not needed any more.

A claim is written to the bucket before the mail is sent, so that only one of several deliveries sends it. The claim
of a dead worker expires, and another worker sends the mail. A second mail, with the same Message-ID, is possible
only when a worker dies after the mail server accepted the mail and before that is recorded.
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
    """Send the mail if it is due, then close the export."""
    s, export = work.services, work.export
    if seconds := notify(s, export):
        s.redis.messages.note_sent(export.id, seconds)
        return NotWanted("another worker may still be sending the mail")
    s.exports.close(export.id, keep=export.state is State.READY)
    s.redis.progress.forget(export.id)
    s.redis.wakeup.wake()
    return Done(export)


def notify(s: Services, export: Export) -> float:
    """Send the mail if it is due and was not sent. Raises MailDown when it must be tried again.

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
    """True when a mail is requested and not sent. A cancelled export needs none."""
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
    """Claim the mail, unless it was sent, or claimed in the last `seconds`: no task lives longer."""
    taken = export.notice_claimed_at is not None and now - export.notice_claimed_at < seconds
    return export if export.notified_at or taken else dataclasses.replace(export, notice_claimed_at=now)


def _unclaim(export: Export, claimed_at: float) -> Export:
    """Release this worker's claim, unless another worker has claimed the mail since."""
    ours = export.notice_claimed_at == claimed_at
    return dataclasses.replace(export, notice_claimed_at=None) if ours else export
