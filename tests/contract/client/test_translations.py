"""The words of the Django app in other languages: whole, compiled, with the same placeholders."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from gettext import GNUTranslations
from pathlib import Path

import pytest
from babel.messages import Catalog
from babel.messages.pofile import read_po

from pipeline.tasks.notices.words import WORDS

APP = Path(__file__).parents[3] / "client/manypages/django"
LANGUAGES = sorted(path.name for path in (APP / "locale").iterdir())
OF_DJANGO = {"All", "Delete", "Home", "No", "Search", "Yes"}  # its own catalogue has them

Key = tuple[str | None, object]


def catalogue(language: str) -> Catalog:
    with (APP / f"locale/{language}/LC_MESSAGES/django.po").open("rb") as file:
        return read_po(file)


def keys(catalog: Catalog) -> set[Key]:
    """Each text, with its context. One with a plural is a pair."""
    return {(each.context, each.id if isinstance(each.id, str) else tuple(each.id)) for each in catalog if each.id}


@pytest.fixture(scope="module")
def in_code(tmp_path_factory: pytest.TempPathFactory) -> set[Key]:
    """Every text that the code marks for translation, as Django's own command finds them."""
    if shutil.which("xgettext") is None:
        reason = "there is no xgettext. On Debian: apt-get install gettext"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)
    ignored = shutil.ignore_patterns("LC_MESSAGES", "__pycache__")
    copy = shutil.copytree(APP, tmp_path_factory.mktemp("app") / "app", ignore=ignored)
    command = [sys.executable, "-m", "django", "makemessages", "--locale", "de", "--no-location"]
    subprocess.run(command, cwd=copy, check=True, capture_output=True)
    with (copy / "locale/de/LC_MESSAGES/django.po").open("rb") as file:
        return keys(read_po(file))


def test_they_are_the_languages_of_the_mails() -> None:
    assert {"en", *LANGUAGES} == WORDS.keys()


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_text_of_the_code_is_there_and_no_other(language: str, in_code: set[Key]) -> None:
    assert keys(catalogue(language)) == {key for key in in_code if key[1] not in OF_DJANGO}


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_text_is_translated_with_the_placeholders_of_the_original(language: str) -> None:
    catalog = catalogue(language)
    for message, errors in catalog.check():
        pytest.fail(f"{message.id}: {errors}")
    for message in filter(lambda each: each.id, catalog):
        strings = message.string if isinstance(message.string, tuple) else (message.string,)
        assert all(strings), message.id
        assert len(strings) == (catalog.num_plurals if isinstance(message.id, tuple) else 1)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_compiled_file_is_that_of_the_source(language: str) -> None:
    with (APP / f"locale/{language}/LC_MESSAGES/django.mo").open("rb") as file:
        compiled = GNUTranslations(file)
    for message in filter(lambda each: each.id, catalogue(language)):
        if isinstance(message.id, str):
            context = message.context
            found = compiled.pgettext(context, message.id) if context else compiled.gettext(message.id)
            assert found == message.string
        else:
            one, more = message.id
            forms = message.string or ""
            assert [compiled.ngettext(one, more, number) for number in (1, 2)] == [forms[0], forms[-1]]
