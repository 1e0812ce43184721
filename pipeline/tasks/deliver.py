"""deliver: ask the keeper for the notices about an export that is over, then remove what is not needed any more."""

from __future__ import annotations

from ..exports import history, notices
from .outcomes import Done, NotWanted, Outcome
from .step import Work


def body(work: Work) -> Outcome:
    """Mark the notices that wait, keep how the export was made, then close it.

    A second message for it may come late, or its process be held up: a failed export may have been retried since.
    """
    s = work.services
    export = s.exports.load(work.export.id)
    if not export.state.over:
        return NotWanted(f"the export is {export.state}")
    notices.mark_unsent(s.bucket, export, mails=s.mailer.configured)
    history.keep(s.bucket, export, s.redis.progress.fields(export.id))
    work.fence()
    s.exports.close(export.id, export.state)
    if s.exports.was_retried(export):
        return NotWanted("the export was retried meanwhile")
    s.redis.progress.forget(export.id)
    s.redis.messages.end_turn(export.owner, export.id)
    s.redis.wakeup.wake()
    return Done(export)
