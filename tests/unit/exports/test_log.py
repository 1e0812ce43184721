"""The log of an export, from its record and from what workers noted."""

from __future__ import annotations

from msgspec.structs import replace

from pipeline.exports.export import Channel, Export, Failure, Notice, Recipient, Result, State
from pipeline.exports.history import merged
from pipeline.exports.log import StepEvent, encode, newest
from pipeline.exports.plan import Chunk, Plan

EXPORT = Export("1", "photos", {}, "shop", 100.0, State.RENDERING)
PLAN = Plan(20, 20, (Chunk(0, 0, 10, 0, 0), Chunk(1, 10, 10, 0, 0)))
DRAWN = {"c0": "10", "w0-0": "112.0 1 a", "t0-0": "2.0", "w0-6": "114.0 1 b", "t0-6": "1.5"}


def noted(*events: StepEvent) -> dict[str, str]:
    return {"h": str(len(events)), **{f"h{n}": encode(event) for n, event in enumerate(events, 1)}}


def test_the_newest_come_first_and_pages_are_named() -> None:
    fields = DRAWN | noted(
        StepEvent(110.0, "plan", "done", 20, 0.5, process="a"),
        StepEvent(113.0, "render", "retry", chunk=1, text="The bucket does not answer. Retry in 3.0 s."),
    )
    found, number = newest(EXPORT, PLAN, fields, 10)
    assert [(each.at, each.what, each.first, each.pages) for each in found] == [
        (114.0, "drawn", 7, 4), (113.0, "retry", 11, 10), (112.0, "drawn", 1, 6), (110.0, "planned", 0, 20),
        (100.0, "queued", 0, 0),
    ]  # fmt: skip
    assert number == 5 and found[1].text.startswith("The bucket") and found[0].process == "b"
    assert [each.at for each in newest(EXPORT, PLAN, fields, 2)[0]] == [114.0, 113.0]


def test_before_there_is_a_plan_it_says_who_waits() -> None:
    assert [each.what for each in newest(EXPORT, None, {}, 10)[0]] == ["queued"]


def test_a_failure_stands_once_and_stays_after_a_retry() -> None:
    event = StepEvent(120.0, "render", "failed", chunk=0, text="It broke.")
    failed = replace(EXPORT, state=State.FAILED, finished_at=121.0, failure=Failure("ChunkFailed", "It broke."))
    assert [each.what for each in newest(failed, PLAN, noted(event), 10)[0]] == ["failed", "queued"]
    assert [each.what for each in newest(failed, PLAN, {}, 10)[0]] == ["failed", "queued"]
    again = replace(failed.retried(130.0), finished_at=140.0, result=Result("k", "n", 1, 20, 20, 20))
    later = merged(noted(event), noted(StepEvent(135.0, "render", "retry", chunk=0, text="Once more.")))
    found = newest(again, PLAN, later, 10)[0]
    assert [each.what for each in found] == [State.READY, "retry", "retried", "failed", "queued"]
    assert newest(again, PLAN, merged(later, later), 10)[1] == 5  # in Redis and stored


def test_mails_are_named_and_urls_of_webhooks_are_not() -> None:
    def notice(number: int, channel: Channel, to: str, **more: object) -> Notice:
        return replace(Notice(number, channel, Recipient(to), State.READY, 150.0, 150.0), **more)

    told = replace(
        EXPORT,
        notices=(
            notice(1, Channel.MAIL, "ann@example.org", sent_at=160.0),
            notice(2, Channel.MAIL, "bob@example.org", problem="It was refused.", given_up=True),
            notice(3, Channel.WEBHOOK, "https://hooks.example.org/s3cret"),
        ),
    )
    found = newest(told, None, {}, 10)[0]
    assert [(each.at, each.what, each.text) for each in found[:3]] == [
        (160.0, "mail", "ann@example.org sent"), (150.0, "mail", "bob@example.org given up It was refused."),
        (150.0, "webhook", "waiting"),
    ]  # fmt: skip
