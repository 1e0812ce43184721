"""Mails that arrive as they were meant, refusals that are told apart, links that nobody can forge."""

from __future__ import annotations

import dataclasses
import email
import email.policy
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import urlsplit

import pytest
from itsdangerous import URLSafeTimedSerializer

from local.mailbox import Controller, Mailbox
from local.services import Smtp, free_port, smtp
from pipeline.adapters.mail import Mailer
from pipeline.errors import InvalidSetting, LinkExpired, LinkRefused, MailDown, MailRefused, MailUnencrypted
from pipeline.exports.export import Export, Failure, File, Result, State
from pipeline.exports.ids import new_id
from pipeline.exports.links import Links
from pipeline.pdf.tally import Skipped
from pipeline.settings import Settings
from pipeline.tasks.notice import SKIPPED_IN_MAIL, VOLUMES_IN_MAIL, message

EVIL = '<script>alert("1")</script>\r\nBcc: everybody@example.org\r\n\r\nHello'
SETTINGS = Settings.from_env({"SECRET_KEY": "first-key", "BASE_URL": "https://pdf.example.org"})


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
        notify="admin@example.org", name="Álbum", finished_at=1_700_000_100.0, result=result,
    )  # fmt: skip
    return dataclasses.replace(export, **changes)


def arrived(mail: Smtp, sent: EmailMessage) -> EmailMessage:
    """The mail as the server stored it."""
    for path in mail.folder.glob("*.eml"):
        found = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
        if found["Message-ID"] == sent["Message-ID"]:
            return found
    raise AssertionError(f"nothing arrived with the Message-ID {sent['Message-ID']}")


def sent(mail: Smtp, export: Export) -> EmailMessage:
    made = message(export, settings_for(mail.url))
    Mailer(settings_for(mail.url)).send(made)
    return arrived(mail, made)


def body(found: EmailMessage, kind: str) -> str:
    part = found.get_body((kind,))
    assert part is not None
    text: str = part.get_content()
    return text


# what is said


def test_a_mail_says_in_text_and_html_what_is_ready_and_where(mail: Smtp) -> None:
    export = ready()
    found = sent(mail, export)
    assert found["Subject"] == "Ready: Álbum"
    assert found["To"] == "admin@example.org"
    assert found["Auto-Submitted"] == "auto-generated"
    assert found["Message-ID"] == f"<{export.id}@pdf.example.org>"
    text, html = body(found, "plain"), body(found, "html")
    for words in ("Álbum is ready: 1,234 pages, 1.5 MB.", "File: Álbum 2026-01-02.pdf", "The link works until"):
        assert words in text
        assert words in html
    (link,) = [line for line in text.splitlines() if line.startswith("https://pdf.example.org/d/")]
    assert f'<a href="{link}">' in html
    assert Links(SETTINGS).read(link.rsplit("/", 1)[1]) == export.id


def test_a_mail_about_volumes_leads_to_the_first_ones_to_the_index_and_to_all(mail: Smtp) -> None:
    count = VOLUMES_IN_MAIL + 5
    volumes = tuple(File(f"v{n}", f"a-{n}.pdf", 1_000_000, 10 * n - 9, 10) for n in range(1, count + 1))
    index = File("i", "a-index.pdf", 1000, 0, 1)
    result = Result("i", "a-index.pdf", count * 1_000_000 + 1000, 10 * count, 9, 9, volumes=volumes, index=index)
    export = ready(result=result)
    found = sent(mail, export)
    text, html = body(found, "plain"), body(found, "html")
    for words in (f"250 pages in {count} volumes", "Index: a-index.pdf", "The links work until"):
        assert words in text
        assert words in html
    links = [line for line in text.splitlines() if line.startswith("https://")]
    assert len(links) == 1 + VOLUMES_IN_MAIL + 1
    assert [link.rsplit("/", 1)[1] for link in links[1:-1]] == [str(n) for n in range(1, VOLUMES_IN_MAIL + 1)]
    assert links[-1] == f"https://pdf.example.org/#{export.id}"
    assert "Volume 2 of 25 (pages 11-20, 1.0 MB)" in html
    for link in links:
        assert f'<a href="{link}">' in html


def test_what_strangers_wrote_adds_no_header_and_no_element(mail: Smtp) -> None:
    skipped = tuple(Skipped(n, f"{n} {EVIL}", EVIL) for n in range(1, 31))
    result = Result("k", "a.pdf", 10, 1, 1300, 1270, skipped, 30, (EVIL,))
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
    assert f"{SKIPPED_IN_MAIL + 1}. " not in text


def test_a_title_that_looks_like_an_encoded_word_stays_as_it_was_typed(mail: Smtp) -> None:
    found = sent(mail, ready(name="=?utf-8?q?Trip=0D=0ABcc:_eve=40example.org?="))
    assert found["Bcc"] is None
    assert found["Subject"] == "Ready: = ?utf-8?q?Trip=0D=0ABcc:_eve=40example.org?="
    assert found["To"] == "admin@example.org"


def test_a_mail_about_a_failure_gives_the_reason_and_no_link(mail: Smtp) -> None:
    failure = Failure("InvalidRequest", f"Entry 7 is wrong: {EVIL}", "Correct it & ask again.")
    found = sent(mail, ready(state=State.FAILED, result=None, failure=failure, name="Bad\nalbum"))
    assert found["Subject"] == "Failed: Bad album"
    text, html = body(found, "plain"), body(found, "html")
    assert "Bad album, requested on 2023-11-14 22:13 UTC, failed." in text
    assert "\nBcc:" not in text
    assert "Correct it & ask again." in text
    assert "Correct it &amp; ask again." in html
    assert "<script>" not in html
    assert "/d/" not in text + html


# how it is sent


def test_a_refused_address_is_not_tried_again(mail: Smtp) -> None:
    with pytest.raises(MailRefused, match=r"does not take mail for this address \(550\)"):
        sent(mail, ready(notify="refused@example.org"))
    assert not MailRefused.retry


def test_a_wrong_password_is_not_repeated_in_the_error(mail: Smtp) -> None:
    address = urlsplit(mail.url)
    url = f"smtp://demo:hunter2@{address.hostname}:{address.port}"
    with pytest.raises(MailDown, match="The mail server answered 535") as down:
        Mailer(settings_for(url)).send(message(ready(), SETTINGS))
    assert "hunter2" not in str(down.value) + repr(down.value) + repr(settings_for(url))


def test_a_mail_server_that_is_not_there_is_said_and_tried_again() -> None:
    post = Mailer(settings_for(f"smtp://demo:hunter2@127.0.0.1:{free_port()}"))
    began = time.monotonic()
    with pytest.raises(MailDown, match="cannot be reached: ConnectionRefusedError") as down:
        post.send(message(ready(), SETTINGS))
    assert time.monotonic() - began < 10
    assert "hunter2" not in str(down.value)
    assert MailDown.retry


def test_without_a_mail_server_nothing_is_configured() -> None:
    assert not Mailer(SETTINGS).configured
    assert Mailer(settings_for("smtp://127.0.0.1:25")).configured


def test_the_password_is_sent_only_after_the_connection_is_encrypted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As at every provider: port 587 offers STARTTLS, and AUTH only after it."""
    certificate, key = self_signed(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with mail_server(tmp_path, tls_context=context, require_starttls=True, auth_require_tls=True) as server:
        with pytest.raises(MailDown, match="SSLCertVerificationError"):
            sent(server, ready())
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        assert sent(server, ready())["Subject"] == "Ready: Álbum"


def test_without_encryption_neither_password_nor_mail_leaves_this_machine(tmp_path: Path) -> None:
    """Whoever stands between takes the offer of STARTTLS away; 0.0.0.0 leads here and is no loopback address."""
    with mail_server(tmp_path, Listening, auth_require_tls=False) as server:
        elsewhere = server.url.replace("127.0.0.1", "0.0.0.0")  # noqa: S104
        for url in (elsewhere, elsewhere.replace("demo:secret@", "")):
            with pytest.raises(MailUnencrypted, match="offers no TLS") as refused:
                Mailer(settings_for(url)).send(message(ready(), SETTINGS))
            assert "smtps://" in refused.value.advice
        assert Listening.heard == []
        assert sent(server, ready())["Subject"] == "Ready: Álbum"
        assert Listening.heard == ["secret", "mail"]


class Listening(Mailbox):
    heard: ClassVar[list[str]] = []

    def knows(self, mechanism: str, user: bytes, password: bytes) -> bool:
        self.heard.append(password.decode())
        return super().knows(mechanism, user, password)

    async def handle_MAIL(self, *arguments: Any) -> str:  # noqa: N802  # aiosmtpd's name
        self.heard.append("mail")
        return await super().handle_MAIL(*arguments)


def test_a_mail_that_was_taken_is_sent_whatever_the_server_says_at_the_goodbye(tmp_path: Path) -> None:
    """Else it would be sent again."""
    with mail_server(tmp_path, Rude, auth_require_tls=False) as server:
        assert sent(server, ready())["Subject"] == "Ready: Álbum"


class Rude(Mailbox):
    async def handle_QUIT(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802  # aiosmtpd's name
        return "421 4.3.2 Too busy for goodbyes"


@contextmanager
def mail_server(folder: Path, kind: type[Mailbox] = Mailbox, **options: Any) -> Iterator[Smtp]:
    """A mail server that behaves otherwise than the laptop's."""
    mails, port = folder / "mail", free_port()
    mails.mkdir()
    mailbox = kind(mails, "demo", "secret")
    server = Controller(mailbox, hostname="127.0.0.1", port=port, auth_callback=mailbox.knows, **options)
    server.start()
    try:
        yield Smtp(f"smtp://demo:secret@127.0.0.1:{port}", mails)
    finally:
        server.stop()


def self_signed(folder: Path) -> tuple[Path, Path]:
    certificate, key = folder / "mail.crt", folder / "mail.key"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1"]
    command += ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(command, check=True, capture_output=True)
    return certificate, key


# links


def token(settings: Settings, export_id: str = "an-export") -> str:
    return Links(settings).sign(export_id).rsplit("/", 1)[1]


def keys(*names: str) -> Settings:
    return dataclasses.replace(SETTINGS, secret_keys=names)


def test_a_link_leads_to_its_export_until_its_time_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    signed = token(SETTINGS)
    assert Links(SETTINGS).read(signed) == "an-export"
    assert Links(SETTINGS).read(signed) == "an-export", "mail scanners fetch every link"
    later = time.time() + SETTINGS.link_seconds
    monkeypatch.setattr(time, "time", lambda: later - 1)
    assert Links(SETTINGS).read(signed) == "an-export"
    monkeypatch.setattr(time, "time", lambda: later + 2)
    with pytest.raises(LinkExpired, match="time of this link is over"):
        Links(SETTINGS).read(signed)


def test_a_link_that_was_changed_is_refused() -> None:
    signed = token(SETTINGS)
    foreign = token(SETTINGS, "another-export")
    forged = [
        foreign.split(".")[0] + signed[signed.index(".") :],
        signed[:-2] + ("A" if signed[-2] != "A" else "B") + signed[-1],  # two bits of the last one do not count
        signed.rsplit(".", 1)[0],
        "",
        "é",
        "a.b.c",
    ]
    for wrong in forged:
        with pytest.raises(LinkRefused):
            Links(SETTINGS).read(wrong)


def test_a_new_key_in_front_signs_and_the_old_one_is_accepted_until_it_is_removed() -> None:
    old = token(keys("old"))
    new = token(keys("new", "old"))
    assert Links(keys("new", "old")).read(old) == "an-export"
    assert Links(keys("new")).read(new) == "an-export"
    for removed, signed in ((keys("new"), old), (keys("old"), new)):
        with pytest.raises(LinkRefused):
            Links(removed).read(signed)


def test_what_was_signed_for_another_purpose_is_no_link() -> None:
    for salt in ("session", "cookie-session", "itsdangerous"):
        other = str(URLSafeTimedSerializer("first-key", salt=salt).dumps("an-export"))
        with pytest.raises(LinkRefused):
            Links(SETTINGS).read(other)


def test_without_a_key_nothing_is_signed() -> None:
    with pytest.raises(InvalidSetting, match="SECRET_KEY is not set"):
        Links(keys())
