"""The panel's catalogue has each text that is used, with the same {names}, and no other."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

from pipeline import documents
from pipeline.adapters import oidc
from pipeline.settings.tokens import ROLES
from pipeline.web import panel, people, sign_in
from pipeline.web.forms import AS_USUAL, LABELS, YES_OR_NO, Field, forms
from pipeline.web.words import CATALOGUES

WEB = Path(panel.__file__).parent
TEXT = r'"(?:[^"\\]|\\.)*"'
IN_SCRIPTS = (rf"\bt\(\s*({TEXT})", rf"(?:\bt\(|const text = )[^\n]*? \? ({TEXT}) : ({TEXT})")
SAME = {"", "CSV", "Parquet"}  # in all languages
IN_PYTHON = {*sign_in.TEXTS, *people.TEXTS, *oidc.TEXTS, *ROLES}


def texts_of(field: Field) -> Iterator[str]:
    yield from (field.label, field.description, *(words for value, words in field.choices if words != value))
    for each in field.fields:
        yield from texts_of(each)


def used() -> set[str]:
    found = {*IN_PYTHON, *LABELS.values(), AS_USUAL, *YES_OR_NO.values()}
    for path in (WEB / "static").glob("*.js"):
        for pattern in IN_SCRIPTS:
            for match in re.finditer(pattern, path.read_text()):
                found |= {json.loads(text) for text in match.groups()}
    for path in (WEB / "templates").glob("*.html"):
        found |= set(re.findall(r'_\("([^"]*)"[,)]', path.read_text()))
    documents.load()
    for form in forms():
        if form.name in ("photos", "table"):
            found |= {form.label, form.description, form.title}
            found |= {text for field in (*form.fields, *form.more) for text in texts_of(field)}
    return found - SAME


def test_each_text_has_its_korean_and_no_other_does() -> None:
    catalogue = CATALOGUES["ko"]
    assert used() - set(catalogue) == set()
    assert set(catalogue) - used() == set()


def test_translations_have_the_same_names_in_braces() -> None:
    names = r"\{\w+\}"
    for text, korean in CATALOGUES["ko"].items():
        assert sorted(re.findall(names, text)) == sorted(re.findall(names, korean)), text
