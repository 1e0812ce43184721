"""The daily report, as it arrives at REPORT_TO."""

from __future__ import annotations

import dataclasses
import email
import email.policy
import time
from datetime import datetime
from email.message import EmailMessage
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from msgspec import structs

from pipeline.adapters.bucket import Bucket
from pipeline.adapters.mail import Mailer
from pipeline.errors import MailDown, MailRefused
from pipeline.exports.encoding import encode
from pipeline.exports.export import Charge, Export, Failure, Result, State
from pipeline.exports.ids import new_id
from pipeline.services import Services
from pipeline.tasks.schedules import report
from pipeline.tasks.schedules.beat import Run
from pipeline.tasks.schedules.entries import entries
from pipeline.tasks.schedules.jobs import daily_report
from pipeline.tasks.schedules.last_runs import LastRun, LastRuns

from ....mails import Running
from ..stage import Stage

SEOUL = ZoneInfo("Asia/Seoul")
NINE = datetime(2026, 11, 30, 9, tzinfo=SEOUL).timestamp()


@pytest.fixture
def s(stage: Stage, moody: Running) -> Services:
    settings = dataclasses.replace(
        stage.s.settings, smtp_url=moody.url, report_to="ops@example.org", timezone="Asia/Seoul"
    )
    return dataclasses.replace(stage.s, settings=settings, mailer=Mailer(settings))


def ended(bucket: Bucket, at: datetime, document: str = "table", lasted: float = 60, **fields: Any) -> str:
    """Store an export that ended then, requested a minute before."""
    end = at.timestamp()
    export_id = new_id(end - lasted)
    export = Export(export_id, document, {}, "shop", end - lasted, name="Orders", finished_at=end)
    bucket.put(f"exports/{export_id}/export.json", encode(structs.replace(export, **fields)))
    bucket.put(f"exports/{export_id}/result/orders.pdf", b"")
    return export_id


def ready(pages: int, dollars: float | None = 0.01) -> dict[str, Any]:
    charge = None if dollars is None else Charge(10.0, dollars)
    return {"state": State.READY, "result": Result("k", "n", 1, pages, pages, pages), "charge": charge}


def failed(message: str) -> dict[str, Any]:
    return {"state": State.FAILED, "failure": Failure("QueryFailed", message), "charge": Charge()}


def arrived(server: Running) -> list[EmailMessage]:
    return [
        email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
        for path in server.folder.glob("*.eml")
    ]


def send(s: Services) -> str:
    found = entries(s.settings)
    return daily_report(s, found, Run(found[2], NINE, NINE, LastRun(NINE)))


def test_the_report_tells_of_what_ended_yesterday(stage: Stage, s: Services, moody: Running) -> None:
    day = datetime(2026, 11, 29, tzinfo=SEOUL)
    ended(stage.store, day.replace(hour=0, minute=0), **ready(100))  # requested the day before
    ended(stage.store, day.replace(hour=23), **ready(20, None))
    ended(stage.store, day.replace(hour=12), "photos", state=State.EXPIRED, result=ready(3)["result"])
    bad = ended(stage.store, day.replace(hour=13), **failed("The database refuses: no table \r\nBcc: x"))
    ended(stage.store, day.replace(day=28), **ready(7000))
    ended(stage.store, datetime(2026, 11, 30, 0, 1, tzinfo=SEOUL), **ready(7000))
    assert send(s) == "mailed the report on 2026-11-29"
    (mail,) = arrived(moody)
    assert mail["To"] == "ops@example.org"
    assert mail["Subject"] == "2026-11-29: 3 ready, 1 failed"
    text = mail.get_content()
    assert "3 ready, 1 failed, 0 cancelled; 123 pages; $0.0100 (2 not charged yet)" in text
    assert "  photos: 1 ready, 0 failed, 0 cancelled; 3 pages" in text
    assert f"  {bad}  Orders: The database refuses: no table" in text
    assert mail["Bcc"] is None


def test_only_the_first_failures_are_told_one_by_one(
    stage: Stage, s: Services, moody: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report, "FAILURES", 2)
    monkeypatch.setattr(report, "KINDS", 1)
    for hour in range(5):
        ended(stage.store, datetime(2026, 11, 29, hour, tzinfo=SEOUL), f"kind-{hour}", **failed("No."))
    send(s)
    text = arrived(moody)[0].get_content()
    assert text.count("Orders: No.") == 2
    assert "  and 3 more" in text
    assert "  others: 0 ready, 4 failed" in text


def test_the_report_reads_no_export_of_other_days(
    stage: Stage, s: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    """But those whose record was written since, as they may have ended yesterday."""
    for day in (1, 15, 28, 29, 30):
        ended(stage.store, datetime(2026, 11, day, 12, tzinfo=SEOUL), **ready(1))
    ended(stage.store, datetime.now(SEOUL), **ready(1))
    read: list[str] = []
    find = s.exports.find

    def noted(export_id: str) -> Export | None:
        read.append(export_id)
        return find(export_id)

    monkeypatch.setattr(s.exports, "find", noted)
    assert report.report(s, NINE).totals.exports == {"ready": 1}
    assert len(read) == 2
    read.clear()
    assert report.report(s, time.time() + 3 * 86400).totals.exports == {}
    assert read == []


def test_an_export_that_was_retried_after_days_is_in_the_report(stage: Stage, s: Services) -> None:
    lasted = s.settings.keep_seconds + s.settings.export_deadline
    ended(stage.store, datetime(2026, 11, 29, 12, tzinfo=SEOUL), lasted=lasted, **ready(7))
    assert report.report(s, NINE).totals.pages == 7


def test_a_schedule_that_failed_is_in_the_report(s: Services, moody: Running) -> None:
    clean_up = entries(s.settings)[1]
    LastRuns(s).save(clean_up, LastRun(NINE, problem="The bucket is away."), None)
    send(s)
    assert "Schedule clean-up: The bucket is away." in arrived(moody)[0].get_content()


def test_without_an_address_the_report_is_logged(
    s: Services, moody: Running, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    s = dataclasses.replace(s, settings=dataclasses.replace(s.settings, report_to=None))
    assert "logged the report on 2026-11-29" in send(s)
    assert "0 ready, 0 failed, 0 cancelled; 0 pages" in caplog.text
    assert arrived(moody) == []


def test_a_mail_that_the_server_does_not_take_is_an_error(s: Services, moody: Running) -> None:
    """So the schedule tries it again."""
    moody.mailbox.on_text = "452 4.3.1 Full"
    with pytest.raises(MailDown):
        send(s)
    moody.mailbox.on_text = "cut"
    assert send(s).startswith("mailed"), "it may have arrived"


def test_a_refused_address_is_a_problem_of_the_schedule(s: Services) -> None:
    s = dataclasses.replace(s, settings=dataclasses.replace(s.settings, report_to="refused@example.org"))
    with pytest.raises(MailRefused, match=r"REPORT_TO: .*\(550\)") as caught:
        send(s)
    assert not caught.value.retry
