"""A ruled table of six columns and 40 rows a page: column titles on every page, numbers at the right, page
numbers, the document's title on the first page. From the same CSV, whose reading is part of the work."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

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
    sheets,
)

# What the peers draw, whatever our default style is.
PARAMS = {"title": TITLE, "font_size": SIZE, "margin": 16, "style": "plain", "rules": "grid", "running_head": False}


@tool("tables", OURS, "`python -m pipeline render table`: plan, render, assemble; Noto Sans embedded")
def ours(source: Path, out: Path, pages: int) -> None:  # it counts by itself
    from .ours import render

    columns = [
        {"field": field, "width": width * 25.4 / 72, "align": "right" if right else "left"}
        for field, width, right in zip(_titles(source), WIDTHS, RIGHT, strict=True)
    ]
    render("table", source, out, columns=columns, **PARAMS)


def _titles(source: Path) -> Row:
    with source.open(newline="", encoding="utf-8") as file:
        return next(csv.reader(file))


@tool(
    "tables", "reportlab", "canvas as installed: `drawString` and `grid`, Helvetica not embedded",
    ("reportlab",), share=0.25,
)  # fmt: skip
def reportlab_as_installed(source: Path, out: Path, pages: int) -> None:
    without_accelerator()
    _reportlab(source, out, pages)


@tool(
    "tables", "reportlab, accelerated",
    "canvas with `rl_accel`, `useA85 = 0`, Helvetica not embedded",
    ("reportlab", "rl_accel"), share=0.25,
)  # fmt: skip
def reportlab_accelerated(source: Path, out: Path, pages: int) -> None:
    import _rl_accel  # noqa: F401  # fail where it is missing
    from reportlab import rl_config

    rl_config.useA85 = 0
    _reportlab(source, out, pages)


def without_accelerator() -> None:
    import sys

    sys.modules["_rl_accel"] = None  # type: ignore[assignment]  # as if it were not installed


def _reportlab(source: Path, out: Path, pages: int) -> None:
    from reportlab.pdfgen.canvas import Canvas

    canvas = Canvas(str(out), pagesize=(WIDTH, HEIGHT))
    canvas.setTitle(TITLE)
    for number, top, rows in sheets(source):
        if number == 1:
            canvas.setFont("Helvetica", 18)
            canvas.drawString(MARGIN, top + 6, TITLE)
        canvas.setFillGray(0.88)
        canvas.rect(EDGES[0], top - ROW, EDGES[-1] - EDGES[0], ROW, stroke=0, fill=1)
        canvas.setFillGray(0)
        canvas.setStrokeGray(0.75)
        canvas.setLineWidth(0.4)
        canvas.grid(EDGES, [top - ROW * n for n in range(len(rows) + 1)])
        canvas.setFont("Helvetica", SIZE)
        for n, row in enumerate(rows):
            y = top - n * ROW - BASELINE
            for column, text in enumerate(row):
                if RIGHT[column]:
                    canvas.drawRightString(EDGES[column + 1] - PAD, y, text)
                else:
                    canvas.drawString(EDGES[column] + PAD, y, text)
        canvas.drawCentredString(WIDTH / 2, FOOT, f"{number} of {pages}")
        canvas.showPage()
    canvas.save()


@tool(
    "tables", "reportlab LongTable",
    "Platypus `LongTable`, `repeatRows=1`, row heights given, with `rl_accel`; its time grows with the square"
    " of the pages",
    ("reportlab", "rl_accel"), share=0.04,
)  # fmt: skip
def reportlab_longtable(source: Path, out: Path, pages: int) -> None:
    with source.open(newline="", encoding="utf-8") as file:
        long_table(out, pages, list(csv.reader(file)), ROW)


def long_table(
    out: Path, pages: int, rows: list[list[Any]], height: float | None, style: Sequence[tuple[Any, ...]] = ()
) -> None:
    """A file of Platypus: rows of this height, or as high as they need."""
    from reportlab.platypus import BaseDocTemplate, Frame, LongTable, PageTemplate

    def furnish(canvas: Any, document: Any) -> None:
        canvas.setFont("Helvetica", SIZE)
        canvas.drawCentredString(WIDTH / 2, FOOT, f"{document.page} of {pages}")
        if document.page == 1:
            canvas.setFont("Helvetica", 18)
            canvas.drawString(MARGIN, HEIGHT - MARGIN - 22, TITLE)

    def frame(head: float) -> Any:
        room = HEIGHT - 2 * MARGIN - head - 24
        return Frame(MARGIN, MARGIN + 24, WIDTH - 2 * MARGIN, room, 0, 0, 0, 0)

    looks = [("GRID", (0, 0), (-1, -1), 0.4, (0.75, 0.75, 0.75)),
             ("BACKGROUND", (0, 0), (-1, 0), (0.88, 0.88, 0.88)), ("FONTSIZE", (0, 0), (-1, -1), SIZE),
             ("ALIGN", (4, 0), (5, -1), "RIGHT"), *style]  # fmt: skip
    document = BaseDocTemplate(str(out), pagesize=(WIDTH, HEIGHT), title=TITLE)
    document.addPageTemplates([
        PageTemplate("first", [frame(28.8)], onPage=furnish, autoNextPageTemplate="other"),
        PageTemplate("other", [frame(0)], onPage=furnish),
    ])  # fmt: skip
    document.build([LongTable(rows, WIDTHS, height, repeatRows=1, style=looks)])


@tool("tables", "skia", "`drawString` and one path of lines a page; Noto Sans embedded", ("skia-python",))
def skia(source: Path, out: Path, pages: int) -> None:
    import skia

    face = skia.Typeface.MakeFromFile(str(font_beside(source)))
    font, large = skia.Font(face, SIZE), skia.Font(face, 18)
    font.setSubpixel(True)  # else widths are rounded to whole pixels
    black, bar = skia.Paint(Color=0xFF000000), skia.Paint(Color=0xFFE0E0E0)
    line = skia.Paint(Color=0xFFBFBFBF, Style=skia.Paint.kStroke_Style, StrokeWidth=0.4)
    about = skia.PDF.Metadata()
    about.fTitle = TITLE
    stream = skia.FILEWStream(str(out))
    document = skia.PDF.MakeDocument(stream, about)
    rulings: dict[int, Any] = {}
    for number, top, rows in sheets(source):
        head = HEIGHT - top
        canvas = document.beginPage(WIDTH, HEIGHT)
        if number == 1:
            canvas.drawString(TITLE, MARGIN, head - 6, large, black)
        canvas.drawRect(skia.Rect.MakeXYWH(EDGES[0], head, EDGES[-1] - EDGES[0], ROW), bar)
        if number == 1 or len(rows) not in rulings:
            rulings[len(rows)] = _skia_ruling(skia, head, len(rows))
        canvas.drawPath(rulings[len(rows)], line)
        for n, row in enumerate(rows):
            y = head + n * ROW + BASELINE
            for column, text in enumerate(row):
                if RIGHT[column]:
                    canvas.drawString(text, EDGES[column + 1] - PAD - font.measureText(text), y, font, black)
                else:
                    canvas.drawString(text, EDGES[column] + PAD, y, font, black)
        label = f"{number} of {pages}"
        canvas.drawString(label, (WIDTH - font.measureText(label)) / 2, HEIGHT - FOOT, font, black)
        document.endPage()
    document.close()
    stream.flush()


def _skia_ruling(skia: Any, head: float, rows: int) -> Any:
    path = skia.Path()
    for n in range(rows + 1):
        path.moveTo(EDGES[0], head + n * ROW).lineTo(EDGES[-1], head + n * ROW)
    for x in EDGES:
        path.moveTo(x, head).lineTo(x, head + rows * ROW)
    return path


@tool("tables", "cairo", "cairocffi, `show_text`, one path of lines a page; Noto Sans embedded", ("cairocffi",))
def cairo(source: Path, out: Path, pages: int) -> None:
    import cairocffi

    surface = cairocffi.PDFSurface(str(out), WIDTH, HEIGHT)
    context = cairocffi.Context(surface)
    context.select_font_face("Noto Sans")
    context.set_line_width(0.4)
    for number, top, rows in sheets(source):
        head = HEIGHT - top
        if number == 1:
            context.set_font_size(18)
            context.move_to(MARGIN, head - 6)
            context.show_text(TITLE)
        context.set_font_size(SIZE)
        context.set_source_rgb(0.88, 0.88, 0.88)
        context.rectangle(EDGES[0], head, EDGES[-1] - EDGES[0], ROW)
        context.fill()
        context.set_source_rgb(0.75, 0.75, 0.75)
        for n in range(len(rows) + 1):
            context.move_to(EDGES[0], head + n * ROW)
            context.line_to(EDGES[-1], head + n * ROW)
        for x in EDGES:
            context.move_to(x, head)
            context.line_to(x, head + len(rows) * ROW)
        context.stroke()
        context.set_source_rgb(0, 0, 0)
        for n, row in enumerate(rows):
            y = head + n * ROW + BASELINE
            for column, text in enumerate(row):
                right = EDGES[column + 1] - PAD
                x = right - context.text_extents(text)[4] if RIGHT[column] else EDGES[column] + PAD
                context.move_to(x, y)
                context.show_text(text)
        label = f"{number} of {pages}"
        context.move_to((WIDTH - context.text_extents(label)[4]) / 2, HEIGHT - FOOT)
        context.show_text(label)
        context.show_page()
    surface.finish()


@tool(
    "tables", "fpdf2", "`text` and `line` by hand, Helvetica not embedded: its fastest way", ("fpdf2",), share=0.04
)
def fpdf2(source: Path, out: Path, pages: int) -> None:
    from fpdf import FPDF

    pdf = FPDF(unit="pt", format=(WIDTH, HEIGHT))
    pdf.set_auto_page_break(False)
    pdf.set_title(TITLE)
    pdf.set_font("Helvetica", size=SIZE)
    pdf.set_line_width(0.4)
    pdf.set_draw_color(191)
    pdf.set_fill_color(224)
    for number, top, rows in sheets(source):
        head = HEIGHT - top
        pdf.add_page()
        if number == 1:
            pdf.set_font_size(18)
            pdf.text(MARGIN, head - 6, TITLE)
            pdf.set_font_size(SIZE)
        pdf.rect(EDGES[0], head, EDGES[-1] - EDGES[0], ROW, style="F")
        for n in range(len(rows) + 1):
            pdf.line(EDGES[0], head + n * ROW, EDGES[-1], head + n * ROW)
        for x in EDGES:
            pdf.line(x, head, x, head + len(rows) * ROW)
        for n, row in enumerate(rows):
            y = head + n * ROW + BASELINE
            for column, text in enumerate(row):
                right = EDGES[column + 1] - PAD
                pdf.text(right - pdf.get_string_width(text) if RIGHT[column] else EDGES[column] + PAD, y, text)
        label = f"{number} of {pages}"
        pdf.text((WIDTH - pdf.get_string_width(label)) / 2, HEIGHT - FOOT, label)
    pdf.output(str(out))


@tool(
    "tables",
    "fpdf2 cell",
    "`cell` with a border, as its manual does it; Noto Sans embedded",
    ("fpdf2",),
    share=0.04,
)
def fpdf2_cell(source: Path, out: Path, pages: int) -> None:
    from fpdf import FPDF

    pdf = FPDF(unit="pt", format=(WIDTH, HEIGHT))
    pdf.set_auto_page_break(False)
    pdf.set_margin(MARGIN)
    pdf.set_title(TITLE)
    pdf.add_font("Noto", fname=font_beside(source))
    pdf.set_line_width(0.4)
    pdf.set_draw_color(191)
    pdf.set_fill_color(224)
    pdf.c_margin = PAD
    for number, top, rows in sheets(source):
        pdf.add_page()
        if number == 1:
            pdf.set_font("Noto", size=18)
            pdf.text(MARGIN, HEIGHT - top - 6, TITLE)
        pdf.set_font("Noto", size=SIZE)
        for n, row in enumerate(rows):
            pdf.set_xy(MARGIN, HEIGHT - top + n * ROW)
            for width, right, text in zip(WIDTHS, RIGHT, row, strict=True):
                pdf.cell(width, ROW, text, border=1, align="R" if right else "L", fill=n == 0)
        pdf.set_xy(MARGIN, HEIGHT - FOOT - SIZE)
        pdf.cell(WIDTH - 2 * MARGIN, SIZE, f"{number} of {pages}", align="C")
    pdf.output(str(out))


@tool("tables", "pymupdf", "a `TextWriter` and a `Shape` a page, its built-in Helvetica", ("pymupdf",), share=0.04)
def pymupdf(source: Path, out: Path, pages: int) -> None:
    import pymupdf

    font = pymupdf.Font("helv")
    document = pymupdf.open()
    for number, top, rows in sheets(source):
        head = HEIGHT - top
        page = document.new_page(width=WIDTH, height=HEIGHT)
        shape = page.new_shape()
        shape.draw_rect(pymupdf.Rect(EDGES[0], head, EDGES[-1], head + ROW))
        shape.finish(color=None, fill=(0.88, 0.88, 0.88))
        for n in range(len(rows) + 1):
            shape.draw_line((EDGES[0], head + n * ROW), (EDGES[-1], head + n * ROW))
        for x in EDGES:
            shape.draw_line((x, head), (x, head + len(rows) * ROW))
        shape.finish(color=(0.75, 0.75, 0.75), width=0.4)
        shape.commit()
        writer = pymupdf.TextWriter(page.rect)
        if number == 1:
            writer.append((MARGIN, head - 6), TITLE, font, 18)
        for n, row in enumerate(rows):
            y = head + n * ROW + BASELINE
            for column, text in enumerate(row):
                right = EDGES[column + 1] - PAD
                x = right - font.text_length(text, SIZE) if RIGHT[column] else EDGES[column] + PAD
                writer.append((x, y), text, font, SIZE)
        label = f"{number} of {pages}"
        writer.append(((WIDTH - font.text_length(label, SIZE)) / 2, HEIGHT - FOOT), label, font, SIZE)
        writer.write_text(page)
    document.save(str(out), deflate=True)


_TYPST = """
#set document(title: "{title}")
#set page(width: {width}pt, height: {height}pt, margin: (x: {margin}pt, top: {margin}pt, bottom: {bottom}pt),
  footer-descent: 8pt, footer: context align(center, counter(page).display("1 of 1", both: true)))
#set text(font: "Noto Sans", size: {size}pt)
#set par(leading: 5.86pt)
#block(height: 28.8pt, below: 0pt, text(size: 18pt)[{title}])
#let data = csv("{source}")
#table(columns: ({widths}), rows: {row}, inset: (x: 2.2pt, y: 5.18pt), stroke: 0.4pt + luma(191),
  align: (left, left, left, left, right, right), fill: (_, y) => if y == 0 {{ luma(224) }},
  table.header(..data.at(0)), ..data.slice(1).flatten())
"""


@tool("tables", "typst", "`csv` and `table`; Noto Sans embedded", ("typst",), share=0.04)
def typst(source: Path, out: Path, pages: int) -> None:  # it counts by itself
    by_typst(source, out, f"{ROW}pt")


def by_typst(source: Path, out: Path, row: str) -> None:
    """A file of typst: rows of this height."""
    import typst

    text = _TYPST.format(
        title=TITLE, width=WIDTH, height=HEIGHT, margin=MARGIN, bottom=MARGIN + 24, size=SIZE, row=row,
        source=source.name, widths=", ".join(f"{width}pt" for width in WIDTHS),
    )  # fmt: skip
    page = source.with_suffix(".typ")
    page.write_text(text)
    fonts = [str(font_beside(source).parent)]
    typst.compile(str(page), output=str(out), font_paths=fonts, root=str(source.parent))


_CSS = """
@page {{ size: {width}pt {height}pt; margin: {margin}pt {margin}pt {bottom}pt;
  @bottom-center {{ content: counter(page) " of " counter(pages); font: {size}pt "Noto Sans" }} }}
body {{ margin: 0; font: {size}pt "Noto Sans" }}
h1 {{ font: 18pt "Noto Sans"; margin: 0; height: 28.8pt }}
table {{ border-collapse: collapse; table-layout: fixed; width: 100% }}
th, td {{ border: 0.4pt solid #bfbfbf; padding: 2.05pt 2.2pt; height: 13pt; text-align: left; font-weight: 400;
  line-height: 1.3 }}
th {{ background: #e0e0e0 }}
td:nth-child(n+5), th:nth-child(n+5) {{ text-align: right }}
"""


@tool("tables", "WeasyPrint", "an HTML table, fixed layout; Noto Sans embedded", ("weasyprint",), share=0.02)
def weasyprint(source: Path, out: Path, pages: int) -> None:  # it counts by itself
    from html import escape

    import weasyprint

    with source.open(newline="", encoding="utf-8") as file:
        titles, *rows = csv.reader(file)
    columns = "".join(f"<col style='width:{width}pt'>" for width in WIDTHS)
    head = "".join(f"<th>{escape(title)}" for title in titles)
    body = "".join("<tr>" + "".join(f"<td>{escape(text)}" for text in row) for row in rows)
    style = _CSS.format(width=WIDTH, height=HEIGHT, margin=MARGIN, bottom=MARGIN + 24, size=SIZE)
    text = f"<title>{TITLE}</title><style>{style}</style><h1>{TITLE}</h1>"
    text += f"<table>{columns}<thead><tr>{head}<tbody>{body}"
    weasyprint.HTML(string=text).write_pdf(str(out))
