"""The fonts that tests start with."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pipeline.pdf import fonts


@pytest.fixture(autouse=True)
def only_the_built_in_fonts() -> Iterator[None]:
    fonts.load(())
    yield
    fonts.load(())
