"""The parameters of a table."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from ...errors import InvalidRequest
from ..params import PaperParams, in_words, rarely
from .formats import Date, Format, known_locale, writer
from .style import Look, Rules, Style, look
from .words import Words, words

LEVELS = 4  # of groups
LOCALE = "en_US"
Text = Annotated[str, Meta(max_length=200)]


class Column(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a column is shown. `field` is its name in the input."""

    field: Annotated[str, Meta(title="Name in the file")]
    title: Annotated[str | None, Meta(title="Heading")] = None
    width: Annotated[
        Annotated[float, Meta(gt=0)] | None, Meta(title="Width in mm", description="mm; measured if not given")
    ] = None
    align: Annotated[
        Literal["auto", "left", "right", "center"],
        Meta(
            title="Aligned",
            extra_json_schema=in_words(auto="By its values", left="Left", right="Right", center="In the middle"),
        ),
    ] = "auto"
    format: Annotated[Format | None, Meta(title="Format")] = None
    locale: Annotated[str, Meta(title="Language")] = ""
    total: Annotated[bool, Meta(title="Sum")] = False


class Group(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A column by which rows are grouped: a new group begins where the text shown changes.

    `title` is printed beside the group's name.
    """

    field: Annotated[str, Meta(title="Name in the file")]
    title: Annotated[Text, Meta(title="Title")] = ""
    format: Annotated[Format | None, Meta(title="Format")] = None
    page_break: Annotated[bool, Meta(title="On a new page")] = False


class TableParams(PaperParams, frozen=True):
    """Parameters of `table`."""

    rows: Annotated[list[dict[str, Any]] | None, Meta(description="a list of {column: value}")] = None
    title: Annotated[str, Meta(min_length=1, max_length=200, description="printed on the first page")] = "Table"
    subtitle: Annotated[str, Meta(max_length=200, title="Subtitle", description="printed below the title")] = ""
    columns: Annotated[
        tuple[Column, ...],
        Meta(
            title="Columns",
            description='columns in order, such as [{"field": "net", "total": true}]; all if empty',
            extra_json_schema=in_words("Those to show, in order; without any, all of the file"),
        ),
    ] = ()
    text: Annotated[
        tuple[Annotated[str, Meta(max_length=500)], ...],
        Meta(
            max_length=12, title="Text below the title", description="lines below the title",
            extra_json_schema=rarely(),
        ),
    ] = ()  # fmt: skip
    date: Annotated[
        str,
        Meta(
            max_length=60, title="Date", description="printed beside the title; 2026-01-31 in words",
            extra_json_schema=rarely(),
        ),
    ] = ""  # fmt: skip
    locale: Annotated[
        str,
        Meta(
            max_length=30, title="Language", description="of numbers, dates and words, such as de_DE",
            extra_json_schema=rarely(),
        ),
    ] = LOCALE  # fmt: skip
    group_by: Annotated[
        tuple[Group, ...],
        Meta(
            max_length=LEVELS, title="Groups",
            description='columns by which the rows are already sorted: [{"field": "region"}]',
            extra_json_schema=rarely("By columns by which the rows are sorted already"),
        ),
    ] = ()  # fmt: skip
    carry: Annotated[
        bool,
        Meta(
            title="Carry totals forward", description="carry totals forward from page to page",
            extra_json_schema=rarely(),
        ),
    ] = False  # fmt: skip
    summary: Annotated[
        Literal["none", "front", "back"],
        Meta(
            title="Summary", description="pages of totals and groups",
            extra_json_schema=rarely(none="None", front="On the first pages", back="On the last pages"),
        ),
    ] = "none"  # fmt: skip
    summary_pages: Annotated[
        int,
        Meta(
            ge=1, le=20, title="Pages of the summary", description="most pages of the summary, 1 to 20",
            extra_json_schema=rarely(),
        ),
    ] = 2  # fmt: skip
    words: Annotated[
        Words | None,
        Meta(
            title="Words of your own", description='words of your own, such as {"total": "Sum"}',
            extra_json_schema=rarely("Instead of those that a table prints by itself"),
        ),
    ] = None  # fmt: skip
    margin: Annotated[
        float, Meta(ge=5, le=40, title="Margin", description="margin in mm, 5 to 40", extra_json_schema=rarely())
    ] = 12
    font_size: Annotated[
        float, Meta(ge=4, le=24, title="Font size", description="points, 4 to 24", extra_json_schema=rarely())
    ] = 8
    style: Annotated[
        Style,
        Meta(
            title="Style", description="how pages look: plain is black and white, ledger has a grid",
            extra_json_schema=in_words(plain="Plain", report="Report", ledger="Ledger"),
        ),
    ] = "report"  # fmt: skip
    accent: Annotated[
        str,
        Meta(
            pattern=r"^(#[0-9a-fA-F]{6})?$", title="Colour",
            description="colour of titles and lines, such as #1c4a75",
            extra_json_schema=rarely(),
        ),
    ] = ""  # fmt: skip
    rules: Annotated[
        Rules | None,
        Meta(
            title="Lines", description="lines; as in the style if not given",
            extra_json_schema=rarely(rows="Between rows", grid="A grid", none="None"),
        ),
    ] = None  # fmt: skip
    stripes: Annotated[
        bool | None,
        Meta(
            title="Stripes", description="shade every other row; as in the style if not given",
            extra_json_schema=rarely(),
        ),
    ] = None  # fmt: skip
    logo: Annotated[
        str,
        Meta(
            max_length=1024, title="Logo", description="key of a picture, drawn beside the title",
            extra_json_schema=rarely(),
        ),
    ] = ""  # fmt: skip
    running_head: Annotated[
        bool,
        Meta(title="Title on each page", description="print the title on each page", extra_json_schema=rarely()),
    ] = True
    page_numbers: Annotated[
        bool, Meta(title="Page numbers", description="print `x of y`", extra_json_schema=rarely())
    ] = True
    bookmark_every: Annotated[
        int,
        Meta(
            ge=0, title="Pages for each bookmark",
            description="pages from one bookmark to the next; 0: a bookmark for each group",
            extra_json_schema=rarely(),
        ),
    ] = 0  # fmt: skip
    delimiter: Annotated[
        str,
        Meta(
            max_length=1, title="Delimiter of a CSV", description="of a CSV; detected if not given",
            extra_json_schema=rarely(),
        ),
    ] = ""  # fmt: skip
    encoding: Annotated[
        str,
        Meta(
            max_length=20, title="Encoding of a CSV", description="of a CSV; detected if not given",
            extra_json_schema=rarely(),
        ),
    ] = ""  # fmt: skip

    @property
    def wording(self) -> Words:
        """The words of this table in its language."""
        return words(self.words or Words(), self.locale)

    @property
    def look(self) -> Look:
        """The style, with what is given beside it."""
        return look(self.style, self.accent, self.rules, self.stripes)

    def check_formats(self) -> None:
        """Raise InvalidRequest for an unknown locale or format, and for totals without numbers."""
        if self.delimiter and self.delimiter in '"\r\n':
            raise InvalidRequest("A quote or a line break cannot be the delimiter.", field="delimiter")
        if self.locale != LOCALE:  # Babel need not be imported for it
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
