"""The setting MANYPAGES, and clients made from it."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error
from django.core.exceptions import ImproperlyConfigured

from ..client import Client

KNOWN = {"URL", "TOKEN"}
READERS = 2  # processes that read rows at once, unless told otherwise
EXAMPLE = 'MANYPAGES = {"URL": "https://pdf.example.com", "TOKEN": os.environ["PDF_TOKEN"]}'


def problem() -> str:
    """Return what is wrong with the setting; empty if nothing is."""
    found = getattr(settings, "MANYPAGES", None)
    if not isinstance(found, dict):
        return "The setting MANYPAGES is missing."
    missing = sorted(name for name in KNOWN if not found.get(name))
    if missing:
        return f"MANYPAGES has no {' and no '.join(missing)}."
    if unknown := sorted(set(found) - KNOWN - {"READERS"}):
        return f"MANYPAGES does not know {unknown[0]!r}."
    most = found.get("READERS", READERS)
    return "" if type(most) is int and 1 <= most <= 1000 else 'MANYPAGES["READERS"] must be a number from 1.'


def check(**_: Any) -> list[CheckMessage]:
    """Tell `manage.py check` what is wrong with the setting."""
    told = problem()
    return [Error(told, hint=EXAMPLE, id="manypages.E001")] if told else []


def readers() -> int:
    """Return how many processes may read rows at once, on all dynos together."""
    return int(settings.MANYPAGES.get("READERS", READERS))


def client(*, patient: bool) -> Client:
    """Return a client; the caller closes it. One that is not patient fits into a web request: one try, 8 s."""
    if told := problem():
        raise ImproperlyConfigured(f"{told} Example: {EXAMPLE}")
    url, token = settings.MANYPAGES["URL"], settings.MANYPAGES["TOKEN"]
    return Client(url, token) if patient else Client(url, token, timeout=8.0, tries=1)
