"""How many examples a property test tries: a few in CI, `EXAMPLES=20000 pytest …` by hand."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings


def examples(few: int) -> settings:
    """Returns settings for `few` examples, or for as many as EXAMPLES says."""
    return settings(
        max_examples=int(os.environ.get("EXAMPLES", few)),
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
    )
