"""The routes of the button, as its element asks for them: begin, progress, file, cancel, retry."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable
from typing import Any

from django.contrib.admin.options import IncorrectLookupParameters
from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse, QueryDict
from django.utils.cache import get_conditional_response
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt, csrf_protect

from ..errors import ManypagesError, Unavailable
from . import follow
from .mixin import unpacked
from .models import PdfRequest
from .send import ask

View = Callable[..., HttpResponse]
MAX_BODY = 10_000  # bytes
log = logging.getLogger(__name__)


def guarded(model_admin: Any, view: View) -> View:
    """Return a view for signed-in users of the admin; each problem is JSON that the element can show."""

    def guard(request: HttpRequest, query: str, **names: Any) -> HttpResponse:
        if not model_admin.admin_site.has_permission(request):
            return problem(401, _("You are signed out."), _("Sign in again, then press the button."))
        response = protected(request, query, **names)
        if response.status_code == 403 and "json" not in response["Content-Type"]:
            return problem(403, _("This page is out of date."), _("Load it again."))  # its CSRF token is
        return response

    def answer(request: HttpRequest, query: str, **names: Any) -> HttpResponse:
        try:
            return view(model_admin, request, query, **names)
        except PermissionDenied as denied:
            return problem(403, str(denied) or _("You may not export these rows."), _("Ask for access."))
        except Http404:
            return problem(404, _("There is no such export of yours."), _("Ask for it again."))
        except Unavailable as away:
            return problem(503, away.message, away.advice or _("Try again later."))
        except ManypagesError as error:
            if error.of_settings:
                log.error("The app that makes PDFs does not accept MANYPAGES: %s", error)
                return problem(500, _("PDFs cannot be made at the moment."), _("The log of this site says why."))
            return problem(error.status or 409, error.message, error.advice)

    protected = csrf_protect(answer)
    return csrf_exempt(never_cache(guard))  # checked inside, after the session


def problem(status: int, detail: str, advice: str = "") -> HttpResponse:
    """Return an error as problem+json."""
    body = {"type": "about:blank", "status": status, "title": detail, "detail": detail, "advice": advice}
    return JsonResponse(body, status=status, content_type="application/problem+json")


def begin(model_admin: Any, request: HttpRequest, query: str) -> HttpResponse:
    """POST: ask for a PDF of all rows of the list. 202 with the view of the export."""
    if request.method != "POST":
        return problem(405, _("Use POST."))
    if not model_admin.has_export_permission(request):
        raise PermissionDenied
    key = _key(request)
    if not key:
        return problem(400, _("The request has no key."), _("Load the page again."))
    try:
        request.GET = QueryDict(unpacked(query))
        rows = model_admin.get_changelist_instance(request).result_count
    except (ValueError, IncorrectLookupParameters, SuspiciousOperation):
        return problem(422, _("The filter is not valid."), _("Load the list again."))
    if not rows:
        return problem(422, _("The filter matches nothing."), _("Change the filter."))
    requested = ask(model_admin, request, key, request.GET.urlencode(), rows)
    return JsonResponse(follow.view(requested), status=202)


def follow_or_cancel(model_admin: Any, request: HttpRequest, query: str, id: Any) -> HttpResponse:
    """GET: how far the export is, 304 if nothing changed. DELETE: cancel it."""
    requested = _mine(model_admin, request, id)
    if request.method == "DELETE":
        follow.cancel(requested)
    response = JsonResponse(follow.view(requested))
    etag = f'"{hashlib.sha256(response.content).hexdigest()[:32]}"'
    response["ETag"] = etag
    return get_conditional_response(request, etag=etag, response=response) or response


def file(model_admin: Any, request: HttpRequest, query: str, id: Any, volume: int = 0) -> HttpResponse:
    """GET: redirect to the file, for a user who may have it at this moment. `volume` is 0 for the only file."""
    requested = _mine(model_admin, request, id)
    if not model_admin.has_export_permission(request, requested):
        raise PermissionDenied
    return HttpResponseRedirect(follow.file_url(requested, volume))


def retry(model_admin: Any, request: HttpRequest, query: str, id: Any) -> HttpResponse:
    """POST: try again what failed. 202 with the view."""
    requested = _mine(model_admin, request, id)
    if request.method != "POST":
        return problem(405, _("Use POST."))
    if not model_admin.has_export_permission(request, requested):
        raise PermissionDenied
    follow.retry(requested)
    return JsonResponse(follow.view(requested), status=202)


ROUTES: dict[str, View] = {
    "": begin,
    "/<uuid:id>": follow_or_cancel,
    "/<uuid:id>/file": file,
    "/<uuid:id>/file/<int:volume>": file,
    "/<uuid:id>/retry": retry,
}


def _mine(model_admin: Any, request: HttpRequest, id: Any) -> PdfRequest:
    """Return a request for this list. PermissionDenied if another user made it, and may not be seen."""
    found = PdfRequest.objects.select_related("user").filter(pk=id).first()
    site, model = model_admin.admin_site.name, model_admin.model._meta.label_lower
    if found is None or (found.spec.get("site", site), found.spec.get("model")) != (site, model):
        raise Http404
    if found.user_id != request.user.pk and not request.user.is_superuser:
        raise PermissionDenied(_("Another user asked for this export."))
    return found


def _key(request: HttpRequest) -> str:
    """Return the key of the press; empty if there is none."""
    try:
        found = json.loads(request.body[:MAX_BODY])["key"]
    except (ValueError, KeyError, TypeError):
        return ""
    return found[:200] if isinstance(found, str) and found.isprintable() else ""  # databases take no NUL
