"""Errors of external services. Pure."""

from __future__ import annotations

from .base import PipelineError


class ServiceDown(PipelineError):
    """An external service does not answer, or refuses."""

    retry = True
    exit_code = 6
    http_status = 503


class StoreDown(ServiceDown):
    """The bucket (S3) does not answer, or refuses."""

    advice = "Check S3_BUCKET, the keys and the endpoint with `python -m pipeline doctor`."


class StoreRefused(StoreDown):
    """The bucket does not exist, or refuses the key; or an object is missing, and the key may not list."""


class ReadFailed(StoreDown):
    """The bucket lacks what was written to it, or sends other bytes of it. It is asked again, a few times."""


class NotSupported(StoreDown):
    """This S3-compatible store lacks an operation."""

    retry = False


class RedisDown(ServiceDown):
    """Redis does not answer, or refuses."""

    advice = "Check REDIS_URL with `python -m pipeline doctor`. Accepted exports are kept, and continue later."


class RedisFull(RedisDown):
    """Redis has no memory left, so it stores nothing new."""

    advice = "Remove keys of other programs, or use a larger plan. Accepted exports are kept, and continue then."


class DatabaseDown(ServiceDown):
    """The database of a registered query does not answer."""

    advice = "Check that the database is running and that its variable contains the right URL."


class NoticeDown(ServiceDown):
    """A notice about an export, by mail or webhook, was not taken by its server."""

    of_server = False  # True: the server would take no other notice either


class WebhookDown(NoticeDown):
    """The receiver of webhooks did not answer 2xx."""

    advice = "It must answer 2xx within 10 s, at an https URL of a public host. `webhook replay` sends again."


class WebhookUnreachable(WebhookDown):
    """The receiver of webhooks does not answer at all."""

    of_server = True


class WebhookGone(WebhookDown):
    """The receiver of webhooks answered 410: it wants none any more."""

    retry = False


class MailDown(NoticeDown):
    """The mail server (SMTP) does not answer, or refuses for now."""

    advice = "Check SMTP_URL with `python -m pipeline doctor`."


class MailUnencrypted(MailDown):
    """The mail server offers no TLS."""

    advice = "Use smtps://user:password@host:465, or a port where the server offers STARTTLS, often 587."


class MailRefused(MailDown):
    """The mail server will never accept this mail."""

    retry = False


class MailUnanswered(MailDown):
    """The mail server did not say whether it took a mail."""


class HerokuDown(ServiceDown):
    """The Heroku Platform API does not answer, or refuses."""

    advice = "Check HEROKU_API_KEY and HEROKU_APP_NAME with `python -m pipeline doctor`."


class HerokuRefused(HerokuDown):
    """Heroku refuses the key, so workers can be neither started nor stopped."""

    retry = False
    advice = "Renew HEROKU_API_KEY (heroku authorizations:create -s write -S); until then heroku ps:scale worker=0."


class TooManyCalls(HerokuDown):
    """The account made too many calls to Heroku. The program makes none for a while."""

    advice = "It resumes by itself. The limit is per account: check for another program that uses it up."
