"""A page of the list of exports: those of the pipeline app, and requests whose rows are still on their way."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils.dateparse import parse_datetime
from django.utils.translation import pgettext_lazy

from ..client import Client
from ..errors import ManypagesError, NotFound
from ..export import OVER, Export
from . import follow
from .models import PdfRequest, State, subject_of
from .sources import model_admin_of

SHOWN = 25
WATCHED = 10  # exports at work of which a page shows the progress: each costs a request
LOOKED_AT = 500  # exports that a search reads at most for one page
STATES = {
    "queued": pgettext_lazy("PDF export", "queued"), "planning": pgettext_lazy("PDF export", "planning"),
    "rendering": pgettext_lazy("PDF export", "rendering"), "assembling": pgettext_lazy("PDF export", "assembling"),
    "ready": pgettext_lazy("PDF export", "ready"), "failed": pgettext_lazy("PDF export", "failed"),
    "cancelled": pgettext_lazy("PDF export", "cancelled"), "expired": pgettext_lazy("PDF export", "expired"),
}  # fmt: skip
HERE = {"queued": follow.HERE, "failed": [State.FAILED], "cancelled": [State.CANCELLED]}
"""States of an export in the filter, and those of a request that no export answers yet."""


@dataclass(frozen=True)
class Wanted:
    """What the list shows. `everyone`: also what other users asked for; `after`: the last id of the page before."""

    state: str = ""
    everyone: bool = False
    search: str = ""
    after: str = ""


@dataclass(frozen=True)
class Line:
    """One line of the list: a request of this project, an export, or both."""

    requested: PdfRequest | None
    view: dict[str, Any]

    @property
    def key(self) -> str:
        """What names it in addresses: the id of the export, or else of the request."""
        return str(self.view.get("export") or self.view["id"])

    @property
    def state(self) -> str:
        """One of STATES."""
        return str(self.view["state"])

    @property
    def word(self) -> str:
        """The state in the language of the admin."""
        return str(STATES.get(self.state, self.state))

    @property
    def over(self) -> bool:
        """Whether nothing more will happen."""
        return self.state in OVER

    @property
    def who(self) -> str:
        """The user who asked; for other exports what the pipeline app knows of it."""
        user = self.requested.user if self.requested else None
        return str(user.get_username() if user else self.view.get("subject") or "")

    @property
    def created(self) -> datetime | None:
        """When it was asked for."""
        return parse_datetime(self.view["created_at"])

    @property
    def expires(self) -> datetime | None:
        """When its file is removed."""
        return parse_datetime(self.view["expires_at"]) if self.state == "ready" else None

    def matches(self, search: str) -> bool:
        """Return whether its name, its user or its id has this text."""
        texts = (self.view["name"], self.who, self.key, self.requested.schedule if self.requested else "")
        return any(search.casefold() in str(text).casefold() for text in texts)


def page(client: Client, user: Any, wanted: Wanted) -> tuple[list[Line], str]:
    """Return the lines of a page, newest first, and the id after which the next one begins; empty at the end."""
    lines = [] if wanted.after else list(_here(user, wanted))
    subject = "" if wanted.everyone else subject_of(user)
    exports = client.exports(state=wanted.state, subject=subject, after=wanted.after, at_once=SHOWN + 1)
    seen, found = "", 0
    for batch in _batches(islice(exports, LOOKED_AT), SHOWN):
        for line in _lines(client, batch):
            if found == SHOWN:
                return lines, seen
            seen = line.key
            if line.matches(wanted.search):
                lines.append(line)
                found += 1
    return lines, seen if next(exports, None) else ""


def find(client: Client, key: str) -> Line:
    """Return a line by its key, as it is now. Raises NotFound."""
    if "-" in key:  # of a request
        try:
            requested = PdfRequest.objects.select_related("user").get(pk=key, export_id="")
        except (PdfRequest.DoesNotExist, ValidationError):
            raise NotFound("There is no such export.", status=404) from None
        return Line(requested, follow.view(requested))
    requested = PdfRequest.objects.select_related("user").filter(export_id=key).first()
    return _line(client.get(key), requested)


def may_download(request: HttpRequest, line: Line) -> bool:
    """Ask the ModelAdmin whose rows they are. Other exports are for those who may change them."""
    requested = line.requested
    if requested and requested.spec.get("model"):
        try:
            return bool(model_admin_of(requested.spec).has_export_permission(request, requested))
        except ManypagesError:  # the list is gone
            return bool(request.user.is_superuser)
    return may_change(request, line)


def may_change(request: HttpRequest, line: Line) -> bool:
    """Return whether this user may cancel, retry and delete it: those who asked, and those with the permission."""
    mine = line.requested.user_id == request.user.pk if line.requested else False
    return (
        mine
        or line.view.get("subject") == subject_of(request.user)
        or bool(request.user.has_perm("manypages.delete_export"))
    )


def _here(user: Any, wanted: Wanted) -> Iterator[Line]:
    """Yield requests that are no exports yet, or never became one."""
    if wanted.state and wanted.state not in HERE:
        return
    found = PdfRequest.objects.select_related("user").filter(export_id="")
    if wanted.state:
        found = found.filter(state__in=HERE[wanted.state])
    if not wanted.everyone:
        found = found.filter(user=user)
    for requested in found.order_by("-created")[:SHOWN]:
        line = Line(requested, follow.view(requested))
        if line.matches(wanted.search):
            yield line


def _batches(exports: Iterator[Export], size: int) -> Iterator[Sequence[Export]]:
    while batch := list(islice(exports, size)):
        yield batch


def _lines(client: Client, exports: Sequence[Export]) -> Iterator[Line]:
    """Yield a line for each export; of the newest that are at work with their progress, which a list has not."""
    working = [export.id for export in exports if not export.over][:WATCHED]
    ids = [export.id for export in exports]
    known = {each.export_id: each for each in PdfRequest.objects.select_related("user").filter(export_id__in=ids)}
    for export in exports:
        yield _line(client.get(export) if export.id in working else export, known.get(export.id))


def _line(export: Export, requested: PdfRequest | None) -> Line:
    if requested:
        follow.settle(requested, export)
    return Line(requested, {**export.data, "export": export.id})
