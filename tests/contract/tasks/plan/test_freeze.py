"""A large Parquet file is stored as lines by several messages, share by share, and then read as one listing."""

from __future__ import annotations

import io
import random
from collections.abc import Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet as arrow

from pipeline.documents.inputs import BLOCK, jsonl, parquet, snapshot
from pipeline.errors import InputChanged, InvalidRequest
from pipeline.exports import frozen, measures
from pipeline.exports.encoding import encode
from pipeline.exports.export import State
from pipeline.exports.plan import Plan
from pipeline.exports.request import ExportRequest
from pipeline.tasks import flow, plan
from pipeline.tasks.outcomes import Again, Done, Missing, NotWanted
from pipeline.tasks.submit import submit

from .... import steps
from ..stage import Stage

LISTING = "inputs/rows.parquet"
ROWS, GROUP = 3000, 250
SHARE = 20_000  # bytes: two row groups or three


def file(rows: int = ROWS, group: int = GROUP, **options: Any) -> bytes:
    out = io.BytesIO()
    columns = {"id": pa.array(range(rows)), "name": [f"Name {n} of {rows}" for n in range(rows)]}
    arrow.write_table(pa.table(columns), out, row_group_size=group, use_dictionary=False, **options)
    return out.getvalue()


@pytest.fixture(autouse=True)
def small_shares(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshot, "LARGE", 0)
    monkeypatch.setattr(parquet, "SHARE_BYTES", SHARE)
    monkeypatch.setattr(parquet, "BATCH_ROWS", 32)
    monkeypatch.setattr(frozen, "PIECE_BYTES", 4000)
    monkeypatch.setattr(measures, "RANGE_BYTES", 30_000)
    monkeypatch.setattr(measures, "SMALL_BYTES", 60_000)


def requested(stage: Stage, data: bytes, **params: Any) -> str:
    stage.store.put(LISTING, data)
    order = ExportRequest("table", {"listing": LISTING, **params}, "shop", None)
    export_id = submit(stage.s, order).export.id
    stage.queue.sent.clear()
    return export_id


def divided(stage: Stage, data: bytes) -> tuple[str, tuple[int, ...]]:
    """An export, and the shares that its first step asks for."""
    export_id = requested(stage, data)
    missing = steps.plan(stage.s, export_id)
    assert isinstance(missing, Missing)
    assert len(missing.chunks) > 3
    assert stage.queue.sent.pop() == ("measure", export_id, *map(str, missing.chunks))
    return export_id, missing.chunks


def planned_at_once(stage: Stage, monkeypatch: pytest.MonkeyPatch, data: bytes) -> tuple[Plan, bytes]:
    """The plan, and the lines, when one process stores them."""
    with monkeypatch.context() as patch:
        patch.setattr(snapshot, "LARGE", len(data) + 1)
        patch.setattr(measures, "SMALL_BYTES", 10**9)
        export_id = requested(stage, data, title="At once")
        steps.plan(stage.s, export_id)
    found = stage.s.exports.plan(export_id)
    return found, lines(stage, found)


def lines(stage: Stage, found: Plan) -> bytes:
    """All that was frozen, as drawing reads it."""
    assert found.listing
    return b"".join(stage.s.inputs.pinned(found.listing).blocks(found.listing.key))


def same(found: Plan, wanted: Plan) -> bool:
    """True if two plans differ at most in the listing that they name."""
    return encode(found).split(b'"listing"')[0] == encode(wanted).split(b'"listing"')[0]


def test_a_file_in_shares_is_planned_as_a_whole_one(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    data = file()
    wanted, all_lines = planned_at_once(stage, monkeypatch, data)
    export_id, shares = divided(stage, data)
    for number in random.Random(5).sample(shares, len(shares)):
        assert isinstance(steps.measure(stage.s, export_id, number), Done)
        assert isinstance(steps.measure(stage.s, export_id, number), NotWanted), "it is stored"
    stage.store.delete([LISTING])  # nobody needs it any more
    ranges = steps.plan(stage.s, export_id)
    assert isinstance(ranges, Missing), "the lines are measured"
    stage.work()
    export = stage.load(export_id)
    assert (export.state, export.records) == (State.READY, ROWS)
    found = stage.s.exports.plan(export_id)
    assert same(found, wanted)
    assert not stage.objects(export_id, "shares/"), "removed with the segments"
    assert all_lines.count(b"\n") == ROWS


def test_the_lines_are_those_of_one_process(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    data = file()
    _, wanted = planned_at_once(stage, monkeypatch, data)
    export_id, shares = divided(stage, data)
    for number in shares:
        while isinstance(steps.measure(stage.s, export_id, number, steps.STOPPING), Again):
            pass
    with monkeypatch.context() as patch:
        patch.setattr(measures, "SMALL_BYTES", 10**9)
        steps.plan(stage.s, export_id)
    found = stage.s.exports.plan(export_id)
    assert lines(stage, found) == wanted
    assert found.listing
    at = random.Random(6)
    for _ in range(20):
        start, stop = sorted(at.choices(range(len(wanted) + 1), k=2))
        assert b"".join(stage.s.inputs.blocks(found.listing.key, start, stop)) == wanted[start:stop]


def test_a_killed_process_loses_one_piece(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pieces that are stored are not stored again, and their rows are not written as JSON again."""
    export_id, shares = divided(stage, file(group=ROWS // 4))
    encoded: list[int] = []
    whole = jsonl.encode_record

    def counted(record: Any, number: int, what: str) -> bytes:
        encoded.append(number)
        return whole(record, number, what)

    monkeypatch.setattr("pipeline.documents.inputs.snapshot.encode_record", counted)
    again = 0
    for number in shares:
        while isinstance(steps.measure(stage.s, export_id, number, steps.STOPPING), Again):
            again += 1
    assert again > len(shares)
    assert set(encoded) == set(range(1, ROWS + 1))
    assert len(encoded) < ROWS + 33 * again, "at most a batch twice"


def test_a_plan_that_is_lost_is_made_again_with_its_pieces(stage: Stage) -> None:
    export_id, shares = divided(stage, file())
    for number in shares:
        steps.measure(stage.s, export_id, number)
    steps.plan(stage.s, export_id)
    for number in range(4):
        steps.measure(stage.s, export_id, number)
    steps.plan(stage.s, export_id)
    wanted = stage.s.exports.plan(export_id)
    stage.store.delete([f"exports/{export_id}/plan.json"])
    stage.store.delete_under(f"exports/{export_id}/measures/")
    stage.restart()
    assert encode(plan.load_plan(stage.s, stage.load(export_id))) == encode(wanted)


def test_a_listing_that_is_replaced_meanwhile_is_refused(stage: Stage) -> None:
    data = file(30_000, 2500, compression="none")
    assert len(data) > 2 * BLOCK, "more than a process keeps in memory"
    export_id, shares = divided(stage, data)
    steps.measure(stage.s, export_id, shares[0])
    stage.store.put(LISTING, file(30_000, 2000))
    with pytest.raises(InputChanged, match="was replaced while"):
        steps.measure(stage.s, export_id, shares[-1])


@pytest.mark.parametrize("large", [0, 10**9])
def test_a_damaged_row_group_is_named(stage: Stage, monkeypatch: pytest.MonkeyPatch, large: int) -> None:
    """By a share, and by one process that reads the whole file."""
    monkeypatch.setattr(snapshot, "LARGE", large)
    data = bytearray(file(compression="none", write_page_checksum=True))
    at = data.index(b"Name 1300 of")
    data[at : at + 4] = b"Nome"
    export_id = requested(stage, bytes(data))
    words = "Row group 6 of 12, rows 1,251 to 1,500, of the Parquet file in the listing inputs/rows.parquet is dam"
    with pytest.raises(InvalidRequest, match=words):
        missing = steps.plan(stage.s, export_id)
        assert isinstance(missing, Missing)
        for number in missing.chunks:
            steps.measure(stage.s, export_id, number)


def test_a_file_of_small_row_groups_has_few_shares(stage: Stage) -> None:
    export_id, shares = divided(stage, file(group=10))
    divided_by = stage.s.frozen.shares(export_id)
    assert divided_by
    assert len(shares) < 12
    assert sum(share.rows for share in divided_by.shares) == ROWS
    assert max(share.size for share in divided_by.shares) <= SHARE


@dataclass(frozen=True)
class Footer:
    """The metadata of a file by whoever wrote it: row groups of one row, and sizes that need not be true."""

    sizes: Sequence[int]

    @property
    def num_row_groups(self) -> int:
        return len(self.sizes)

    def row_group(self, number: int) -> SimpleNamespace:
        return SimpleNamespace(num_rows=1, total_byte_size=self.sizes[number])


@pytest.mark.parametrize("sizes", [(2**40,), (2**40, -(2**40)), (2**62, 0, 1)])
def test_sizes_that_are_made_up_give_no_more_shares(
    sizes: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    footer = Footer(sizes * (120_000 // len(sizes)))
    monkeypatch.setattr(parquet, "_metadata", lambda *_: footer)
    found = parquet.shares(io.BytesIO(), "a listing")  # type: ignore[arg-type]  # it is not read
    assert len(found) <= 2 * parquet.MAX_SHARES + 1
    assert (found[0].begin, sum(share.rows for share in found), found[-1].stop) == (0, 120_000, 120_000)


def test_a_cancelled_export_is_not_frozen_further(stage: Stage) -> None:
    export_id, shares = divided(stage, file())
    flow.cancel(stage.s, export_id)
    assert isinstance(steps.measure(stage.s, export_id, shares[1]), NotWanted)
    assert len(stage.objects(export_id, "shares/")) <= 1


def test_a_number_that_no_share_has_is_ignored(stage: Stage) -> None:
    export_id, shares = divided(stage, file())
    assert isinstance(steps.measure(stage.s, export_id, len(shares)), NotWanted)
