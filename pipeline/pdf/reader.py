"""Reads PDFs from unknown sources with pypdf: pages, boxes, destinations and outline; translates every error."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, BinaryIO

from pypdf.generic import (
    ArrayObject,
    Destination,
    DictionaryObject,
    IndirectObject,
    NameObject,
    StreamObject,
)

from ..errors import UnreadableSource
from .foreign_objects import ForeignReader, object_key, opened
from .pypdf_session import log_of_pypdf, reading, translated_errors

Box = tuple[float, float, float, float]
"""Left, bottom, right and top, in points."""

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
            reader = opened(file)
        with reader:
            yield ForeignPdf(reader, repairs)


class ForeignPdf:
    """The pages of a file, and what leads to them."""

    def __init__(self, reader: ForeignReader, repairs: Sequence[str]) -> None:
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
        if isinstance(told, int) and told != len(self.pages):
            log_of_pypdf.warning("of %d pages %d are there", told, len(self.pages))

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

    def lacks(self, value: object) -> bool:
        """Return whether a value is a reference to an object that is not in the file, after it was resolved."""
        return isinstance(value, IndirectObject) and object_key(value) in self._reader.absent

    def name(self, value: object) -> str:
        """Return the name that a value is or stands for; empty for any other value."""
        found = self.resolve(value)
        return found if isinstance(found, NameObject) else ""

    def dictionary(self, value: object) -> DictionaryObject:
        """Return the dictionary that a value is or stands for; an empty one for any other value."""
        found = self.resolve(value)
        return found if isinstance(found, DictionaryObject) else DictionaryObject()

    def array(self, value: object) -> list[object]:
        """Return the parts of the array that a value is or stands for; none for any other value."""
        found = self.resolve(value)
        return list(found) if isinstance(found, ArrayObject) else []

    def references(self, value: object) -> list[IndirectObject]:
        """Return the references in an array."""
        return [part for part in self.array(value) if isinstance(part, IndirectObject)]

    def numbers(self, value: object) -> list[float]:
        """Return the numbers in an array."""
        return [float(each) for part in self.array(value) if isinstance(each := self.resolve(part), int | float)]

    def forget(self, old: IndirectObject) -> None:
        """Drop a stream's bytes, which pypdf would keep in memory until the file is closed."""
        held = self._reader.resolved_objects.get((old.generation, old.idnum))
        if isinstance(held, StreamObject):
            del self._reader.resolved_objects[(old.generation, old.idnum)]

    def size(self, page: DictionaryObject) -> Box:
        """Return the page's MediaBox; US Letter when it has none that makes sense."""
        return self.area(page.get("/MediaBox")) or _LETTER

    def area(self, value: object, within: Box | None = None) -> Box | None:
        """Return a rectangle; None when it is empty, or nothing of it is `within` another one."""
        box = self.box(value)
        return box if box and common(box, within or box) else None

    def box(self, value: object) -> Box | None:
        """Return a rectangle (7.9.5); None when the value is not a rectangle, or too large for paper."""
        sides = self.numbers(value)
        if not len(sides) == len(self.array(value)) == 4 or not all(abs(side) < 1e6 for side in sides):
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


def common(box: Box, other: Box) -> Box | None:
    """Return what two rectangles have in common; None when that is nothing."""
    left, bottom, right, top = (*map(max, box[:2], other[:2]), *map(min, box[2:], other[2:]))
    return (left, bottom, right, top) if left < right and bottom < top else None
