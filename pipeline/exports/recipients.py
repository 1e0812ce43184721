"""Who is notified about an export: mail addresses, and where the link in each mail leads."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import Annotated
from urllib.parse import urlsplit

import idna
import msgspec
from msgspec import Meta

from ..errors import InvalidRequest
from ..settings.urls import is_local
from .export import Recipient

ATOM = r"[\w!#$%&'*+/=?^`{|}~-]+"
LOCAL = re.compile(rf"{ATOM}(\.{ATOM})*")  # letters of any script (RFC 6531)
HOST = re.compile(r"([a-z0-9_]([a-z0-9_-]*[a-z0-9_])?\.)*[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?", re.IGNORECASE)
PAGE = re.compile(r"[!-~]{1,2000}")  # printable ASCII, as in a URL
LOCALE = re.compile(r"[A-Za-z]{2,3}([_-][A-Za-z0-9]{2,8})*")
LINKS = ("panel", "signed")
MAX_RECIPIENTS = 20
MAX_LOCAL = 64  # bytes before the @ (RFC 5321, 4.5.3.1.1)


class NotifyBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A person to notify by mail."""

    to: Annotated[str, Meta(description="a mail address")]
    link: Annotated[
        str, Meta(description="`panel`: sign in; `signed`: opens without an account; or your page, a URL with {id}")
    ] = "panel"
    locale: Annotated[str, Meta(description="language of the mail, such as de; that of the export if empty")] = ""


Notify = str | NotifyBody | Sequence[str | NotifyBody] | None
"""One or several recipients, as requests name them."""


def recipients(notify: Notify) -> tuple[Recipient, ...]:
    """Return the recipients that a request names. Raises InvalidRequest for what is wrong with them."""
    if notify is None:
        return ()
    one = isinstance(notify, (str, NotifyBody))
    named: Sequence[str | NotifyBody] = [notify] if one else notify  # type: ignore[list-item,assignment]
    if len(named) > MAX_RECIPIENTS:
        raise InvalidRequest(f"notify has {len(named)} recipients; {MAX_RECIPIENTS} are allowed.", field="notify")
    found = (_recipient(each, "notify" if one else f"notify[{n}]") for n, each in enumerate(named))
    return tuple({recipient.to: recipient for recipient in found}.values())


def check_page(url: str, field: str) -> None:
    """Raise InvalidRequest unless a URL may stand in a mail: https, or http on this machine."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        host = ""
    right = bool(host) and PAGE.fullmatch(url) and "@" not in parts.netloc
    if not (right and (parts.scheme == "https" or (parts.scheme == "http" and is_local(url)))):
        words = f"{field} must be an https URL, such as https://shop.example.org/exports."
        raise InvalidRequest(words, field=field)


def _recipient(each: str | NotifyBody, field: str) -> Recipient:
    asked = NotifyBody(each) if isinstance(each, str) else each
    if asked.link not in LINKS:
        if "{id}" not in asked.link:
            words = f'{field}: link must be "panel", "signed" or a URL with {{id}}, not {asked.link[:80]!r}.'
            raise InvalidRequest(words, field=field)
        check_page(asked.link.replace("{id}", "id"), field)
    if asked.locale and not LOCALE.fullmatch(asked.locale):
        raise InvalidRequest(f"{field}: locale must be the name of a language, such as de.", field=field)
    return Recipient(_address(asked.to, field), asked.link, asked.locale)


def _address(text: str, field: str) -> str:
    """Return a mail address whose host is in ASCII (IDNA), as the mail server needs it."""
    local, _, host = unicodedata.normalize("NFC", text).rpartition("@")
    try:
        host = host if host.isascii() else idna.encode(host, uts46=True).decode()
    except idna.IDNAError:
        host = ""
    fits = len(local.encode()) <= MAX_LOCAL and len(local.encode()) + len(host) < 254
    # "=?" could be taken for an encoded word of a header (RFC 2047)
    if not (fits and LOCAL.fullmatch(local) and HOST.fullmatch(host) and "=?" not in local):
        raise InvalidRequest(f"{field} must be a mail address, such as name@example.org.", field=field)
    return f"{local}@{host}"
