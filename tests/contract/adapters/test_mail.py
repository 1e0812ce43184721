"""Mails to a real SMTP server: refusals are told apart, and nothing is sent unencrypted."""

from __future__ import annotations

import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from email.message import EmailMessage
from email.utils import make_msgid
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import urlsplit

import pytest

from local.mailbox import Mailbox
from local.services import Smtp, smtp
from pipeline.adapters.mail import Mailer
from pipeline.errors import MailDown, MailRefused, MailUnanswered, MailUnencrypted
from pipeline.settings import Settings

from ...mails import Moody, arrived, mail_server
from ...nowhere import closed_port


@pytest.fixture(scope="module")
def mail(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Smtp]:
    with smtp(tmp_path_factory.mktemp("smtp")) as server:
        yield server


def settings_for(url: str) -> Settings:
    return Settings.from_env({"SMTP_URL": url})


def letter(to: str = "admin@example.org") -> EmailMessage:
    made = EmailMessage()
    made["From"], made["To"], made["Subject"], made["Message-ID"] = "app@example.org", to, "Álbum", make_msgid()
    made.set_content("It is ready.")
    return made


def send(url: str, made: EmailMessage) -> None:
    with Mailer(settings_for(url)).connection() as server:
        server.send(made)


def sent(server: Smtp, made: EmailMessage) -> EmailMessage:
    """Send a mail; return it as it arrived."""
    send(server.url, made)
    return arrived(server, made)


def test_a_refused_address_is_not_tried_again(mail: Smtp) -> None:
    with pytest.raises(MailRefused, match=r"refuses mail to this address \(550\)"):
        sent(mail, letter(to="refused@example.org"))
    assert not MailRefused.retry


def test_a_wrong_password_is_not_repeated_in_the_error(mail: Smtp) -> None:
    address = urlsplit(mail.url)
    url = f"smtp://demo:hunter2@{address.hostname}:{address.port}"
    with pytest.raises(MailDown, match="The mail server answered 535") as down:
        send(url, letter())
    assert "hunter2" not in str(down.value) + repr(down.value) + repr(settings_for(url))


def test_a_missing_mail_server_is_tried_again() -> None:
    began = time.monotonic()
    with pytest.raises(MailDown, match="cannot be reached: ConnectionRefusedError") as down:
        send(f"smtp://demo:hunter2@127.0.0.1:{closed_port()}", letter())
    assert time.monotonic() - began < 60
    assert "hunter2" not in str(down.value)
    assert MailDown.retry


def test_without_a_mail_server_nothing_is_configured() -> None:
    assert not Mailer(Settings.from_env({})).configured
    assert Mailer(settings_for("smtp://127.0.0.1:25")).configured


def test_the_password_is_sent_encrypted_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As with every provider: port 587 offers STARTTLS, and AUTH only after it."""
    certificate, key = self_signed(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with mail_server(tmp_path, tls_context=context, require_starttls=True, auth_require_tls=True) as server:
        with pytest.raises(MailDown, match="SSLCertVerificationError"):
            sent(server, letter())
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        assert sent(server, letter())["Subject"] == "Álbum"


def test_without_encryption_nothing_is_sent_elsewhere(tmp_path: Path) -> None:
    """A host in between removed the offer of STARTTLS. 0.0.0.0 leads here, but is no loopback address."""
    with mail_server(tmp_path, Listening, auth_require_tls=False) as server:
        elsewhere = server.url.replace("127.0.0.1", "0.0.0.0")  # noqa: S104
        for url in (elsewhere, elsewhere.replace("demo:secret@", "")):
            with pytest.raises(MailUnencrypted, match="offers no TLS") as refused:
                send(url, letter())
            assert "smtps://" in refused.value.advice
        assert Listening.heard == []
        assert sent(server, letter())["Subject"] == "Álbum"
        assert Listening.heard == ["secret", "mail"]


class Listening(Mailbox):
    heard: ClassVar[list[str]] = []

    def knows(self, mechanism: str, user: bytes, password: bytes) -> bool:
        self.heard.append(password.decode())
        return super().knows(mechanism, user, password)

    async def handle_MAIL(self, *arguments: Any) -> str:  # noqa: N802  # aiosmtpd's name
        self.heard.append("mail")
        return await super().handle_MAIL(*arguments)


def test_an_error_at_quit_does_not_fail_a_taken_mail(tmp_path: Path) -> None:
    """Otherwise it would be sent again."""
    with mail_server(tmp_path, Rude, auth_require_tls=False) as server:
        assert sent(server, letter())["Subject"] == "Álbum"


class Rude(Mailbox):
    async def handle_QUIT(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802  # aiosmtpd's name
        return "421 4.3.2 Too busy for goodbyes"


@pytest.mark.parametrize(
    ("mood", "kind", "words"),
    [
        ({"on_login": False}, MailDown, "answered 535"),
        ({"on_sender": "553 5.7.1 Not yours"}, MailDown, r"from MAIL_FROM \(553\)"),
        ({"on_recipient": "451 4.7.1 Greylisted"}, MailDown, r"\(451\)"),
        ({"on_recipient": "530 5.7.0 Authentication required"}, MailDown, r"\(530\)"),
        ({"on_recipient": "cut"}, MailDown, "broke off"),
        ({"on_recipient": "550 5.1.1 Unknown"}, MailRefused, r"\(550\)"),
        ({"on_text": "452 4.3.1 Full"}, MailDown, "answered 452"),
        ({"on_text": "554 5.6.0 Spam"}, MailRefused, "answered 554"),
        ({"on_text": "cut"}, MailUnanswered, "broke off"),
        ({"on_text": "garbled"}, MailUnanswered, "answered -1"),
    ],
)
def test_what_is_known_after_an_error(
    tmp_path: Path, mood: dict[str, Any], kind: type[MailDown], words: str
) -> None:
    with mail_server(tmp_path, Moody, auth_require_tls=False) as server:
        vars(server.mailbox).update(mood)
        with pytest.raises(MailDown, match=words) as down:
            send(server.url, letter())
        assert type(down.value) is kind


def test_any_yes_after_the_text_is_a_yes(tmp_path: Path) -> None:
    with mail_server(tmp_path, Moody, auth_require_tls=False) as server:
        server.mailbox.on_text = "251 2.1.5 Will forward"
        send(server.url, letter())


def test_a_server_that_lets_nothing_in_refuses_no_mail(tmp_path: Path) -> None:
    """554 instead of a greeting, for example because this host's address is on a list."""
    with socket.create_server(("127.0.0.1", 0)) as server, ThreadPoolExecutor(1) as pool:
        pool.submit(lambda: greet(server, b"554 5.7.1 Go away\r\n"))
        with pytest.raises(MailDown, match="answered 554") as down:
            send(f"smtp://127.0.0.1:{server.getsockname()[1]}", letter())
    assert type(down.value) is MailDown


def greet(server: socket.socket, line: bytes) -> None:
    with server.accept()[0] as client:
        client.sendall(line)


def self_signed(folder: Path) -> tuple[Path, Path]:
    certificate, key = folder / "mail.crt", folder / "mail.key"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1"]
    command += ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(command, check=True, capture_output=True)
    return certificate, key
