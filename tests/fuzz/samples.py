"""What fuzzing begins with: small files that installed packages carry, and files made here and by other tests."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pikepdf
import pypdf
from PIL import Image
from reportlab.pdfgen.canvas import Canvas

from pipeline.documents.photos.params import PhotosParams
from pipeline.documents.table.params import TableParams
from pipeline.web.api import ExportBody
from pipeline.web.inputs import InputBody, Part, PartsBody

from ..pictures import jpeg
from ..unit.documents.table.test_damaged_listings import LISTINGS
from ..unit.pdf import foreign_files
from ..unit.pdf.images.picture_files import exif, palette, quadrants, saved, translucent
from ..unit.pdf.images.test_damage import FUZZED

ROOT = Path(__file__).parents[2]
MAX_BYTES = 12_000
TOKEN = "shop-token"


def installed(*endings: str) -> Iterator[bytes]:
    """Yield the small files with such names of the packages in this environment, and in those beside it."""
    folders = {Path(sys.prefix), ROOT / ".venv", ROOT / ".venv-bench"}
    for path in sorted(path for folder in folders for path in folder.glob("lib/python*/site-packages/**/*.*")):
        if path.suffix.lower() in endings and 0 < path.stat().st_size <= MAX_BYTES:
            yield path.read_bytes()


def _cut(*endings: str) -> Iterator[bytes]:
    """Yield the begin of larger text files, up to the end of a line."""
    for path in sorted((ROOT / ".venv-bench").glob("lib/python*/site-packages/**/*.*")):
        if path.suffix.lower() in endings and path.stat().st_size > MAX_BYTES:
            yield path.read_bytes()[:1500].rpartition(b"\n")[0]


def listings() -> list[bytes]:
    """Return tables of every format."""
    made = [
        b"Id;Name;Betrag;Datum\n1;M\xfcller;1.234,50;31.01.2024\n2;J\xf6rg;-0,5;01.02.2024\n",
        b"id,when,share,price\n1,2024-01-31,12%,$1.00\n2,2024-02-01,-3%,($2.50)\n\n3,,,\n",
        "\u05e9\u05dd,n\n\u05e9\u05dc\u05d5\u05dd,1\n\u200f\u05d0,2\n".encode(),
        b"a\tb\tc\n" + b"1\t2\t3\n" * 60,
        b'[{"a":1,"b":[1,2]},{"a":2,"c":{"d":null}}]',
        b'{"a":1}\r{"a":2}\r',
        b"name\nonly one column\nwith spaces\n",
        b"\"a\",'b'\n\"1\n2\",'x,y'\n",
    ]
    return [*LISTINGS, *made, *installed(".csv", ".tsv", ".jsonl", ".parquet"), *_cut(".csv")]


def jpegs() -> list[bytes]:
    """Return JPEGs of every kind that Pillow writes."""
    found = [data for data in FUZZED.values() if data.startswith(b"\xff\xd8")]
    grey = Image.linear_gradient("L").resize((24, 24))
    found += [jpeg(1, 40, 30), saved(grey, "JPEG", progressive=True, optimize=True)]
    found += [saved(quadrants(), "JPEG", subsampling=each, exif=exif(8), dpi=(72, 144)) for each in (0, 1, 2)]
    found += [
        saved(quadrants(), "JPEG", keep_rgb=True),
        saved(quadrants(), "MPO", save_all=True, append_images=[quadrants()]),
    ]
    return [*found, *installed(".jpg", ".jpeg")]


_WRITTEN: list[tuple[str, dict[str, Any], str]] = [  # and the modes that such a file cannot have
    ("PNG", {}, "CMYK I F LAB YCbCr"),
    ("GIF", {}, "CMYK LAB YCbCr"),
    ("BMP", {}, "LA CMYK I F LAB YCbCr"),
    ("WEBP", {}, ""),
    ("TIFF", {}, ""),
    ("TIFF", {"compression": "tiff_lzw"}, ""),
    ("TIFF", {"compression": "group4"}, "L LA P RGBA CMYK I F LAB YCbCr"),
    ("TIFF", {"compression": "jpeg"}, "1 P I F"),
]


def pictures() -> list[bytes]:
    """Return the other pictures."""
    found = [data for data in FUZZED.values() if not data.startswith(b"\xff\xd8")]
    plain = quadrants()
    modes = [plain.convert(mode) for mode in ("1", "L", "LA", "P", "RGBA", "CMYK", "I", "F", "LAB", "YCbCr")]
    for kind, options, bad in _WRITTEN:
        found += [saved(image, kind, **options) for image in modes if image.mode not in bad.split()]
    more: dict[str, Any] = {"save_all": True, "append_images": [palette(), translucent()]}
    found += [saved(plain, kind, **more) for kind in ("GIF", "WEBP", "TIFF", "PNG")]
    found += [saved(plain, "WEBP", lossless=True), saved(plain, "TIFF", big_tiff=True), saved(plain, "AVIF")]
    return [*{*found, *installed(".png", ".gif", ".bmp", ".tif", ".tiff", ".webp", ".ico")}]


def pdfs() -> list[bytes]:
    """Return PDFs with links, fields, notes, layers and an outline; some packed in object streams."""
    plain = [
        foreign_files.simple(2), foreign_files.outlined(), _form(),
        foreign_files.one_page(
            b"/Annots[4 0 R 5 0 R 9 0 R]/Resources<</XObject<</A 6 0 R>>/Properties<</L 7 0 R>>>>/Contents 8 0 R",
            {4: foreign_files.link(b"/Dest[3 0 R/XYZ 0 9 0]"), 5: foreign_files.link(b"/A<</S/URI/URI(https://x.de)>>"),
             6: foreign_files.stream(b"0 0 9 9 re f", b"/Subtype/Form/BBox[0 0 9 9]"), 7: b"<</Type/OCG/Name(L)>>",
             8: foreign_files.stream(b"/OC/L BDC /A Do EMC"),
             9: b"<</Type/Annot/Subtype/Text/Rect[0 0 9 9]/Contents(n)/AP<</N 6 0 R>>>>"},
            b"/OCProperties<</OCGs[7 0 R]/D<</OFF[7 0 R]>>>>/Names<</Dests<</Names[(d)[3 0 R/Fit]]>>>>"
            b"/PageLabels<</Nums[0<</S/r>>]>>",
        ),
    ]  # fmt: skip
    small = [*plain, *(data for data in installed(".pdf") if data.startswith(b"%PDF"))]
    return [*small, *map(_packed, small)]


def _form() -> bytes:
    file = io.BytesIO()
    canvas = Canvas(file, pagesize=(200, 200), pageCompression=0)
    canvas.acroForm.textfield(name="a", value="x", x=10, y=10, width=80, height=20)
    canvas.acroForm.checkbox(name="b", checked=True, x=10, y=40)
    canvas.acroForm.choice(name="c", value="1", options=["1", "2"], x=10, y=80, width=80, height=20)
    canvas.bookmarkPage("p")
    canvas.addOutlineEntry("P", "p")
    canvas.linkRect("", "p", (0, 0, 9, 9))
    canvas.drawString(10, 150, "text")
    canvas.save()
    writer = pypdf.PdfWriter(io.BytesIO(file.getvalue()))
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def _packed(data: bytes) -> bytes:
    out = io.BytesIO()
    with pikepdf.open(io.BytesIO(data)) as pdf:
        pdf.save(out, object_stream_mode=pikepdf.ObjectStreamMode.generate, static_id=True)
    return out.getvalue()


INPUTS = {
    "inputs/a.csv": b"a,b,when\n1,x,2024-01-31\n2,y,2024-02-01\n",
    "inputs/a.jsonl": b'{"source":"inputs/a.jpg","caption":"c"}\n',
    "inputs/a.jpg": jpeg(1, 40, 30),
}
NAMES = sorted({
    *TableParams.__struct_fields__, *PhotosParams.__struct_fields__, *ExportBody.__struct_fields__,
    *InputBody.__struct_fields__, *PartsBody.__struct_fields__, *Part.__struct_fields__, "kind", "currency",
    "decimals", "mark", "pattern", "input", "field", "title", "width", "align", "total", "format",
    "source", "caption",
})  # fmt: skip
_DATE = {"kind": "date", "pattern": "short", "input": "%Y"}
_COLUMNS = [
    {"field": "a", "total": True, "format": {"kind": "number", "decimals": 2}},
    {"field": "b", "title": "B", "align": "right", "width": 30, "format": _DATE},
]
_TABLE = {"rows": [{"a": 1, "b": "x"}, {"a": -2.5, "b": "2024"}], "columns": _COLUMNS, "words": {"total": "T"}}
_LISTED = {"listing": "inputs/a.csv", "group_by": [{"field": "a", "title": "A"}], "summary": "back", "locale": "de",
           "running_head": True, "bookmark_every": 1, "logo": "inputs/a.jpg"}  # fmt: skip
_PHOTOS = {"photos": [{"source": "inputs/a.jpg", "caption": "c"}], "columns": 2, "dpi": 30, "page_size": "A5"}
_ALBUM = {"listing": "inputs/a.jsonl", "on_unreadable": "skip"}
_ALL = {"notify": ["a@b.de", {"to": "c@d.de"}], "key": "k", "webhook": "https://a.de/x", "return_url": "https://a.de/",
        "chunk_pages": 1, "within": 60, "volume_pages": 2, "keep_inputs": True, "subject": "s"}  # fmt: skip
_DOCUMENTS = [("table", _TABLE), ("table", _LISTED), ("photos", _PHOTOS), ("photos", _ALBUM)]
_BODIES: list[tuple[str, dict[str, Any]]] = [
    *((to, {"document": name, "params": params}) for name, params in _DOCUMENTS for to in ("exports", "previews")),
    ("exports", {"document": "table", "params": {"rows": [{"a": 1}]}, **_ALL}),
    ("previews", {"document": "table", "params": {"rows": [{"a": "\uffff"}], "strict": True}}),
    ("inputs", {"name": "a.csv", "bytes": 99_000_000, "beside": "{}"}),
    ("inputs/{}/parts", {"parts": [{"number": 1, "bytes": 8 * 2**20}, {"number": 2, "bytes": 1}]}),
]


def requests() -> list[bytes]:
    """Return a path below /v1 and a body for it, in the next line. {} is the id of an input."""
    return [f"{path}\n{json.dumps(body)}".encode() for path, body in _BODIES]
