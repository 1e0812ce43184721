"""Which chunks of a large export are sent together; pure.

A wave is the chunks with numbers from `number * width` on. Two are under way at a time: when one is done, the next
but one is sent, so that no worker waits for the last chunk of a wave.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

LEAST = 16  # chunks of a wave


class Wave(NamedTuple):
    """The chunks from `number * width` on, `width` of them."""

    number: int
    width: int

    def chunks(self, count: int) -> range:
        """Return the chunks of this wave, of an export of `count` chunks."""
        return range(min(count, self.number * self.width), min(count, (self.number + 1) * self.width))


def width_for(processes: int) -> int:
    """Return how many chunks a wave has: when one ends, as many as there are processes still wait in the other."""
    return max(LEAST, 2 * processes)


def next_wave(missing: Sequence[int], done: Wave) -> tuple[Wave, tuple[int, ...]] | None:
    """Return the wave to send after one that is done, and its chunks; None when the other wave is the last.

    `missing` are the chunks that are not drawn, in order. A wave without any is left out.
    """
    number, width = done
    for chunk in missing:
        ahead = chunk // width - number
        if ahead > 0 and ahead % 2 == 0:
            wave = Wave(chunk // width, width)
            return wave, tuple(each for each in missing if each // width == wave.number)
    return None


def first_waves(missing: Sequence[int], width: int) -> list[tuple[Wave, tuple[int, ...]]]:
    """Return the waves to begin with: the first with an even number, and the first with an odd one."""
    found = (next_wave(missing, Wave(before, width)) for before in (-2, -1))
    return [wave for wave in found if wave]
