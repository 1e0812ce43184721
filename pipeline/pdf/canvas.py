"""reportlab's canvas, set up so that what it writes can become pages of a segment cheaply."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from reportlab import rl_config
from reportlab.pdfgen.canvas import Canvas

_binary: ContextVar[bool] = ContextVar("binary", default=False)


class BlankCanvas(Canvas):  # type: ignore[misc]  # reportlab has no types
    """A canvas whose pages are compressed, hold no time, and keep pictures and pages as bytes.

    reportlab writes them as ASCII-85 unless a setting of the whole process says otherwise; a page with a
    JPEG then takes 80 times as long. Pictures inside the page's own stream (drawInlineImage) need it, though.
    """

    def __init__(self, width: float, height: float) -> None:
        _make_switchable()
        self._file = io.BytesIO()
        super().__init__(self._file, pagesize=(width, height), pageCompression=1, invariant=1)

    def drawImage(self, *args: Any, **kwargs: Any) -> Any:  # noqa: N802  # reportlab's name
        """As reportlab's."""
        with _bytes_stay():
            return super().drawImage(*args, **kwargs)

    def save(self) -> None:
        """End the page, if one is begun; the pages are taken when the canvas's block ends."""
        if self._code:
            self.showPage()

    def finish(self) -> io.BytesIO:
        """The finished PDF; it has one page at least."""
        if self._code or self.getPageNumber() == 1:
            self.showPage()
        with _bytes_stay():
            super().save()
        self._file.seek(0)
        return self._file


class _Switchable:
    """reportlab's setting useA85, with the value it had, except inside of `_bytes_stay`.

    Only the thread that is inside sees the difference, so other canvases of the process are not touched.
    """

    def __init__(self, usual: bool) -> None:
        self._usual = usual

    def __bool__(self) -> bool:
        return self._usual and not _binary.get()


def _make_switchable() -> None:
    if not isinstance(rl_config.useA85, _Switchable):
        rl_config.useA85 = _Switchable(bool(rl_config.useA85))


@contextmanager
def _bytes_stay() -> Iterator[None]:
    token = _binary.set(True)
    try:
        yield
    finally:
        _binary.reset(token)
