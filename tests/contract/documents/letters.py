"""A letter for each record: a document as somebody else would write it, in one file."""

from __future__ import annotations

from collections.abc import Generator
from itertools import islice
from typing import Annotated

import msgspec
from msgspec import Meta

from pipeline.documents import (
    Cost,
    Inputs,
    Marks,
    Params,
    Range,
    SegmentWriter,
    Survey,
    lines,
    one_source,
    register,
)


class Letter(msgspec.Struct, frozen=True):
    to: str
    about: str = ""


class LettersParams(Params, frozen=True):
    letters: list[Letter] | None = None
    greeting: Annotated[str, Meta(title="Greeting", description="the first word")] = "Dear"
    copies: Annotated[int, Meta(ge=1, le=9, description="of each letter")] = 1


class Letters:
    """Letters, one page for each person."""

    name, params, records_field = "letters", LettersParams, "letters"

    def check(self, params: LettersParams, inputs: Inputs) -> None:
        one_source(params, self.records_field)

    def survey(self, params: LettersParams, listing: str, inputs: Inputs) -> Survey:
        marks, count, end = Marks(), 0, 0
        for offset, line in lines(inputs, listing):
            marks.add(count, offset)
            count, end = count + 1, offset + len(line)
        return Survey(records=count, pages=count, marks=marks, end=end, cost=Cost(seconds=0.001, bytes=2000))

    def draw(
        self, params: LettersParams, listing: str, part: Range, inputs: Inputs, out: SegmentWriter
    ) -> Generator[None, None, None]:
        found = lines(inputs, listing, part.chunk.start, part.chunk.stop)
        for _, line in islice(found, part.first - part.chunk.first_page, None):
            letter = msgspec.json.decode(line, type=Letter)
            with out.page(420, 200) as page:
                page.text(40, 100, 12, f"{params.greeting} {letter.to}, {letter.about}")
            out.tally.records += 1
            out.tally.drawn += 1
            yield


register(Letters())
