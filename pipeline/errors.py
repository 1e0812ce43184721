"""Every error that this program raises on purpose. Pure.

PipelineError
├── InvalidSetting
├── InvalidRequest: UnknownDocument, BodyTooLarge, KeyReused
├── NotSignedIn
├── LinkRefused: LinkExpired
├── NotFound: NoExport
├── IllegalStep
├── UnreadableSource: RefusedAddress, SourceUnavailable
├── InputChanged
├── QueryFailed
├── OverLimit
├── ResourceShort
├── ChunkFailed
├── ExportFailed: NotExact
├── DamagedExport
├── DamagedSegment
├── TimedOut
├── Interrupted
├── Conflict: UploadGone
└── ServiceDown
    ├── StoreDown: StoreRefused, ReadFailed, NotSupported
    ├── RedisDown: RedisFull
    ├── DatabaseDown
    ├── MailDown: MailUnencrypted, MailRefused, MailUnanswered
    └── HerokuDown: HerokuRefused, TooManyCalls

Each class has `retry` (another try may succeed), `exit_code`, `http_status` and `advice` (what the person can do).
"""

from __future__ import annotations


class PipelineError(Exception):
    """The base of all errors: a message for a person, and what can be done."""

    retry = False
    exit_code = 1
    http_status = 500
    advice = ""

    def __init__(self, message: str, *, field: str | None = None, advice: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.field = field
        self.advice = advice if advice is not None else type(self).advice

    @property
    def code(self) -> str:
        """The class name, for programs."""
        return type(self).__name__


class InvalidSetting(PipelineError):
    """An environment variable is missing or wrong."""

    exit_code = 2
    advice = "Correct the environment variable; `python -m pipeline doctor` checks the result."


class InvalidRequest(PipelineError):
    """A request cannot be fulfilled as it is written. `field` names the part that is wrong."""

    exit_code = 2
    http_status = 422


class UnknownDocument(InvalidRequest):
    """There is no document of this kind."""

    advice = "To use a document of your own, name its module in DOCUMENTS."


class BodyTooLarge(InvalidRequest):
    """The body of a request is over the limit (MAX_BODY_BYTES)."""

    http_status = 413
    advice = "Hand the entries in with POST /inputs, and name the key as the listing."


class KeyReused(InvalidRequest):
    """An idempotency key was used before, for a request with other parameters."""

    advice = "Send a new key with a new request. The same key is for the same request only."


class NotSignedIn(PipelineError):
    """A request has no valid password, token or session."""

    exit_code = 7
    http_status = 401


class LinkRefused(PipelineError):
    """A signed link is forged, or is for something else."""

    exit_code = 7
    http_status = 403
    advice = "Open the newest mail about this export, or request the export again."


class LinkExpired(LinkRefused):
    """A link, or the file behind it, has expired."""

    http_status = 410
    advice = "Request the export again."


class NotFound(PipelineError):
    """There is no such object, or it belongs to another owner."""

    exit_code = 3
    http_status = 404


class NoExport(NotFound):
    """There is no such export."""


class IllegalStep(PipelineError):
    """The state of an export does not allow this."""

    exit_code = 5
    http_status = 409


class UnreadableSource(PipelineError):
    """One input cannot be read. `on_unreadable` decides whether the export fails."""

    http_status = 422
    advice = "Replace the file, or set `on_unreadable` to skip or placeholder."


class RefusedAddress(UnreadableSource):
    """A URL that must not be fetched, such as one of a private network."""

    advice = "Use an https URL of a public host."


class SourceUnavailable(UnreadableSource):
    """A URL fails now, and may work later."""

    retry = True
    advice = "Try again later, or set `on_unreadable` to skip or placeholder."


class InputChanged(PipelineError):
    """A listing was replaced or removed while it was being read."""

    exit_code = 5
    http_status = 409
    advice = "Request the export again. Store new rows under a new key."


class QueryFailed(PipelineError):
    """A database refuses a registered query."""

    exit_code = 4
    advice = "Try the query's statement in the database's own client, then correct it where it is registered."


class OverLimit(PipelineError):
    """A step used all the time or memory that it may use."""

    retry = True
    exit_code = 4
    advice = "Request less in one export, or raise SOFT_TIME_LIMIT, TIME_LIMIT and VISIBILITY_TIMEOUT."


class ResourceShort(PipelineError):
    """A machine lacks disk space, memory or file descriptors for a step."""

    retry = True
    exit_code = 4
    advice = "Look at what else runs on the machine, or use larger dynos."


class ChunkFailed(PipelineError):
    """A range of pages could not be rendered, even in the smallest pieces."""

    exit_code = 4


class ExportFailed(PipelineError):
    """An export ended without a file."""

    exit_code = 4


class NotExact(ExportFailed):
    """A strict export would have a warning: something was guessed, repaired, cut or left out."""

    advice = "Correct the input, or ask for the export without `strict`: the warning then stands in its result."


class DamagedExport(PipelineError):
    """The stored record of an export cannot be read."""

    advice = "Another version wrote it, or it was edited. To stop work on it, remove active/<id> from the bucket."


class DamagedSegment(PipelineError):
    """A stored segment does not match its index. It is rendered again."""

    retry = True


class TimedOut(PipelineError):
    """The time to wait is over, but the export is not."""

    retry = True
    exit_code = 8
    http_status = 504
    advice = "The export continues; check again later."


class Interrupted(PipelineError):
    """Ctrl-C on the command line."""

    exit_code = 130


class Conflict(PipelineError):
    """Another process changed the object first. Read it again before writing."""

    retry = True
    http_status = 409


class UploadGone(Conflict):
    """Another process aborted the multipart upload."""


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


class MailDown(ServiceDown):
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
