"""Pages of a file: their dictionaries, and what is drawn on top of their content."""

from __future__ import annotations

import zlib
from collections.abc import Mapping

from pypdf.generic import ArrayObject, DictionaryObject, IndirectObject, NameObject, NullObject, StreamObject

from ..objects import Stream, name, reference
from ..overlay import overlay_operators, overlay_xobjects
from ..pypdf_session import log_of_pypdf
from ..reader import Box, ForeignPdf, common
from ..segment_body import SegmentBody
from . import remarks
from .annotations import AnnotationCopy
from .content import Balance, balance, without
from .document import note_losses_of_page
from .looks import Look, form_of_looks, inherited
from .values import ObjectCopy, entry, is_left_out, rectangle

PREFIX = "Pipeline."  # keeps the names of what is added apart from the page's own
_INNER_BOXES = ("/CropBox", "/BleedBox", "/TrimBox", "/ArtBox")
_KINDS: dict[str, tuple[type, ...]] = {
    "/Annots": (ArrayObject,),
    "/Contents": (StreamObject, ArrayObject),
    "/Group": (DictionaryObject,),
    "/Resources": (DictionaryObject,),
    "/Rotate": (int, float),
    "/UserUnit": (int, float),
}
_INHERITED = ("/CropBox", "/MediaBox", "/Resources", "/Rotate")
_COMPRESSION_LEVEL = 4


class PageCopy:
    """Copies the pages of one file into a segment. `fonts` are given for pages of our own canvas only."""

    def __init__(self, pdf: ForeignPdf, out: SegmentBody, fonts: Mapping[str, int] | None) -> None:
        self._pdf = pdf
        self._out = out
        self._objects = ObjectCopy(pdf, out, fonts or {})
        self._numbers = [out.reserve() for _ in pdf.pages]
        self._annotations = AnnotationCopy(pdf, out, self._objects, self._numbers, own=fonts is not None)
        self._inherited: dict[int, int] = {}
        for old, place in pdf.places.items():
            self._objects.place(old, self._numbers[place])

    def write(self) -> list[int]:
        """Write all pages, each followed by the objects it uses first. Returns the pages' object numbers."""
        for place, page in enumerate(self._pdf.pages):
            self._out.add_page(self._page(page, f"its page {place + 1}"), self._numbers[place])
            self._objects.write_waiting()
        return self._numbers

    def _page(self, page: DictionaryObject, where: str) -> bytes:
        """Return the entries of a page's dictionary, including those it inherits (ISO 32000-1, 7.7.3.4)."""
        page = self._sound(self._whole(page), where)
        entries = [entry(which, rectangle(box)) for which, box in self._boxes(page, where)]
        turned = self._turned(page, where)
        if turned:
            entries.append(entry("/Rotate", b"%d" % turned))
        note_losses_of_page(self._pdf, page, self._out.tally, where)
        annotations, looks = self._annotations.copy(page, where, turned)
        if self._out.overlay or looks:
            entries.append(self._with_more(page, turned, looks, where))
        else:
            entries.append(entry("/Resources", self._resources(page)))
            entries += self._objects.copy_entries(page, ("/Contents",))
        entries += self._objects.copy_entries(page, ("/Group", "/UserUnit"))
        return b"".join(entries) + annotations

    def _boxes(self, page: DictionaryObject, where: str) -> list[tuple[str, Box]]:
        """Return the page's boxes, without those of which it has nothing to show."""
        if not self._pdf.area(page.get("/MediaBox")):
            self._out.tally.warn(remarks.NO_SIZE, where)
        size = self._pdf.size(page)
        boxes = [("/MediaBox", size)]
        for which in _INNER_BOXES:
            value = page.get(which)
            if box := self._pdf.area(value, size):
                boxes.append((which, box))
            elif which != "/CropBox" and self._pdf.box(value) and not self._pdf.area(value):
                continue  # of no size, it tells printers nothing, and readers do not show it
            elif self._pdf.resolve(value) not in (None, NullObject()):
                log_of_pypdf.warning("%s has no usable %s", where, which)
        return boxes

    def _turned(self, page: DictionaryObject, where: str) -> int:
        """Return by how many degrees the page is turned: 0, 90, 180 or 270. Readers take others as they like."""
        turned = self._pdf.resolve(page.get("/Rotate"))
        if not isinstance(turned, int | float) or turned % 90 == 0:
            return int(turned) % 360 if isinstance(turned, int | float) else 0
        log_of_pypdf.warning("%s has no usable /Rotate", where)
        return 0

    def _whole(self, page: DictionaryObject) -> DictionaryObject:
        """Return the page with what it inherits where its own value is null, which pypdf takes for a value."""
        null = [key for key in _INHERITED if isinstance(self._pdf.resolve(page.get(key)), NullObject)]
        found = {NameObject(key): value for key in null if (value := inherited(self._pdf, page, key)) is not None}
        return DictionaryObject({**page, **found}) if found else page

    def _sound(self, page: DictionaryObject, where: str) -> DictionaryObject:
        """Return the page without values of a kind that they cannot have; readers take them for nothing, too."""
        wrong = {key for key, kinds in _KINDS.items() if not self._is_of(page.get(key), kinds)}
        for key in sorted(wrong):
            log_of_pypdf.warning("%s has no usable %s", where, key)
        return DictionaryObject({key: value for key, value in page.items() if key not in wrong}) if wrong else page

    def _is_of(self, value: object, kinds: tuple[type, ...]) -> bool:
        """Return whether a value is null or of one of the kinds. For pypdf a stream is a dictionary, too."""
        found = self._pdf.resolve(value)
        if is_left_out(found) or self._pdf.lacks(value):  # a wrong reference, such as to the catalog
            return False
        if isinstance(found, StreamObject):
            return StreamObject in kinds
        return found is None or isinstance(found, (NullObject, *kinds))

    def _with_more(self, page: DictionaryObject, turned: int, looks: list[Look], where: str) -> bytes:
        """Return /Resources and /Contents of a page that shows the looks of form fields, or the overlay."""
        size = self._pdf.size(page)
        box = common(self._pdf.area(page.get("/CropBox"), size) or size, size) or size
        drawn: dict[str, int] = {}
        operators = b""
        if looks:
            drawn[f"{PREFIX}Fields"] = self._out.add(form_of_looks(looks, size))
            operators += b"%s Do " % name(f"{PREFIX}Fields")
        if self._out.overlay:
            drawn |= overlay_xobjects(PREFIX)
            operators += overlay_operators(box, turned, PREFIX)
        return self._more_resources(page, drawn) + entry("/Contents", self._contents(page, operators, where))

    def _more_resources(self, page: DictionaryObject, drawn: Mapping[str, int]) -> bytes:
        resources: dict[str, object] = dict(self._pdf.dictionary(page.get("/Resources")))
        xobjects = self._objects.entries(self._pdf.dictionary(resources.pop("/XObject", None)))
        xobjects += b"".join(name(each) + b" " + reference(obj) for each, obj in drawn.items())
        return entry("/Resources", b"<<%s/XObject<<%s>>>>" % (self._objects.entries(resources), xobjects))

    def _contents(self, page: DictionaryObject, operators: bytes, where: str) -> bytes:
        """Return the page's content with operators behind it.

        The page's own content is wrapped in q and Q, so its changes of the coordinate system end with it.
        """
        contents = self._pdf.resolve(page.get("/Contents"))
        parts = list(contents) if isinstance(contents, ArrayObject) else [page.get("/Contents")]
        content = self._decoded(parts)
        if content is None:
            self._out.tally.warn(remarks.LONG, where)
        left = balance(content) if content is not None else Balance(b"", (), 0)
        if content is not None and (left.surplus or left.end < len(content)):
            data = zlib.compress(without(content, left), _COMPRESSION_LEVEL)
            spelled = [reference(self._out.add_same(Stream.from_bytes(b"/Filter/FlateDecode", data)))]
        else:
            spelled = [text for part in parts if (text := self._objects.spell(part)) != b"null"]
        before = self._out.add_same(Stream.from_bytes(b"", b"q\n"))
        behind = self._out.add_same(Stream.from_bytes(b"", b"\n%sQ %s" % (left.closing, operators)))
        return b"[%s %s %s]" % (reference(before), b" ".join(spelled), reference(behind))

    def _decoded(self, parts: list[object]) -> bytes | None:
        found = []
        for part in parts:
            value = self._pdf.resolve(part)
            if isinstance(value, StreamObject):
                found.append(self._pdf.decoded(value))
        return None if None in found else b"\n".join(data for data in found if data is not None)

    def _resources(self, page: DictionaryObject) -> bytes:
        """Return the page's resources. A dictionary that several pages inherit is written once, as one object."""
        value = page.get("/Resources")
        if isinstance(value, IndirectObject) and isinstance(self._pdf.resolve(value), DictionaryObject):
            return self._objects.spell(value)
        if not isinstance(value, DictionaryObject):
            return b"<<>>"
        if id(value) not in self._inherited:
            self._inherited[id(value)] = self._out.add(self._objects.spell(value))
        return reference(self._inherited[id(value)])
