"""SMTP: the one door to the mail server."""

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
        self._timeout = 20

    @property
    def configured(self) -> bool:
        return self._url is not None

    def send(self, mail: EmailMessage) -> None:
        """Hand a mail over; MailRefused when it never will be taken, MailDown when it may be later."""
        with self.connection() as smtp, _translated():
            smtp.send_message(mail)

    @contextmanager
    def connection(self) -> Iterator[smtplib.SMTP]:
        """A connection that is encrypted and signed in; MailUnencrypted when the server offers no TLS."""
        url = urlsplit(self._url or "")
        host, port = url.hostname or "", url.port
        tls = ssl.create_default_context()
        with _translated():
            smtp = (
                smtplib.SMTP_SSL(host, port or 465, timeout=self._timeout, context=tls)
                if url.scheme == "smtps"
                else smtplib.SMTP(host, port or 587, timeout=self._timeout)
            )
        try:
            with _translated():
                smtp.ehlo_or_helo_if_needed()  # before it, smtplib knows of no extension
                if url.scheme == "smtp":
                    self._encrypt(smtp, tls)
                if url.username:
                    smtp.login(unquote(url.username), unquote(url.password or ""))
            yield smtp
        finally:
            with suppress(smtplib.SMTPException):  # a mail that was taken is taken, whatever the goodbye says
                smtp.quit()

    def _encrypt(self, smtp: smtplib.SMTP, tls: ssl.SSLContext) -> None:
        """STARTTLS. Whoever stands between can take the offer away, so without it nothing is said."""
        if smtp.has_extn("starttls"):
            smtp.starttls(context=tls)
        elif not is_local(self._url or ""):
            raise MailUnencrypted("The mail server offers no TLS; password and mail would travel in the clear.")


@contextmanager
def _translated() -> Iterator[None]:
    """smtplib's errors may repeat what was sent; only the server's code is passed on."""
    try:
        yield
    except smtplib.SMTPRecipientsRefused as error:
        codes = [code for code, _ in error.recipients.values()]
        kind = MailRefused if all(code >= 500 for code in codes) else MailDown
        raise kind(f"The mail server does not take mail for this address ({codes[0]}).") from error
    except smtplib.SMTPResponseException as error:
        kind = MailRefused if error.smtp_code in (550, 551, 552, 553, 554) else MailDown
        raise kind(f"The mail server answered {error.smtp_code}.") from error
    except (smtplib.SMTPException, OSError) as error:
        raise MailDown(f"The mail server cannot be reached: {type(error).__name__}.") from error
