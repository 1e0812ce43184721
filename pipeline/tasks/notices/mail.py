"""Composes the mail about an export that is over, in the export's language.

Its links lead to the app or to its caller, never to the bucket. They are signed and expire, but may be fetched any
number of times: mail scanners fetch every link they see.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime
from urllib.parse import urlsplit

from babel import Locale, UnknownLocaleError

from ...errors.one_line import plain
from ...exports.export import MB, Export, Notice, Result, State
from ...exports.links import DownloadLinks
from ...exports.notices import message_id
from ...settings import Settings
from .html import Link, page
from .words import WORDS, Words

SKIPPED_IN_MAIL = 20
VOLUMES_IN_MAIL = 20


def message(export: Export, notice: Notice, settings: Settings) -> EmailMessage:
    """Return the mail about an export that is ready or failed, in text and HTML."""
    ready, language = notice.event is State.READY, _language(export, notice, settings)
    words, result = language.words, export.result
    lines = list(
        language.ready_lines(export, result) if ready and result else language.failed_lines(export, notice)
    )
    links = list(_links(export, notice, settings, language)) if ready and result else []
    notes = list(_notes(notice, settings, language)) if links else []
    back = (words.back.format(host=_host(export.return_url)), export.return_url) if export.return_url else None
    mail, (user, _, host) = EmailMessage(), notice.to.to.rpartition("@")
    subject = words.ready_subject if ready else words.failed_subject
    mail["Subject"] = subject.format(name=_unencoded(_one_line(export.name)))
    mail["From"] = settings.mail_from
    mail["To"] = Address(username=user, domain=host)
    mail["Date"] = format_datetime(datetime.fromtimestamp(notice.happened_at, UTC))
    # The same at each attempt: most mail programs show a mail that was sent twice after a crash only once.
    mail["Message-ID"] = f"<{message_id(export, notice)}@{urlsplit(settings.base_url).hostname}>"
    mail["Auto-Submitted"] = "auto-generated"
    named = [url if len(links) == 1 else f"{text}:\n{url}" for text, url in links]
    more = [*named, *(["\n".join(notes)] if notes else []), *(["\n".join(back)] if back else [])]
    mail.set_content("\n".join([*lines, *(f"\n{each}" for each in more)]) + "\n")
    mail.add_alternative(page(settings, language.tag, lines, links, notes, back), subtype="html")
    return mail


def _language(export: Export, notice: Notice, settings: Settings) -> _Language:
    """Return the language that the recipient, the export or the settings name; English for any other."""
    asked = notice.to.locale or str(export.params.get("locale") or "") or settings.mail_locale
    try:
        locale = Locale.parse(asked.replace("-", "_"))
    except (UnknownLocaleError, ValueError):
        locale = Locale("en")
    return _Language(locale if locale.language in WORDS else Locale("en"))


def _links(export: Export, notice: Notice, settings: Settings, language: _Language) -> Iterator[Link]:
    """Yield the links: to the file, or to the index of the volumes and the first 20; or to the caller's page."""
    words, volumes = language.words, export.result.volumes if export.result else ()
    if "{id}" in notice.to.link:
        yield words.download, notice.to.link.replace("{id}", export.id)
        return
    signed, links = notice.to.link == "signed", DownloadLinks(settings)
    yield words.index_of_volumes if volumes else words.download, links.sign(export.id, signed=signed)
    for number, file in enumerate(volumes[:VOLUMES_IN_MAIL], 1):
        named = words.volume.format(
            number=language.count(number), count=language.count(len(volumes)), size=language.size(file.bytes),
            first=language.count(file.first_page), last=language.count(file.first_page + file.pages - 1),
        )  # fmt: skip
        yield named, links.sign(export.id, number, signed=signed)
    if len(volumes) > VOLUMES_IN_MAIL and not signed:
        yield (
            words.all_volumes.format(count=language.count(len(volumes))),
            f"{settings.base_url}/export/{export.id}",
        )


def _notes(notice: Notice, settings: Settings, language: _Language) -> Iterator[str]:
    """Yield how long the links work, and for whom. The caller's page says that itself."""
    if notice.to.link in ("panel", "signed"):
        yield language.words.until.format(day=language.day(time.time() + settings.link_seconds))
        yield language.words.signed if notice.to.link == "signed" else language.words.sign_in


@dataclass(frozen=True)
class _Language:
    """The words of a mail, and its numbers and dates."""

    locale: Locale

    @property
    def words(self) -> Words:
        return WORDS[self.locale.language]

    @property
    def tag(self) -> str:
        """The language as a tag (RFC 5646)."""
        return str(self.locale).replace("_", "-")

    def count(self, number: int) -> str:
        from babel.numbers import format_decimal

        return format_decimal(number, locale=self.locale)

    def size(self, count: int) -> str:
        from babel.numbers import format_decimal

        if count < MB:
            return f"{format_decimal(round(count / 1000), locale=self.locale)} kB"
        return f"{format_decimal(count / MB, '#,##0.0', locale=self.locale)} MB"

    def day(self, seconds: float) -> str:
        from babel.dates import format_date

        return format_date(datetime.fromtimestamp(seconds, UTC), "long", locale=self.locale)

    def ready_lines(self, export: Export, result: Result) -> Iterator[str]:
        words, name = self.words, _one_line(export.name)
        pages = (words.page if result.pages == 1 else words.pages).format(count=self.count(result.pages))
        ready = words.ready_in_volumes if result.volumes else words.ready
        volumes = self.count(len(result.volumes))
        yield ready.format(name=name, pages=pages, volumes=volumes, size=self.size(result.bytes))
        yield (words.index if result.volumes else words.file).format(name=result.name)
        if result.skipped_count:
            records = self.count(result.records)
            yield words.unreadable.format(count=self.count(result.skipped_count), records=records)
            for skipped in result.skipped[:SKIPPED_IN_MAIL]:
                yield f"  {skipped.record}. {_one_line(skipped.source)} - {_one_line(skipped.reason)}"
            if result.skipped_count > SKIPPED_IN_MAIL:
                yield "  " + words.more.format(count=self.count(result.skipped_count - SKIPPED_IN_MAIL))
        for warning in result.warnings[:SKIPPED_IN_MAIL]:
            yield words.note.format(text=_one_line(warning))
        if len(result.warnings) > SKIPPED_IN_MAIL:
            yield words.more_notes.format(count=self.count(len(result.warnings) - SKIPPED_IN_MAIL))

    def failed_lines(self, export: Export, notice: Notice) -> Iterator[str]:
        requested = datetime.fromtimestamp(export.created_at, UTC).strftime("%H:%M UTC")
        moment = f"{self.day(export.created_at)}, {requested}"
        yield self.words.failed.format(name=_one_line(export.name), moment=moment)
        if notice.failure:
            yield _one_line(notice.failure.message)
            if notice.failure.advice:
                yield _one_line(notice.failure.advice)


def _one_line(text: str) -> str:
    return " ".join(plain(text).split())


def _unencoded(text: str) -> str:
    """Return the text without the start of an encoded word (RFC 2047, 2), which could hide a line break."""
    return text.replace("=?", "= ?")


def _host(url: str) -> str:
    return urlsplit(url).hostname or ""
