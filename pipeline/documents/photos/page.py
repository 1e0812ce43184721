"""One page of photos: pictures, captions, placeholders, its number."""

from __future__ import annotations

from contextlib import ExitStack

from ...errors import UnreadableSource
from ...pdf.assembly import page_number
from ...pdf.images import Picture, PictureFile
from ...pdf.page import BLACK, Page
from ...pdf.segment import SegmentWriter
from ...pdf.tally import Skipped
from .. import Range
from .frames import Opened
from .layout import LEADING, NUMBER, PhotoLayout
from .params import Photo

GREY = (0.45, 0.45, 0.45)


class PhotoPage:
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

    def __enter__(self) -> PhotoPage:
        return self

    def __exit__(self, *error: object) -> None:
        self._open.__exit__(*error)  # type: ignore[arg-type]  # the three values of the protocol

    def place(self, photo: Photo, opened: Opened) -> None:
        """Draw the next photo; if it cannot be read, do what `on_unreadable` says."""
        position = self._position
        self._position += 1
        self._out.tally.records += 1
        self._out.tally.place = f"photo {self._record(position)}"
        try:
            with opened() as file:
                picture = self._read(photo, position, file)
                self._draw(photo, position, picture)
        except UnreadableSource as error:
            self._unreadable(photo, position, error)

    def _read(self, photo: Photo, position: int, file: PictureFile) -> Picture:
        frame = photo.frame - 1 if photo.frame else None
        picture = file.read(self._part.max_image_pixels, self._layout.rooms[position], frame)
        for words in picture.remarks:
            self._out.tally.warn(words, f"photo {self._record(position)}, {photo.file}")
        return picture

    def _draw(self, photo: Photo, position: int, picture: Picture) -> None:
        box = self._layout.pictures[position]
        page = self._begun(photo, position)
        bottom = page.picture(picture, box.x, box.y, box.width, box.height, fill=self._params.fit == "fill")
        if self._params.captions:
            self._caption(page, position, bottom, photo.caption or "")
        self._out.tally.drawn += 1

    def _unreadable(self, photo: Photo, position: int, error: UnreadableSource) -> None:
        record = self._record(position)
        if self._params.on_unreadable == "fail":
            raise UnreadableSource(f"Photo {record}, {photo.title}: {error.message}") from error
        self._out.tally.skipped.append(Skipped(record, photo.source.split("?")[0], error.message))
        if self._params.on_unreadable == "placeholder":
            self._placeholder(photo, position, error.message)

    def _record(self, position: int) -> int:
        return self._number * self._params.per_page + position + 1

    def _placeholder(self, photo: Photo, position: int, reason: str) -> None:
        page = self._begun(photo, position)
        box = self._layout.pictures[position]
        size = self._layout.caption_size
        page.rectangle(box.x, box.y, box.width, box.height, stroke=GREY, fill=(0.96, 0.96, 0.96))
        room = box.width * 0.9
        words = [page.fit(photo.file, size, room, "Names of files"), *page.wrap(reason, size, room, 6, "Reasons")]
        if photo.caption:
            words.insert(1, page.fit(photo.caption, size, room, "Captions"))
        y = box.y + (box.height + len(words) * size * LEADING) / 2
        for i, line in enumerate(words):
            colour = BLACK if i == 0 else GREY
            page.text(box.x + box.width / 2, y, size, line, align="center", colour=colour)
            y -= size * LEADING

    def _begun(self, photo: Photo, position: int) -> Page:
        """Return the page, begun if necessary, after adding the photo's bookmark."""
        params = self._params
        if self._page is None:
            self._page = self._open.enter_context(self._out.page(*params.paper))
            if params.page_numbers:
                self._write_number(self._page)
            if params.bookmarks == "page":
                self._page.bookmark(photo.title)
        if params.bookmarks == "photo":
            cell = self._layout.cells[position]
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
        cell, size = self._layout.cells[position], self._layout.caption_size
        y = bottom - size * LEADING
        for line in page.wrap(caption, size, cell.width, 2, "Captions"):
            page.text(cell.x + cell.width / 2, y, size, line, align="center")
            y -= size * LEADING
