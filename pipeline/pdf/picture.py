"""The first page of a file as a picture, by PDFium."""

from __future__ import annotations

import io
from dataclasses import dataclass

LONG_SIDE = 1754  # pixels: A4 at 150 dpi
QUALITY = 88  # of WebP; text has clean edges from about 85 on
MAX_TEXT = 20_000  # characters


@dataclass(frozen=True)
class PagePicture:
    """A page as WebP, `width` and `height` in pixels, and its text for those who do not see it."""

    data: bytes
    width: int
    height: int
    text: str


def picture_of_first_page(path: str) -> PagePicture:
    """Return the picture. Its size does not depend on that of the page."""
    import pypdfium2  # 30 ms, and a preview alone needs it

    pdf = pypdfium2.PdfDocument(path)
    try:
        page = pdf[0]
        image = page.render(scale=LONG_SIDE / max(page.get_size())).to_pil().convert("RGB")
        out = io.BytesIO()
        image.save(out, "WEBP", quality=QUALITY, method=2)
        text = page.get_textpage().get_text_range()[:MAX_TEXT]
        return PagePicture(out.getvalue(), image.width, image.height, text)
    finally:
        pdf.close()
