"""Documents of this project: classes in the `documents.py` of any of its apps."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

from django.utils.module_loading import autodiscover_modules
from django.utils.translation import gettext as _

from ..errors import ManypagesError
from .columns import columns_of
from .table import Table, table_of

_registered: dict[str, type[Document]] = {}


class Document:
    """Rows of a queryset as a PDF. `columns` are as in `list_display`: fields, or methods of this class.

        @register
        class OpenOrders(Document):
            name = "open-orders"
            columns = ("number", "customer", "total")

            def get_queryset(self, status="new"):
                return Order.objects.filter(status=status)

    The arguments of `get_queryset` are the document's parameters. They come as JSON has them.
    """

    name = ""
    title = ""  # the plural of the model unless given
    columns: Sequence[Any] = ()
    formats: Mapping[str, Mapping[str, Any]] = {}
    totals: Sequence[str] = ()
    params: Mapping[str, Any] = {}  # more parameters of the document `table`
    model: Any = None  # that of the queryset

    def get_queryset(self) -> Any:
        """Return the rows, in their order."""
        raise NotImplementedError

    def table(self, given: Mapping[str, Any]) -> Table:
        """Return what is printed. ManypagesError for wrong parameters."""
        self.check(given)
        queryset = self.get_queryset(**given)
        self.model = queryset.model
        columns = columns_of(self, self.columns, self.formats, self.totals)
        text = [f"{name}: {value}" for name, value in given.items()][:12]
        return table_of(queryset, columns, self.title, text, self.params)

    def check(self, given: Mapping[str, Any]) -> None:
        """Raise ManypagesError for parameters that `get_queryset` does not take."""
        try:
            inspect.signature(self.get_queryset).bind(**given)
        except TypeError as wrong:
            takes = ", ".join(inspect.signature(self.get_queryset).parameters) or "-"
            raise ManypagesError(
                _("The document %(name)r: %(error)s.") % {"name": self.name, "error": wrong},
                field="params",
                advice=_("Its parameters: %s.") % takes,
            ) from None


def register(kind: type[Document]) -> type[Document]:
    """Make a document known under its name. ValueError without one."""
    if not kind.name or not kind.columns:
        raise ValueError(f"{kind.__name__} needs a name and columns.")
    _registered[kind.name] = kind
    return kind


def registered(name: str) -> Document | None:
    """Return a document of this project; None if there is none with this name."""
    autodiscover_modules("documents")
    kind = _registered.get(name)
    return kind() if kind else None
