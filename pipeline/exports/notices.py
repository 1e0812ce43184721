"""Where the notices about an export stand: mails and webhooks. Their mark, unsent/<id> or unposted/<id>, is in the
bucket until all of an export's notices on that channel are sent or given up.

A sender counts a notice as handed over before it hands it over, and takes the count back when the server says no.
So the next sender sees one that may have arrived: the last sender died in between, or got no answer. Such a mail is
sent once more at most. A webhook is sent until an answer says that it was taken; its id is the same each time.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from msgspec.structs import replace

from ..adapters.bucket import Bucket
from ..errors import MailUnanswered, NoticeDown
from .export import Change, Channel, Export, Notice

MARKS = {Channel.MAIL: "unsent/", Channel.WEBHOOK: "unposted/"}
MAX_HANDED_OVER = 2  # times without an answer, of a mail
NOTICE_DAYS = {Channel.MAIL: 3, Channel.WEBHOOK: 1}
"""For which a notice is tried. Mails: longer than a weekend, shorter than most files are kept."""


def unsent(bucket: Bucket, channel: Channel = Channel.MAIL) -> list[str]:
    """Return the ids of the exports whose notices wait, oldest first."""
    return [entry.key.removeprefix(MARKS[channel]) for entry in bucket.entries(MARKS[channel])]


def mark_unsent(bucket: Bucket, export: Export, *, mails: bool) -> None:
    """Note that notices about an export wait, if they do; mails only where there is a mail server."""
    for channel in Channel:
        if (mails or channel is not Channel.MAIL) and due(export, channel):
            mark(bucket, export.id, channel)


def mark(bucket: Bucket, export_id: str, channel: Channel) -> None:
    """Note that notices about an export wait on a channel."""
    bucket.put(MARKS[channel] + export_id, b"")


def remove_mark(bucket: Bucket, export_id: str, *channels: Channel) -> None:
    """Note that no notice about an export waits, on these channels."""
    bucket.delete([MARKS[channel] + export_id for channel in channels])


def due(export: Export, channel: Channel) -> list[Notice]:
    """Return the notices that are neither sent nor given up and may be tried now.

    Of webhooks this is one, the oldest: they arrive in the order of the events.
    """
    waiting = [notice for notice in export.notices if notice.channel is channel and not notice.over]
    return waiting[:1] if channel is Channel.WEBHOOK else waiting


def message_id(export: Export, notice: Notice) -> str:
    """Return the id of a notice, the same at each attempt."""
    return f"{export.id}.{notice.number}"


def standing(notice: Notice) -> Literal["waiting", "sent", "given up"]:
    """Return where a notice stands."""
    return "sent" if notice.sent_at is not None else "given up" if notice.given_up else "waiting"


def state(export: Export, channel: Channel) -> tuple[str, str] | None:
    """Return where a channel's notices stand together, and why they are not sent; None if there are none.

    A notice that waits counts first, then one that was given up, then one that was sent.
    """
    found = [notice for notice in export.notices if notice.channel is channel]
    latest = [notice for notice in found if notice.happened_at == found[-1].happened_at or not notice.over]
    for word in ("waiting", "given up", "sent"):
        if such := [notice for notice in latest if standing(notice) == word]:
            return word, next((notice.problem for notice in such if notice.problem), "")
    return None


def is_claimed(notice: Notice, now: float, lease_seconds: float) -> bool:
    """Return whether a sender claimed a notice less than `lease_seconds` ago and has not noted what came of it.

    A claim may also be a little ahead: its sender's clock is, or `now` was taken just before it.
    """
    return notice.claimed_at is not None and abs(now - notice.claimed_at) < lease_seconds


def hopeless(notice: Notice, now: float) -> str:
    """Return why a notice is not tried any more; empty when it is."""
    days = NOTICE_DAYS[notice.channel]
    if notice.channel is Channel.MAIL and notice.handed_over >= MAX_HANDED_OVER:
        return "The mail server got it twice and did not say whether it took it."
    if now - notice.due_at > days * 86400:
        return f"It could not be sent for {days * 24} hours. {notice.problem}".rstrip()
    return ""


def handing_over(number: int, now: float, lease_seconds: float) -> Change:
    """Return the change that claims a notice at `now` and counts it as handed over, if it may."""

    def claim(notice: Notice) -> Notice:
        if is_claimed(notice, now, lease_seconds):
            return notice
        return replace(notice, claimed_at=now, handed_over=notice.handed_over + 1)

    return _unless_over(number, claim)


def not_handed_over(number: int, claimed_at: float) -> Change:
    """Return the change that takes `handing_over` back: the answer to it was lost, so nothing was handed over."""

    def note(notice: Notice) -> Notice:
        if notice.claimed_at != claimed_at:
            return notice
        return replace(notice, claimed_at=None, handed_over=notice.handed_over - 1)

    return _changing(number, note)


def sent(number: int, now: float) -> Change:
    """Return the change after the server took a notice."""
    return _changing(number, lambda n: replace(n, sent_at=now, claimed_at=None, given_up=False, problem=""))


def not_taken(number: int, error: NoticeDown, claimed_at: float) -> Change:
    """Return the change after the server refused a notice, or gave no answer. Its second call does nothing."""

    def note(notice: Notice) -> Notice:
        if notice.claimed_at != claimed_at:
            return notice
        return replace(
            notice,
            claimed_at=None,
            handed_over=notice.handed_over - (not isinstance(error, MailUnanswered)),
            problem=error.message,
            given_up=notice.given_up or not error.retry,
        )

    return _changing(number, note)


def waiting(number: int, problem: str) -> Change:
    """Return the change that notes why a notice waits."""
    return _unless_over(number, lambda notice: replace(notice, problem=problem))


def given_up(number: int, problem: str) -> Change:
    """Return the change that ends the tries."""
    return _unless_over(number, lambda notice: replace(notice, problem=problem, given_up=True))


def replayed(now: float) -> Change:
    """Return the change that lets all webhooks of an export be sent again, in order and with the same ids."""

    def again(notice: Notice) -> Notice:
        if notice.channel is not Channel.WEBHOOK:
            return notice
        return replace(notice, due_at=now, handed_over=0, problem="", given_up=False, sent_at=None)

    return lambda export: replace(export, notices=tuple(map(again, export.notices)))


def _unless_over(number: int, change: Callable[[Notice], Notice]) -> Change:
    return _changing(number, lambda notice: notice if notice.over else change(notice))


def _changing(number: int, change: Callable[[Notice], Notice]) -> Change:
    """Return the change of one notice."""

    def change_export(export: Export) -> Export:
        changed = tuple(change(notice) if notice.number == number else notice for notice in export.notices)
        return replace(export, notices=changed)

    return change_export
