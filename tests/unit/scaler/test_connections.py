"""How many workers Redis has connections for."""

from __future__ import annotations

import pytest

from pipeline.scaler.connections import fitting, needed


@pytest.mark.parametrize(
    ("most", "processes", "workers"), [(5, 1, 1), (20, 1, 2), (40, 1, 4), (40, 3, 2), (10_000, 1, 1427)]
)
def test_workers_fit_into_the_connections(most: int, processes: int, workers: int) -> None:
    assert fitting(most, processes) == workers
    if workers > 1:
        assert needed(workers, processes) <= most < needed(workers + 1, processes)
