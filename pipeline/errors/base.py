"""The base of all errors. Pure."""

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
