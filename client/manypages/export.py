"""An export as the app shows it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .errors import Cancelled, ExportFailed

OVER = ("ready", "failed", "cancelled", "expired")


@dataclass(frozen=True)
class Progress:
    """How far an export is. `percent` is 0 to 100; `seconds_left` is None while that is not known."""

    percent: int = 0
    pages_done: int = 0
    pages: int = 0
    seconds_left: int | None = None


@dataclass(frozen=True)
class Export:
    """An export. `data` is all that the app answered, with the names of its HTTP API."""

    id: str
    state: str
    name: str
    progress: Progress
    data: Mapping[str, Any] = field(repr=False)

    @property
    def over(self) -> bool:
        """Whether nothing more will happen: it is ready, failed, cancelled or expired."""
        return self.state in OVER

    @property
    def result(self) -> Mapping[str, Any]:
        """Pages, bytes, warnings and volumes; empty until it is ready."""
        return self.data.get("result") or {}

    def check(self) -> None:
        """Raise ExportFailed if it ended without a file."""
        if self.state == "cancelled":
            raise Cancelled(f"The export {self.id} was cancelled.", advice="Ask for it again.")
        if self.state == "expired":
            raise ExportFailed(f"The file of the export {self.id} was removed.", code="LinkExpired", advice=AGAIN)
        if self.state == "failed":
            failure = self.data.get("failure") or {}
            words = failure.get("message") or f"The export {self.id} failed."
            raise ExportFailed(words, code=failure.get("code", ""), advice=failure.get("advice", ""))


AGAIN = "Ask for it again."


def export_of(data: Mapping[str, Any]) -> Export:
    """Return the export of an answer."""
    shown = data.get("progress") or {}
    progress = Progress(
        shown.get("percent", 0), shown.get("pages_done", 0), shown.get("pages", 0), shown.get("seconds_left")
    )
    return Export(data["id"], data["state"], data.get("name", ""), progress, data)
