"""A document whose pages take their time, so that something can happen in the middle of a chunk.

Named by DOCUMENTS in the environment of the workers under test.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Generator, Iterator
from typing import Annotated

from msgspec import Meta

from pipeline.documents import Range, register
from pipeline.documents.inputs import Inputs
from pipeline.documents.params import Params
from pipeline.exports.plan import Cost, Marks, Survey
from pipeline.pdf.segment import SegmentWriter


class SlowParams(Params, frozen=True):
    """So many pages of so many seconds, after `begin` seconds; `hungry` is a page that takes all memory, `deadly`
    kills its process.

    Its records are stored as `lines` lines, of so many seconds too.
    """

    pages: Annotated[int, Meta(ge=1)] = 20
    seconds: float = 0.05
    begin: float = 0.0
    hungry: int = -1
    deadly: int = -1
    lines: int = 0
    records: tuple[str, ...] = ()


class Slow:
    name = "slow"
    params = SlowParams
    records_field = "records"

    def check(self, params: SlowParams, inputs: Inputs) -> None:
        pass

    def expand(self, params: SlowParams, lines: Iterator[bytes], inputs: Inputs) -> Iterator[bytes] | None:
        return slow_lines(params) if params.lines else None

    def survey(self, params: SlowParams, listing: str, inputs: Inputs) -> Survey:
        marks = Marks()
        for page in range(params.pages):
            marks.add(page, page)
        return Survey(params.pages, params.pages, marks, params.pages, Cost(params.seconds or 0.001, 1000))

    def draw(
        self, params: SlowParams, listing: str, part: Range, inputs: Inputs, out: SegmentWriter
    ) -> Generator[None, None, None]:
        time.sleep(params.begin)
        for number in range(part.first, part.stop):
            time.sleep(params.seconds)
            if number == params.deadly:
                os.kill(os.getpid(), signal.SIGKILL)
            if number == params.hungry:
                held = [bytearray(b"x" * 2**20) for _ in range(2000)]
                del held
            with out.page(200, 200) as page:
                page.text(20, 100, 12, f"slow page {number + 1} of {part.pages}")
                page.bookmark(f"Page {number + 1}")
            out.tally.records += 1
            out.tally.drawn += 1
            yield


def slow_lines(params: SlowParams) -> Iterator[bytes]:
    for number in range(params.lines):
        time.sleep(params.seconds)
        yield b"%d\n" % number


register(Slow())
