"""The bucket wrote an export, but its answer was lost: the request is repeated, and finds its own write."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from msgspec.structs import replace

from pipeline.adapters.bucket import BACKGROUND
from pipeline.adapters.bucket.s3_upload import S3Upload
from pipeline.errors import ChunkFailed, QuotaReached, StoreRefused
from pipeline.exports.export import Charge, State
from pipeline.exports.ids import new_id
from pipeline.exports.quotas import Quota, Quotas, admitted
from pipeline.exports.repository import ExportRepository
from pipeline.exports.uploads import Upload, Uploads
from pipeline.services import open_services
from pipeline.tasks import flow
from pipeline.tasks.again import retry
from pipeline.tasks.plan.hold import note_begin

from ... import steps
from ..lesser_s3 import Lacks, lesser
from .stage import Stage

ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyz"
TRIES = BACKGROUND.tries
ONE = Quotas(owner=Quota(running=1))


class Lossy:
    """The next write of an export gets no answer; `meanwhile` is done then."""

    def __init__(self, direct: Stage, other: Stage, unanswered: dict[str, int]) -> None:
        self.direct, self.stage, self._unanswered = direct, other, unanswered
        self.meanwhile: Callable[[], object] = lambda: None

    def lose(self, end: str = "/export.json", times: int = 1) -> None:
        self._unanswered[end] = times

    @property
    def left(self) -> int:
        return sum(self._unanswered.values())

    def change_by_another(self, export_id: str) -> None:
        self.meanwhile = lambda: self.direct.s.exports.change(export_id, lambda e: replace(e, charge=Charge(1.0)))


@pytest.fixture
def lossy(stage: Stage) -> Iterator[Lossy]:
    unanswered: dict[str, int] = {}
    with lesser(
        stage.s.settings, Lacks(unanswered=unanswered, meanwhile=lambda: found.meanwhile(), forgets=True)
    ) as settings:
        services = open_services(settings, stage.queue)
        found = Lossy(stage, Stage(services, stage.queue, stage.mail), unanswered)
        yield found
        services.redis.client.connection_pool.disconnect()


@pytest.mark.parametrize("changed", [False, True], ids=["", "changed by another"])
def test_an_export_is_cancelled_once(lossy: Lossy, changed: bool) -> None:
    export_id = lossy.stage.planned()
    if changed:
        lossy.change_by_another(export_id)
    lossy.lose()
    assert flow.cancel(lossy.stage.s, export_id).state is State.CANCELLED
    assert lossy.left == 0
    assert lossy.stage.queue.sent == [("deliver", export_id)]
    assert bool(lossy.stage.load(export_id).charge) is changed


@pytest.mark.parametrize("changed", [False, True], ids=["", "changed by another"])
def test_a_failed_export_goes_on_and_keeps_its_place(lossy: Lossy, changed: bool) -> None:
    s, export_id = lossy.stage.s, lossy.stage.planned()
    flow.fail(s, export_id, ChunkFailed("Page 3 could not be rendered."))
    steps.deliver(s, export_id)
    lossy.stage.queue.sent.clear()
    if changed:
        lossy.change_by_another(export_id)
    lossy.lose()
    assert retry(s, export_id, ONE).state is State.RENDERING
    assert lossy.left == 0
    assert lossy.stage.queue.sent == [("render", export_id, "0", "1", "2")]
    other = replace(lossy.stage.load(export_id), id=new_id(), request_key="another")
    with pytest.raises(QuotaReached), admitted(s, other, ONE):
        pass


def test_a_query_counts_as_begun_once(lossy: Lossy) -> None:
    export_id = lossy.stage.submit()
    lossy.change_by_another(export_id)
    lossy.lose()
    note_begin(lossy.stage.s, lossy.stage.load(export_id), 1000.0)
    assert lossy.left == 0
    export = lossy.stage.load(export_id)
    assert (export.query_began_at, export.query_starts) == (1000.0, 1)


def test_a_mail_that_was_not_handed_over_does_not_count_as_one_that_may_have_arrived(lossy: Lossy) -> None:
    """Counted twice, a mail that was never sent would be given up."""
    export_id = lossy.stage.rendered()
    steps.assemble(lossy.stage.s, export_id)
    steps.deliver(lossy.stage.s, export_id)
    for _ in range(2):
        lossy.lose(times=TRIES)
        lossy.stage.send_mails()
        assert lossy.left == 0
        (notice,) = lossy.stage.load(export_id).notices
        assert (notice.handed_over, notice.claimed_at, notice.given_up) == (0, None, False)
    assert lossy.stage.subjects(export_id) == ["Ready: Photos"]
    (notice,) = lossy.stage.load(export_id).notices
    assert (notice.handed_over, notice.sent_at is not None) == (1, True)


def test_a_mail_whose_claim_is_refused_is_put_off(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is written then, so nothing is taken back: that would be tried for as long as the bucket refuses."""
    export_id = stage.rendered()
    steps.assemble(stage.s, export_id)
    steps.deliver(stage.s, export_id)
    asked: list[str] = []

    def refused(_: ExportRepository, export_id: str, step: object) -> None:
        asked.append(export_id)
        if len(asked) > 2:
            raise AssertionError("it is tried again and again")
        raise StoreRefused("The bucket refuses.")

    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(ExportRepository, "change", refused)
        stage.send_mails()
    assert asked == [export_id] * 2, "to claim it, and to say why it waits"
    assert stage.subjects(export_id) == ["Ready: Photos"]


def test_an_input_is_begun(lossy: Lossy) -> None:
    for end in ALPHABET:  # one of them is that of its id
        lossy.lose(end)
    uploads = Uploads(lossy.stage.store, "shop", 1 << 20)
    upload = uploads.begin("album.jsonl", 10, None)
    assert lossy.left == len(ALPHABET) - 1
    assert uploads.find(upload.id) == upload


def test_an_input_is_completed(lossy: Lossy) -> None:
    uploads, upload = in_parts(lossy.stage)
    lossy.lose("album.jsonl?complete")
    uploads.complete(upload)
    assert lossy.left == 0
    assert uploads.done(upload) is None


@pytest.mark.parametrize("method", ["parts", "complete"])
def test_an_input_that_another_request_completes_at_this_moment_is_complete(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    """A caller that had no answer in time asks again."""
    uploads, upload = in_parts(stage)
    real, once = getattr(S3Upload, method), [uploads]

    def held_up(parts: S3Upload, *given: Any) -> Any:
        while once:
            once.pop().complete(upload)
        return real(parts, *given)

    monkeypatch.setattr(S3Upload, method, held_up)
    uploads.complete(upload)
    assert uploads.done(upload) is None


def in_parts(stage: Stage) -> tuple[Uploads, Upload]:
    """An input whose one part was sent."""
    uploads = Uploads(stage.store, "shop", 1 << 20)
    upload = uploads.begin("album.jsonl", None, None)
    (parts,) = stage.store.uploads(upload.key)
    parts.write(1, b"{}")
    return uploads, upload
