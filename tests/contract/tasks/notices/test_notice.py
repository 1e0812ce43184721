"""Mails that arrive as they were meant, whatever is in them."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from local.services import Smtp, smtp
from pipeline.adapters.mail import Mailer
from pipeline.errors import LinkRefused, MailRefused
from pipeline.exports.export import Channel, Export, Failure, File, Notice, Recipient, Result, State
from pipeline.exports.ids import new_id
from pipeline.exports.links import DownloadLinks
from pipeline.pdf.tally import Skipped
from pipeline.settings import Settings
from pipeline.tasks.notices.mail import SKIPPED_IN_MAIL, VOLUMES_IN_MAIL, message
from pipeline.tasks.notices.words import WORDS

from ....mails import arrived, mail_server

EVIL = '<script>alert("1")</script>\r\nBcc: everybody@example.org\r\n\r\nHello'


SETTINGS = Settings.from_env({"SECRET_KEY": "first-key", "BASE_URL": "https://pdf.example.org"})

ADMIN = Recipient("admin@example.org")


@pytest.fixture(scope="module")
def mail(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Smtp]:
    with smtp(tmp_path_factory.mktemp("smtp")) as server:
        yield server


def settings_for(url: str) -> Settings:
    return dataclasses.replace(SETTINGS, smtp_url=url)


def ready(**changes: Any) -> Export:
    result = Result("exports/1/result/a.pdf", "Álbum 2026-01-02.pdf", 1_500_000, 1234, 1300, 1300)
    export = Export(
        new_id(), "photos", {}, "shop", 1_700_000_000.0, State.READY,
        name="Álbum", finished_at=1_700_000_100.0, result=result,
    )  # fmt: skip
    return structs.replace(export, **changes)


def sent(mail: Smtp, export: Export, to: Recipient = ADMIN) -> EmailMessage:
    notice = Notice(1, Channel.MAIL, to, export.state, 1_700_000_100.0, 1_700_000_100.0, export.failure)
    made = message(export, notice, settings_for(mail.url))
    with Mailer(settings_for(mail.url)).connection() as server:
        server.send(made)
    return arrived(mail, made)


def body(found: EmailMessage, kind: str) -> str:
    part = found.get_body((kind,))
    assert part is not None
    text: str = part.get_content()
    return text


def test_a_mail_says_in_text_and_html_what_is_ready(mail: Smtp) -> None:
    export = ready()
    found = sent(mail, export)
    assert found["Subject"] == "Ready: Álbum"
    assert found["To"] == "admin@example.org"
    assert found["Auto-Submitted"] == "auto-generated"
    assert found["Message-ID"] == f"<{export.id}.1@pdf.example.org>"
    text, html = body(found, "plain"), body(found, "html")
    for words in ("Álbum is ready: 1,234 pages, 1.5 MB.", "File: Álbum 2026-01-02.pdf", "Available until"):
        assert words in text
        assert words in html
    (link,) = [line for line in text.splitlines() if line.startswith("https://pdf.example.org/d/")]
    assert f'<a href="{link}" ' in html
    assert DownloadLinks(SETTINGS).read(link.rsplit("/", 1)[1]) == export.id


def test_a_mail_about_volumes_links_to_the_index_and_volumes(mail: Smtp) -> None:
    count = VOLUMES_IN_MAIL + 5
    volumes = tuple(File(f"v{n}", f"a-{n}.pdf", 1_000_000, 10 * n - 9, 10) for n in range(1, count + 1))
    index = File("i", "a-index.pdf", 1000, 0, 1)
    result = Result("i", "a-index.pdf", count * 1_000_000 + 1000, 10 * count, 9, 9, volumes=volumes, index=index)
    export = ready(result=result)
    found = sent(mail, export)
    text, html = body(found, "plain"), body(found, "html")
    for words in (f"250 pages in {count} volumes", "Index: a-index.pdf", "Available until"):
        assert words in text
        assert words in html
    links = [line for line in text.splitlines() if line.startswith("https://")]
    assert len(links) == 1 + VOLUMES_IN_MAIL + 1
    assert [link.rsplit("/", 1)[1] for link in links[1:-1]] == [str(n) for n in range(1, VOLUMES_IN_MAIL + 1)]
    assert links[-1] == f"https://pdf.example.org/export/{export.id}"
    assert "Volume 2 of 25 (pages 11-20, 1.0 MB)" in html
    for link in links:
        assert f'<a href="{link}" ' in html


def test_untrusted_text_adds_no_header_and_no_element(mail: Smtp) -> None:
    skipped = tuple(Skipped(n, f"{n} {EVIL}", EVIL) for n in range(1, 31))
    warnings = (EVIL, *(f"Warning {n}." for n in range(1, SKIPPED_IN_MAIL + 3)))
    result = Result("k", "a.pdf", 10, 1, 1300, 1270, skipped, 30, warnings)
    found = sent(mail, ready(name=EVIL, result=result))
    assert found["Bcc"] is None
    assert found["Subject"] == 'Ready: <script>alert("1")</script> Bcc: everybody@example.org Hello'
    text, html = body(found, "plain"), body(found, "html")
    assert "<script>" not in html
    assert "&lt;script&gt;" in html
    assert "\nBcc:" not in text
    assert "30 of 1,300 inputs could not be read:" in text
    assert f"and {30 - SKIPPED_IN_MAIL} more" in text
    assert f"{SKIPPED_IN_MAIL}. {SKIPPED_IN_MAIL} <script>" in text
    assert f"{SKIPPED_IN_MAIL + 1}. {SKIPPED_IN_MAIL + 1} <script>" not in text
    assert "and 3 more notes" in text


def test_a_title_like_an_encoded_word_stays_as_typed(mail: Smtp) -> None:
    found = sent(mail, ready(name="=?utf-8?q?Trip=0D=0ABcc:_eve=40example.org?="))
    assert found["Bcc"] is None
    assert found["Subject"] == "Ready: = ?utf-8?q?Trip=0D=0ABcc:_eve=40example.org?="
    assert found["To"] == "admin@example.org"


def test_a_mail_about_a_failure_gives_the_reason(mail: Smtp) -> None:
    failure = Failure("InvalidRequest", f"Entry 7 is wrong: {EVIL}", "Correct it & ask again.")
    found = sent(mail, ready(state=State.FAILED, result=None, failure=failure, name="Bad\nalbum"))
    assert found["Subject"] == "Failed: Bad album"
    text, html = body(found, "plain"), body(found, "html")
    assert "Bad album, requested on November 14, 2023, 22:13 UTC, failed." in text
    assert "\nBcc:" not in text
    assert "Correct it & ask again." in text
    assert "Correct it &amp; ask again." in html
    assert "<script>" not in html
    assert "/d/" not in text + html


SAID = {
    "en": ("Ready: Álbum", "1,234 pages, 1.5 MB."),
    "de-AT": ("Fertig: Álbum", "Álbum ist fertig: 1.234 Seiten, 1,5 MB."),
    "fr": ("Prêt : Álbum", "Álbum est prêt : 1\u202f234 pages, 1,5 MB."),
    "es": ("Listo: Álbum", "1.234 páginas, 1,5 MB."),
    "ko": ("완료: Álbum", "Álbum 문서가 준비되었습니다: 1,234쪽, 1.5 MB."),
    "ja": ("完了: Álbum", "Álbum の準備ができました: 1,234ページ、1.5 MB。"),
    "pt": ("Ready: Álbum", "1,234 pages, 1.5 MB."),
}


@pytest.mark.parametrize("locale", SAID)
def test_a_mail_is_in_the_language_of_the_export(mail: Smtp, locale: str) -> None:
    found = sent(mail, ready(params={"locale": locale.replace("-", "_")}))
    assert found["Subject"] == SAID[locale][0]
    assert SAID[locale][1] in body(found, "plain") and SAID[locale][1] in body(found, "html")
    lang = "en" if locale == "pt" else locale
    assert f'<html lang="{lang}">' in body(found, "html")
    assert sent(mail, ready(), Recipient("a@example.org", locale="ko"))["Subject"] == SAID["ko"][0]


def test_each_language_has_every_word() -> None:
    for words in WORDS.values():
        for field in dataclasses.fields(words):
            said, english = getattr(words, field.name), getattr(WORDS["en"], field.name)
            assert said and set(re.findall("{.*?}", said)) == set(re.findall("{.*?}", english))


def test_links_lead_where_the_request_says(mail: Smtp) -> None:
    export, other = (ready(return_url="https://shop.example.org/exports?a=1&b=2") for _ in range(2))
    signed = body(sent(mail, export, Recipient("a@example.org", "signed")), "plain")
    assert "Anyone with this link can open the file." in signed and "signed in" not in signed
    (link,) = [line for line in signed.splitlines() if line.startswith("https://pdf.example.org/o/")]
    assert DownloadLinks(SETTINGS).read(link.rsplit("/", 1)[1], signed=True) == export.id
    with pytest.raises(LinkRefused):
        DownloadLinks(SETTINGS).read(link.rsplit("/", 1)[1])
    host = sent(mail, other, Recipient("a@example.org", "https://shop.example.org/d/{id}?x=1&y=2"))
    assert f"https://shop.example.org/d/{other.id}?x=1&y=2" in body(host, "plain")
    assert f'href="https://shop.example.org/d/{other.id}?x=1&amp;y=2"' in body(host, "html")
    assert "pdf.example.org/" not in body(host, "plain")
    assert "Back to shop.example.org" in body(host, "html") and "exports?a=1&amp;b=2" in body(host, "html")


def test_a_mail_arrives_at_an_address_in_any_script(mail: Smtp) -> None:
    found = sent(mail, ready(), Recipient("김민수@xn--bcher-kva.example"))
    assert found["To"] == "김민수@xn--bcher-kva.example"


def test_a_server_without_smtputf8_refuses_such_an_address(tmp_path: Path) -> None:
    with mail_server(tmp_path, enable_SMTPUTF8=False, auth_require_tls=False) as server, pytest.raises(MailRefused):
        sent(server, ready(), Recipient("김민수@example.org"))
