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


def test_fewer_fit_when_they_are_monitored() -> None:
    """Measured: two workers had 30 connections with MONITORING=on, and 47 together with Flower."""
    assert needed(2, 1, monitoring=True) >= 47
    assert fitting(50, 1, monitoring=True) == 2 < fitting(50, 1)
