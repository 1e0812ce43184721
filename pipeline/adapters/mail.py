"""Sends mail by SMTP."""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from email.message import EmailMessage
from urllib.parse import unquote, urlsplit

from ..errors import MailDown, MailRefused, MailUnencrypted
from ..settings import Settings
from ..settings.urls import is_local


class Mailer:
    """Sends mail by SMTP_URL: smtp://user:password@host:587 (STARTTLS) or smtps://host:465."""

    def __init__(self, settings: Settings) -> None:
        self._url = settings.smtp_url
        self._timeout = 20  # seconds, for each reply

    @property
    def configured(self) -> bool:
        """True when SMTP_URL is set."""
        return self._url is not None

    def send(self, mail: EmailMessage) -> None:
        """Send a mail. Raises MailRefused when the server will never take it, MailDown when it may later."""
        with self.connection() as smtp, _smtp_errors():
            smtp.send_message(mail)

    @contextmanager
    def connection(self) -> Iterator[smtplib.SMTP]:
        """Yield an encrypted, signed-in connection. Raises MailUnencrypted when the server offers no TLS."""
        url = urlsplit(self._url or "")
        host, port = url.hostname or "", url.port
        tls = ssl.create_default_context()
        with _smtp_errors():
            smtp = (
                smtplib.SMTP_SSL(host, port or 465, timeout=self._timeout, context=tls)
                if url.scheme == "smtps"
                else smtplib.SMTP(host, port or 587, timeout=self._timeout)
            )
        try:
            with _smtp_errors():
                smtp.ehlo_or_helo_if_needed()  # without it, smtplib knows no extension
                if url.scheme == "smtp":
                    self._encrypt(smtp, tls)
                if url.username:
                    smtp.login(unquote(url.username), unquote(url.password or ""))
            yield smtp
        finally:
            with suppress(smtplib.SMTPException):  # a mail that was taken stays taken, whatever QUIT answers
                smtp.quit()

    def _encrypt(self, smtp: smtplib.SMTP, tls: ssl.SSLContext) -> None:
        """Switch to TLS. A host in between could remove the offer, so without TLS nothing is sent."""
        if smtp.has_extn("starttls"):
            smtp.starttls(context=tls)
        elif not is_local(self._url or ""):
            raise MailUnencrypted("The mail server offers no TLS; password and mail would be sent unencrypted.")


@contextmanager
def _smtp_errors() -> Iterator[None]:
    """Raise our errors for those of smtplib, with the server's code only: the rest may repeat what was sent."""
    try:
        yield
    except smtplib.SMTPRecipientsRefused as error:
        codes = [code for code, _ in error.recipients.values()]
        kind = MailRefused if all(code >= 500 for code in codes) else MailDown
        raise kind(f"The mail server refuses mail to this address ({codes[0]}).") from error
    except smtplib.SMTPResponseException as error:
        kind = MailRefused if error.smtp_code in (550, 551, 552, 553, 554) else MailDown
        raise kind(f"The mail server answered {error.smtp_code}.") from error
    except (smtplib.SMTPException, OSError) as error:
        raise MailDown(f"The mail server cannot be reached: {type(error).__name__}.") from error
