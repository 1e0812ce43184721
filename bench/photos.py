"""An album: one JPEG of half a megabyte a page, whole inside the margins of an A4 page, and the page's number
(but for img2pdf, which writes no text)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .registry import OURS, tool
from .tables import without_accelerator

WIDTH, HEIGHT = 595.2756, 841.8898
MARGIN = 15 * 72 / 25.4
FOOT = 16.0  # of the box, for the page's number
SIZE = 8.0
BASELINE = MARGIN + 3.2
PIXELS = (1200, 1600)
ROOM = (WIDTH - 2 * MARGIN, HEIGHT - 2 * MARGIN - FOOT)
SCALE = min(ROOM[0] / PIXELS[0], ROOM[1] / PIXELS[1])
W, H = PIXELS[0] * SCALE, PIXELS[1] * SCALE
X, Y = (WIDTH - W) / 2, MARGIN + FOOT + (ROOM[1] - H) / 2


def jpegs(source: Path, pages: int) -> Iterator[tuple[Path, str]]:
    """Each file with what its page says."""
    for number, path in enumerate(sorted(source.iterdir()), 1):
        yield path, f"{number} of {pages}"


@tool("photos", OURS, "`python -m pipeline render photos`: plan, render, assemble; JPEG kept, Noto Sans embedded")
def ours(source: Path, out: Path, pages: int) -> None:  # it counts by itself
    from .ours import render

    render("photos", source, out, captions=False, bookmarks="none", margin=15)


@tool("photos", "img2pdf", "JPEG kept, no text", ("img2pdf",))
def img2pdf(source: Path, out: Path, pages: int) -> None:
    import img2pdf

    size = ((img2pdf.ImgSize.abs, W), (img2pdf.ImgSize.abs, H))
    layout = img2pdf.get_layout_fun((WIDTH, HEIGHT), size)
    with out.open("wb") as file:
        img2pdf.convert([str(path) for path, _ in jpegs(source, pages)], outputstream=file, layout_fun=layout)


@tool("photos", "skia", "`MakeFromEncoded`, JPEG kept; Noto Sans embedded", ("skia-python",))
def skia(source: Path, out: Path, pages: int) -> None:
    import skia

    font = skia.Font(skia.Typeface.MakeFromFile(str(source.parent / "fonts" / "NotoSans-Regular.ttf")), SIZE)
    black, place = skia.Paint(Color=0xFF000000), skia.Rect.MakeXYWH(X, HEIGHT - Y - H, W, H)
    stream = skia.FILEWStream(str(out))
    document = skia.PDF.MakeDocument(stream)
    for path, label in jpegs(source, pages):
        canvas = document.beginPage(WIDTH, HEIGHT)
        canvas.drawImageRect(skia.Image.MakeFromEncoded(skia.Data.MakeFromFileName(str(path))), place)
        canvas.drawString(label, (WIDTH - font.measureText(label)) / 2, HEIGHT - BASELINE, font, black)
        document.endPage()
    document.close()
    stream.flush()


@tool("photos", "cairo", "cairocffi, JPEG kept as MIME data; Noto Sans embedded", ("cairocffi",))
def cairo(source: Path, out: Path, pages: int) -> None:
    import cairocffi

    surface = cairocffi.PDFSurface(str(out), WIDTH, HEIGHT)
    context = cairocffi.Context(surface)
    context.select_font_face("Noto Sans")
    context.set_font_size(SIZE)
    for path, label in jpegs(source, pages):
        picture = cairocffi.ImageSurface(cairocffi.FORMAT_RGB24, *PIXELS)
        picture.set_mime_data("image/jpeg", path.read_bytes())
        with context:
            context.translate(X, HEIGHT - Y - H)
            context.scale(SCALE, SCALE)
            context.set_source_surface(picture)
            context.paint()
        context.move_to((WIDTH - context.text_extents(label)[4]) / 2, HEIGHT - BASELINE)
        context.show_text(label)
        context.show_page()
    surface.finish()


@tool("photos", "pymupdf", "`insert_image` and `insert_text`, JPEG kept", ("pymupdf",), share=0.5)
def pymupdf(source: Path, out: Path, pages: int) -> None:
    import pymupdf

    document, place = pymupdf.open(), pymupdf.Rect(X, HEIGHT - Y - H, X + W, HEIGHT - Y)
    for path, label in jpegs(source, pages):
        page = document.new_page(width=WIDTH, height=HEIGHT)
        page.insert_image(place, filename=str(path))
        x = (WIDTH - pymupdf.get_text_length(label, "helv", SIZE)) / 2
        page.insert_text((x, HEIGHT - BASELINE), label, fontsize=SIZE, fontname="helv")
    document.save(str(out))


@tool("photos", "reportlab", "canvas as installed: JPEG kept, but as ASCII-85 text", ("reportlab",), share=0.05)
def reportlab_as_installed(source: Path, out: Path, pages: int) -> None:
    without_accelerator()
    _reportlab(source, out, pages)


@tool(
    "photos", "reportlab, accelerated", "canvas with `rl_accel` and `useA85 = 0`: JPEG kept",
    ("reportlab", "rl_accel"), share=0.5,
)  # fmt: skip
def reportlab_accelerated(source: Path, out: Path, pages: int) -> None:
    import _rl_accel  # noqa: F401  # fail where it is missing
    from reportlab import rl_config

    rl_config.useA85 = 0
    _reportlab(source, out, pages)


def _reportlab(source: Path, out: Path, pages: int) -> None:
    from reportlab.pdfgen.canvas import Canvas

    canvas: Any = Canvas(str(out), pagesize=(WIDTH, HEIGHT))
    for path, label in jpegs(source, pages):
        canvas.drawImage(str(path), X, Y, W, H)
        canvas.setFont("Helvetica", SIZE)
        canvas.drawCentredString(WIDTH / 2, BASELINE, label)
        canvas.showPage()
    canvas.save()
