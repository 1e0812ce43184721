"""How far a running export is, and how that is written into a hash.

c17       pages that are drawn of chunk 17
t17-340   seconds that it took to draw the piece of it that begins at page 340
bytes     of the file that are joined, of so many in total
total
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Drawn:
    """A piece of a chunk, from page `first` on, that took so many seconds and was counted as `attempt`; `pages`
    of the chunk are drawn now."""

    export: str
    chunk: int
    first: int
    pages: int
    seconds: float
    attempt: str

    def fields(self) -> dict[str, float]:
        return {chunk_field(self.chunk): self.pages, f"t{self.chunk}-{self.first}": round(self.seconds, 3)}


@dataclass(frozen=True)
class Progress:
    """What is known of a running export: pages drawn, bytes joined; seconds of drawing, and of how many pieces."""

    pages: int
    bytes: int
    bytes_total: int
    seconds: float = 0.0
    timed: int = 0

    @classmethod
    def read(cls, values: Mapping[str, str]) -> Progress:
        pages = sum(int(value) for key, value in values.items() if key.startswith("c"))
        times = [float(value) for key, value in values.items() if key.startswith("t") and key != "total"]
        return cls(pages, int(values.get("bytes", 0)), int(values.get("total", 0)), sum(times), len(times))


def chunk_field(chunk: int) -> str:
    """Where the pages that are drawn of a chunk stand."""
    return f"c{chunk}"
