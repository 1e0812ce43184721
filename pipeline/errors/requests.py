"""Errors of settings, requests and inputs: what a person asked for, or gave. Pure."""

from __future__ import annotations

from .base import PipelineError


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
    advice = "Hand the entries in with POST /v1/inputs, and name the key as the listing."


class KeyReused(InvalidRequest):
    """An idempotency key was used before, for a request with other parameters."""

    advice = "Send a new key with a new request. The same key is for the same request only."


class NotSignedIn(PipelineError):
    """A request has no valid password, token or session."""

    exit_code = 7
    http_status = 401


class SignInFailed(PipelineError):
    """A person could not be signed in by OpenID Connect. `text` is the message with {names} for its `values`."""

    exit_code = 7
    http_status = 403

    def __init__(self, text: str, *, advice: str | None = None, **values: str) -> None:
        super().__init__(text.format(**values), advice=advice)
        self.text = text
        self.values = values


class ProviderDown(SignInFailed):
    """The issuer of identities (OpenID Connect) does not answer, or not as it must."""

    retry = True
    exit_code = 6
    http_status = 503
    advice = "Check OIDC_ISSUER with `python -m pipeline doctor`."


class NotAllowed(PipelineError):
    """A token, or a person by its role, may not do this."""

    exit_code = 7
    http_status = 403
    advice = "Use a token with this scope: in API_TOKENS it is behind the name, as in shop:ask=token."


class QuotaReached(PipelineError):
    """A caller, or one of its users, has as many exports as it may have. `seconds`: when to try again."""

    exit_code = 6
    http_status = 429
    advice = "Try again later."

    def __init__(self, message: str, seconds: int) -> None:
        super().__init__(message, field=None)
        self.seconds = seconds


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

    advice = "Check the id. An export that was removed, or belongs to another owner, is not found either."


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
