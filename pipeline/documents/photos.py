"""photos: one picture on each page, or a contact sheet, with captions.

`on_unreadable` says what happens to a photo that cannot be read: a placeholder with the reason, nothing, or the
end of the export.
"""

from __future__ import annotations

import posixpath
from collections.abc import Generator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from ..errors import InvalidRequest, RefusedAddress, UnreadableSource
from ..exports.plan import Cost, Marks, Survey
from ..pdf.assembly import page_number
from ..pdf.images import Picture, read_picture
from ..pdf.page import BLACK, Page, printable
from ..pdf.paper import MM
from ..pdf.segment import SegmentWriter
from ..pdf.tally import Skipped
from . import Range, register
from .inputs import Inputs, OpenInput, line_number, lines
from .params import PaperParams, invalid, one_source

GAP = 4 * MM
MIN_PHOTO = 5 * MM  # smallest side of a photo's box
CAPTION = 9.0
NUMBER = 8.0
LEADING = 1.25
GREY = (0.45, 0.45, 0.45)
# A photo of 0.5 MB took 3 ms to draw on a 2.5 GHz core; fetching it takes longer and decides.
SECONDS_PER_PHOTO = 0.05
BYTES_PER_PHOTO = 1_000_000


class Photo(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One record: the source of a picture, and its caption; null, as a query gives it, is no caption."""

    source: Annotated[str, Meta(min_length=1, max_length=2048)]
    caption: Annotated[str, Meta(max_length=1000)] | None = ""

    @property
    def file(self) -> str:
        """The file name, without the query of a URL, which may be secret."""
        return posixpath.basename(self.source.split("?")[0])

    @property
    def title(self) -> str:
        """The caption, or else the file name."""
        return printable(self.caption or "") or self.file


class PhotosParams(PaperParams, frozen=True):
    """Parameters of `photos`."""

    photos: Annotated[list[Photo] | None, Meta(description="a list of {source, caption}")] = None
    title: Annotated[str, Meta(min_length=1, max_length=200, description="title of the file")] = "Photos"
    columns: Annotated[
        int, Meta(ge=1, le=20, title="Photos across", description="photos across a page, 1 to 20")
    ] = 1
    rows: Annotated[int, Meta(ge=1, le=20, title="Photos down", description="photos down a page, 1 to 20")] = 1
    fit: Annotated[Literal["fit", "fill"], Meta(description="whole photo, or cropped to fill its box")] = "fit"
    margin: Annotated[float, Meta(ge=0, le=60, description="margin in mm, 0 to 60")] = 15
    captions: Annotated[bool, Meta(description="print captions")] = True
    page_numbers: Annotated[bool, Meta(description="print `x of y`")] = True
    bookmarks: Annotated[Literal["photo", "page", "none"], Meta(description="outline entries")] = "photo"
    on_unreadable: Annotated[
        Literal["fail", "skip", "placeholder"],
        Meta(description="what to do with a photo that cannot be read"),
    ] = "placeholder"

    @property
    def per_page(self) -> int:
        return self.rows * self.columns


@dataclass(frozen=True)
class Box:
    """A rectangle on the page, in points."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class PhotoLayout:
    """The geometry of every page; it depends on the parameters only."""

    params: PhotosParams

    @cached_property
    def area(self) -> Box:
        """The page without its margins and the line of the page number."""
        width, height = self.params.paper
        margin = self.params.margin * MM
        foot = NUMBER * 2 if self.params.page_numbers else 0
        return Box(margin, margin + foot, width - 2 * margin, height - 2 * margin - foot)

    @cached_property
    def caption_size(self) -> float:
        """Nine points, smaller in small cells."""
        return max(4.0, min(CAPTION, self.cell(0).width / 14))

    def cell(self, position: int) -> Box:
        """The cell of the n-th photo of a page, counted row by row from the top."""
        rows, columns, area = self.params.rows, self.params.columns, self.area
        width = (area.width - GAP * (columns - 1)) / columns
        height = (area.height - GAP * (rows - 1)) / rows
        row, column = divmod(position, columns)
        x = area.x + column * (width + GAP)
        return Box(x, area.y + area.height - (row + 1) * height - row * GAP, width, height)

    def picture(self, position: int) -> Box:
        """The cell without the two lines of its caption."""
        cell = self.cell(position)
        below = self.caption_size * LEADING * 2.4 if self.params.captions else 0
        return Box(cell.x, cell.y + below, cell.width, cell.height - below)


class Photos:
    """Photos with captions: one on each page, or several as a contact sheet."""

    name = "photos"
    params = PhotosParams
    records_field = "photos"

    def check(self, params: PhotosParams, inputs: Inputs) -> None:
        one_source(params, self.records_field)
        params.check_paper()
        box = PhotoLayout(params).picture(0)
        if min(box.width, box.height) < MIN_PHOTO:
            raise InvalidRequest(
                f"{params.rows} rows and {params.columns} columns leave no room for photos.",
                field="margin",
                advice="Take a smaller margin, fewer rows or columns, or larger paper.",
            )
        if params.listing:
            inputs.check(params.listing)
        for number, photo in enumerate(params.photos or ()):
            try:
                inputs.check(photo.source)
            except (InvalidRequest, RefusedAddress) as error:
                words = f"Photo {number + 1}: {error.message}"
                raise InvalidRequest(words, field=f"photos[{number}].source", advice=error.advice) from error

    def survey(self, params: PhotosParams, listing: str, inputs: Inputs) -> Survey:
        marks = Marks()
        count = end = 0
        for offset, line in lines(inputs, listing):
            try:
                inputs.check(_decode(line).source)
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
        photos = (_decode(line) for _, line in lines(inputs, listing, chunk.start, chunk.stop))
        behind = (part.first - chunk.first_page) * params.per_page
        layout = PhotoLayout(params)
        with closing(inputs.each(islice(photos, behind, None), lambda photo: photo.source)) as opened:
            for page in range(part.first, part.stop):
                with _PhotoPage(layout, part, page, out) as photo_page:
                    for photo, file in islice(opened, params.per_page):
                        photo_page.place(photo, file)
                yield


class _PhotoPage:
    """One page of photos. It is begun by the first thing drawn, so a page of skipped photos is left out."""

    def __init__(self, layout: PhotoLayout, part: Range, number: int, out: SegmentWriter) -> None:
        self._params = layout.params
        self._layout = layout
        self._part = part
        self._number = number
        self._out = out
        self._position = 0
        self._open = ExitStack()
        self._page: Page | None = None

    def __enter__(self) -> _PhotoPage:
        return self

    def __exit__(self, *error: object) -> None:
        self._open.__exit__(*error)  # type: ignore[arg-type]  # the three values of the protocol

    def place(self, photo: Photo, opened: OpenInput) -> None:
        """Draw the next photo; if it cannot be read, do what `on_unreadable` says."""
        position = self._position
        self._position += 1
        self._out.tally.records += 1
        try:
            with opened() as file:
                picture = read_picture(file, self._part.max_image_pixels)
                self._draw(photo, position, picture)
        except UnreadableSource as error:
            self._unreadable(photo, position, error)

    def _draw(self, photo: Photo, position: int, picture: Picture) -> None:
        box = self._layout.picture(position)
        page = self._begun(photo, position)
        bottom = page.picture(picture, box.x, box.y, box.width, box.height, fill=self._params.fit == "fill")
        if self._params.captions:
            self._caption(page, position, bottom, photo.caption or "")
        self._out.tally.drawn += 1

    def _unreadable(self, photo: Photo, position: int, error: UnreadableSource) -> None:
        record = self._number * self._params.per_page + position + 1
        if self._params.on_unreadable == "fail":
            raise UnreadableSource(f"Photo {record}, {photo.title}: {error.message}") from error
        self._out.tally.skipped.append(Skipped(record, photo.source.split("?")[0], error.message))
        if self._params.on_unreadable == "placeholder":
            self._placeholder(photo, position, error.message)

    def _placeholder(self, photo: Photo, position: int, reason: str) -> None:
        page = self._begun(photo, position)
        box = self._layout.picture(position)
        size = self._layout.caption_size
        page.rectangle(box.x, box.y, box.width, box.height, stroke=GREY, fill=(0.96, 0.96, 0.96))
        words = [photo.file, *page.face.wrap(reason, size, box.width * 0.9, 6)]
        if photo.caption:
            words.insert(1, photo.caption)
        y = box.y + (box.height + len(words) * size * LEADING) / 2
        for i, line in enumerate(words):
            fitted = page.face.fit(printable(line), size, box.width * 0.9)
            colour = BLACK if i == 0 else GREY
            page.text(box.x + box.width / 2, y, size, fitted, align="center", colour=colour)
            y -= size * LEADING

    def _begun(self, photo: Photo, position: int) -> Page:
        """Returns the page, begun if necessary, after adding the photo's bookmark."""
        params = self._params
        if self._page is None:
            self._page = self._open.enter_context(self._out.page(*params.paper))
            if params.page_numbers:
                self._write_number(self._page)
            if params.bookmarks == "page":
                self._page.bookmark(photo.title)
        if params.bookmarks == "photo":
            cell = self._layout.cell(position)
            self._page.bookmark(photo.title, top=cell.y + cell.height)
        return self._page

    def _write_number(self, page: Page) -> None:
        """Write "x of y". Where pages may be left out, y is known only when the file is assembled."""
        area = self._layout.area
        x, y = area.x + area.width / 2, area.y - NUMBER * 1.6
        if self._params.on_unreadable == "skip":
            page.number_later(x, y, NUMBER, "center")
        else:
            page.text(x, y, NUMBER, page_number(self._number + 1, self._part.pages), align="center")

    def _caption(self, page: Page, position: int, bottom: float, caption: str) -> None:
        cell, size = self._layout.cell(position), self._layout.caption_size
        y = bottom - size * LEADING
        for line in page.face.wrap(printable(caption), size, cell.width, 2):
            page.text(cell.x + cell.width / 2, y, size, line, align="center")
            y -= size * LEADING


def _decode(line: bytes) -> Photo:
    try:
        return _decoder.decode(line)
    except msgspec.ValidationError as error:
        raise invalid(error, Photo) from None
    except msgspec.DecodeError as error:
        advice = 'A listing of photos is JSON lines, each {"source": …, "caption": …}; CSV is for tables.'
        raise InvalidRequest(f"this is not JSON: {error}.", field="listing", advice=advice) from None


_decoder = msgspec.json.Decoder(Photo)
register(Photos())
