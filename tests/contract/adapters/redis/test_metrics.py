"""What GET /metrics tells, kept on a real Redis."""

from __future__ import annotations

from typing import Any

from pipeline.adapters.redis import Coordination
from pipeline.adapters.redis.metrics import KEPT, SLOT


def test_the_largest_peak_of_a_step_is_kept_and_goes_soon(shared: Coordination, client: Any) -> None:
    for peak in (300, 500, 400):
        shared.metrics.add_step({("steps", "render"): 1}, "render", peak, 512)
    shared.metrics.add_step({("steps", "join"): 1}, "join", 100, 512)
    reading = shared.metrics.read()
    assert reading.peaks == {"render": 500, "join": 100}
    assert reading.counts == {("steps", "render"): 3, ("steps", "join"): 1}
    assert reading.memory_limit == 512
    left = {key: client.ttl(key) for key in client.scan_iter("pipeline:metrics:*")}
    peaks = {key: seconds for key, seconds in left.items() if ":peak:" in str(key)}
    assert peaks
    assert all(2 * SLOT < seconds <= 3 * SLOT for seconds in peaks.values()), "shown for two slots at most"
    assert all(KEPT - 60 < seconds <= KEPT for key, seconds in left.items() if key not in peaks)
