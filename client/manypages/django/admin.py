"""Exports in the admin: a list without a table, read from the pipeline app."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from ..client import Client
from ..errors import ManypagesError, NotFound
from . import follow, listing, schedules
from .conf import client
from .models import Export, PdfRequest

TEMPLATE = "admin/manypages/exports.html"


@admin.register(Export)
class ExportAdmin(admin.ModelAdmin):
    """Everyone in the admin sees their own exports; with the permission `view_export`, those of all."""

    def has_module_permission(self, request: HttpRequest) -> bool:
        """Return whether the list is in the menu."""
        return self.has_view_permission(request)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return whether the list may be opened."""
        return bool(self.admin_site.has_permission(request))

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Exports are asked for where the rows are."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nothing of an export can be edited."""
        return False

    def get_urls(self) -> list[Any]:
        """Return the list and what its lines offer; there are no other pages."""
        view, name = self.admin_site.admin_view, "manypages_export"
        act = {"cancel": self._cancel, "retry": self._retry, "delete": self._delete}
        return [
            path("", view(self.changelist_view), name=f"{name}_changelist"),
            path("<str:key>/file", view(require_GET(self._file)), name=f"{name}_file"),
            path("<str:key>/file/<int:volume>", view(require_GET(self._file)), name=f"{name}_volume"),
            *(
                path(f"<str:key>/{each}", view(require_POST(self._acting(do))), name=f"{name}_{each}")
                for each, do in act.items()
            ),
        ]

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """Show a page of exports: filtered by state and text, newest first."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        request.current_app = self.admin_site.name
        everyone = request.user.has_perm("manypages.view_export")
        state = request.GET.get("state", "")
        wanted = listing.Wanted(
            state if state in listing.STATES else "", everyone and request.GET.get("who") != "me",
            request.GET.get("q", "").strip(), request.GET.get("after", ""),
        )  # fmt: skip
        lines: list[listing.Line] = []
        after = problem = ""
        try:
            with client(patient=False) as pipeline:
                lines, after = listing.page(pipeline, request.user, wanted)
        except ManypagesError as error:
            problem = str(error)
        context = {
            **self.admin_site.each_context(request), "opts": self.opts, "problem": problem,
            "title": capfirst(self.opts.verbose_name_plural),
            "lines": [self._shown(request, line) for line in lines], "wanted": wanted, "everyone": everyone,
            "states": listing.STATES, "next": self._next(request, after), **(extra_context or {}),
        }  # fmt: skip
        return TemplateResponse(request, TEMPLATE, context)

    def _shown(self, request: HttpRequest, line: listing.Line) -> dict[str, Any]:
        requested = line.requested
        may_change = listing.may_change(request, line)
        return {
            "line": line, "view": line.view, "requested": requested, "may_change": may_change,
            "volumes": (line.view.get("result") or {}).get("volumes") or [],
            "may_download": line.state == "ready" and listing.may_download(request, line),
            "schedule": schedules.address(self.admin_site, requested.schedule) if requested else "",
        }  # fmt: skip

    def _next(self, request: HttpRequest, after: str) -> str:
        query = request.GET.copy()
        query["after"] = after
        return f"?{query.urlencode()}" if after else ""

    def _file(self, request: HttpRequest, key: str, volume: int = 0) -> HttpResponse:
        """Redirect to the file, for a user who may have it at this moment."""
        try:
            with client(patient=False) as pipeline:
                if not listing.may_download(request, self._line(pipeline, key)):
                    raise PermissionDenied
                return HttpResponseRedirect(pipeline.download_url(key, volume=volume))
        except ManypagesError as error:
            return self._back(request, error)

    def _acting(self, do: Callable[[Client, listing.Line], str]) -> Callable[..., HttpResponse]:
        def view(request: HttpRequest, key: str) -> HttpResponse:
            try:
                with client(patient=False) as pipeline:
                    line = self._line(pipeline, key)
                    if not listing.may_change(request, line):
                        raise PermissionDenied
                    messages.success(request, do(pipeline, line))
            except ManypagesError as error:
                return self._back(request, error)
            return self._back(request)

        return view

    def _cancel(self, pipeline: Client, line: listing.Line) -> str:
        if line.requested:
            follow.cancel(line.requested)
        else:
            pipeline.cancel(line.key)
        return _("The export is cancelled.")

    def _retry(self, pipeline: Client, line: listing.Line) -> str:
        if line.requested:
            follow.retry(line.requested)
        else:
            pipeline.retry(line.key)
        return _("The export is tried again.")

    def _delete(self, pipeline: Client, line: listing.Line) -> str:
        if line.view.get("export"):
            pipeline.delete(line.key)
        if line.requested:
            PdfRequest.objects.filter(pk=line.requested.pk).delete()
        return _("The export and its file are deleted.")

    def _line(self, pipeline: Client, key: str) -> listing.Line:
        try:
            return listing.find(pipeline, key)
        except NotFound:
            raise Http404(_("There is no such export.")) from None

    def _back(self, request: HttpRequest, error: ManypagesError | None = None) -> HttpResponse:
        if error:
            messages.error(request, str(error))
        return HttpResponseRedirect(reverse(f"{self.admin_site.name}:manypages_export_changelist"))


schedules.check_in_admin(admin.site)
