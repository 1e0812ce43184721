"""Reads PDFs from unknown sources with pypdf: pages, boxes, destinations and outline; translates every error.

What a file can ask for is limited here: how much is decoded, and how often the file is searched. Beyond that, the
memory and time limits of the process apply.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from io import BytesIO
from typing import IO, Any, BinaryIO

from pypdf import PdfReader
from pypdf.errors import LimitReachedError, PdfReadError
from pypdf.generic import (
    ArrayObject,
    Destination,
    DictionaryObject,
    IndirectObject,
    NullObject,
    PdfObject,
    StreamObject,
)

from ..errors import UnreadableSource
from .pypdf_session import log_of_pypdf, reading, translated_errors

Box = tuple[float, float, float, float]
"""Left, bottom, right and top, in points."""

MAX_REFERENCES = 1_000_000
_MAX_STEPS = 16  # from reference to reference
_NO_TABLE = b"\nstartxref\n0\n%%EOF\n"  # pypdf then searches for objects
_BLOCK = 1 << 20
_MAX_HEADER = 32
_HEADER = re.compile(rb"(?:\s|%[^\r\n]*[\r\n])*(\d+)\s+(\d+)\s+obj")
_OBJ = re.compile(rb"obj(?<=\sobj)\b")  # a pattern that begins with letters is searched 30 times as fast
_NUMBERS = re.compile(rb"(?<!\d)(\d{1,10})\s{1,4}(\d{1,5})\s{1,4}\Z")
_LETTER: Box = (0.0, 0.0, 612.0, 792.0)  # what readers use for a page without a size


@dataclass(frozen=True)
class Heading:
    """An outline entry of a file. `level` 1 is the top, `page` counts from 0, `top` is in points."""

    level: int
    page: int
    top: float
    title: str


@dataclass(frozen=True)
class Target:
    """A destination in a file (ISO 32000-1, 12.3.2): its page, from 0, and how to show it, as pypdf's values."""

    page: int
    how: list[object]


@contextmanager
def open_pdf(file: BinaryIO) -> Iterator[ForeignPdf]:
    """Open a PDF. Raises UnreadableSource when it is not a PDF, is damaged or protected, or has no pages."""
    file.seek(0)
    head = file.read(1024)
    if b"%PDF-" not in head:
        raise UnreadableSource("This is not a PDF file." if head else "The file is empty.")
    with reading() as repairs:
        with translated_errors():
            reader = _reader(file)
        with reader:
            yield ForeignPdf(reader, repairs)


def _reader(file: BinaryIO) -> _Reader:
    """Open a file. Where its table of objects cannot be read, or is lost, the file is searched for objects."""
    try:
        return _Reader(file)
    except LimitReachedError:
        raise
    except PdfReadError as error:
        log_of_pypdf.warning("the table of objects cannot be read: %s", error)
        file.seek(0)
        return _Reader(BytesIO(file.read() + _NO_TABLE))


class _Reader(PdfReader):
    """pypdf's reader, but it refuses encrypted files and searches a damaged file only once.

    pypdf itself reads the whole file again for each object that is not where the cross-reference says.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._seen: dict[tuple[int, int], int] | None = None
        self._steps = 0
        super().__init__(file, xref_stream_maximum_entries=MAX_REFERENCES)

    def _handle_encryption(self, password: str | bytes | None) -> None:  # noqa: ARG002  # pypdf's name
        raise UnreadableSource(
            "The PDF is protected by a password or against copying.",
            advice="Save it without protection, or choose `on_unreadable` = skip or placeholder.",
        )

    def get_object(self, indirect_reference: int | IndirectObject) -> PdfObject | None:
        """Return an object; null when the file does not have it (ISO 32000-1, 7.3.10)."""
        wanted = indirect_reference
        if isinstance(wanted, int):
            wanted = IndirectObject(wanted, 0, self)
        packed = wanted.generation == 0 and wanted.idnum in self.xref_objStm
        known = packed or (wanted.generation, wanted.idnum) in self.resolved_objects
        if not known and not self._is_in_place(wanted):
            if self._seen is None:
                log_of_pypdf.warning("object %d is not where the file says", wanted.idnum)
                self._seen = _objects_in(self.stream)
            if object_key(wanted) not in self._seen:
                return NullObject()
            self.xref.setdefault(wanted.generation, {})[wanted.idnum] = self._seen[object_key(wanted)]
        found = super().get_object(wanted)
        return self._followed(found) if isinstance(found, IndirectObject) else found

    def _followed(self, reference: IndirectObject) -> PdfObject | None:
        """Return what an object that is only a reference leads to; null when that is nothing or itself."""
        self._steps += 1
        try:
            return self.get_object(reference) if self._steps < _MAX_STEPS else NullObject()
        finally:
            self._steps -= 1

    def cache_indirect_object(self, generation: int, idnum: int, obj: PdfObject | None) -> PdfObject | None:
        """Keep an object; pypdf cannot keep one that is only a reference."""
        return obj if isinstance(obj, IndirectObject) else super().cache_indirect_object(generation, idnum, obj)

    def _is_in_place(self, wanted: IndirectObject) -> bool:
        at = self.xref.get(wanted.generation, {}).get(wanted.idnum)
        if at is None:
            return False
        self.stream.seek(at)
        header = _HEADER.match(self.stream.read(64))
        return header is not None and (int(header[1]), int(header[2])) == object_key(wanted)


def _objects_in(file: IO[bytes]) -> dict[tuple[int, int], int]:
    """Find where each object begins by searching the file. Of objects with one number, the last one counts.

    Returns (number, generation) to offset. Raises LimitReachedError above MAX_REFERENCES objects.
    """
    found: dict[tuple[int, int], int] = {}
    start, block = 0, b""
    file.seek(0)
    while read := file.read(_BLOCK):
        kept = block[-2 * _MAX_HEADER :]  # headers that begin in its first half were found before
        start, block = start + len(block) - len(kept), kept + read
        for word in _OBJ.finditer(block, _MAX_HEADER if start else 0):
            before = max(0, word.start() - _MAX_HEADER)
            if header := _NUMBERS.search(block, before, word.start()):
                found[int(header[1]), int(header[2])] = start + header.start()
        if len(found) > MAX_REFERENCES:
            raise LimitReachedError(f"more than {MAX_REFERENCES:,} objects.")
    return found


class ForeignPdf:
    """The pages of a file, and what leads to them."""

    def __init__(self, reader: PdfReader, repairs: Sequence[str]) -> None:
        self.repairs = repairs  # what was mended so far; grows while the file is read
        with translated_errors():
            self.pages = list(reader.pages)
        if not self.pages:
            raise UnreadableSource("The PDF has no pages.")
        self._reader = reader
        self._check_count()
        self._named: dict[str, Destination] | None = None
        self.places: dict[tuple[int, int], int] = {}
        for place, page in reversed(list(enumerate(self.pages))):
            if page.indirect_reference is not None:
                self.places[object_key(page.indirect_reference)] = place

    def _check_count(self) -> None:
        told = self.resolve(self.dictionary(self.catalog.get("/Pages")).get("/Count"))
        if isinstance(told, int) and told > len(self.pages):
            log_of_pypdf.warning("of %d pages only %d are there", told, len(self.pages))

    @property
    def catalog(self) -> DictionaryObject:
        """The root of the file's objects (7.7.2)."""
        with translated_errors():
            return self._reader.root_object

    def decoded(self, value: StreamObject) -> bytes | None:
        """Return a stream's data without its filters; None when they cannot be undone, or give too much."""
        try:
            with translated_errors():
                return value.get_data()
        except UnreadableSource:
            return None

    def resolve(self, value: object) -> object:
        """Return the value that a reference stands for; any other value as it is."""
        if not isinstance(value, IndirectObject):
            return value
        with translated_errors():
            found = self._reader.get_object(value)
        return None if isinstance(found, IndirectObject) else found

    def dictionary(self, value: object) -> DictionaryObject:
        """Return the dictionary that a value is or stands for; an empty one for any other value."""
        found = self.resolve(value)
        return found if isinstance(found, DictionaryObject) else DictionaryObject()

    def forget(self, old: IndirectObject) -> None:
        """Drop a stream's bytes, which pypdf would keep in memory until the file is closed."""
        held = self._reader.resolved_objects.get((old.generation, old.idnum))
        if isinstance(held, StreamObject):
            del self._reader.resolved_objects[(old.generation, old.idnum)]

    def size(self, page: DictionaryObject) -> Box:
        """Return the page's MediaBox; US Letter when it has none."""
        return self.box(page.get("/MediaBox")) or _LETTER

    def box(self, value: object) -> Box | None:
        """Return a rectangle (7.9.5); None when the value is not a rectangle, or too large for paper."""
        value = self.resolve(value)
        if not isinstance(value, ArrayObject) or len(value) != 4:
            return None
        sides = [float(side) for part in value if isinstance(side := self.resolve(part), int | float)]
        if len(sides) < 4 or not all(abs(side) < 1e6 for side in sides):
            return None
        (left, right), (bottom, top) = sorted(sides[0::2]), sorted(sides[1::2])
        return left, bottom, right, top

    def target(self, value: object) -> Target | None:
        """Return a destination, given directly or by name; None when it is not on a page of this file."""
        value = self.resolve(value)
        if isinstance(value, str | bytes):
            value = self._destination(str(value))
        if isinstance(value, DictionaryObject):
            value = self.resolve(value.get("/D"))
        if not isinstance(value, ArrayObject) or len(value) < 2 or not isinstance(value[0], IndirectObject):
            return None
        page = self.places.get(object_key(value[0]))
        return None if page is None else Target(page, [self.resolve(part) for part in value[1:6]])

    def headings(self) -> tuple[list[Heading], int]:
        """Return the file's outline, and how many entries have no page and are left out.

        An entry without a page gets the page of the next entry: it is a folder.
        """
        with translated_errors():
            found = list(self._outline(self._reader.outline, 1))
        headings: list[Heading] = []
        for heading in reversed(found):
            if heading.page >= 0:
                headings.append(heading)
            elif headings:
                headings.append(replace(heading, page=headings[-1].page, top=headings[-1].top))
        return headings[::-1], len(found) - len(headings)

    def _outline(self, items: Iterable[Any], level: int) -> Iterator[Heading]:
        for item in items:
            if isinstance(item, list):
                yield from self._outline(item, level + 1)
                continue
            page = self.places.get(object_key(item.page), -1) if isinstance(item.page, IndirectObject) else -1
            top = self.resolve(item.top)
            if not isinstance(top, int | float):
                top = self.size(self.pages[page])[3]
            yield Heading(level, page, float(top), str(item.title or ""))

    def _destination(self, title: str) -> ArrayObject | None:
        with translated_errors():
            if self._named is None:
                self._named = self._reader.named_destinations
            found = self._named.get(title)
            return found.dest_array if found is not None else None


def object_key(old: IndirectObject) -> tuple[int, int]:
    """Return the number and generation of an object in its file."""
    return old.idnum, old.generation
