from __future__ import annotations

import pytest

from pipeline.scaler.quotes import Workload, in_words, quotes


def test_quotes_for_forty_chunks() -> None:
    """40 chunks of 6 s, boots of 15 s, a price of 1: from one worker to one a chunk."""
    found = {q.workers: (q.seconds, q.dollars) for q in quotes(Workload(40, 6, 0, 0), 40, 1, 15, 1.0)}
    assert found[1] == (255, 255)
    assert found[4] == (75, 300)
    assert found[10] == (39, 390)
    assert found[20] == (27, 540)
    assert found[40] == (21, 840)
    assert 11 not in found  # it would need four rounds, as ten do


@pytest.mark.parametrize(
    ("chunks", "maximum", "slots", "workers"),
    [(1, 10, 1, [1]), (5, 3, 1, [1, 2, 3]), (5, 3, 2, [1, 2, 3]), (8, 3, 4, [1, 2]), (7, 7, 1, [1, 2, 3, 4, 7])],
)
def test_no_quote_has_idle_workers_in_the_last_round(
    chunks: int, maximum: int, slots: int, workers: list[int]
) -> None:
    assert [q.workers for q in quotes(Workload(chunks, 6, 0, 0), maximum, slots, 15, 1.0)] == workers


def test_steps_that_run_alone_are_paid_once() -> None:
    (only,) = quotes(Workload(1, 6, 10, 20), 1, 1, 15, 1.0)
    assert (only.seconds, only.dollars) == (51, 51)


@pytest.mark.parametrize(
    ("seconds", "dollars", "words"),
    [
        (42.0, 0.00041, "about 45 s, $0.0004"),
        (180.0, 0.0042, "about 3 min, $0.0042"),
        (9000.0, 0.25, "about 2.5 h, $0.25"),
    ],
)
def test_an_estimate_in_words(seconds: float, dollars: float, words: str) -> None:
    assert in_words(seconds, dollars) == words
