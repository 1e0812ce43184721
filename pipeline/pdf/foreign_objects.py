"""Finds the objects of a PDF from an unknown source: by its tables of objects, or by searching it, with pypdf.

What a file can ask for is limited here: how much is decoded, and how often the file is searched. Beyond that, the
memory and time limits of the process apply.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable
from io import BytesIO
from typing import IO, Any, BinaryIO

from pypdf import PdfReader
from pypdf.errors import LimitReachedError, PdfReadError
from pypdf.generic import IndirectObject, NullObject, PdfObject, StreamObject

from ..errors import UnreadableSource
from .pypdf_session import log_of_pypdf

MAX_REFERENCES = 1_000_000
_MAX_STEPS = 16  # from reference to reference
_NO_TABLE = b"\nstartxref\n0\n%%EOF\n"  # pypdf then searches for objects
_BLOCK = 1 << 20
_MAX_HEADER = 32
_HEADER = re.compile(rb"(?:\s|%[^\r\n]*[\r\n])*(\d+)\s+(\d+)\s+obj")
_OBJ = re.compile(rb"obj(?<=\sobj)\b")  # a pattern that begins with letters is searched 30 times as fast
_NUMBERS = re.compile(rb"(?<!\d)(\d{1,10})\s{1,4}(\d{1,5})\s{1,4}\Z")


def opened(file: BinaryIO) -> ForeignReader:
    """Open a file. Where its table of objects cannot be read, or is lost, the file is searched for objects."""
    try:
        return ForeignReader(file)
    except LimitReachedError:
        raise
    except PdfReadError as error:
        log_of_pypdf.warning("the table of objects cannot be read: %s", error)
        file.seek(0)
        return ForeignReader(BytesIO(file.read() + _NO_TABLE))


class ForeignReader(PdfReader):
    """pypdf's reader, but it refuses encrypted files, searches a damaged file only once, and leaves out what was
    deleted.

    pypdf itself reads the whole file again for each object that is not where the cross-reference says. Where a
    later table calls an object free, it takes the object from an earlier one.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._freed: set[int] = set()
        self._seen: dict[tuple[int, int], int] | None = None
        self._steps = 0
        self.absent: set[tuple[int, int]] = set()  # objects that were asked for, but are not in the file
        super().__init__(file, xref_stream_maximum_entries=MAX_REFERENCES)

    def _handle_encryption(self, password: str | bytes | None) -> None:  # noqa: ARG002  # pypdf's name
        if isinstance(self.trailer["/Encrypt"], NullObject):  # the same as without the entry (7.3.7)
            return
        raise UnreadableSource(
            "The PDF is protected by a password or against copying.",
            advice="Save it without protection, or choose `on_unreadable` = skip or placeholder.",
        )

    def get_object(self, indirect_reference: int | IndirectObject) -> PdfObject | None:
        """Return an object; null when the file does not have it (ISO 32000-1, 7.3.10).

        Raises PdfReadError for one that a table of objects itself refers to.
        """
        if not hasattr(self, "stream"):  # pypdf sets it when the tables are read
            raise PdfReadError("A table of objects has a reference in place of a number.")
        wanted = indirect_reference
        if isinstance(wanted, int):
            wanted = IndirectObject(wanted, 0, self)
        packed = wanted.generation == 0 and wanted.idnum in self.xref_objStm
        known = packed or (wanted.generation, wanted.idnum) in self.resolved_objects
        if not known and not self._is_in_place(wanted):
            if wanted.idnum in self._freed:
                log_of_pypdf.warning("object %d is used, but was deleted", wanted.idnum)
                return NullObject()
            if self._seen is None:
                self._seen = _objects_in(self.stream)
            if object_key(wanted) in self._seen or any(wanted.idnum in places for places in self.xref.values()):
                log_of_pypdf.warning("object %d is not where the file says", wanted.idnum)
            if object_key(wanted) not in self._seen:
                self.absent.add(object_key(wanted))
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
        """Keep an object, but neither one that is only a reference, which pypdf cannot keep, nor a table of
        objects, since a later object may have its number."""
        if isinstance(obj, IndirectObject) or (isinstance(obj, StreamObject) and obj.get("/Type") == "/XRef"):
            return obj
        return super().cache_indirect_object(generation, idnum, obj)

    def _read_xref_tables_and_trailers(self, stream: IO[bytes], startxref: int | None, xref_issue_nr: int) -> None:
        """Read all tables, the latest first. An object that a later one calls free is none of an earlier one."""
        self._freed = set()
        super()._read_xref_tables_and_trailers(stream, startxref, xref_issue_nr)
        for places in (*self.xref.values(), self.xref_objStm):
            for number in self._freed & places.keys():
                del places[number]

    def _read_xref(self, stream: IO[bytes]) -> int | None:
        self.xref_free_entry = defaultdict(dict)  # of this table alone
        before = super()._read_xref(stream)
        self._free(number for each in self.xref_free_entry.values() for number, free in each.items() if free)
        return before

    def _read_xref_subsections(
        self, idx_pairs: list[int], get_entry: Callable[[int], Any], used_before: Callable[[int, Any], bool]
    ) -> None:
        numbers = (number for start, size in self._pairs(idx_pairs) for number in range(start, start + size))
        freed: list[int] = []

        def noting(field: int) -> Any:
            value = get_entry(field)
            if field == 0 and (number := next(numbers, -1)) >= 0 and value == 0:
                freed.append(number)
            return value

        super()._read_xref_subsections(idx_pairs, noting, used_before)
        self._free(freed)

    def _free(self, numbers: Iterable[int]) -> None:
        """Note objects that a table calls free, unless it has them elsewhere too, or a later one has them."""
        for number in numbers:
            if number not in self.xref_objStm and not any(number in places for places in self.xref.values()):
                self._freed.add(number)

    def _rebuild_xref_table(self, stream: IO[bytes]) -> None:
        """Search for objects. One that comes after the packed objects that have it too is later, so it counts."""
        super()._rebuild_xref_table(stream)
        alone = self.xref.get(0, {})
        for number, (packed_in, _) in list(self.xref_objStm.items()):
            if alone.get(number, 0) > alone.get(packed_in, 0):
                del self.xref_objStm[number]

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


def object_key(old: IndirectObject) -> tuple[int, int]:
    """Return the number and generation of an object in its file."""
    return old.idnum, old.generation
