"""Sends messages: those of large exports in waves, so that small ones overtake them, and never too many at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ..adapters.redis.messages import LATER
from ..exports.export import Export
from ..exports.waves import first_waves, width_for
from ..services import Message, Services

LARGE = 32  # chunks; an export with more of them is large: it is sent in waves, and small ones overtake it


def chunks(export: Export, missing: Sequence[int], width: int) -> list[Message]:
    """Return the messages that render these chunks of an export; of a large one, the first two waves."""
    return _messages("render", export, missing, export.chunks > LARGE, width)


def ranges(export: Export, missing: Sequence[int], width: int) -> list[Message]:
    """Return the messages that freeze or measure these parts of an input; of a large one, the first two waves."""
    return _messages("measure", export, missing, len(missing) > LARGE, width)


def _messages(step: str, export: Export, missing: Sequence[int], in_waves: bool, width: int) -> list[Message]:
    if not in_waves:
        return [Message(step, export.id, tuple(missing))]
    return [Message(step, export.id, numbers, each, export.owner) for each, numbers in first_waves(missing, width)]


def width(services: Services) -> int:
    """Return how many chunks a wave has."""
    return width_for(services.settings.max_workers * services.settings.concurrency)


def send(services: Services, message: Message) -> None:
    """Send a message and note when.

    Raises RedisDown when it could not be sent; the keeper sends it later.
    """
    redis, settings = services.redis, services.settings
    if message.step == "deliver":
        redis.progress.note_over(message.export_id)
    if message.wave:
        message = replace(message, later=not redis.messages.take_turn(message.owner, message.export_id))
    services.queue.send(message)
    seconds = settings.lease_seconds if message.step == "deliver" else settings.repair_patience
    redis.messages.note_sent(message.export_id, seconds)


def begin(services: Services, messages: Sequence[Message]) -> bool:
    """Send messages that bring new work of one export, and wake the keeper. Returns False while too many wait; the
    keeper tries again.

    The chunks of a small export are always sent: workers take no plan while such chunks wait, so these are few.
    """
    queued = services.redis.messages
    if messages and not _may_begin(services, messages[0]):
        queued.forget_sent(messages[0].export_id)
        return False
    for message in messages:
        send(services, message)
    services.redis.wakeup.wake()
    return True


def _may_begin(services: Services, message: Message) -> bool:
    """Return False while too many messages wait. An owner's further large exports are begun one by one, when no
    message of one waits: what the keeper sends twice must not fill the queues."""
    queued = services.redis.messages
    if message.step != "plan" and not message.wave:
        return True
    later = bool(message.wave) and not queued.take_turn(message.owner, message.export_id)
    return queued.have_room() and not (later and queued.waiting((LATER,)))
