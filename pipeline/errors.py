"""Every error this program raises on purpose, and what a person can do about each. Pure.

PipelineError
├── InvalidSetting          an environment variable is missing or wrong
├── InvalidRequest          what was asked makes no sense; names the field
│   ├── UnknownDocument     no such kind of document
│   └── BodyTooLarge        the request body is over the limit
├── NotSignedIn             no password, token or session
├── LinkRefused             a link that is forged, or not for this
│   └── LinkExpired         a link whose time is over
├── NotFound                no such object, or not this person's
│   └── NoExport            no such export
├── IllegalStep             the export is not in a state that allows this
├── UnreadableSource        one input cannot be read; the export's policy decides what follows
│   ├── RefusedAddress      a URL that must not be fetched
│   └── SourceUnavailable   a URL that fails for now; the same request may work later
├── InputChanged            a listing was replaced or removed while it was being read
├── QueryFailed             a database does not understand a registered query
├── OverLimit               a step took all the time or memory it may have
├── ChunkFailed             a page range could not be rendered, however small it was cut
├── ExportFailed            the export ended without a file
├── DamagedExport           what is stored of an export cannot be understood
├── DamagedSegment          a stored segment does not match its index; it is rendered again
├── TimedOut                the time to wait is over, the export is not
├── Interrupted             Ctrl-C at the command line
├── Conflict                somebody else changed the object first; look again
│   └── UploadGone          the multipart upload was aborted by somebody else
└── ServiceDown             a foreign service does not answer, or refuses
    ├── StoreDown           S3
    │   └── NotSupported    this S3-compatible store cannot do that
    ├── RedisDown           Redis
    ├── DatabaseDown        the database behind a registered query
    ├── MailDown            SMTP
    │   ├── MailUnencrypted the mail server offers no TLS
    │   └── MailRefused     the mail server will never take this mail
    └── HerokuDown          the Platform API
        ├── HerokuRefused   the key is refused: workers can be neither started nor stopped
        └── TooManyCalls    the account made too many calls; none is made for a while

`retry` says whether the same step may succeed when it is tried again; `exit_code` and `http_status`
are what the command line and the web process answer; `advice` is what the person can do.
"""

from __future__ import annotations


class PipelineError(Exception):
    """The root: a message for a person, and a class that says how to go on."""

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
        """The class name, as machines read it."""
        return type(self).__name__


class InvalidSetting(PipelineError):
    exit_code = 2
    advice = "Correct the environment variable; `python -m pipeline doctor` checks what it leads to."


class InvalidRequest(PipelineError):
    exit_code = 2
    http_status = 422


class UnknownDocument(InvalidRequest):
    advice = "A kind of your own is known when DOCUMENTS names its module."


class BodyTooLarge(InvalidRequest):
    http_status = 413
    advice = "Put the entries in a listing in the bucket and send its key."


class NotSignedIn(PipelineError):
    exit_code = 7
    http_status = 401


class LinkRefused(PipelineError):
    exit_code = 7
    http_status = 403
    advice = "Open the newest message about this export, or ask for the export again."


class LinkExpired(LinkRefused):
    http_status = 410
    advice = "Ask for the export again; it is made anew."


class NotFound(PipelineError):
    exit_code = 3
    http_status = 404


class NoExport(NotFound):
    pass


class IllegalStep(PipelineError):
    exit_code = 5
    http_status = 409


class UnreadableSource(PipelineError):
    http_status = 422
    advice = "Replace the file, or choose `on_unreadable` = skip or placeholder."


class RefusedAddress(UnreadableSource):
    advice = "Use an https URL of a public host."


class SourceUnavailable(UnreadableSource):
    retry = True
    advice = "Ask again later, or choose `on_unreadable` = skip or placeholder."


class InputChanged(PipelineError):
    exit_code = 5
    http_status = 409
    advice = "Ask for the export again; put new rows under a key of their own."


class QueryFailed(PipelineError):
    exit_code = 4
    advice = "Whoever registered the query can try its statement in the database's own program."


class OverLimit(PipelineError):
    retry = True
    exit_code = 4
    advice = "Ask for less in one export, or raise SOFT_TIME_LIMIT, TIME_LIMIT and VISIBILITY_TIMEOUT."


class ChunkFailed(PipelineError):
    exit_code = 4


class ExportFailed(PipelineError):
    exit_code = 4


class DamagedExport(PipelineError):
    advice = "It was written by another version, or by hand; remove active/<id> to leave it alone."


class DamagedSegment(PipelineError):
    retry = True


class TimedOut(PipelineError):
    retry = True
    exit_code = 8
    http_status = 504
    advice = "It goes on by itself; ask again later."


class Interrupted(PipelineError):
    exit_code = 130


class Conflict(PipelineError):
    retry = True
    http_status = 409


class UploadGone(Conflict):
    pass


class ServiceDown(PipelineError):
    retry = True
    exit_code = 6
    http_status = 503


class StoreDown(ServiceDown):
    advice = "Check S3_BUCKET, the keys and the endpoint with `python -m pipeline doctor`."


class NotSupported(StoreDown):
    retry = False


class RedisDown(ServiceDown):
    advice = "Check REDIS_URL with `python -m pipeline doctor`. What was accepted is kept and goes on by itself."


class DatabaseDown(ServiceDown):
    advice = "Check that the database runs and that its variable holds the right URL."


class MailDown(ServiceDown):
    advice = "Check SMTP_URL with `python -m pipeline doctor`."


class MailUnencrypted(MailDown):
    advice = "Use smtps://user:password@host:465, or the port at which the server offers STARTTLS, often 587."


class MailRefused(MailDown):
    retry = False


class HerokuDown(ServiceDown):
    advice = "Check HEROKU_API_KEY and HEROKU_APP_NAME with `python -m pipeline doctor`."


class HerokuRefused(HerokuDown):
    retry = False
    advice = (
        "Set HEROKU_API_KEY to what `heroku authorizations:create -s write` prints;"
        " until then stop workers by hand: heroku ps:scale worker=0."
    )


class TooManyCalls(HerokuDown):
    advice = "It goes on by itself. The limit is the account's: look for another program that uses it up."
