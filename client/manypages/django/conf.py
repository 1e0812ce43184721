"""The setting MANYPAGES, and clients made from it."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error
from django.core.exceptions import ImproperlyConfigured

from ..client import Client

KNOWN = {"URL", "TOKEN"}
EXAMPLE = 'MANYPAGES = {"URL": "https://pdf.example.com", "TOKEN": os.environ["PDF_TOKEN"]}'


def problem() -> str:
    """Return what is wrong with the setting; empty if nothing is."""
    found = getattr(settings, "MANYPAGES", None)
    if not isinstance(found, dict):
        return "The setting MANYPAGES is missing."
    missing = sorted(name for name in KNOWN if not found.get(name))
    if missing:
        return f"MANYPAGES has no {' and no '.join(missing)}."
    unknown = sorted(set(found) - KNOWN)
    return f"MANYPAGES does not know {unknown[0]!r}." if unknown else ""


def check(**_: Any) -> list[CheckMessage]:
    """Tell `manage.py check` what is wrong with the setting."""
    told = problem()
    return [Error(told, hint=EXAMPLE, id="manypages.E001")] if told else []


def client(*, patient: bool) -> Client:
    """Return a client; the caller closes it. One that is not patient fits into a web request: one try, 8 s."""
    if told := problem():
        raise ImproperlyConfigured(f"{told} Example: {EXAMPLE}")
    url, token = settings.MANYPAGES["URL"], settings.MANYPAGES["TOKEN"]
    return Client(url, token) if patient else Client(url, token, timeout=8.0, tries=1)
