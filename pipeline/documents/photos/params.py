"""What a request for photos may say, and one record of its listing."""

from __future__ import annotations

import posixpath
import re
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from ...errors import InvalidRequest
from ...pdf.fonts.characters import printable
from ...pdf.images import MAX_FRAMES
from ..inputs.json_array import why_refused
from ..params import PaperParams, invalid, rarely

Frame = Annotated[int, Meta(ge=1, le=MAX_FRAMES)]
Dpi = Annotated[int, Meta(ge=0, le=2400)]

SHEET_DPI = 300  # of print; 400 photos of 0.4 MB on 34 sheets then have 12.5 MB instead of 153


class Photo(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One record: the source of a picture, and its caption; null, as a query gives it, is no caption."""

    source: Annotated[str, Meta(min_length=1, max_length=2048)]
    caption: Annotated[str, Meta(max_length=1000)] | None = ""
    frame: Annotated[Frame | None, Meta(description="page or frame of the file, from 1")] = None

    @property
    def file(self) -> str:
        """The file name, without the query of a URL, which may be secret."""
        return posixpath.basename(self.source.split("?")[0])

    @property
    def title(self) -> str:
        """The caption, or else the file name; with the number of the frame."""
        title = printable(self.caption or "") or self.file
        return f"{title} ({self.frame})" if self.frame else title


class PhotosParams(PaperParams, frozen=True):
    """Parameters of `photos`."""

    photos: Annotated[list[Photo] | None, Meta(description="a list of {source, caption}")] = None
    title: Annotated[str, Meta(min_length=1, max_length=200, description="title of the file")] = "Photos"
    columns: Annotated[
        int, Meta(ge=1, le=20, title="Photos across", description="photos across a page, 1 to 20")
    ] = 1
    rows: Annotated[int, Meta(ge=1, le=20, title="Photos down", description="photos down a page, 1 to 20")] = 1
    captions: Annotated[bool, Meta(title="Captions", description="print captions")] = True
    fit: Annotated[
        Literal["fit", "fill"],
        Meta(
            title="Shape", description="whole photo, or cropped to fill its box",
            extra_json_schema=rarely(fit="The whole photo", fill="Cropped to fill its box"),
        ),
    ] = "fit"  # fmt: skip
    margin: Annotated[
        float, Meta(ge=0, le=60, title="Margin", description="margin in mm, 0 to 60", extra_json_schema=rarely())
    ] = 15
    page_numbers: Annotated[
        bool, Meta(title="Page numbers", description="print `x of y`", extra_json_schema=rarely())
    ] = True
    bookmarks: Annotated[
        Literal["photo", "page", "none"],
        Meta(
            title="Bookmarks", description="outline entries",
            extra_json_schema=rarely(photo="One for each photo", page="One for each page", none="None"),
        ),
    ] = "photo"  # fmt: skip
    on_unreadable: Annotated[
        Literal["fail", "skip", "placeholder"],
        Meta(
            title="A photo that cannot be read", description="what to do with a photo that cannot be read",
            extra_json_schema=rarely(
                fail="Stop, without a file", skip="Leave it out", placeholder="Say so in its place"
            ),
        ),
    ] = "placeholder"  # fmt: skip
    frames: Annotated[
        Literal["first", "all"],
        Meta(
            title="Files of several pages",
            description="of a TIFF or animation of several pages or frames: the first, or a photo for each",
            extra_json_schema=rarely(first="The first page", all="A photo for each page"),
        ),
    ] = "first"
    dpi: Annotated[
        Dpi | None,
        Meta(
            title="Dots per inch",
            description="scale larger photos down to this, up to 2400; 0: never [0; contact sheets: 300]",
            extra_json_schema=rarely(),
        ),
    ] = None

    @property
    def most_dpi(self) -> int:
        """The resolution above which photos are scaled down; 0 for none."""
        if self.dpi is None:
            return SHEET_DPI if self.per_page > 1 else 0
        return self.dpi

    @property
    def per_page(self) -> int:
        return self.rows * self.columns


def decode(line: bytes) -> Photo:
    """Return one record of a listing. Raises InvalidRequest."""
    try:
        photo = _decoder.decode(line)
    except msgspec.ValidationError as error:
        raise invalid(error, Photo) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        advice = 'A listing of photos is JSON lines, each {"source": …, "caption": …}; CSV is for tables.'
        raise InvalidRequest(f"this {why_refused(error, line, 'JSON')}.", field="listing", advice=advice) from None
    names = _NAMES.findall(line)
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1).decode()
        raise InvalidRequest(f"the record has the name {twice!r} twice.", field="listing")
    return photo


_NAMES = re.compile(rb'"(source|caption|frame)"\s*:')  # within a text, a quotation mark is escaped
_decoder = msgspec.json.Decoder(Photo)
