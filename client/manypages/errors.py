"""Every error that this client raises on purpose.

ManypagesError
├── InvalidRow
├── Refused: NotFound
├── Unavailable
├── ExportFailed: Cancelled
└── TimedOut
"""

from __future__ import annotations


class ManypagesError(Exception):
    """The base of all errors: `message` says what happened, `advice` what to do.

    `code` is for programs, `field` names the parameter that is wrong, `status` is that of HTTP; 0 if there is none.
    `input_id`, if set, is an upload that broke off: `Client.upload` with `resume` goes on with it.
    """

    def __init__(self, message: str, *, code: str = "", advice: str = "", field: str = "", status: int = 0) -> None:
        super().__init__(f"{message} {advice}".strip())
        self.message = message
        self.code = code or type(self).__name__
        self.advice = advice
        self.field = field
        self.status = status
        self.input_id = ""

    @property
    def of_settings(self) -> bool:
        """Whether the app refuses this site, not its user: a wrong token, or an address that is wrong."""
        return self.status in (401, 403) or 300 <= self.status < 400 or self.code == "WrongAddress"


class InvalidRow(ManypagesError):
    """A row cannot be sent: it does not fit its titles, is too long, or cannot be written as JSON."""


class Refused(ManypagesError):
    """The app does not accept a request as it is. To send it again is of no use."""


class NotFound(Refused):
    """There is no such export or input, it belongs to another token, or its file was removed."""


class Unavailable(ManypagesError):
    """The app or the bucket does not answer, or has an error, after all retries. Try again later."""


class ExportFailed(ManypagesError):
    """An export ended without a file."""


class Cancelled(ExportFailed):
    """An export was cancelled."""


class TimedOut(ManypagesError):
    """The time to wait is over, but the export is not: it goes on."""
