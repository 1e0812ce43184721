"""Where the mail about an export stands. Its mark, unsent/<id>, is in the bucket until it is sent or given up.

A sender counts a mail as handed over before it hands it over, and takes the count back when the mail server
says no. So the next sender sees a mail that may have arrived: the last sender died in between, or got no answer.
Such a mail is sent once more at most.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from ..adapters.bucket import Bucket
from ..errors import MailDown, MailRefused, MailUnanswered
from .export import Export, State

MARK = "unsent/"
MAX_HANDED_OVER = 2  # times without an answer
NOTICE_DAYS = 3  # for which a mail is tried: longer than a weekend, shorter than most files are kept

Step = Callable[[Export], Export]


def unsent(bucket: Bucket) -> list[str]:
    """Return the ids of the exports whose mails wait, oldest first."""
    return [entry.key.removeprefix(MARK) for entry in bucket.entries(MARK)]


def mark_unsent(bucket: Bucket, export_id: str) -> None:
    """Note that the mail about an export waits."""
    bucket.put(MARK + export_id, b"")


def remove_mark(bucket: Bucket, export_id: str) -> None:
    """Note that the mail about an export is sent, or is given up."""
    bucket.delete([MARK + export_id])


def is_due(export: Export) -> bool:
    """True when a mail is requested, and neither sent nor given up. A cancelled export needs none."""
    over = export.notified_at is not None or export.notice_given_up
    return bool(export.notify) and export.state in (State.READY, State.FAILED) and not over


def state(export: Export) -> str | None:
    """Return "waiting", "sent" or "given up"; None when there is no mail to send."""
    if export.notified_at is not None:
        return "sent"
    if export.notice_given_up:
        return "given up"
    return "waiting" if is_due(export) else None


def is_claimed(export: Export, now: float, lease_seconds: float) -> bool:
    """True when a sender claimed the mail less than `lease_seconds` ago and has not noted what came of it."""
    claimed = export.notice_claimed_at
    return claimed is not None and 0 <= now - claimed < lease_seconds


def hopeless(export: Export, now: float) -> str:
    """Return why a mail is not tried any more; empty when it is."""
    if export.notice_handed_over >= MAX_HANDED_OVER:
        return "The mail server got it twice and did not say whether it took it."
    if now - (export.finished_at or now) > NOTICE_DAYS * 86400:
        return f"It could not be sent for {NOTICE_DAYS} days. {export.notice_problem}".rstrip()
    return ""


def handing_over(now: float, lease_seconds: float) -> Step:
    """Return the step that claims a mail at `now` and counts it as handed over; it does nothing if it may not."""

    def step(export: Export) -> Export:
        if not is_due(export) or is_claimed(export, now, lease_seconds):
            return export
        count = export.notice_handed_over + 1
        return dataclasses.replace(export, notice_claimed_at=now, notice_handed_over=count)

    return step


def sent(now: float) -> Step:
    """Return the step after the mail server took the mail."""
    return lambda export: dataclasses.replace(export, notified_at=now, notice_claimed_at=None, notice_problem="")


def not_taken(error: MailDown, claimed_at: float) -> Step:
    """Return the step after the mail server refused the mail, or gave no answer. Its second call does nothing."""

    def step(export: Export) -> Export:
        if export.notice_claimed_at != claimed_at:
            return export
        return dataclasses.replace(
            export,
            notice_claimed_at=None,
            notice_handed_over=export.notice_handed_over - (not isinstance(error, MailUnanswered)),
            notice_problem=error.message,
            notice_given_up=isinstance(error, MailRefused),
        )

    return step


def waiting(problem: str) -> Step:
    """Return the step that notes why the mail waits."""
    return lambda export: dataclasses.replace(export, notice_problem=problem) if is_due(export) else export


def given_up(problem: str) -> Step:
    """Return the step that ends the tries."""
    return lambda export: (
        dataclasses.replace(export, notice_problem=problem, notice_given_up=True) if is_due(export) else export
    )
