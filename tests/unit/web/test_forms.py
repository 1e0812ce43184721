"""The panel's forms, from the schemas of parameters."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from pipeline import documents
from pipeline.documents import Document, Params
from pipeline.web.forms import Field, form, forms


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
    none: tuple[int, ...] = ()


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
        "records": "json", "count": "number", "size": "number", "word": "text", "paper": "select",
        "level": "select", "flag": "checkbox", "maybe": "json", "many": "json", "none": "json", "needed": "text",
        "strict": "checkbox", "format": "select", "query": "text", "arguments": "json",
    }  # fmt: skip


def test_inputs_have_the_limits_and_defaults_of_fields() -> None:
    found = fields()
    assert found["count"] == Field("count", "How many", "number", "of each", 2, (), {"min": 1, "max": 9, "step": 1})
    assert found["size"].limits == {"step": "any"} and found["size"].default is None
    assert found["word"].limits == {"maxlength": 5} and found["word"].default == "hi"
    assert found["level"].choices == (1, 2) and found["level"].default == 1
    assert found["many"].default == "[1, 2]" and found["records"].default == found["none"].default == ""


def test_fields_without_a_title_are_more_options() -> None:
    found = form(document)
    assert [field.name for field in found.fields] == ["count"]
    assert "flag" in {field.name for field in found.more}
    assert {"listing", "title"}.isdisjoint(fields())


def test_a_form_says_what_is_made_and_what_a_record_is() -> None:
    found = form(document)
    assert (found.name, found.description) == ("all", "All kinds of fields.")
    assert (found.record, found.title, found.title_length) == ('"to": …, "cc": …', "Everything", None)


def test_every_registered_document_has_a_form() -> None:
    documents.load()
    assert [form.name for form in forms()] == documents.names()
    assert all(form.description and form.title for form in forms() if form.name in ("photos", "table"))
