"""Annotations of copied pages (ISO 32000-1, 12.5): links, notes and marks are kept, form fields become pictures."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from pypdf.generic import (
    BooleanObject,
    ByteStringObject,
    DictionaryObject,
    IndirectObject,
    TextStringObject,
)

from ..objects import Matrix, reference
from ..reader import ForeignPdf, common
from ..segment_body import SegmentBody
from . import remarks
from .fields import DrawnField, draw_field
from .looks import Look, appearance, inherited, is_filled, placement, upright
from .values import ObjectCopy, rectangle, scalar

_SAFE_LINK = re.compile(rb"(?:https?|mailto|tel):", re.IGNORECASE)
_LINK_ENTRIES = ("/AP", "/AS", "/Border", "/BS", "/C", "/Contents", "/F", "/H", "/OC", "/QuadPoints")
_KEPT = {"/Text", "/FreeText", "/Line", "/Square", "/Circle", "/Polygon", "/PolyLine", "/Highlight", "/Underline",
         "/Squiggly", "/StrikeOut", "/Stamp", "/Caret", "/Ink", "/Popup", "/Redact", "/Watermark",
         "/PrinterMark"}  # fmt: skip
_LEFT_OUT = {"/A", "/AA", "/P", "/Dest", "/PA", "/StructParent", "/AF", "/ExData", "/FS", "/Sound", "/Movie"}
_UNSEEN = 2 | 32  # the flags Hidden and NoView


class AnnotationCopy:
    """Copies the annotations of one file's pages; `numbers` are those of its pages.

    Links of our `own` canvas may lead to named destinations elsewhere.
    """

    def __init__(
        self, pdf: ForeignPdf, out: SegmentBody, objects: ObjectCopy, numbers: Sequence[int], *, own: bool
    ) -> None:
        self._pdf = pdf
        self._out = out
        self._objects = objects
        self._numbers = numbers
        self._own = own
        wanted = pdf.dictionary(pdf.catalog.get("/AcroForm")).get("/NeedAppearances")
        self._stale = not own and pdf.resolve(wanted) == BooleanObject(True)  # pictures of fields may be old
        self._losses: Counter[str] = Counter()  # of the present page

    def copy(self, page: DictionaryObject, where: str, turned: int) -> tuple[bytes, list[Look]]:
        """Return a page's /Annots entry, and what the page must draw instead of annotations that are not kept.

        `turned` are the degrees by which the page is turned.
        """
        found = self._pdf.array(page.get("/Annots"))
        self._objects.count_values(len(found), 0)
        pairs = [(each, self._pdf.resolve(each)) for each in found]
        annotations = [(each, value) for each, value in pairs if isinstance(value, DictionaryObject)]
        kept = {place: self._reserve(each) for place, (each, value) in enumerate(annotations) if self._stays(value)}
        spelled, looks = [], []
        for place, (_, value) in enumerate(annotations):
            if place in kept:
                self._out.add(self._mark(value), kept[place])
                spelled.append(reference(kept[place]))
            elif self._pdf.name(value.get("/Subtype")) == "/Link":
                spelled.append(self._link(value))
            else:
                looks += self._look(value, turned)
        for words, times in self._losses.items():
            self._out.tally.warn(words, where, times)
        self._losses.clear()
        return b"/Annots[%s]" % b" ".join(filter(None, spelled)) if any(spelled) else b"", looks

    def _stays(self, value: DictionaryObject) -> bool:
        return self._pdf.name(value.get("/Subtype")) in _KEPT

    def _reserve(self, each: object) -> int:
        """Return a number for an annotation, by which others refer to it: a note to its window, an answer to it."""
        obj = self._out.reserve()
        if isinstance(each, IndirectObject):
            self._objects.place(each, obj)
        return obj

    def _mark(self, value: DictionaryObject) -> bytes:
        """Return a note or another mark, without what it does when it is clicked."""
        self._note_action(value)
        kept = {key: part for key, part in value.items() if key not in _LEFT_OUT}
        return b"<<%s>>" % self._objects.entries(kept)

    def _look(self, value: DictionaryObject, turned: int) -> list[Look]:
        """Return how an annotation looks that is not kept itself: a form field, or a sound, film or file."""
        field = self._pdf.name(value.get("/Subtype")) == "/Widget"
        self._note_kind(value, field)
        flags = self._pdf.resolve(value.get("/F"))
        if isinstance(flags, int) and flags & _UNSEEN:
            return []
        box = self._pdf.box(value.get("/Rect"))
        layer = self._objects.spell(value.get("/OC")) if "/OC" in value else b""
        look = appearance(self._pdf, value)
        stale = field and self._stale and inherited(self._pdf, value, "/FT") != "/Btn"
        if field and box and (look is None or stale) and (drawn := draw_field(self._pdf, value, box)):
            return self._drawn(drawn, layer, upright(self._pdf, value, drawn.matrix, box, turned))
        if look is None or not box:
            self._note_no_look(value, field)
            return []
        if stale:
            self._losses[remarks.STALE] += 1
        if matrix := placement(self._pdf, look, box):
            matrix = upright(self._pdf, value, matrix, box, turned)
            return [Look(self._objects.spell(look), matrix, layer)]
        if common(box, box):
            self._note_no_look(value, field)
        return []

    def _note_no_look(self, value: DictionaryObject, field: bool) -> None:
        """Note an annotation without a picture, unless it is an empty field that has nothing to show."""
        marked = bool(self._pdf.dictionary(value.get("/MK")))  # with a border or the like
        if not field or marked or is_filled(self._pdf, value):
            self._losses[remarks.NO_LOOK] += 1

    def _drawn(self, field: DrawnField, layer: bytes, matrix: Matrix) -> list[Look]:
        if not field.operators:
            return []
        self._losses[remarks.DRAWN] += 1
        if field.cut:
            self._losses[remarks.CUT_FIELD] += 1
        form = self._out.add_text_form(field.width, field.height, field.texts, field.operators)
        return [Look(reference(form), matrix, layer)]

    def _note_kind(self, value: DictionaryObject, field: bool) -> None:
        if not field:
            self._losses[remarks.MEDIA] += 1
            return
        signed = inherited(self._pdf, value, "/FT") == "/Sig"
        self._losses[remarks.SIGNATURE if signed else remarks.FIELD] += 1
        self._note_action(value)

    def _note_action(self, value: DictionaryObject) -> None:
        if "/A" in value or self._pdf.dictionary(value.get("/AA")):
            self._losses[remarks.CLICK] += 1

    def _link(self, annotation: DictionaryObject) -> bytes:
        """Return a link annotation; nothing when its target is not allowed or not there."""
        box = self._pdf.box(annotation.get("/Rect"))
        leads = self._link_target(annotation) if box else b""
        if not leads or not box:
            self._losses[remarks.LINK] += 1
            return b""
        then = self._pdf.resolve(self._pdf.dictionary(annotation.get("/A")).get("/Next"))
        if then or self._pdf.dictionary(annotation.get("/AA")):
            self._losses[remarks.CLICK] += 1
        kept = b"".join(self._objects.copy_entries(annotation, _LINK_ENTRIES))
        return b"<</Type/Annot/Subtype/Link/Rect%s%s%s>>" % (rectangle(box), kept, leads)

    def _link_target(self, annotation: DictionaryObject) -> bytes:
        """Return where a link leads: to a page of this file, or to an address (http, https, mailto, tel)."""
        action = self._pdf.resolve(annotation.get("/A"))
        if not isinstance(action, DictionaryObject):
            return self._destination(annotation.get("/Dest"))
        kind = self._pdf.name(action.get("/S"))
        if kind == "/GoTo":
            return self._destination(action.get("/D"))
        uri = self._pdf.resolve(action.get("/URI"))
        if kind != "/URI" or not isinstance(uri, TextStringObject | ByteStringObject):
            return b""
        return b"/A<</S/URI/URI%s>>" % scalar(uri) if _SAFE_LINK.match(uri.original_bytes) else b""

    def _destination(self, value: object) -> bytes:
        target = self._pdf.target(value)
        if not target:
            return self._named(self._pdf.resolve(value)) if self._own else b""
        return b"/Dest[%s %s]" % (reference(self._numbers[target.page]), b" ".join(map(scalar, target.how)))

    def _named(self, value: object) -> bytes:
        if not isinstance(value, TextStringObject | ByteStringObject):
            return b""
        self._out.add_link(value.original_bytes.decode())
        return b"/Dest" + scalar(value)
