"""Mails to the operator of the app (REPORT_TO): the daily report, and what the health check found."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime
from urllib.parse import urlsplit

from ...errors import MailRefused, MailUnanswered
from ...errors.one_line import plain
from ...services import Services

log = logging.getLogger(__name__)


def send(s: Services, subject: str, lines: Sequence[str], name: str, at: float) -> bool:
    """Send a mail to REPORT_TO; `name` makes its Message-ID. Returns False without REPORT_TO or SMTP_URL.

    Raises MailRefused when the server will never take it, another MailDown when it may be tried again. Without an
    answer it counts as sent: a copy each minute is worse.
    """
    if not (s.settings.report_to and s.mailer.configured):
        return False
    mail = EmailMessage()
    mail["Subject"] = subject
    mail["From"] = s.settings.mail_from
    mail["To"] = s.settings.report_to
    mail["Date"] = format_datetime(datetime.fromtimestamp(at, UTC))
    mail["Message-ID"] = f"<{name}@{urlsplit(s.settings.base_url).hostname}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content("\n".join(" ".join(plain(line).rstrip().splitlines()) for line in lines) + "\n")
    try:
        with s.mailer.connection() as connection:
            connection.send(mail)
    except MailRefused as error:
        advice = "Name an address in REPORT_TO to which this mail server sends."
        raise MailRefused(f"REPORT_TO: {error.message}", advice=advice) from error
    except MailUnanswered as error:
        log.error("mail to REPORT_TO: %s %s", error.message, error.advice)
    return True
