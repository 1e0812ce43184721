"""The map of an export's chunks, and when its processes drew."""

from __future__ import annotations

from pipeline.exports.export import Export, State
from pipeline.exports.history import MAX_CELLS, MAX_SPANS, cells, processes, unfinished
from pipeline.exports.plan import Chunk, Plan

EXPORT = Export("1", "photos", {}, "shop", 0.0, State.RENDERING)


def plan(chunks: int) -> Plan:
    return Plan(10 * chunks, 10 * chunks, tuple(Chunk(n, 10 * n, 10, 0, 0) for n in range(chunks)))


def drawn(
    chunk: int, first: int, seconds: float, ended: float, tries: int = 1, process: str = "a"
) -> dict[str, str]:
    piece = f"{chunk}-{first}"
    return {f"t{piece}": str(seconds), f"w{piece}": f"{ended} {tries} {process}"}


def test_each_chunk_has_its_pages_its_seconds_its_attempts_and_what_draws_it() -> None:
    fields = {"c0": "10", "c1": "4", "bytes": "7", "total": "9"}
    fields |= drawn(0, 0, 1.5, 100) | drawn(0, 6, 0.5, 101, tries=3) | drawn(1, 10, 2, 103)
    first, second, third = cells(EXPORT, plan(3), fields, {1: "worker.2, process 9"})
    assert (first.first_page, first.done, first.seconds, first.tries, first.process) == (1, 10, 2.0, 3, "")
    assert (second.first_page, second.done, second.process) == (11, 4, "worker.2, process 9")
    assert (third.done, third.seconds, third.tries) == (0, 0.0, 0)
    assert unfinished(plan(3), fields, 5) == [1, 2] and unfinished(plan(3), fields, 1) == [1]


def test_when_all_is_drawn_the_map_says_so_whatever_redis_knows() -> None:
    for state in (State.ASSEMBLING, State.READY, State.EXPIRED):
        ready = Export("1", "photos", {}, "shop", 0.0, state)
        assert [cell.done for cell in cells(ready, plan(2), {}, {})] == [10, 10]


def test_the_map_of_a_large_export_has_few_cells_and_all_its_pages() -> None:
    count = 3 * MAX_CELLS - 1
    found = cells(EXPORT, plan(count), {f"c{count - 1}": "10"}, {0: "worker.1"})
    assert len(found) == MAX_CELLS
    assert sum(cell.pages for cell in found) == 10 * count and sum(cell.chunks for cell in found) == count
    assert found[0].process == "worker.1" and found[-1].done == 10


def test_a_process_is_at_work_from_the_first_page_of_a_piece_to_its_last() -> None:
    fields = drawn(0, 0, 2, 102) | drawn(1, 10, 3, 105, process="b") | drawn(2, 20, 4, 110) | drawn(3, 30, 1, 111)
    assert [(each.name, each.spans) for each in processes(fields)] == [
        ("a", [(100.0, 102.0), (106.0, 111.0)]), ("b", [(102.0, 105.0)]),
    ]  # fmt: skip
    assert processes({"c0": "1"}) == []


def test_a_long_timeline_has_few_spans() -> None:
    fields: dict[str, str] = {}
    for chunk in range(5000):
        fields |= drawn(chunk, 0, 0.5, 100 + chunk)
    (process,) = processes(fields)
    assert len(process.spans) <= MAX_SPANS and process.spans[0][0] == 99.5 and process.spans[-1][1] == 5099
