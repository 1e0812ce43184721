"""Composes the mail about an export that is over.

Its links lead to the app, never to the bucket. They are signed and expire, but may be fetched any number of times:
mail scanners fetch every link they see.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime
from urllib.parse import urlsplit

from markupsafe import Markup

from ..exports.export import Export, State
from ..exports.links import Links
from ..logs import plain
from ..settings import Settings

MB = 1_000_000
SKIPPED_IN_MAIL = 20
VOLUMES_IN_MAIL = 20


def message(export: Export, settings: Settings) -> EmailMessage:
    """Returns the mail about an export that is ready or failed, in text and HTML."""
    ready = export.state is State.READY
    lines = list(_ready_lines(export) if ready else _failed_lines(export))
    mail = EmailMessage()
    mail["Subject"] = f"{'Ready' if ready else 'Failed'}: {_unencoded(_one_line(export.name))}"
    mail["From"] = settings.mail_from
    mail["To"] = Address(addr_spec=export.notify or "")
    mail["Date"] = format_datetime(datetime.fromtimestamp(export.finished_at or export.created_at, UTC))
    # The same at each attempt: most mail programs show a mail that was sent twice after a crash only once.
    about = f"{export.id}.{export.retried_at:.0f}" if export.retried_at else export.id
    mail["Message-ID"] = f"<{about}@{urlsplit(settings.base_url).hostname}>"
    mail["Auto-Submitted"] = "auto-generated"
    links = list(_links(export, settings)) if ready else []
    works = "The link works" if len(links) == 1 else "The links work"
    until = f"{works} until {_day(time.time() + settings.link_seconds)}. You must be signed in."
    named = [url if len(links) == 1 else f"{words}:\n{url}" for words, url in links]
    mail.set_content("\n".join([*lines, *(f"\n{line}" for line in named), *([until] if links else [])]) + "\n")
    mail.add_alternative(_html(lines, links, until), subtype="html")
    return mail


def _links(export: Export, settings: Settings) -> Iterator[tuple[str, str]]:
    """Yields the links of the mail as (text, URL): the file, or the index of the volumes and the first 20."""
    links, volumes = Links(settings), export.result.volumes if export.result else ()
    yield "Index of the volumes" if volumes else "Download", links.sign(export.id)
    for number, file in enumerate(volumes[:VOLUMES_IN_MAIL], 1):
        last = file.first_page + file.pages - 1
        words = f"Volume {number:,} of {len(volumes):,} (pages {file.first_page:,}-{last:,}, {_size(file.bytes)})"
        yield words, links.sign(export.id, number)
    if len(volumes) > VOLUMES_IN_MAIL:
        yield f"All {len(volumes):,} volumes", f"{settings.base_url}/export/{export.id}"


def _ready_lines(export: Export) -> Iterator[str]:
    result = export.result
    if result is None:
        return
    volumes = f" in {len(result.volumes):,} volumes" if result.volumes else ""
    yield f"{_one_line(export.name)} is ready: {result.pages:,} pages{volumes}, {_size(result.bytes)}."
    yield f"{'Index' if volumes else 'File'}: {result.name}"
    if result.skipped_count:
        yield f"{result.skipped_count:,} of {result.records:,} inputs could not be read:"
        for skipped in result.skipped[:SKIPPED_IN_MAIL]:
            yield f"  {skipped.record}. {_one_line(skipped.source)} - {_one_line(skipped.reason)}"
        if result.skipped_count > SKIPPED_IN_MAIL:
            yield f"  and {result.skipped_count - SKIPPED_IN_MAIL:,} more"
    for warning in result.warnings[:SKIPPED_IN_MAIL]:
        yield f"Note: {_one_line(warning)}"
    if len(result.warnings) > SKIPPED_IN_MAIL:
        yield f"and {len(result.warnings) - SKIPPED_IN_MAIL:,} more notes"


def _failed_lines(export: Export) -> Iterator[str]:
    requested = datetime.fromtimestamp(export.created_at, UTC).strftime("%Y-%m-%d %H:%M UTC")
    yield f"{_one_line(export.name)}, requested on {requested}, failed."
    if export.failure:
        yield _one_line(export.failure.message)
        if export.failure.advice:
            yield _one_line(export.failure.advice)


def _html(lines: list[str], links: list[tuple[str, str]], until: str) -> str:
    """Returns the mail as HTML. Markup.format escapes every value."""
    body = Markup("").join(Markup("<p>{}</p>").format(line) for line in lines)
    for words, url in links:
        body += Markup('<p><a href="{}">{}</a></p>').format(url, words)
    if links:
        body += Markup("<p>{}</p>").format(until)
    return str(Markup("<!doctype html><html><body>{}</body></html>").format(body))


def _one_line(text: str) -> str:
    return " ".join(plain(text).split())


def _unencoded(text: str) -> str:
    """Returns the text without the start of an encoded word (RFC 2047, 2), which could hide a line break."""
    return text.replace("=?", "= ?")


def _size(count: int) -> str:
    return f"{count / MB:,.1f} MB" if count >= MB else f"{count / 1000:,.0f} kB"


def _day(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d")
