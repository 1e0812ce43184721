"""A reportlab canvas whose output can be adopted into a segment at little cost."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial
from typing import Any

from reportlab import rl_config
from reportlab.lib.rl_accel import fp_str
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas

from .canvas_fonts import FixedCodes, install, take_fonts
from .destinations import name_string
from .segment_index import Place

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

    def finish(self) -> Drawn:
        """Return the finished PDF; it has at least one page."""
        if self._code or self.getPageNumber() == 1:
            self.showPage()
        fonts, destinations = take_fonts(self._doc), self._take_destinations()
        with _without_ascii85():
            super().save()
        self._file.seek(0)
        return Drawn(self._file, fonts, destinations)

    def _take_destinations(self) -> dict[str, Place]:
        """Return the named destinations. Links to others get a name in place of a page; reportlab refuses them."""
        found = {}
        for name, each in self._destinations.items():
            page = int(each.page.name.removeprefix("Page")) if each.page and each.fmt else 0
            if 0 < page < self._doc.pageCounter:
                found[str(name)] = Place(page - 1, _how(each.fmt))
            else:
                each.format = partial(_by_name, str(name))
        return found


@dataclass(frozen=True)
class Drawn:
    """A finished PDF, at its start; the TrueType fonts it only names; its named destinations by page from 0."""

    file: io.BytesIO
    fonts: list[tuple[TTFont, FixedCodes]]
    destinations: dict[str, Place]


def _how(shown: Any) -> str:
    """Return how a destination is shown, as its array says it after the page (ISO 32000-1, 12.3.2.2)."""
    values = [getattr(shown, key) for key in ("left", "bottom", "right", "top", "zoom") if hasattr(shown, key)]
    return " ".join([f"/{shown.typename}", *(each if isinstance(each, str) else fp_str(each) for each in values)])


def _by_name(name: str, document: Any) -> bytes:  # noqa: ARG001  # called by reportlab
    return name_string(name)


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
