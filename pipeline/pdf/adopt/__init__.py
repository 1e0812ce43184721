"""Adopts pages: copies every page of any PDF into a segment, its objects under new numbers.

Content is copied byte for byte. Kept are links, notes and other marks, the look of form fields, and which layers
are switched off. Left out is all that acts or tells more than the page shows: scripts, attached files, tags,
metadata. What is left out of a page is named in the segment's warnings.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import BinaryIO

from ..fonts.characters import printable
from ..reader import Heading, open_pdf
from ..segment_body import SegmentBody
from ..segment_index import Bookmark, Place
from . import remarks
from .document import note_losses
from .pages import PageCopy

MAX_REPAIR = 80  # characters of what was mended that a remark shows
Bookmarking = Callable[[list[Heading]], Iterable[Heading]]
"""Turns a file's outline into the entries to write; `list` keeps it as it is."""


@dataclass(frozen=True)
class OwnPages:
    """What pages of our own canvas share with others: the object numbers of fonts, by the name that stands for
    each, and named destinations, by name, with the page counted from 0."""

    fonts: Mapping[str, int]
    destinations: Mapping[str, Place]


def adopt_pages(
    out: SegmentBody, file: BinaryIO, bookmark: Bookmarking | None = None, own: OwnPages | None = None
) -> int:
    """Copy every page of the PDF `file` into the segment `out`. Returns the number of pages.

    `bookmark` turns the file's outline into the entries to write: `list` keeps it as it is, None writes no
    entries. `own` is for our own canvas. Raises UnreadableSource when the file cannot be copied; the segment is
    then as before.
    """
    start = out.rollback_point()
    try:
        with open_pdf(file) as pdf:
            note_losses(pdf, out.tally)
            numbers = PageCopy(pdf, out, own.fonts if own else None).write()
            for name, place in own.destinations.items() if own else ():
                out.add_destination(name, Place(numbers[place.page], place.how))
            if bookmark:
                headings, lost = pdf.headings()
                out.add_bookmarks(
                    Bookmark(h.level, numbers[h.page], h.top, printable(h.title) or "-") for h in bookmark(headings)
                )
                if lost:
                    out.tally.warn(remarks.BOOKMARK, times=lost)
            if pdf.repairs:
                out.tally.warn(remarks.DAMAGED, pdf.repairs[0][:MAX_REPAIR])
    except Exception:
        out.roll_back(start)
        raise
    return len(numbers)
