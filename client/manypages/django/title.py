"""The title block: the filters of a changelist in words."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.contrib.admin.views.main import ERROR_FLAG, PAGE_VAR
from django.core.exceptions import FieldDoesNotExist
from django.http import QueryDict
from django.utils.html import strip_tags
from django.utils.text import capfirst
from django.utils.translation import gettext

LINES, LENGTH = 12, 500  # what the document `table` takes


def filters_in_words(changelist: Any, query: QueryDict) -> list[str]:
    """Return a line for each filter: those of the sidebar, the search, the date, and what only the address has."""
    given = changelist.get_filters_params(dict(query.lists()))
    lines, known = [], {PAGE_VAR, ERROR_FLAG}
    for spec in changelist.filter_specs:
        names = set(spec.expected_parameters())
        known |= names
        if names & given.keys():
            chosen = [str(choice["display"]) for choice in spec.choices(changelist) if choice["selected"]]
            lines.append(f"{spec.title}: {', '.join(chosen) or ', '.join(_values(given, names))}")
    if changelist.query:
        lines.append(f"{gettext('Search')}: {changelist.query}")
    if date := changelist.date_hierarchy:
        parts = [name for name in (f"{date}__{part}" for part in ("year", "month", "day")) if name in given]
        known |= set(parts)
        if parts:
            lines.append(
                f"{_label(changelist.model, date)}: {'-'.join(given[name][-1].zfill(2) for name in parts)}"
            )
    others = [(name, found) for name, found in given.items() if name not in known]
    lines += [f"{_label(changelist.model, name)}: {', '.join(map(str, found))}" for name, found in others]
    return _bounded([capfirst(strip_tags(line))[:LENGTH] for line in lines])


def _label(model: Any, lookup: str) -> str:
    """Return a lookup in words: the names of its fields, then what is not a field, such as "gte"."""
    words = []
    for part in lookup.split("__"):
        try:
            field = model._meta.get_field(part)
        except (FieldDoesNotExist, AttributeError):
            words.append("" if part == "exact" else part)
            continue
        words.append(str(getattr(field, "verbose_name", part)))
        model = field.related_model
    return " ".join(filter(None, words))


def _values(given: Any, names: set[str]) -> Iterator[str]:
    for name in sorted(names & given.keys()):
        yield from map(str, given[name])


def _bounded(lines: list[str]) -> list[str]:
    """Return at most the lines that fit, with one left for the number of rows."""
    most = LINES - 1
    return lines if len(lines) <= most else [*lines[: most - 1], f"… (+{len(lines) - most + 1})"]
