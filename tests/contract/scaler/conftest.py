"""Local dynos that do nothing, and pools that scale them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from local.dynos import Dynos
from pipeline.adapters.redis import Coordination
from pipeline.scaler.formation import FormationPool
from pipeline.scaler.heroku import PAUSES

from .pools import LONG, Make, settings_for


@pytest.fixture
def dynos(tmp_path: Path) -> Iterator[Dynos]:
    (tmp_path / "Procfile").write_text("web: sleep 600\nworker: sleep 600\n")
    env = {"PATH": os.environ["PATH"]}
    with Dynos(
        tmp_path / "Procfile", env, cwd=tmp_path, log_folder=tmp_path / "logs",
        types=("web", "worker"), boot_seconds=LONG, limit=3,
    ) as running:  # fmt: skip
        yield running


@pytest.fixture
def formation(dynos: Dynos, shared: Coordination) -> Make:
    """The formation of dynos that never say that they are up, with changed settings."""

    def make(pauses: Sequence[float] = PAUSES, **changes: str) -> FormationPool:
        return FormationPool(settings_for(dynos, **changes), shared, settle_seconds=0.0, pauses=pauses)

    return make
