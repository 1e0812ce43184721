"""Adopts pages: copies every page of any PDF into a segment, its objects under new numbers.

Content is copied byte for byte. Links to the web and to pages of the same file are kept. Left out is all that
acts, hides or reveals: scripts, forms, attached files, other actions, metadata, structure, and which layers
were switched off.
"""

from __future__ import annotations

import math
import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import BinaryIO

from pypdf.generic import (
    ArrayObject,
    BooleanObject,
    ByteStringObject,
    DictionaryObject,
    FloatObject,
    IndirectObject,
    NameObject,
    NullObject,
    NumberObject,
    PdfObject,
    StreamObject,
    TextStringObject,
)

from ..errors import UnreadableSource
from .objects import Stream, name, reference
from .overlay import overlay_operators, overlay_xobjects
from .page import printable
from .reader import Box, ForeignPdf, Heading, object_key, open_pdf
from .segment_body import SegmentBody
from .segment_index import Bookmark

MAX_OBJECTS = 200_000
OVERLAY_PREFIX = "Pipeline."  # keeps the overlay's names apart from the page's own
_MAX_VALUES = 20_000_000  # entries of all arrays and dictionaries written
_MAX_DEPTH = 64

_SAFE_LINK = re.compile(rb"(?:https?|mailto):", re.IGNORECASE)
_LINK_ENTRIES = ("/Border", "/BS", "/C", "/F", "/H", "/QuadPoints")
_INNER_BOXES = ("/CropBox", "/BleedBox", "/TrimBox", "/ArtBox")
# From a stream's dictionary only: in other dictionaries these may be names, as of a font called /Metadata.
_LEFT_OUT = {"/F", "/FFilter", "/FDecodeParms", "/DL", "/Metadata", "/PieceInfo", "/StructParent",
             "/StructParents", "/AF", "/Ref", "/OPI"}  # fmt: skip
_NOT_DRAWN = {"/Catalog", "/Pages", "/Page", "/Annot", "/Action", "/Filespec", "/EmbeddedFile",
              "/StructTreeRoot", "/StructElem"}  # fmt: skip

Bookmarking = Callable[[list[Heading]], Iterable[Heading]]
"""Turns a file's outline into the entries to write; `list` keeps it as it is."""


def adopt_pages(out: SegmentBody, file: BinaryIO, bookmark: Bookmarking | None = None) -> int:
    """Copy every page of the PDF `file` into the segment `out`. Returns the number of pages.

    `bookmark` turns the file's outline into the entries to write: `list` keeps it as it is, None writes no
    entries. Raises UnreadableSource when the file cannot be copied; the segment is then as before.
    """
    start = out.rollback_point()
    try:
        with open_pdf(file) as pdf:
            numbers = _Copy(pdf, out).write()
            headings = bookmark(pdf.headings()) if bookmark else ()
            out.add_bookmarks(
                Bookmark(h.level, numbers[h.page], h.top, printable(h.title) or "-") for h in headings
            )
    except Exception:
        out.roll_back(start)
        raise
    return len(numbers)


class _Copy:
    """Copies one file into a segment.

    An object gets its number at the first reference to it and is written later, so circular references work.
    Streams that refer only to streams (pictures, fonts, profiles) are written at once: their bytes are then all
    known, so a stream that the segment already holds is not written again.
    """

    def __init__(self, pdf: ForeignPdf, out: SegmentBody) -> None:
        self._pdf = pdf
        self._out = out
        self._numbers = [out.reserve() for _ in pdf.pages]
        self._copied = {old: self._numbers[place] for old, place in pdf.places.items()}
        self._waiting: deque[tuple[int, PdfObject]] = deque()
        self._inherited: dict[int, int] = {}
        self._values = 0

    def write(self) -> list[int]:
        """Write all pages, each followed by the objects it uses first. Returns the pages' object numbers."""
        for page, obj in zip(self._pdf.pages, self._numbers, strict=True):
            self._out.add_page(self._page(page), obj)
            while self._waiting:
                waiting, value = self._waiting.popleft()
                body = self._stream(value, 0) if isinstance(value, StreamObject) else self._spell(value, 0)
                self._out.add(body, waiting)
        return self._numbers

    def _page(self, page: DictionaryObject) -> bytes:
        """Return the entries of a page's dictionary, including those it inherits (ISO 32000-1, 7.7.3.4)."""
        boxes = [("/MediaBox", self._pdf.size(page))]
        boxes += [(inner, box) for inner in _INNER_BOXES if (box := self._pdf.box(page.get(inner)))]
        entries = [_entry(which, _rectangle(box)) for which, box in boxes]
        turned = self._pdf.resolve(page.get("/Rotate"))
        if isinstance(turned, int) and turned % 360 in (90, 180, 270):
            entries.append(_entry("/Rotate", b"%d" % (turned % 360)))
        if self._out.overlay:
            entries += self._with_overlay(page, turned if isinstance(turned, int) and turned % 90 == 0 else 0)
        else:
            entries.append(_entry("/Resources", self._resources(page)))
            entries += self._copy_entries(page, ("/Contents",))
        entries += self._copy_entries(page, ("/Group", "/UserUnit"))
        return b"".join(entries) + self._links(page)

    def _with_overlay(self, page: DictionaryObject, turned: int) -> Iterator[bytes]:
        """Yield the /Resources and /Contents entries of a page with the overlay.

        The page's own content is wrapped in q and Q, so its changes of the coordinate system end with it.
        """
        own = self._pdf.resolve(page.get("/Resources"))
        resources: dict[str, object] = dict(own) if isinstance(own, DictionaryObject) else {}
        drawn = self._pdf.resolve(resources.pop("/XObject", None))
        xobjects = self._entries(drawn, 0) if isinstance(drawn, DictionaryObject) else b""
        for each, obj in overlay_xobjects(OVERLAY_PREFIX).items():
            xobjects += name(each) + b" " + reference(obj)
        yield _entry("/Resources", b"<<%s/XObject<<%s>>>>" % (self._entries(resources, 0), xobjects))
        contents = self._pdf.resolve(page.get("/Contents"))
        parts = contents if isinstance(contents, ArrayObject) else [page.get("/Contents")]
        spelled = [text for part in parts if (text := self._spell(part, 0)) != b"null"]
        box = self._pdf.box(page.get("/CropBox")) or self._pdf.size(page)
        before = self._out.add_same(Stream.from_bytes(b"", b"q\n"))
        operators = overlay_operators(box, turned, OVERLAY_PREFIX)
        behind = self._out.add_same(Stream.from_bytes(b"", b"\nQ " + operators))
        yield _entry("/Contents", b"[%s %s %s]" % (reference(before), b" ".join(spelled), reference(behind)))

    def _resources(self, page: DictionaryObject) -> bytes:
        """Return the page's resources. A dictionary that several pages inherit is written once, as one object."""
        value = page.get("/Resources")
        if not isinstance(value, DictionaryObject):
            return self._spell(value, 0) if isinstance(value, IndirectObject) else b"<<>>"
        if id(value) not in self._inherited:
            self._inherited[id(value)] = self._out.add(self._spell(value, 0))
        return reference(self._inherited[id(value)])

    def _links(self, page: DictionaryObject) -> bytes:
        """Return the /Annots entry with the page's links, the only annotations that are kept (12.5.6.5)."""
        annotations = self._pdf.resolve(page.get("/Annots"))
        if not isinstance(annotations, ArrayObject):
            return b""
        self._count_values(len(annotations), 0)
        links = [self._link(self._pdf.resolve(annotation)) for annotation in annotations]
        return b"/Annots[%s]" % b"".join(links) if any(links) else b""

    def _link(self, annotation: object) -> bytes:
        """Return a link annotation; nothing when its target is not allowed or not there."""
        if not isinstance(annotation, DictionaryObject):
            return b""
        box = self._pdf.box(annotation.get("/Rect"))
        if self._pdf.resolve(annotation.get("/Subtype")) != "/Link" or not box:
            return b""
        leads = self._link_target(annotation)
        kept = b"".join(self._copy_entries(annotation, _LINK_ENTRIES))
        return b"<</Type/Annot/Subtype/Link/Rect%s%s%s>>" % (_rectangle(box), kept, leads) if leads else b""

    def _link_target(self, annotation: DictionaryObject) -> bytes:
        """Return where a link leads: to a page of this file, or to the web (http, https, mailto)."""
        action = self._pdf.resolve(annotation.get("/A"))
        if not isinstance(action, DictionaryObject):
            return self._destination(annotation.get("/Dest"))
        kind = self._pdf.resolve(action.get("/S"))
        if kind == "/GoTo":
            return self._destination(action.get("/D"))
        uri = self._pdf.resolve(action.get("/URI"))
        if kind != "/URI" or not isinstance(uri, TextStringObject | ByteStringObject):
            return b""
        return b"/A<</S/URI/URI%s>>" % _scalar(uri) if _SAFE_LINK.match(uri.original_bytes) else b""

    def _destination(self, value: object) -> bytes:
        target = self._pdf.target(value)
        if not target:
            return b""
        return b"/Dest[%s %s]" % (reference(self._numbers[target.page]), b" ".join(map(_scalar, target.how)))

    def _copy_entries(self, value: DictionaryObject, keys: Iterable[str]) -> list[bytes]:
        return [_entry(each, self._spell(value.get(each), 0)) for each in keys if each in value]

    def _spell(self, value: object, depth: int) -> bytes:
        """Return a value as bytes, with its references renumbered."""
        if isinstance(value, IndirectObject):
            return self._reference(value, depth)
        if isinstance(value, StreamObject) or _kind(value) in _NOT_DRAWN:
            return b"null"
        if isinstance(value, DictionaryObject):
            return b"<<%s>>" % self._entries(value, depth)
        if isinstance(value, ArrayObject):
            self._count_values(len(value), depth)
            return b"[%s]" % b" ".join([self._spell(part, depth + 1) for part in value])
        return _scalar(value)

    def _entries(self, value: dict[str, object], depth: int) -> bytes:
        self._count_values(len(value), depth)
        return b"".join([_entry(each, self._spell(part, depth + 1)) for each, part in value.items()])

    def _stream(self, value: StreamObject, depth: int) -> Stream:
        """Return a stream with its data as stored; filters are not decoded."""
        kept = {each: part for each, part in value.items() if each not in _LEFT_OUT}
        return Stream.from_bytes(self._entries(kept, depth), value._data)

    def _reference(self, old: IndirectObject, depth: int) -> bytes:
        if object_key(old) not in self._copied:
            self._copied[object_key(old)] = 0  # a stream that refers to itself gets null
            self._copied[object_key(old)] = self._copy(self._pdf.resolve(old), depth)
            self._pdf.forget(old)
        obj = self._copied[object_key(old)]
        return reference(obj) if obj else b"null"

    def _copy(self, value: object, depth: int) -> int:
        """Return the new number of an object at the first reference to it; 0 when it is left out."""
        if len(self._copied) > MAX_OBJECTS:
            raise UnreadableSource(f"The PDF has more than {MAX_OBJECTS:,} objects.")
        if not isinstance(value, PdfObject) or isinstance(value, NullObject) or _kind(value) in _NOT_DRAWN:
            return 0
        if isinstance(value, StreamObject) and "/Resources" not in value:
            return self._out.add_same(self._stream(value, depth + 1))
        self._waiting.append((obj := self._out.reserve(), value))
        return obj

    def _count_values(self, values: int, depth: int) -> None:
        """Count what is written, so that a small file cannot make a huge one by repeating references."""
        self._values += values
        if self._values > _MAX_VALUES:
            raise UnreadableSource("The PDF repeats its content too often to be copied safely.")
        if depth > _MAX_DEPTH:
            raise UnreadableSource(f"The PDF nests values more than {_MAX_DEPTH} deep.")


def _kind(value: object) -> str:
    kind = value.get("/Type") if isinstance(value, DictionaryObject) else None
    return kind if isinstance(kind, NameObject) else ""


def _entry(which: str, value: bytes) -> bytes:
    return name(which[1:]) + b" " + value


def _rectangle(box: Box) -> bytes:
    return b"[%s]" % b" ".join(map(_real, box))


def _scalar(value: object) -> bytes:
    """Return a value without parts as bytes. Strings become hexadecimal, whatever their encoding."""
    if isinstance(value, NameObject):
        return name(value[1:])
    if isinstance(value, TextStringObject | ByteStringObject):
        return b"<%s>" % value.original_bytes.hex().encode()
    if isinstance(value, BooleanObject):
        return b"true" if value.value else b"false"
    if isinstance(value, NumberObject):
        return b"%d" % value
    if isinstance(value, FloatObject):
        return _real(value)
    return b"null"


def _real(value: float) -> bytes:
    """Return a number with ten decimals: matrices of fonts and colours need more than coordinates on paper."""
    return f"{value:.10f}".rstrip("0").rstrip(".").encode() if math.isfinite(value) else b"0"
