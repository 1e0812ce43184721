"""The table of `tables` with a note of 1 to 25 words instead of a name: rows are as high as their notes wrap.

Every tool breaks the lines of the same notes, in the same column, and puts whole rows on pages. The other cells,
and notes of one line, are drawn the tool's fastest way. Ours counts the pages before it draws; the peers that draw
by hand are told a number.
"""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from . import tables, texts
from .registry import OURS, tool
from .ruled import (
    BASELINE,
    EDGES,
    FOOT,
    HEIGHT,
    MARGIN,
    PAD,
    RIGHT,
    ROW,
    SIZE,
    TITLE,
    WIDTH,
    WIDTHS,
    Row,
    font_beside,
)

NOTE = 2  # the column that wraps
LINE = 13.0  # from one line of a note to the next
INSIDE = WIDTHS[NOTE] - 2 * PAD
PLAIN_PAGES = 0.31  # plain pages whose rows fill a page of notes
BOTTOM = MARGIN + 2.4 * SIZE
ORDER = re.compile(r"A-\d{8}")
Placed = list[tuple[Row, Any, float]]
"""The rows of a page: each with its broken note, and its height."""


def source(folder: Path, pages: int) -> Path:
    """The CSV: as many rows as fill about so many pages."""
    return texts.VARIANTS[texts.NOTES].source(folder, max(1, round(pages * PLAIN_PAGES)))


def check(source: Path, out: Path) -> None:
    """Raise RuntimeError unless the file has the CSV's rows in their order, and all its letters and digits.

    Spaces do not count: PDFium guesses them from the distances of glyphs.
    """
    import pypdfium2

    document = pypdfium2.PdfDocument(out)
    found = "".join(page.get_textpage().get_text_bounded() for page in document)
    with source.open(newline="", encoding="utf-8") as file:
        _, *rows = csv.reader(file)
    if ORDER.findall(found) != [row[0] for row in rows]:
        raise RuntimeError(f"its rows are not the {len(rows)} of the CSV in their order")
    if lost := Counter("".join("".join(row) for row in rows).replace(" ", "")) - Counter(found):
        raise RuntimeError(f"it lacks {lost.total()} characters of the CSV")


def sheets(source: Path, broken: Callable[[str], tuple[Any, int]]) -> Iterator[tuple[int, float, Placed]]:
    """Each page's number, the upper edge of its column titles, and its rows; the titles stand first.

    `broken` returns a note as it is drawn, and its lines.
    """
    with source.open(newline="", encoding="utf-8") as file:
        reader = csv.reader(file)
        titles = next(reader)
        head = (titles, titles[NOTE], ROW)
        number, placed, top = 1, [head], HEIGHT - MARGIN - 28.8
        left = top - ROW - BOTTOM
        for row in reader:
            note, lines = broken(row[NOTE])
            height = ROW + (lines - 1) * LINE
            if left < height:
                yield number, top, placed
                number, placed, top = number + 1, [head], HEIGHT - MARGIN
                left = top - ROW - BOTTOM
            placed.append((row, note, height))
            left -= height
        yield number, top, placed


def levels(top: float, placed: Placed) -> list[float]:
    """The lines between rows, from the upper edge on."""
    found = [top]
    for _, _, height in placed:
        found.append(found[-1] - height)
    return found


@tool("wrapped", OURS, "`python -m pipeline render table`: plan, render, assemble; Noto Sans embedded")
def ours(source: Path, out: Path, pages: int) -> None:
    tables.ours(source, out, pages)


@tool(
    "wrapped", "reportlab simpleSplit", "canvas with `rl_accel`, `simpleSplit`; Helvetica not embedded",
    ("reportlab", "rl_accel"), share=0.25,
)  # fmt: skip
def reportlab_by_hand(source: Path, out: Path, pages: int) -> None:
    import _rl_accel  # noqa: F401  # fail where it is missing
    from reportlab import rl_config
    from reportlab.lib.utils import simpleSplit
    from reportlab.pdfgen.canvas import Canvas

    def broken(note: str) -> tuple[list[str], int]:
        lines: list[str] = simpleSplit(note, "Helvetica", SIZE, INSIDE)
        return lines, len(lines)

    rl_config.useA85 = 0
    canvas = Canvas(str(out), pagesize=(WIDTH, HEIGHT))
    canvas.setTitle(TITLE)
    for number, top, placed in sheets(source, broken):
        if number == 1:
            canvas.setFont("Helvetica", 18)
            canvas.drawString(MARGIN, top + 6, TITLE)
        canvas.setFillGray(0.88)
        canvas.rect(EDGES[0], top - ROW, EDGES[-1] - EDGES[0], ROW, stroke=0, fill=1)
        canvas.setFillGray(0)
        canvas.setStrokeGray(0.75)
        canvas.setLineWidth(0.4)
        ruled = levels(top, placed)
        canvas.grid(EDGES, ruled)
        canvas.setFont("Helvetica", SIZE)
        for (row, note, _), upper in zip(placed, ruled, strict=False):
            y = upper - BASELINE
            for column, text in enumerate(row):
                if column == NOTE:
                    for n, line in enumerate([note] if isinstance(note, str) else note):
                        canvas.drawString(EDGES[column] + PAD, y - n * LINE, line)
                elif RIGHT[column]:
                    canvas.drawRightString(EDGES[column + 1] - PAD, y, text)
                else:
                    canvas.drawString(EDGES[column] + PAD, y, text)
        canvas.drawCentredString(WIDTH / 2, FOOT, f"{number} of {pages}")
        canvas.showPage()
    canvas.save()


@tool(
    "wrapped", "reportlab Paragraph",
    "Platypus `LongTable` with a `Paragraph` for each note, as its manual does it, with `rl_accel`; Helvetica not"
    " embedded; its time grows with the square of the pages",
    ("reportlab", "rl_accel"), share=0.08,
)  # fmt: skip
def reportlab_paragraph(source: Path, out: Path, pages: int) -> None:
    from html import escape

    from reportlab.lib.styles import ParagraphStyle
    from reportlab.platypus import Paragraph

    style = ParagraphStyle("note", fontName="Helvetica", fontSize=SIZE, leading=LINE)

    def note(row: Row) -> list[Any]:
        return [*row[:NOTE], Paragraph(escape(row[NOTE]), style), *row[NOTE + 1 :]]

    tables.long_table(out, pages, _rows(source, note), None, [
        ("VALIGN", (0, 0), (-1, -1), "TOP"), ("LEFTPADDING", (0, 0), (-1, -1), PAD),
        ("RIGHTPADDING", (0, 0), (-1, -1), PAD), ("TOPPADDING", (0, 0), (-1, -1), PAD),
        ("BOTTOMPADDING", (0, 0), (-1, -1), PAD),
    ])  # fmt: skip


def _rows(source: Path, note: Callable[[Row], list[Any]]) -> list[list[Any]]:
    with source.open(newline="", encoding="utf-8") as file:
        titles, *rows = csv.reader(file)
    return [titles, *map(note, rows)]


@tool(
    "wrapped", "skia text layout",
    "`textlayout.Paragraph` for notes wider than their column, `drawString` for others; Noto Sans embedded",
    ("skia-python",), share=0.25,
)  # fmt: skip
def skia(source: Path, out: Path, pages: int) -> None:
    import skia

    face = skia.Typeface.MakeFromFile(str(font_beside(source)))
    font, large = skia.Font(face, SIZE), skia.Font(face, 18)
    font.setSubpixel(True)  # else widths are rounded to whole pixels
    black, bar = skia.Paint(Color=0xFF000000), skia.Paint(Color=0xFFE0E0E0)
    line = skia.Paint(Color=0xFFBFBFBF, Style=skia.Paint.kStroke_Style, StrokeWidth=0.4)
    broken = _skia_breaker(skia, face, font)
    about = skia.PDF.Metadata()
    about.fTitle = TITLE
    stream = skia.FILEWStream(str(out))
    document = skia.PDF.MakeDocument(stream, about)
    for number, top, placed in sheets(source, broken):
        ruled = [HEIGHT - y for y in levels(top, placed)]
        canvas = document.beginPage(WIDTH, HEIGHT)
        if number == 1:
            canvas.drawString(TITLE, MARGIN, ruled[0] - 6, large, black)
        canvas.drawRect(skia.Rect.MakeXYWH(EDGES[0], ruled[0], EDGES[-1] - EDGES[0], ROW), bar)
        canvas.drawPath(_skia_ruling(skia, ruled), line)
        for (row, note, _), upper in zip(placed, ruled, strict=False):
            y = upper + BASELINE
            for column, text in enumerate(row):
                if column == NOTE and not isinstance(note, str):
                    note.paint(canvas, EDGES[column] + PAD, upper + PAD)
                elif RIGHT[column]:
                    canvas.drawString(text, EDGES[column + 1] - PAD - font.measureText(text), y, font, black)
                else:
                    canvas.drawString(text, EDGES[column] + PAD, y, font, black)
        label = f"{number} of {pages}"
        canvas.drawString(label, (WIDTH - font.measureText(label)) / 2, HEIGHT - FOOT, font, black)
        document.endPage()
    document.close()
    stream.flush()


def _skia_breaker(skia: Any, face: Any, font: Any) -> Callable[[str], tuple[Any, int]]:
    layout = skia.textlayout
    provider = layout.TypefaceFontProvider()
    provider.registerTypeface(face, "Noto Sans")
    fonts = layout.FontCollection()
    fonts.setDefaultFontManager(provider)
    text, style = layout.TextStyle(), layout.ParagraphStyle()
    text.setFontFamilies(["Noto Sans"])
    text.setFontSize(SIZE)
    text.setColor(0xFF000000)
    text.setHeight(LINE / SIZE)
    text.setHeightOverride(True)
    style.setTextStyle(text)
    unicode = skia.Unicodes.ICU.Make()

    def broken(note: str) -> tuple[Any, int]:
        if font.measureText(note) <= INSIDE:
            return note, 1
        builder = layout.ParagraphBuilder.make(style, fonts, unicode)
        builder.addText(note)
        paragraph = builder.Build()
        paragraph.layout(INSIDE)
        return paragraph, round(paragraph.Height / LINE)

    return broken


def _skia_ruling(skia: Any, ruled: list[float]) -> Any:
    path = skia.Path()
    for y in ruled:
        path.moveTo(EDGES[0], y).lineTo(EDGES[-1], y)
    for x in EDGES:
        path.moveTo(x, ruled[0]).lineTo(x, ruled[-1])
    return path


@tool(
    "wrapped", "fpdf2 multi_cell",
    "`multi_cell` for notes, first as `dry_run`, `text` and `line` for all else; Noto Sans embedded",
    ("fpdf2",), share=0.04,
)  # fmt: skip
def fpdf2(source: Path, out: Path, pages: int) -> None:
    from fpdf import FPDF

    pdf = FPDF(unit="pt", format=(WIDTH, HEIGHT))
    pdf.set_auto_page_break(False)
    pdf.set_title(TITLE)
    pdf.add_font("Noto", fname=font_beside(source))
    pdf.set_font("Noto", size=SIZE)
    pdf.c_margin = PAD
    pdf.add_page()

    def broken(note: str) -> tuple[str, int]:
        lines = pdf.multi_cell(WIDTHS[NOTE], LINE, note, align="L", dry_run=True, output="LINES")
        return note, len(lines)

    for number, top, placed in sheets(source, broken):
        if number > 1:
            pdf.add_page()
        _fpdf2_page(pdf, number, [HEIGHT - y for y in levels(top, placed)], placed, pages)
    pdf.output(str(out))


def _fpdf2_page(pdf: Any, number: int, ruled: list[float], placed: Placed, pages: int) -> None:
    pdf.set_line_width(0.4)
    pdf.set_draw_color(191)
    pdf.set_fill_color(224)
    if number == 1:
        pdf.set_font_size(18)
        pdf.text(MARGIN, ruled[0] - 6, TITLE)
        pdf.set_font_size(SIZE)
    pdf.rect(EDGES[0], ruled[0], EDGES[-1] - EDGES[0], ROW, style="F")
    for y in ruled:
        pdf.line(EDGES[0], y, EDGES[-1], y)
    for x in EDGES:
        pdf.line(x, ruled[0], x, ruled[-1])
    for (row, note, _), upper in zip(placed, ruled, strict=False):
        for column, text in enumerate(row):
            if column == NOTE:
                pdf.set_xy(EDGES[column], upper + PAD)
                pdf.multi_cell(WIDTHS[column], LINE, note, align="L")
            else:
                right = EDGES[column + 1] - PAD
                x = right - pdf.get_string_width(text) if RIGHT[column] else EDGES[column] + PAD
                pdf.text(x, upper + BASELINE, text)
    label = f"{number} of {pages}"
    pdf.text((WIDTH - pdf.get_string_width(label)) / 2, HEIGHT - FOOT, label)


@tool("wrapped", "typst", "`csv` and `table`, rows of any height; Noto Sans embedded", ("typst",), share=0.08)
def typst(source: Path, out: Path, pages: int) -> None:
    tables.by_typst(source, out, "auto")


@tool(
    "wrapped", "WeasyPrint", "an HTML table, fixed layout, laid out by Pango; Noto Sans embedded",
    ("weasyprint",), share=0.04,
)  # fmt: skip
def weasyprint(source: Path, out: Path, pages: int) -> None:
    tables.weasyprint(source, out, pages)
