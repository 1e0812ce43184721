"""The language of a document, for screen readers."""

from __future__ import annotations

import pytest

from pipeline.documents.job import language
from pipeline.documents.params import Params


class Local(Params, frozen=True):
    locale: str = "en_US"


@pytest.mark.parametrize(
    ("params", "tag"),
    [
        (Params(), "en"),
        (Local(), "en-US"),
        (Local(locale="de_DE"), "de-DE"),
        (Local(locale="sr_Latn_RS"), "sr-Latn-RS"),
        (Local(locale="ca_ES@valencia"), "ca-ES"),
        (Local(locale=""), "en"),
    ],
)
def test_the_language_is_that_of_the_locale(params: Params, tag: str) -> None:
    assert language(params) == tag
