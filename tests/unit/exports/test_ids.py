"""Ids sort by time, do not repeat, and are safe in keys."""

from __future__ import annotations

import time

import pytest

from pipeline.exports.ids import created, is_id, new_id


def test_ids_sort_by_time_and_do_not_repeat() -> None:
    ids = [new_id(now) for now in (1.0, 2.0, 1_700_000_000.0, 1_800_000_000.5)]
    assert ids == sorted(ids)
    assert len({new_id(1.0) for _ in range(1000)}) == 1000
    assert created(ids[-1]) == 1_800_000_000.5
    assert abs(created(new_id()) - time.time()) < 60


@pytest.mark.parametrize("text", ["", "x", "../../etc/passwd", "U" * 26, "0" * 25, "0" * 25 + "/"])
def test_only_an_id_may_become_part_of_a_key(text: str) -> None:
    assert is_id(new_id())
    assert not is_id(text)
