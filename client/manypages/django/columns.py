"""The columns of a PDF as the admin's list has them: labels, formats by field type, and the text of each cell."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import unescape
from typing import Any

from django.contrib.admin.utils import label_for_field
from django.core.exceptions import FieldDoesNotExist
from django.db import DatabaseError, models
from django.utils import formats, timezone
from django.utils.html import strip_tags
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.translation import gettext

from ..errors import InvalidRow

Read = Callable[[Any], Any]


@dataclass(frozen=True)
class Column:
    """A column: `params` are those of the document `table`, `read` gives the cell of an object."""

    name: str
    params: Mapping[str, Any]
    read: Read


def columns_of(
    model_admin: Any, names: Sequence[Any], given: Mapping[str, Any], totals: Sequence[str]
) -> list[Column]:
    """Return the columns for items of `list_display`. `given` are formats by name, `totals` names to sum up."""
    wanted = [name for name in names if name != "action_checkbox"]
    return [_column(model_admin, item, number, given, totals) for number, item in enumerate(wanted)]


def rows_of(columns: Sequence[Column], objects: Any) -> Iterator[Mapping[str, Any]]:
    """Yield a row for each object. Raises InvalidRow, which names object and column."""
    cells = [(column.params["field"], column.read) for column in columns]
    for number, item in enumerate(_read(objects), 1):
        row = {}
        for field, read in cells:
            try:
                row[field] = read(item)
            except Exception as error:
                title = next(each.params["title"] for each in columns if each.params["field"] == field)
                raise InvalidRow(
                    gettext("Row %(row)s (%(object)s): the column %(column)r raised %(error)s")
                    % {
                        "row": _counted(number),
                        "object": f"{item._meta.verbose_name} {item.pk}",
                        "column": title,
                        "error": f"{type(error).__name__}: {error}",
                    },
                    advice=gettext("Correct the row or the column, and try again."),
                ) from error
        yield row


def _read(objects: Any) -> Iterator[Any]:
    """Yield objects. InvalidRow for one whose value in the database is none of its field's type."""
    found, number = iter(objects), 0
    while True:
        number += 1
        try:
            item = next(found)
        except StopIteration:
            return
        except DatabaseError:
            raise
        except Exception as error:
            raise InvalidRow(
                gettext("Row %(row)s: reading it raised %(error)s")
                % {"row": _counted(number), "error": f"{type(error).__name__}: {error}"},
                advice=gettext("Correct the row in the database, and try again."),
            ) from error
        yield item


def _counted(number: int) -> str:
    return str(formats.number_format(number, force_grouping=True))


def _column(model_admin: Any, item: Any, number: int, given: Mapping[str, Any], totals: Sequence[str]) -> Column:
    name = item if isinstance(item, str) else getattr(item, "__name__", "")
    field = _field(model_admin.model, item)
    if field:  # the admin takes `customer__city` from Django 5.1 on
        title, attribute = field.verbose_name, None
    else:
        title, attribute = label_for_field(item, model_admin.model, model_admin, return_attr=True)
    format, read = _of_field(field, item) if field else (None, _of_attribute(item, attribute, model_admin))
    params: dict[str, Any] = {"field": f"{name or 'column'}-{number}", "title": capfirst(str(title))}
    if format := given.get(name, format):
        params["format"] = format
        if name in given and field:
            read = _raw(item)
    if name in totals:
        params["total"] = True
    return Column(name, params, read)


def _field(model: Any, item: Any) -> Any:
    """Return the field of the model that an item names, also through relations (`customer__name`); else None."""
    if not isinstance(item, str):
        return None
    field = None
    for part in item.split("__"):
        try:
            field = model._meta.get_field(part)
        except (FieldDoesNotExist, AttributeError):
            return None
        if not field.concrete or field.many_to_many:
            return None
        model = field.related_model
    return field


def _of_field(field: Any, item: str) -> tuple[Mapping[str, Any] | None, Read]:
    """Return the format of a field's type, and what reads it."""
    read = _raw(item)
    if field.flatchoices:
        words = {value: str(word) for value, word in field.flatchoices}
        return None, lambda found: _word(words, read(found))
    if field.is_relation:
        return None, lambda found: _text(read(found))
    if isinstance(field, models.BooleanField):
        words = {True: gettext("Yes"), False: gettext("No")}
        return None, lambda found: _word(words, read(found))
    if isinstance(field, models.DecimalField):
        return {"kind": "number", "decimals": min(12, field.decimal_places), "mark": "."}, read
    if isinstance(field, models.FloatField):
        return {"kind": "number"}, read
    if isinstance(field, models.IntegerField):  # AutoField too, but a key is no amount
        return {"kind": "number", "decimals": 0, "grouping": not field.primary_key}, read
    if isinstance(field, models.DateField) and not isinstance(field, models.DateTimeField):
        return {"kind": "date", "pattern": "medium"}, read
    if isinstance(field, models.JSONField):
        return None, lambda found: json.dumps(read(found), ensure_ascii=False, default=str)
    return None, lambda found: _text(read(found))


def _raw(item: str) -> Read:
    *path, last = item.split("__")

    def read(found: Any) -> Any:
        for part in path:
            if found is None:
                return None
            found = getattr(found, part)
        return None if found is None else getattr(found, last)

    return read


def _of_attribute(item: Any, attribute: Any, model_admin: Any) -> Read:
    """Return what reads a callable, a method of the ModelAdmin, or an attribute of the model, as the admin does."""
    if callable(item):
        read: Read = item
    elif hasattr(model_admin, item) and item != "__str__":
        read = getattr(model_admin, item)
    else:

        def read(found: Any) -> Any:
            value = getattr(found, item)
            return value() if callable(value) else value

    if getattr(attribute, "boolean", False):
        words = {True: gettext("Yes"), False: gettext("No")}
        return lambda found: _word(words, read(found))
    return lambda found: _text(read(found))


def _word(words: Mapping[Any, str], value: Any) -> str:
    try:
        return "" if value is None else words.get(value) or str(value)
    except TypeError:  # a list cannot be looked up
        return str(value)


def _text(value: Any) -> str:
    """Return a value as the admin's list writes it, without its markup."""
    if value is None:
        return ""
    if isinstance(value, SafeString):
        return unescape(strip_tags(value))
    if isinstance(value, str):
        return value
    return str(formats.localize(timezone.template_localtime(value)))
