"""deliver: ask the keeper for the notices about an export that is over, then remove what is not needed any more."""

from __future__ import annotations

from ..exports import history, notices
from .outcomes import Done, Outcome
from .step import Work


def body(work: Work) -> Outcome:
    """Mark the notices that wait, keep how the export was made, then close it."""
    s, export = work.services, work.export
    notices.mark_unsent(s.bucket, export, mails=s.mailer.configured)
    history.keep(s.bucket, export, s.redis.progress.fields(export.id))
    s.exports.close(export.id, export.state)
    s.redis.progress.forget(export.id)
    s.redis.messages.end_turn(export.owner, export.id)
    s.redis.wakeup.wake()
    return Done(export)
