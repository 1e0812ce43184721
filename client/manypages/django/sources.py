"""What a name stands for: a list of the admin, a document of this project, or one of the pipeline app."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from django.contrib.admin.sites import all_sites
from django.contrib.auth import get_user_model
from django.http import HttpRequest, QueryDict
from django.utils.translation import gettext as _

from ..errors import ManypagesError, NotFound
from .columns import rows_of
from .conf import client
from .documents import registered
from .models import PdfRequest
from .table import Table

FETCHED = 2000  # rows from the database's cursor at once


class Body(NamedTuple):
    """What is sent: a document of the pipeline app, its parameters, and rows from a database, if it has some."""

    document: str
    params: Mapping[str, Any]
    rows: Any = None
    database: str = ""


def body_of(requested: PdfRequest) -> Body:
    """Return what a request stands for. Raises ManypagesError if it is gone, or its user may not have it."""
    spec = requested.spec
    if spec.get("model"):
        table = _table_of_list(requested)
    elif document := registered(spec["document"]):
        table = document.table(spec["params"])
    else:
        return Body(spec["document"], spec["params"])
    rows = rows_of(table.columns, table.queryset.iterator(chunk_size=FETCHED))
    return Body("table", table.params, rows, table.queryset.db)


def model_admin_of(spec: Mapping[str, Any]) -> Any:
    """Return the ModelAdmin that is named. Raises ManypagesError if it is gone, or has no button."""
    for site in all_sites:
        for model, found in site._registry.items():
            named = (spec.get("site", site.name), spec.get("model")) == (site.name, model._meta.label_lower)
            if named and hasattr(found, "get_pdf_table"):
                return found
    told = _("The admin has no list of %r with PDFs.") % spec.get("model")
    raise NotFound(told, field="model", status=404)


def _table_of_list(requested: PdfRequest) -> Table:
    spec = requested.spec
    model_admin, request = model_admin_of(spec), _request_of(requested)
    if not request.user.is_active or not model_admin.has_export_permission(request):
        raise ManypagesError(
            _("The user %(user)r may not export %(name)s.")
            % {"user": spec.get("user") or str(request.user), "name": requested.name},
            code="Forbidden",
            advice=_("Ask for access."),
        )
    table: Table = model_admin.get_pdf_table(request, spec.get("selected"))
    return table


def _request_of(requested: PdfRequest) -> HttpRequest:
    """Return a request for the list, as far as it is known outside of the web process."""
    request, spec = HttpRequest(), requested.spec
    named = spec.get("host") or "localhost"
    host, _, port = named.partition(":")
    request.method, request.GET = "GET", QueryDict(spec.get("query", ""))
    request.META = {
        "HTTP_HOST": named, "SERVER_NAME": host, "SERVER_PORT": port or "80",
        "wsgi.url_scheme": "https" if spec.get("secure") else "http",
    }  # fmt: skip
    request.user = requested.user or get_user_model()(is_active=False)  # a user who was removed may do nothing
    return request


def check_document(name: str, params: Mapping[str, Any]) -> None:
    """Raise ManypagesError with the `field` if there is no such document, or it does not take these parameters."""
    own = registered(name)
    if own:
        own.check(params)
        return
    with client(patient=False) as pipeline:
        known = {each["name"]: each for each in pipeline.documents()}
    if name not in known:
        names = ", ".join(sorted(known))
        told = _("There is no document %r.") % name
        raise ManypagesError(told, field="document", advice=_("There are: %s.") % names)
    schema = _schema(known[name])
    missing = [each for each in schema.get("required", ()) if each not in params]
    if missing:
        told = _("The document %(name)r needs %(param)r.") % {"name": name, "param": missing[0]}
        raise ManypagesError(told, field="params")
    unknown = [each for each in params if each not in schema.get("properties", params)]
    if unknown:
        takes = ", ".join(schema["properties"])
        raise ManypagesError(
            _("The document %(name)r does not know %(param)r.") % {"name": name, "param": unknown[0]},
            field="params",
            advice=_("Its parameters: %s.") % takes,
        )


def _schema(document: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the JSON schema of the parameters; the place where it begins may be a reference."""
    schema = document.get("params") or document.get("schema") or {}
    reference = schema.get("$ref", "").rpartition("/")[2]
    found: Mapping[str, Any] = schema.get("$defs", {}).get(reference, schema)
    return found
