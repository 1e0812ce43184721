"""A reportlab canvas whose output can be adopted into a segment at little cost."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from reportlab import rl_config
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas

from .canvas_fonts import FixedCodes, install, take_fonts

_disabled: ContextVar[bool] = ContextVar("disabled", default=False)


class BlankCanvas(Canvas):  # type: ignore[misc]  # reportlab has no types
    """A canvas that compresses its pages, holds no creation time, and writes pictures and pages as bytes.

    reportlab writes ASCII-85 unless a process-wide setting says otherwise; a page with a JPEG then takes 80 times
    as long. Pictures inside a page's own stream (drawInlineImage) still need ASCII-85.
    """

    def __init__(self, width: float, height: float) -> None:
        _replace_setting()
        self._file = io.BytesIO()
        super().__init__(self._file, pagesize=(width, height), pageCompression=1, invariant=1)
        self._fonts_known = 0

    def beginText(self, *args: Any, **kwargs: Any) -> Any:  # noqa: N802  # reportlab's name
        """Return a text object, as reportlab's method does."""
        if self._fonts_known != (known := len(pdfmetrics._fonts)):
            self._fonts_known = known
            install(self._doc)
        return super().beginText(*args, **kwargs)

    def drawImage(self, *args: Any, **kwargs: Any) -> Any:  # noqa: N802  # reportlab's name
        """Draw an image, as reportlab's method does."""
        with _without_ascii85():
            return super().drawImage(*args, **kwargs)

    def save(self) -> None:
        """End the current page, if one was begun. The pages are adopted when the canvas's block ends."""
        if self._code:
            self.showPage()

    def finish(self) -> tuple[io.BytesIO, list[tuple[TTFont, FixedCodes]]]:
        """Return the finished PDF, at its start, and the TrueType fonts it only names; it has at least one page."""
        if self._code or self.getPageNumber() == 1:
            self.showPage()
        fonts = take_fonts(self._doc)
        with _without_ascii85():
            super().save()
        self._file.seek(0)
        return self._file, fonts


class _Ascii85Setting:
    """reportlab's setting useA85 with its usual value, but false inside of `_without_ascii85`.

    Only the current thread (context) sees the difference, so other canvases of the process are not affected.
    """

    def __init__(self, usual: bool) -> None:
        self._usual = usual

    def __bool__(self) -> bool:
        return self._usual and not _disabled.get()


def _replace_setting() -> None:
    if not isinstance(rl_config.useA85, _Ascii85Setting):
        rl_config.useA85 = _Ascii85Setting(bool(rl_config.useA85))


@contextmanager
def _without_ascii85() -> Iterator[None]:
    token = _disabled.set(True)
    try:
        yield
    finally:
        _disabled.reset(token)
