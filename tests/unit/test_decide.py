from __future__ import annotations

import pytest

from pipeline.scaler.decide import Policy, Snapshot, decide

POLICY = Policy(most=4, slots=1, linger_seconds=5)


@pytest.mark.parametrize(
    ("chunks", "exports", "waiting", "unacknowledged", "workers", "idle", "expected"),
    [
        (0, 0, 0, 0, 0, 0, 0),  # nothing to do, nobody there
        (1, 1, 0, 0, 0, 0, 1),  # asked for, not planned yet
        (3, 1, 3, 0, 0, 0, 3),  # up at once to what the chunks need
        (90, 2, 80, 4, 1, 0, 4),  # never above the limit
        (2, 1, 0, 2, 4, 0, 4),  # never down while there is work: the highest ordinal may be busy
        (0, 1, 1, 0, 0, 0, 1),  # a mail is to be sent
        (0, 0, 1, 0, 0, 0, 1),  # a message of whatever kind waits
        (0, 0, 0, 1, 2, 0, 2),  # somebody has a message in hand
        (0, 0, 0, 0, 2, 4.9, 2),  # linger
        (0, 0, 0, 0, 2, 5.1, 0),  # then to zero
    ],
)
def test_how_many_workers(
    chunks: int, exports: int, waiting: int, unacknowledged: int, workers: int, idle: float, expected: int
) -> None:
    decision = decide(Snapshot(chunks, exports, waiting, unacknowledged, workers, idle), POLICY)
    assert decision.quantity == expected
    assert decision.reason.endswith(".")


def test_a_worker_with_two_slots_counts_for_two() -> None:
    assert decide(Snapshot(4, 1, 0, 0, 0, 0), Policy(9, 2, 5)).quantity == 2
