"""The parameters of a table."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from ...errors import InvalidRequest
from ..params import PaperParams
from .formats import Date, Format, known_locale, writer
from .style import Look, Rules, Style, look
from .words import Words, words

LEVELS = 4  # of groups
Text = Annotated[str, Meta(max_length=200)]


class Column(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a column is shown. `field` is its name in the input."""

    field: str
    title: str | None = None
    width: Annotated[Annotated[float, Meta(gt=0)] | None, Meta(description="mm; measured if not given")] = None
    align: Literal["auto", "left", "right", "center"] = "auto"
    format: Format | None = None
    locale: str = ""
    total: bool = False


class Group(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A column by which rows are grouped: a new group begins where the text shown changes.

    `title` is printed beside the group's name.
    """

    field: str
    title: Text = ""
    format: Format | None = None
    page_break: bool = False


class TableParams(PaperParams, frozen=True):
    """Parameters of `table`."""

    rows: Annotated[list[dict[str, Any]] | None, Meta(description="a list of {column: value}")] = None
    title: Annotated[str, Meta(min_length=1, max_length=200, description="printed on the first page")] = "Table"
    subtitle: Annotated[str, Meta(max_length=200, description="printed below the title")] = ""
    text: Annotated[
        tuple[Annotated[str, Meta(max_length=500)], ...], Meta(max_length=12, description="lines below the title")
    ] = ()
    date: Annotated[str, Meta(max_length=60, description="printed beside the title; 2026-01-31 in words")] = ""
    delimiter: Annotated[str, Meta(max_length=1, description="of a CSV; detected if not given")] = ""
    encoding: Annotated[str, Meta(max_length=20, description="of a CSV; detected if not given")] = ""
    columns: Annotated[
        tuple[Column, ...],
        Meta(description='columns in order, such as [{"field": "net", "total": true}]; all if empty'),
    ] = ()
    locale: Annotated[str, Meta(max_length=30, description="of numbers, dates and words, such as de_DE")] = "en_US"
    group_by: Annotated[
        tuple[Group, ...],
        Meta(max_length=LEVELS, description='columns by which the rows are already sorted: [{"field": "region"}]'),
    ] = ()
    carry: Annotated[bool, Meta(description="carry totals forward from page to page")] = False
    summary: Annotated[Literal["none", "front", "back"], Meta(description="pages of totals and groups")] = "none"
    summary_pages: Annotated[int, Meta(ge=1, le=20, description="most pages of the summary, 1 to 20")] = 2
    words: Annotated[Words | None, Meta(description="words of your own, such as {total: ...}")] = None
    margin: Annotated[float, Meta(ge=5, le=40, description="margin in mm, 5 to 40")] = 12
    font_size: Annotated[float, Meta(ge=4, le=24, description="points, 4 to 24")] = 8
    style: Annotated[Style, Meta(description="how pages look: plain is black and white, ledger has a grid")] = (
        "report"
    )
    accent: Annotated[
        str, Meta(pattern=r"^(#[0-9a-fA-F]{6})?$", description="colour of titles and lines, such as #1c4a75")
    ] = ""
    rules: Annotated[Rules | None, Meta(description="lines; as in the style if not given")] = None
    stripes: Annotated[bool | None, Meta(description="shade every other row; as in the style if not given")] = None
    logo: Annotated[str, Meta(max_length=1024, description="key of a picture, drawn beside the title")] = ""
    running_head: Annotated[bool, Meta(description="print the title on each page")] = True
    page_numbers: Annotated[bool, Meta(description="print `x of y`")] = True
    bookmark_every: Annotated[
        int, Meta(ge=0, description="pages from one bookmark to the next; 0: a bookmark for each group")
    ] = 0

    @property
    def wording(self) -> Words:
        """The words of this table in its language."""
        return words(self.words or Words(), known_locale(self.locale))

    @property
    def look(self) -> Look:
        """The style, with what is given beside it."""
        return look(self.style, self.accent, self.rules, self.stripes)

    def check_formats(self) -> None:
        """Raise InvalidRequest for an unknown locale or format, and for totals without numbers."""
        if self.delimiter and self.delimiter in '"\r\n':
            raise InvalidRequest("A quote or a line break cannot be the delimiter.", field="delimiter")
        known_locale(self.locale)
        formats = [(column.format, column.locale) for column in self.columns]
        for format, locale in [*formats, *((group.format, "") for group in self.group_by)]:
            if format:
                writer(format, known_locale(locale or self.locale))
        for column in self.columns:
            if column.total and isinstance(column.format, Date):
                raise InvalidRequest(f"Dates have no total: column {column.field!r}.", field="columns")
        if self.carry and not any(column.total for column in self.columns):
            raise InvalidRequest("There is no total to carry; mark a column with total.", field="carry")
