"""A run whose fault was not made is neither right nor wrong; it is done again."""

from __future__ import annotations

from dataclasses import replace

from .__main__ import last_tries, table
from .run import Result, runs

RUN = next(runs(0))
RIGHT = Result(RUN, made=True, seconds=1, after=0)
UNMADE = replace(RIGHT, made=False)
WRONG = replace(UNMADE, problems=("it is still queued",))


def test_only_a_fault_that_was_made_can_be_right() -> None:
    assert [result.right for result in (RIGHT, UNMADE, WRONG)] == [True, False, False]
    assert [str(result).split("  ")[-1] for result in (RIGHT, UNMADE, WRONG)] == [
        "right", "not made", "it is still queued",
    ]  # fmt: skip


def test_the_last_try_of_a_run_counts() -> None:
    assert last_tries([UNMADE, RIGHT]) == [RIGHT]
    assert last_tries([UNMADE, WRONG]) == [WRONG]


def test_the_table_counts_what_was_not_made_apart() -> None:
    def counts(*results: Result) -> list[str]:
        return list(table(results))[-1].split(" | ")[1:5]

    assert counts(UNMADE, UNMADE) == ["0", "0", "0", "1"]
    assert counts(UNMADE, RIGHT) == ["1", "1", "0", "0"]
    assert counts(WRONG) == ["0", "0", "1", "0"]
