"""Joining segments into files, with segments and output in memory."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from typing import BinaryIO

import pypdf
import pytest
from msgspec.structs import replace

from pipeline.errors import DamagedSegment, ExportFailed, NotExact
from pipeline.exports.export import File, Result
from pipeline.exports.plan import Plan
from pipeline.exports.volumes import WHOLE, SegmentEntry, VolumePlan
from pipeline.pdf.catalog import About
from pipeline.pdf.numbering import FIRST
from pipeline.pdf.segment_index import SegmentIndex
from pipeline.pdf.tally import MissingCharacter, Remark, Skipped
from pipeline.tasks.join import SKIPPED_SHOWN, Volume, Written, join

ABOUT = About("Album", 1_700_000_000, "an-export")
CHUNKS = 5
BY_PAGES = VolumePlan((0, 2, 4))  # chunks 0-1, 2-3, 4


def index(chunk: int, pages: int = 1, **changes: object) -> SegmentIndex:
    """A segment of 100 bytes and one object, with a record for each page."""
    plain = SegmentIndex(
        chunk, CHUNKS, first=chunk, planned=1, first_slot=0, offsets=[0], size=100, tree=FIRST + chunk,
        pages=pages, records=1, drawn=pages, bookmarks=[], characters="", labels=None, skipped=[],
    )  # fmt: skip
    return replace(plain, **changes)


class MemorySegments:
    """Segments in memory. The one at `damaged` is no longer what it was after the first pass."""

    def __init__(self, indexes: Sequence[SegmentIndex], damaged: int | None = None) -> None:
        self._indexes = indexes
        self._damaged = damaged

    def all(self) -> Iterator[tuple[str, SegmentIndex]]:
        return ((f"segment {i}", index) for i, index in enumerate(self._indexes))

    def some(self, members: range) -> Iterator[SegmentIndex]:
        for i in members:
            if i == self._damaged:
                raise DamagedSegment(f"segment {i} was stored again while it was joined.")
            yield self._indexes[i]


class MemoryOutput:
    """Files in memory. `calls` are what was asked of it, in order; `files` are the chunks of each file."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.files: dict[str, list[str]] = {}
        self.index = b""

    def write(self, volume: Volume, segments: Sequence[SegmentEntry]) -> Written:
        new = volume.name not in self.files
        self.calls.append(f"{'write' if new else 'find'} {volume.name}")
        self.files[volume.name] = [segments[i].key for i in volume.members]
        size = sum(segments[i].size for i in volume.members) + len(b"".join(volume.assembly.tail()))
        return Written(f"result/{volume.name}", size, new)

    def write_index(self, name: str, draw: Callable[[BinaryIO], int]) -> File:
        self.calls.append(f"index {name}")
        with io.BytesIO() as file:
            pages = draw(file)
            self.index = file.getvalue()
        return File(f"result/{name}", name, len(self.index), 0, pages)

    def finish(self) -> None:
        self.calls.append("finish")


def joined(
    indexes: Sequence[SegmentIndex], output: MemoryOutput, volumes: VolumePlan = WHOLE,
    may_go_on: Callable[[], bool] = lambda: True, warnings: tuple[str, ...] = (), damaged: int | None = None,
    strict: bool = False,
) -> Result | None:  # fmt: skip
    plan = Plan(len(indexes), len(indexes), (), warnings=warnings, volumes=volumes, strict=strict)
    return join(plan, MemorySegments(indexes, damaged), ABOUT, "Album.pdf", output, may_go_on)


def result_of(*args: object, **more: object) -> Result:
    result = joined(*args, **more)  # type: ignore[arg-type]  # those of `joined`
    assert result is not None
    return result


FIVE = [index(chunk) for chunk in range(CHUNKS)]


# order


def test_one_file_holds_every_segment_in_order() -> None:
    output = MemoryOutput()
    result = result_of(FIVE, output)
    assert output.calls == ["write Album.pdf", "finish"]
    assert output.files == {"Album.pdf": [f"segment {i}" for i in range(5)]}
    assert (result.key, result.name) == ("result/Album.pdf", "Album.pdf")
    assert (result.pages, result.records, result.drawn, result.skipped_count) == (5, 5, 5, 0)
    assert (result.volumes, result.index) == ((), None)


def test_volumes_are_written_in_order_and_their_index_last() -> None:
    output = MemoryOutput()
    result = result_of(FIVE, output, BY_PAGES)
    names = [f"Album-{number}-of-3.pdf" for number in (1, 2, 3)]
    assert output.calls == [*(f"write {name}" for name in names), "index Album-index.pdf", "finish"]
    assert list(output.files.values()) == [
        ["segment 0", "segment 1"], ["segment 2", "segment 3"], ["segment 4"]
    ]  # fmt: skip
    assert [(file.name, file.first_page, file.pages) for file in result.volumes] == [
        (names[0], 1, 2), (names[1], 3, 2), (names[2], 5, 1)
    ]  # fmt: skip
    assert result.index is not None
    assert (result.key, result.name) == (result.index.key, "Album-index.pdf")
    assert result.bytes == result.index.bytes + sum(file.bytes for file in result.volumes)


def test_the_index_names_every_volume() -> None:
    output = MemoryOutput()
    result = result_of(FIVE, output, BY_PAGES)
    with pypdf.PdfReader(io.BytesIO(output.index)) as reader:
        text = "".join(page.extract_text() for page in reader.pages)
    assert "3 volumes, 5 pages" in text
    assert all(file.name in text for file in result.volumes)


def test_a_volume_without_pages_is_left_out() -> None:
    output = MemoryOutput()
    indexes = [index(chunk, pages=int(chunk not in (2, 3))) for chunk in range(CHUNKS)]
    result = result_of(indexes, output, BY_PAGES)
    assert list(output.files) == ["Album-1-of-2.pdf", "Album-2-of-2.pdf"]
    assert [(file.first_page, file.pages) for file in result.volumes] == [(1, 2), (3, 1)]


def test_one_volume_is_a_file_without_an_index() -> None:
    output = MemoryOutput()
    result = result_of(FIVE, output, VolumePlan(bytes=10_000_000))
    assert output.calls == ["write Album.pdf", "finish"]
    assert result.index is None


# counts


@pytest.mark.parametrize(
    ("indexes", "records", "message"),
    [
        (FIVE, 6, "6 entries were planned, but 5 were drawn or named as left out"),
        (FIVE, 4, "4 entries were planned, but 5 were drawn or named as left out"),
        ([index(0, pages=0), index(1, pages=0)], 2, "Every entry was left out, so the document has no pages"),
        ([], 0, "Every entry was left out, so the document has no pages"),
    ],
)
def test_wrong_counts_fail_before_any_file(indexes: list[SegmentIndex], records: int, message: str) -> None:
    output = MemoryOutput()
    plan = Plan(records, records, ())
    with pytest.raises(ExportFailed, match=message):
        join(plan, MemorySegments(indexes), ABOUT, "Album.pdf", output, lambda: True)
    assert output.calls == []


# stopping


def test_a_join_told_to_stop_keeps_its_first_volume() -> None:
    output = MemoryOutput()
    assert joined(FIVE, output, BY_PAGES, may_go_on=lambda: False) is None
    assert output.calls == ["write Album-1-of-3.pdf"]


def test_each_join_adds_one_volume_when_told_to_stop() -> None:
    """The volumes that are there are found, and do not count as work."""
    output = MemoryOutput()
    assert joined(FIVE, output, BY_PAGES, may_go_on=lambda: False) is None
    output.calls.clear()
    assert joined(FIVE, output, BY_PAGES, may_go_on=lambda: False) is None
    assert output.calls == ["find Album-1-of-3.pdf", "write Album-2-of-3.pdf"]
    output.calls.clear()
    result = result_of(FIVE, output, BY_PAGES, may_go_on=lambda: False)
    assert output.calls == [
        "find Album-1-of-3.pdf", "find Album-2-of-3.pdf", "write Album-3-of-3.pdf", "index Album-index.pdf",
        "finish",
    ]  # fmt: skip
    assert [file.pages for file in result.volumes] == [2, 2, 1]


def test_one_file_is_written_though_told_to_stop() -> None:
    output = MemoryOutput()
    assert joined(FIVE, output, may_go_on=lambda: False) is not None
    assert output.calls == ["write Album.pdf", "finish"]


def test_a_join_asks_once_between_two_volumes() -> None:
    output, asked = MemoryOutput(), []

    def may_go_on() -> bool:
        asked.append(len(output.calls))
        return True

    result_of(FIVE, output, BY_PAGES, may_go_on=may_go_on)
    assert asked == [1, 2]


@pytest.mark.parametrize(("volumes", "written"), [(WHOLE, []), (BY_PAGES, ["write Album-1-of-3.pdf"])])
def test_a_segment_that_changed_ends_the_join(volumes: VolumePlan, written: list[str]) -> None:
    output = MemoryOutput()
    with pytest.raises(DamagedSegment, match="segment 2 was stored again"):
        joined(FIVE, output, volumes, damaged=2)
    assert output.calls == written


# what the result says


def test_warnings_come_in_order_and_are_counted() -> None:
    """First the plan's, then of missing characters, of a file that is too large, of all segments."""
    indexes = [
        index(0, remarks=[Remark("A row is cut", 2, ("row 1", "row 2")), Remark("A font is missing")]),
        index(1, size=20_000, missing=[MissingCharacter(0x10FFFD, 3, "page 2")]),
        index(2, remarks=[Remark("A row is cut", 2, ("row 7", "row 8"))]),
    ]
    indexes = [replace(each, chunks=3) for each in indexes]
    result = result_of(indexes, MemoryOutput(), VolumePlan(bytes=10_000), warnings=("A column is empty.",))
    planned, missing, large, first, second = result.warnings
    assert planned == "A column is empty."
    assert "U+10FFFD (3 times, first: page 2)" in missing
    assert large.startswith("Album-2-of-3.pdf has ")
    assert large.endswith(" bytes, more than 10,000: one page takes nearly all of it.")
    assert first == "A row is cut (4 times: row 1, row 2, row 7 and others)."
    assert second == "A font is missing."


@pytest.mark.parametrize(
    ("segment", "size", "warning"),
    [
        (index(0, remarks=[Remark("A row is cut", 1, ("row 1",))]), None, "A row is cut (row 1)."),
        (index(0, missing=[MissingCharacter(0x10FFFD, 3, "page 2")]), None, "No font has these characters"),
        (index(0, size=2_000), 1_000, "one page takes nearly all of it"),
    ],
    ids=["of a segment", "of the fonts", "of a file"],
)
def test_a_strict_join_with_a_warning_makes_no_file(segment: SegmentIndex, size: int | None, warning: str) -> None:
    output = MemoryOutput()
    with pytest.raises(NotExact, match="The export is strict") as failed:
        joined([replace(segment, chunks=1)], output, VolumePlan(bytes=size), strict=True)
    assert warning in failed.value.message
    assert "finish" not in output.calls
    if "No font" in warning:
        assert output.calls == [], "it is known before a file is written"


def test_the_first_1000_skipped_inputs_are_named() -> None:
    skipped = [Skipped(n, f"{n}.jpg", "no picture") for n in range(1, SKIPPED_SHOWN + 3)]
    indexes = [
        index(0), index(1, records=600, drawn=0, pages=0, skipped=skipped[:600]),
        index(2, records=402, drawn=0, pages=0, skipped=skipped[600:]),
    ]  # fmt: skip
    plan = Plan(1003, 1003, ())
    result = join(plan, MemorySegments(indexes), ABOUT, "Album.pdf", MemoryOutput(), lambda: True)
    assert result is not None
    assert result.skipped == tuple(skipped[:SKIPPED_SHOWN])
    assert (result.records, result.drawn, result.skipped_count) == (1003, 1, 1002)
