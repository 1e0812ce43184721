"""What came of a mail is noted, though the bucket refuses its record for a while."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from pipeline.errors import StoreDown
from pipeline.exports import notices
from pipeline.exports.repository import ExportRepository
from pipeline.services import Services
from pipeline.tasks.notices import sender

from ....mails import Running
from ....waiting import until
from ..stage import Stage, failing
from .mailing import LEASE, SOON, aged, ids, mails_of, send, stands, waiting


def test_a_mail_that_was_taken_is_never_sent_again(
    stage: Stage, s: Services, moody: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its sender cannot reach the bucket to note it, for longer than a lease; another one could."""
    export_id, change = waiting(stage), ExportRepository.change
    lease, half, refused = f"pipeline:lease:{export_id}:mail", LEASE * 500, list[str]()

    def down(exports: ExportRepository, which: str, step: Any) -> Any:
        if threading.current_thread().name.startswith("first") and ids(moody) and len(refused) < 2:
            refused.append(which)
            change(exports, which, aged)
            s.redis.client.pexpire(lease, int(half))
            until(lambda: s.redis.client.pttl(lease) > half, "it is renewed")
            raise StoreDown("The bucket is away.")
        return change(exports, which, step)

    monkeypatch.setattr(ExportRepository, "change", down)
    monkeypatch.setattr("pipeline.tasks.notices.sender.STORE_SECONDS", 0.5)
    with ThreadPoolExecutor(1, "first") as pool:
        first = pool.submit(send, mails_of(s, SOON))
        until(lambda: first.done() or ids(moody))
        while not first.done():
            send(mails_of(s, SOON))
        first.result()
    assert refused == [export_id] * 2
    assert len(ids(moody)) == 1
    assert stands(stage, export_id) == "sent"


def refusing(moody: Running, only: str = "") -> tuple[list[str], Any]:
    """A change of records that the bucket refuses once a mail was taken, of one export or of all; and its tries."""
    tries, change = list[str](), ExportRepository.change

    def refused(exports: ExportRepository, which: str, step: Any) -> Any:
        if only in ("", which) and ids(moody):
            tries.append(which)
            raise StoreDown("The bucket refuses this object.")
        return change(exports, which, step)

    return tries, refused


def test_a_mail_whose_record_is_refused_holds_no_other_back(
    stage: Stage, s: Services, moody: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was taken by its server, and the bucket writes all but its record. It is not sent again."""
    first, second, mails = waiting(stage, title="One"), waiting(stage, title="Two"), mails_of(s, SOON)
    monkeypatch.setattr(sender, "STORE_SECONDS", 0.01)
    tries, refused = refusing(moody, first)
    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(ExportRepository, "change", refused)
        mails.wake(lambda: True)
        until(lambda: stands(stage, second) == "sent", seconds=60.0)
        assert tries and stands(stage, first) == "waiting"
    until(lambda: stands(stage, first) == "sent")
    mails.stop(60.0)
    assert len(ids(moody)) == 2 and not mails._unstored


def test_an_outcome_is_held_while_the_bucket_takes_no_write(
    stage: Stage, s: Services, moody: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lease keeps others from the mail as long as this process knows what came of it."""
    export_id, mails = waiting(stage), mails_of(s, SOON)
    monkeypatch.setattr(sender, "STORE_SECONDS", 0.01)
    tries, refused = refusing(moody)
    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(ExportRepository, "change", refused)
        meanwhile.setattr(notices, "mark", failing(StoreDown("The bucket is away.")))
        mails.wake(lambda: True)
        until(lambda: len(tries) > 3 * sender.STORE_TRIES)
        assert mails.hands_over and not mails._unstored
    until(lambda: stands(stage, export_id) == "sent")
    mails.stop(60.0)
    assert len(ids(moody)) == 1
