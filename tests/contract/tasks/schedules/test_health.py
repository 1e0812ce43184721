"""The health check: one mail when a service turns bad, one when all are good again."""

from __future__ import annotations

import dataclasses
import time
from pathlib import Path

import pytest
import redis

from local.services import valkey
from pipeline.adapters.bucket.s3 import S3Bucket
from pipeline.adapters.mail import Mailer
from pipeline.adapters.redis import Coordination
from pipeline.errors import MailDown
from pipeline.scaler.formation import FormationPool
from pipeline.services import Services
from pipeline.settings import Settings
from pipeline.tasks.keeper import Keeper
from pipeline.tasks.schedules.health import HealthCheck

from ....mails import Running
from ....nowhere import closed_port
from ....waiting import until
from ..faulty_redis import passage
from ..stage import Stage
from .test_report import arrived

DEAD = f"127.0.0.1:{closed_port()}"


@pytest.fixture
def s(stage: Stage, moody: Running) -> Services:
    settings = dataclasses.replace(stage.s.settings, smtp_url=moody.url, report_to="ops@example.org")
    return dataclasses.replace(stage.s, settings=settings, mailer=Mailer(settings))


@pytest.fixture(autouse=True)
def turn(s: Services) -> None:
    """A keeper takes turns, also in the minutes that the tests move on."""
    s.redis.decisions.note_turn(time.time() + 300)


def without_redis(s: Services) -> Services:
    return dataclasses.replace(s, redis=Coordination.open(changed(s, redis_url=f"redis://{DEAD}/0")))


def without_bucket(s: Services) -> Services:
    return dataclasses.replace(s, bucket=S3Bucket.open(changed(s, s3_endpoint_url=f"http://{DEAD}")))


def changed(s: Services, **settings: object) -> Settings:
    return dataclasses.replace(s.settings, **settings)  # type: ignore[arg-type]


def check(s: Services, later: float = 0.0) -> str:
    """A check by a process that remembers nothing."""
    return HealthCheck(s).run(time.time() + later, lambda _: None)


def subjects(moody: Running) -> list[str]:
    return sorted(str(mail["Subject"]) for mail in arrived(moody))


def test_where_all_is_good_no_mail_is_sent(s: Services, moody: Running) -> None:
    assert check(s) == "good"
    assert arrived(moody) == []


def test_a_bucket_that_is_down_is_told_once(s: Services, moody: Running) -> None:
    down = without_bucket(s)
    assert "bucket" in check(down)
    check(down, 60)
    assert subjects(moody) == ["Bad: bucket"]
    check(s, 120)
    check(s, 180)
    assert subjects(moody) == ["Bad: bucket", "Good again"]


def test_a_redis_that_is_down_is_told_once(s: Services, moody: Running) -> None:
    down = without_redis(s)
    assert "Redis does not answer" in check(down)
    check(down, 60)
    assert subjects(moody) == ["Bad: redis"]
    check(s, 120)
    assert subjects(moody) == ["Bad: redis", "Good again"]


def test_both_down_are_told_once_by_one_process(s: Services, moody: Running) -> None:
    health = HealthCheck(s)
    health._s = without_bucket(without_redis(s))
    for minute in range(3):
        health.run(time.time() + 60 * minute, lambda _: None)
    assert subjects(moody) == ["Bad: bucket, redis"]
    health._s = s
    for minute in range(3, 5):
        health.run(time.time() + 60 * minute, lambda _: None)
    assert subjects(moody) == ["Bad: bucket, redis", "Good again"]


def test_a_service_that_fails_over_is_no_reason_for_a_mail(s: Services, moody: Running) -> None:
    health = HealthCheck(without_redis(s))

    def recover(_: float) -> None:
        health._s = s

    assert health.run(time.time(), recover) == "good"
    assert arrived(moody) == []


def test_a_second_thing_that_turns_bad_is_told_too(s: Services, moody: Running) -> None:
    s.redis.decisions.show_state({"refused": "Heroku refuses: the key is not valid."})
    s = dataclasses.replace(s, settings=changed(s, heroku_api_key="key"))
    assert "key is not valid" in check(s)
    check(without_redis(s), 60)
    assert subjects(moody) == ["Bad: key", "Bad: redis"]
    check(s, 120)
    assert subjects(moody) == ["Bad: key", "Bad: redis"], "the key is still bad"
    s.redis.decisions.show_state({"refused": None})
    check(s, 180)
    assert subjects(moody) == ["Bad: key", "Bad: redis", "Good again"]


def test_a_keeper_that_takes_no_turn_is_told(s: Services, moody: Running) -> None:
    s.redis.decisions.note_turn(time.time() - 1000)
    assert "No keeper finished a turn for 10" in check(s)
    assert subjects(moody) == ["Bad: keeper"]
    with redis.Redis.from_url(s.settings.redis_url) as client:
        client.delete("pipeline:turned")
    assert "No keeper runs." in check(s, 60)
    assert subjects(moody) == ["Bad: keeper"]


def test_a_mail_that_is_not_taken_is_tried_at_the_next_check(s: Services, moody: Running) -> None:
    down = without_bucket(s)
    moody.mailbox.on_login = False
    with pytest.raises(MailDown):
        check(down)
    moody.mailbox.on_login = True
    check(down, 60)
    assert subjects(moody) == ["Bad: bucket"]


def test_a_refused_address_is_logged_and_not_tried_each_minute(
    s: Services, moody: Running, caplog: pytest.LogCaptureFixture
) -> None:
    down = without_bucket(dataclasses.replace(s, settings=changed(s, report_to="refused@example.org")))
    check(down)
    check(down, 60)
    assert moody.mailbox.recipients == 1
    assert "Name an address in REPORT_TO" in caplog.text


def test_the_process_that_led_last_checks_while_redis_is_down(
    s: Services, moody: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A keeper with its threads; Redis goes away while it leads."""
    monkeypatch.setattr("pipeline.tasks.schedules.health.AGAIN_SECONDS", 0.01)
    monkeypatch.setattr(
        "pipeline.tasks.schedules.entries.BUILT_IN", {"check": {"task": "pipeline.check", "schedule": 1.0}}
    )
    with valkey(tmp_path) as server, passage(server) as between:
        settings = changed(s, keeper_seconds=0.1, redis_url=between.url)
        s = dataclasses.replace(s, settings=settings, redis=Coordination.open(settings))
        keeper = Keeper(s, FormationPool(settings, s.redis))
        thread = keeper.start()
        until(lambda: s.redis.decisions.last_run("check") is not None, "a check ran")
        between.away.set()
        until(lambda: subjects(moody) == ["Bad: redis"], "the mail that Redis is down")
        between.away.clear()
        until(lambda: subjects(moody) == ["Bad: redis", "Good again"], "the mail that it is back")
        keeper.stop()
        thread.join()
        s.redis.client.connection_pool.disconnect()
