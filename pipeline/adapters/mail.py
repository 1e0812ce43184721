"""Sends mail by SMTP."""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from email.message import EmailMessage
from typing import Any
from urllib.parse import unquote, urlsplit

from ..errors import MailDown, MailRefused, MailUnanswered, MailUnencrypted
from ..settings import Settings
from ..settings.urls import is_local

REPLY_SECONDS = 20.0  # for each reply
TAKEN_SECONDS = 120.0  # for the reply after the text: many servers scan it first; without a reply it is sent twice
NO_SIGN_IN = 530  # to a recipient: not its fault
NEVER = (550, 551, 552, 553, 554)  # codes that another try will not change


class _Session(smtplib.SMTP):
    """An SMTP session that knows whether the whole text of a mail has left: then the server may have taken it."""

    text_left = False

    def send(self, s: Any) -> None:
        super().send(s)
        self.text_left = self.text_left or isinstance(s, bytes)  # smtplib sends commands as str

    def data(self, msg: Any) -> Any:
        self.text_left = False
        self._wait(TAKEN_SECONDS)
        try:
            return super().data(msg)
        finally:
            self._wait(REPLY_SECONDS)

    def _wait(self, seconds: float) -> None:
        if self.sock:
            self.sock.settimeout(seconds)


class _TlsSession(_Session, smtplib.SMTP_SSL):
    """The same, encrypted from the start."""


class Connection:
    """An encrypted, signed-in connection to the mail server."""

    def __init__(self, smtp: _Session) -> None:
        self._smtp = smtp

    def check(self) -> None:
        """Ask the server for any answer. Raises MailDown when there is none."""
        with _connecting():
            self._smtp.noop()

    def send(self, mail: EmailMessage) -> None:
        """Send a mail.

        Raises MailRefused when the server will never take it, MailUnanswered when it may have taken it, and any
        other MailDown when it did not take it now.
        """
        try:
            self._smtp.send_message(mail)
        except smtplib.SMTPRecipientsRefused as error:
            codes = [code for code, _ in error.recipients.values()]
            kind = MailRefused if all(code >= 500 and code != NO_SIGN_IN for code in codes) else MailDown
            raise kind(f"The mail server refuses mail to this address ({codes[0]}).") from error
        except smtplib.SMTPSenderRefused as error:
            raise MailDown(
                f"The mail server refuses mail from MAIL_FROM ({error.smtp_code}).",
                advice="Set MAIL_FROM to an address from which this account may send.",
            ) from error
        except smtplib.SMTPNotSupportedError as error:
            raise MailRefused(
                "The mail server takes no addresses with other than ASCII letters (SMTPUTF8).",
                advice="Use an address that has only ASCII letters before its @.",
            ) from error
        except smtplib.SMTPDataError as error:
            code = error.smtp_code
            if self._smtp.text_left and 200 <= code < 300:  # taken: the first digit counts (RFC 5321, 4.3.2)
                return
            kind = MailRefused if code in NEVER else MailDown if code >= 400 else MailUnanswered
            raise kind(f"The mail server answered {code}.") from error
        except (smtplib.SMTPException, OSError) as error:
            kind = MailUnanswered if self._smtp.text_left else MailDown
            raise kind(f"The mail server broke off: {type(error).__name__}.") from error


class Mailer:
    """Sends mail by SMTP_URL: smtp://user:password@host:587 (STARTTLS) or smtps://host:465."""

    def __init__(self, settings: Settings) -> None:
        self._url = settings.smtp_url

    @property
    def configured(self) -> bool:
        """True when SMTP_URL is set."""
        return self._url is not None

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """Yield a connection. Raises MailUnencrypted when the server offers no TLS, MailDown for all else."""
        url = urlsplit(self._url or "")
        host, port = url.hostname or "", url.port
        tls = ssl.create_default_context()
        with _connecting():
            smtp = (
                _TlsSession(host, port or 465, timeout=REPLY_SECONDS, context=tls)
                if url.scheme == "smtps"
                else _Session(host, port or 587, timeout=REPLY_SECONDS)
            )
        try:
            with _connecting():
                smtp.ehlo_or_helo_if_needed()  # without it, smtplib knows no extension
                if url.scheme == "smtp":
                    self._encrypt(smtp, tls)
                if url.username:
                    smtp.login(unquote(url.username), unquote(url.password or ""))
            yield Connection(smtp)
        finally:
            with suppress(smtplib.SMTPException, OSError):  # what was taken stays taken, whatever QUIT answers
                smtp.quit()

    def _encrypt(self, smtp: smtplib.SMTP, tls: ssl.SSLContext) -> None:
        """Switch to TLS. A host in between could remove the offer, so without TLS nothing is sent."""
        if smtp.has_extn("starttls"):
            smtp.starttls(context=tls)
        elif not is_local(self._url or ""):
            raise MailUnencrypted("The mail server offers no TLS; password and mail would be sent unencrypted.")


@contextmanager
def _connecting() -> Iterator[None]:
    """Raise MailDown for errors of smtplib, with the server's code only: the rest may repeat what was sent.

    Whatever the code: it is about this app or the server, and says nothing about any mail.
    """
    try:
        yield
    except smtplib.SMTPResponseException as error:
        raise MailDown(f"The mail server answered {error.smtp_code}.") from error
    except (smtplib.SMTPException, OSError) as error:
        raise MailDown(f"The mail server cannot be reached: {type(error).__name__}.") from error
