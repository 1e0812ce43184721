"""What becomes a PDF: objects in their order, their columns, and parameters of the document `table`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils import timezone
from django.utils.text import capfirst
from django.utils.translation import get_language, to_locale

from .columns import Column


@dataclass(frozen=True)
class Table:
    """A queryset with the columns and the parameters of its PDF."""

    queryset: Any
    columns: Sequence[Column]
    params: Mapping[str, Any]


def table_of(
    queryset: Any, columns: Sequence[Column], title: str, text: Sequence[str], more: Mapping[str, Any]
) -> Table:
    """Return a table with the date of today, in the language of the user. `more` parameters win over these.

    Without a title it has the plural of the model.
    """
    params = {
        "title": title or capfirst(str(queryset.model._meta.verbose_name_plural)),
        "text": text,
        "date": timezone.localdate().isoformat(),
        "locale": to_locale(get_language() or "en_US"),
        "columns": [dict(column.params) for column in columns],
    }
    return Table(queryset, columns, {**params, **more})
