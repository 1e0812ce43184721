"""Copies the objects of a file into a segment, under new numbers. Bytes are kept: names, strings and streams."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Mapping

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

from ...errors import UnreadableSource
from ..foreign_objects import object_key
from ..objects import Stream, name, reference
from ..pypdf_session import log_of_pypdf
from ..reader import Box, ForeignPdf
from ..segment_body import SegmentBody
from . import remarks
from .layers import layers

MAX_OBJECTS = 200_000
FONT_KEY = "/Pipeline.Font"  # names one of our own fonts, see canvas_fonts.py
_MAX_VALUES = 20_000_000  # entries of all arrays and dictionaries written
_MAX_DEPTH = 64
_INTEGERS = 2**63  # larger ones are real numbers (PDF Reference 1.7, 3.2.2): some readers cannot count so far

# From a stream's dictionary only: in other dictionaries these may be names, as of a font called /Metadata.
_LEFT_OUT = {"/F", "/FFilter", "/FDecodeParms", "/DL", "/Metadata", "/PieceInfo", "/StructParent",
             "/StructParents", "/AF", "/Ref", "/OPI"}  # fmt: skip
_NOT_DRAWN = {"/Catalog", "/Pages", "/Page", "/Annot", "/Action", "/Filespec", "/EmbeddedFile", "/Metadata",
              "/StructTreeRoot", "/StructElem"}  # fmt: skip
_DRAWN_STREAMS = ("/Form", "/Image")  # by /Subtype, whatever their /Type


class ObjectCopy:
    """Copies objects of one file into a segment.

    An object gets its number at the first reference to it and is written later, so circular references work.
    Objects that refer to nothing, or only to such streams (pictures, fonts, profiles), are written at once: their
    bytes are then all known, so one that the segment already holds is not written again.
    """

    def __init__(self, pdf: ForeignPdf, out: SegmentBody, fonts: Mapping[str, int]) -> None:
        self._pdf = pdf
        self._out = out
        self._fonts = fonts
        self._copied: dict[tuple[int, int], int] = {}
        self._waiting: deque[tuple[int, PdfObject]] = deque()
        self._layers = layers(pdf)
        self._values = 0

    def place(self, old: IndirectObject | tuple[int, int], obj: int) -> None:
        """Say which number an object will have; 0 leaves it out."""
        self._copied[object_key(old) if isinstance(old, IndirectObject) else old] = obj

    def write_waiting(self) -> None:
        """Write the objects that were referred to and are not written yet."""
        while self._waiting:
            waiting, value = self._waiting.popleft()
            body = self._stream(value, 0) if isinstance(value, StreamObject) else self.spell(value)
            self._out.add(body, waiting)

    def copy_entries(self, value: DictionaryObject, keys: Iterable[str]) -> list[bytes]:
        """Return those entries of a dictionary that it has."""
        return [entry(each, self.spell(value.get(each))) for each in keys if each in value]

    def spell(self, value: object, depth: int = 0) -> bytes:
        """Return a value as bytes, with its references renumbered."""
        if isinstance(value, IndirectObject):
            return self._reference(value, depth)
        if isinstance(value, StreamObject) or is_left_out(value):
            return b"null"
        if isinstance(value, DictionaryObject):
            if self._fonts and FONT_KEY in value:
                return reference(self._fonts[kind(value, FONT_KEY)])
            return b"<<%s>>" % self.entries(value, depth)
        if isinstance(value, ArrayObject):
            self.count_values(len(value), depth)
            return b"[%s]" % b" ".join([self.spell(part, depth + 1) for part in value])
        return scalar(value)

    def entries(self, value: Mapping[str, object], depth: int = 0) -> bytes:
        """Return the entries of a dictionary."""
        self.count_values(len(value), depth)
        return b"".join([entry(each, self.spell(part, depth + 1)) for each, part in value.items()])

    def _stream(self, value: StreamObject, depth: int) -> Stream:
        """Return a stream with its data as stored; filters are not decoded."""
        kept = {each: part for each, part in value.items() if each not in _LEFT_OUT}
        return Stream.from_bytes(self.entries(kept, depth), value._data)

    def _reference(self, old: IndirectObject, depth: int) -> bytes:
        if object_key(old) not in self._copied:
            self._copied[object_key(old)] = 0  # a stream that refers to itself gets null
            self._copied[object_key(old)] = self._copy(old, self._pdf.resolve(old), depth)
            self._pdf.forget(old)
        obj = self._copied[object_key(old)]
        return reference(obj) if obj else b"null"

    def _copy(self, old: IndirectObject, value: object, depth: int) -> int:
        """Return the new number of an object at the first reference to it; 0 when it is left out."""
        if len(self._copied) > MAX_OBJECTS:
            raise UnreadableSource(f"The PDF has more than {MAX_OBJECTS:,} objects.")
        if self._pdf.lacks(old):
            log_of_pypdf.warning("object %d is used, but is not in the file", old.idnum)
        if not isinstance(value, PdfObject) or isinstance(value, NullObject) or is_left_out(value):
            return 0
        if kind(value) == "/OCG" or (object_key(old) in self._layers and isinstance(value, DictionaryObject)):
            return self._layer(old, value, depth)
        if isinstance(value, StreamObject):
            if "/Resources" not in value:
                return self._out.add_same(self._stream(value, depth + 1))
        elif _is_closed(value):
            return self._out.add_same(self.spell(value, depth + 1))
        self._waiting.append((obj := self._out.reserve(), value))
        return obj

    def _layer(self, old: IndirectObject, value: PdfObject, depth: int) -> int:
        """Copy an optional content group (8.11.2), whose state the catalog of the new file repeats."""
        self._out.tally.warn(remarks.LAYERS)
        return self._out.add_layer(self.spell(value, depth + 1), self._layers.get(object_key(old), True))

    def count_values(self, values: int, depth: int) -> None:
        """Count what is written, so that a small file cannot make a huge one by repeating references."""
        self._values += values
        if self._values > _MAX_VALUES:
            raise UnreadableSource("The PDF repeats its content too often to be copied safely.")
        if depth > _MAX_DEPTH:
            raise UnreadableSource(f"The PDF nests values more than {_MAX_DEPTH} deep.")


def kind(value: object, key: str = "/Type") -> str:
    """Return the /Type of a dictionary, or another name in it; empty when it has none."""
    found = value.get(key) if isinstance(value, DictionaryObject) else None
    return found if isinstance(found, NameObject) else ""


def is_left_out(value: object) -> bool:
    """Return whether a value stands for something else than what is drawn, such as a page or the catalog."""
    drawn = isinstance(value, StreamObject) and kind(value, "/Subtype") in _DRAWN_STREAMS
    return not drawn and kind(value) in _NOT_DRAWN


def _is_closed(value: object, depth: int = 0) -> bool:
    """Return whether a value refers to nothing, such as a standard font or a graphics state."""
    if isinstance(value, IndirectObject | StreamObject) or depth > _MAX_DEPTH:
        return False
    if isinstance(value, DictionaryObject):
        return FONT_KEY not in value and all(_is_closed(part, depth + 1) for part in value.values())
    return not isinstance(value, ArrayObject) or all(_is_closed(part, depth + 1) for part in value)


def entry(which: str, value: bytes) -> bytes:
    """Return an entry of a dictionary of the file."""
    return _name(which) + b" " + value


def rectangle(box: Box) -> bytes:
    """Return a rectangle (7.9.5)."""
    return b"[%s]" % b" ".join(map(real, box))


def scalar(value: object) -> bytes:
    """Return a value without parts as bytes. Strings become hexadecimal, whatever their encoding."""
    if isinstance(value, NameObject):
        return _name(value)
    if isinstance(value, TextStringObject | ByteStringObject):
        return b"<%s>" % value.original_bytes.hex().encode()
    if isinstance(value, BooleanObject):
        return b"true" if value.value else b"false"
    if isinstance(value, NumberObject):
        return b"%d" % value if -_INTEGERS <= value < _INTEGERS else b"%d.0" % value
    if isinstance(value, FloatObject):
        return real(value)
    return b"null"


def _name(value: str) -> bytes:
    return name(value[1:].encode("latin-1"))  # as the reader decodes it, see reader.py


def real(value: float) -> bytes:
    """Return a number with ten decimals: matrices of fonts and colours need more than coordinates on paper."""
    return f"{value:.10f}".rstrip("0").rstrip(".").encode() if math.isfinite(value) else b"0"
