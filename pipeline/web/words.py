"""The panel's words in the language of its reader: English, or what static/ko.json says in Korean.

An English text is its own key, in templates (`_("Sign in")`) and scripts (`t("Sign in")`).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
from flask import request

ENGLISH = "en"
STATIC = Path(__file__).with_name("static")
CATALOGUES: Mapping[str, Mapping[str, str]] = {
    language: msgspec.json.decode((STATIC / f"{language}.json").read_bytes()) for language in ("ko",)
}


def language() -> str:
    """Return the language that the browser asks for, English if the panel does not speak it."""
    return request.accept_languages.best_match([ENGLISH, *CATALOGUES], ENGLISH)


def translated(text: str, **values: Any) -> str:
    """Return an English text in the reader's language, with values in the place of {names}."""
    words = CATALOGUES.get(language(), {}).get(text) or text
    return words.format(**values) if values else words


def for_templates() -> dict[str, Any]:
    """Return what templates use."""
    return {"_": translated, "language": language()}
