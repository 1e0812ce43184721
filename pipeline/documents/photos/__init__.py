"""photos: one picture on each page, or a contact sheet, with captions.

`on_unreadable` says what happens to a photo that cannot be read: a placeholder with the reason, nothing, or the
end of the export.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import closing
from itertools import islice

from ...errors import InvalidRequest, RefusedAddress
from ...exports.plan import Cost, Marks, Survey
from ...pdf.paper import MM
from ...pdf.segment import SegmentWriter
from .. import Range, register
from ..inputs import Inputs, line_number, lines
from ..params import one_source, source_of
from . import frames
from .layout import PhotoLayout
from .page import PhotoPage
from .params import PhotosParams, decode

MIN_PHOTO = 5 * MM  # smallest side of a photo's box
# A photo of 0.5 MB took 3 ms to draw on a 2.5 GHz core; fetching it takes longer and decides.
SECONDS_PER_PHOTO = 0.05
BYTES_PER_PHOTO = 1_000_000


class Photos:
    """Photos with captions: one on each page, or several as a contact sheet."""

    name = "photos"
    params = PhotosParams
    records_field = "photos"

    def check(self, params: PhotosParams, inputs: Inputs) -> None:
        one_source(params, self.records_field)
        params.check_paper()
        box = PhotoLayout(params).pictures[0]
        if min(box.width, box.height) < MIN_PHOTO:
            raise InvalidRequest(
                f"{params.rows} rows and {params.columns} columns leave no room for photos.",
                field="margin",
                advice="Take a smaller margin, fewer rows or columns, or larger paper.",
            )
        if params.listing:
            with source_of("listing"):
                inputs.check(params.listing)
        for number, photo in enumerate(params.photos or ()):
            try:
                inputs.check(photo.source)
            except (InvalidRequest, RefusedAddress) as error:
                words = f"Photo {number + 1}: {error.message}"
                raise InvalidRequest(words, field=f"photos[{number}].source", advice=error.advice) from error

    def expand(self, params: PhotosParams, lines: Iterator[bytes], inputs: Inputs) -> Iterator[bytes] | None:
        return frames.expanded(lines, inputs) if params.frames == "all" else None

    def survey(self, params: PhotosParams, listing: str, inputs: Inputs) -> Survey:
        marks = Marks()
        count = end = 0
        for offset, line in lines(inputs, listing):
            try:
                inputs.check(decode(line).source)
            except (InvalidRequest, RefusedAddress) as error:
                number = line_number(inputs, listing, offset)
                words = f"Line {number:,} of {params.listing or 'the photos'}: {error.message}"
                raise InvalidRequest(words, field="listing", advice=error.advice) from error
            if count % params.per_page == 0:
                marks.add(count // params.per_page, offset)
            count += 1
            end = offset + len(line)
        if not count:
            raise InvalidRequest(f"The listing {params.listing or listing} names no photos.", field="listing")
        cost = Cost(SECONDS_PER_PHOTO * params.per_page, BYTES_PER_PHOTO * params.per_page)
        return Survey(count, -(-count // params.per_page), marks, end, cost)

    def draw(
        self, params: PhotosParams, listing: str, part: Range, inputs: Inputs, out: SegmentWriter
    ) -> Generator[None, None, None]:
        chunk = part.chunk
        photos = (decode(line) for _, line in lines(inputs, listing, chunk.start, chunk.stop))
        behind = (part.first - chunk.first_page) * params.per_page
        layout = PhotoLayout(params)
        with closing(frames.each(inputs, islice(photos, behind, None))) as opened:
            for page in range(part.first, part.stop):
                with PhotoPage(layout, part, page, out) as photo_page:
                    for photo, file in islice(opened, params.per_page):
                        photo_page.place(photo, file)
                yield


register(Photos())
