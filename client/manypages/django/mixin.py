"""`PdfExportMixin`: a button and an action in the list of a ModelAdmin."""

from __future__ import annotations

import base64
import uuid
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.contrib.admin.options import IS_POPUP_VAR
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.template.response import TemplateResponse
from django.urls import NoReverseMatch, path, reverse
from django.utils.formats import number_format
from django.utils.translation import gettext, gettext_lazy, ngettext

from .columns import columns_of
from .table import Table, table_of
from .title import filters_in_words

ACTION, WORDS = "download_selected_as_pdf", gettext_lazy("Download selected %(verbose_name_plural)s as PDF")


if TYPE_CHECKING:
    from django.contrib.admin import ModelAdmin as Base
else:
    Base = object


class PdfExportMixin(Base):
    """Put it before `admin.ModelAdmin`.

    The button takes all rows that the filters and the search leave, in the order of the list; the action takes the
    selected ones. Everything may be overridden; without a line the PDF has the columns of the list.
    """

    pdf_columns: Sequence[Any] = ()  # as `list_display`, which it is unless given
    pdf_formats: Mapping[str, Mapping[str, Any]] = {}  # by column, such as {"kind": "currency", "currency": "EUR"}
    pdf_totals: Sequence[str] = ()  # columns to sum up
    pdf_group_by: Sequence[str] = ()  # columns; the rows are ordered by them first
    pdf_title = ""  # the plural of the model unless given
    pdf_locale = ""  # such as de_DE; that of the admin unless given
    pdf_params: Mapping[str, Any] = {}  # more parameters of the document `table`, such as {"carry": True}
    change_list_template = "admin/manypages/change_list.html"

    def has_export_permission(self, request: HttpRequest, requested: Any = None) -> bool:
        """Return whether this user may have the rows as a PDF.

        Asked for at the press of the button, before the rows are read, and at each click on Download: then with the
        PdfRequest whose file it is. By default who may view the model, and no file that another user asked for.
        """
        if requested is not None and requested.user_id != request.user.pk and not request.user.is_superuser:
            return False
        return bool(self.has_view_permission(request))

    def get_pdf_columns(self, request: HttpRequest) -> Sequence[Any]:
        """Return items as in `list_display`."""
        return self.pdf_columns or self.get_list_display(request)

    def get_pdf_table(self, request: HttpRequest, selected: Sequence[str] | None = None) -> Table:
        """Return what is printed. `request` has the user and the query of the list; no session, no other headers.

        `selected` are primary keys; None stands for all rows of the list.
        """
        changelist = self.get_changelist_instance(request)
        columns = columns_of(self, self.get_pdf_columns(request), self.pdf_formats, self.pdf_totals)
        queryset = changelist.queryset
        if selected is not None:
            queryset = queryset.filter(pk__in=selected)
        fields = {column.name: column.params["field"] for column in columns}
        if unknown := [name for name in self.pdf_group_by if name not in fields]:
            raise ImproperlyConfigured(
                f"{type(self).__name__}.pdf_group_by: {unknown[0]!r} is no column of the PDF."
            )
        more: dict[str, Any] = {"locale": self.pdf_locale} if self.pdf_locale else {}
        if self.pdf_group_by:
            queryset = queryset.order_by(*self.pdf_group_by, *(queryset.query.order_by or ("pk",)))
            more["group_by"] = [{"field": fields[name]} for name in self.pdf_group_by]
        text = filters_in_words(changelist, request.GET)
        return table_of(queryset, columns, self.pdf_title, text, {**more, **self.pdf_params})

    def get_urls(self) -> list[Any]:
        """Add the routes of the button: see `views.py`."""
        from . import views

        name = f"{self.model._meta.app_label}_{self.model._meta.model_name}_pdf"
        routes = [
            path(f"pdf/<str:query>{rest}", views.guarded(self, view), name=name if view is views.begin else None)
            for rest, view in views.ROUTES.items()
        ]
        return [*routes, *super().get_urls()]

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """Show the list, with the button for those who may press it."""
        from .estimate import in_words

        response: HttpResponse = super().changelist_view(request, extra_context)
        if isinstance(response, TemplateResponse) and response.context_data and "cl" in response.context_data:
            rows = response.context_data["cl"].result_count
            if rows and self.has_export_permission(request):
                response.context_data["pdf"] = {
                    "src": self._pdf_url(request.GET),
                    "name": self.model._meta.label_lower,
                    "takes": in_words(self.model._meta.label_lower, rows),
                }
        return response

    def get_actions(self, request: HttpRequest) -> Any:
        """Add the action for those who may export."""
        actions = super().get_actions(request)
        wanted = self.actions is not None and IS_POPUP_VAR not in request.GET
        if wanted and self.has_export_permission(request):
            actions[ACTION] = (_take_selected, ACTION, WORDS)
        return actions

    def _pdf_url(self, query: QueryDict) -> str:
        """Return the address of the button's routes for the rows of a list."""
        name = f"{self.admin_site.name}:{self.model._meta.app_label}_{self.model._meta.model_name}_pdf"
        return reverse(name, args=[packed(query)])


def packed(query: QueryDict) -> str:
    """Return the query of a list as a part of a path."""
    kept = query.copy()
    kept.pop("p", None)
    kept.pop("_facets", None)
    return base64.urlsafe_b64encode(f"?{kept.urlencode()}".encode()).decode().rstrip("=")


def unpacked(text: str) -> str:
    """Return the query of a list. Raises ValueError."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode()[1:]


def _take_selected(model_admin: Any, request: HttpRequest, queryset: Any) -> HttpResponse | None:
    """Ask for a PDF of the selected rows, and go to its place among the exports.

    With "select all rows", no key is kept: they are the rows of the list.
    """
    from .send import ask

    everything = request.POST.get("select_across") == "1"
    selected = None if everything else [str(key) for key in queryset.values_list("pk", flat=True)]
    rows = queryset.count() if selected is None else len(selected)
    requested = ask(model_admin, request, str(uuid.uuid4()), request.GET.urlencode(), rows, selected)
    counted = ngettext("%s row", "%s rows", rows) % number_format(rows, force_grouping=True)
    messages.info(
        request, gettext("%(name)s: the PDF is being made, %(rows)s.") % {"name": requested.name, "rows": counted}
    )
    try:
        return HttpResponseRedirect(reverse(f"{model_admin.admin_site.name}:manypages_export_changelist"))
    except NoReverseMatch:  # a site of the project without that list
        return None
