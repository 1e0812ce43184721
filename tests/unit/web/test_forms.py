"""The panel's forms, from the schemas of parameters."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
import pytest
from msgspec import Meta

from pipeline import documents
from pipeline.documents import Document, Params
from pipeline.documents.params import rarely
from pipeline.exports.ids import new_id
from pipeline.exports.uploads import folder_of
from pipeline.web.forms import Field, form, forms, params_in_words


class Record(msgspec.Struct):
    to: str
    cc: str = ""


class AllParams(Params, frozen=True, kw_only=True):
    needed: str
    records: list[Record] | None = None
    title: str = "Everything"
    count: Annotated[int, Meta(ge=1, le=9, title="How many", description="of each")] = 2
    size: float | None = None
    word: Annotated[str, Meta(max_length=5)] = "hi"
    paper: Literal["A4", "A5"] = "A5"
    level: Literal[1, 2] = 1
    flag: bool = True
    maybe: bool | None = None
    many: tuple[int, ...] = (1, 2)
    lines: tuple[str, ...] = ("a", "b")
    one: Record | None = None
    several: tuple[Record, ...] = ()
    fit: Annotated[Literal["fit", "fill"], Meta(title="Shape", extra_json_schema=rarely(fit="Whole"))] = "fit"


class All:
    """All kinds of fields.

    And more about them.
    """

    name, params, records_field = "all", AllParams, "records"
    check = survey = draw = None


document: Document[Any] = All()  # type: ignore[assignment]  # nothing is drawn


def fields() -> dict[str, Field]:
    found = form(document)
    return {field.name: field for field in (*found.fields, *found.more)}


def test_fields_have_inputs_by_their_types() -> None:
    assert {name: field.type for name, field in fields().items()} == {
        "count": "number", "size": "number", "word": "text", "paper": "select",
        "level": "select", "flag": "checkbox", "maybe": "select", "many": "json", "lines": "lines",
        "needed": "text",
        "one": "record", "several": "records",
        "fit": "select", "strict": "checkbox", "format": "select", "query": "text", "arguments": "json",
    }  # fmt: skip


def test_inputs_have_the_limits_and_defaults_of_fields() -> None:
    found = fields()
    assert found["count"] == Field("count", "How many", "number", "of each", 2, (), {"min": 1, "max": 9, "step": 1})
    assert found["size"].limits == {"step": "any"} and found["size"].default is None
    assert found["word"].limits == {"maxlength": 5} and found["word"].default == "hi"
    assert found["level"].choices == ((1, "1"), (2, "2")) and found["level"].default == 1
    assert found["many"].default == "[1, 2]" and found["lines"].default == "a\nb" and found["one"].default == ""
    assert found["maybe"].choices == ((None, "As usual"), (True, "Yes"), (False, "No"))
    assert found["fit"].choices == (("fit", "Whole"), ("fill", "fill"))
    assert [field.name for field in found["several"].fields] == ["to", "cc"]


def test_fields_without_a_title_or_rarely_needed_are_more_options() -> None:
    found = form(document)
    assert [field.name for field in found.fields] == ["count"]
    assert "flag" in {field.name for field in found.more}
    assert {"fit"} <= {field.name for field in found.more}
    assert {"listing", "title", "records"}.isdisjoint(fields())


def test_a_form_says_what_is_made_and_what_a_record_is() -> None:
    found = form(document)
    assert (found.name, found.description) == ("all", "All kinds of fields.")
    assert (found.label, found.record, found.title, found.title_length) == ("All", ("to", "cc"), "Everything", None)


def test_what_was_asked_for_is_shown_with_the_labels_of_the_form() -> None:
    documents.load()
    asked = {"title": "Garden", "fit": "fill", "rows": 2, "captions": False}
    assert params_in_words("photos", asked) == [
        ("Title", "Garden"), ("Shape", "Cropped to fill its box"), ("Photos down", "2"), ("Captions", "No"),
    ]  # fmt: skip
    assert params_in_words("gone", {"page_size": "A4"}) == [("Page size", "A4")]


def test_a_file_that_was_handed_in_is_shown_by_its_name() -> None:
    key = f"{folder_of('panel')}{new_id()}/{new_id()}-Gärten-2026.csv"
    assert params_in_words("table", {"listing": key}) == [("File", "Gärten-2026.csv")]
    assert params_in_words("table", {"listing": "inputs/uploads/a/b-c.csv"}) == [
        ("File", "inputs/uploads/a/b-c.csv")
    ]


def test_every_registered_document_has_a_form() -> None:
    documents.load()
    assert [form.name for form in forms()] == documents.names()
    assert all(form.description and form.title for form in forms() if form.name in ("photos", "table"))


def test_a_schema_is_made_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes milliseconds, on each page that has a form, and for each export that is shown."""
    before = forms()
    monkeypatch.setattr(msgspec.json, "schema", None)
    monkeypatch.setattr(msgspec.inspect, "type_info", None)
    assert forms() == before
