"""Law 1: the same pages, whatever the cut."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from pipeline import documents
from pipeline.documents import Range
from pipeline.documents.inputs.folder import FolderInputs
from pipeline.documents.job import DocumentJob, draw_range
from pipeline.exports.plan import Plan, split_into_chunks
from pipeline.pdf.assembly import Assembly
from pipeline.pdf.catalog import About
from pipeline.pdf.numbering import Lane
from pipeline.pdf.segment_index import SegmentIndex
from pipeline.settings import Settings
from pipeline.tasks.inline import render_file

from ...pictures import jpeg
from ...readback import Seen, read

SETTINGS = Settings.from_env({})
ABOUT = About("Álbum", 1_700_000_000, "an-export")
CAPTIONS = [
    "",
    "Ünïcödé čšž ελληνικά кириллица",
    "line\nbreak\ttab",
    "word " * 80,
    "(brackets) \\ <angle>",
    "שלום עולם (2024) abc",
    "السلام عليكم ١٢٣ " * 30,
    "日本語 😀 नमस्ते x\u0331y e\u0323\u0301",
]


@dataclass(frozen=True)
class Album:
    """Photos in a folder, some of which cannot be read."""

    folder: Path
    photos: int
    broken: frozenset[int]

    def job(self, **params: object) -> DocumentJob:
        lines = [
            json.dumps({"source": f"{i}.jpg", "caption": CAPTIONS[i % len(CAPTIONS)]}) for i in range(self.photos)
        ]
        (self.folder / "listing.jsonl").write_text("\n".join(lines))
        for i in range(self.photos):
            (self.folder / f"{i}.jpg").write_bytes(b"no picture" if i in self.broken else jpeg(i, 40, 30))
        document = documents.find("photos")
        decoded = documents.decode(document, {"title": "Álbum", "listing": "unused", **params})
        return DocumentJob(document, decoded, str(self.folder / "listing.jsonl"), FolderInputs(self.folder))


@contextmanager
def album(photos: int, broken: frozenset[int]) -> Iterator[Album]:
    with TemporaryDirectory() as folder:
        yield Album(Path(folder), photos, broken)


def rendered(job: DocumentJob, plan: Plan, out: Path) -> Seen:
    render_file(job, plan, ABOUT, out, SETTINGS, lambda pages: None)
    return read(out)


layouts = st.fixed_dictionaries(
    {
        "rows": st.integers(1, 3),
        "columns": st.integers(1, 3),
        "fit": st.sampled_from(["fit", "fill"]),
        "bookmarks": st.sampled_from(["photo", "page", "none"]),
        "on_unreadable": st.sampled_from(["skip", "placeholder"]),
        "captions": st.booleans(),
        "page_numbers": st.booleans(),
    }
)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    photos=st.integers(1, 25),
    broken=st.frozensets(st.integers(0, 24), max_size=5),
    chunk_pages=st.integers(1, 9),
    layout=layouts,
)
def test_any_number_of_chunks_gives_the_pages_of_one(
    photos: int, broken: frozenset[int], chunk_pages: int, layout: dict[str, object]
) -> None:
    assume(layout["on_unreadable"] != "skip" or len(broken & set(range(photos))) < photos)  # else there is no file
    with album(photos, broken) as pictures:
        job = pictures.job(**layout)
        survey = job.document.survey(job.params, job.listing, job.inputs)
        whole = rendered(job, split_into_chunks(survey, SETTINGS, 10_000), pictures.folder / "whole.pdf")
        cut_up = rendered(job, split_into_chunks(survey, SETTINGS, chunk_pages), pictures.folder / "cut.pdf")
    assert cut_up == whole
    assert not whole.complaints


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(photos=st.integers(2, 20), chunk_pages=st.integers(2, 9), data=st.data())
def test_a_chunk_cut_in_the_middle_goes_on_as_if_it_was_not(
    photos: int, chunk_pages: int, data: st.DataObject
) -> None:
    """A worker may stop after any page; another goes on in the same lane."""
    with album(photos, frozenset({1})) as pictures:
        job = pictures.job(on_unreadable="skip")
        plan = job.plan(SETTINGS, chunk_pages)
        whole = rendered(job, plan, pictures.folder / "whole.pdf")
        pieces: list[tuple[SegmentIndex, bytes]] = []
        for chunk in plan.chunks:
            first, slot, stop = chunk.first_page, 0, chunk.first_page + chunk.pages
            while first < stop:
                most = data.draw(st.integers(1, stop - first))
                part = Range(chunk, first, plan.pages, SETTINGS.max_image_pixels)

                def between(done: int, most: int = most) -> bool:
                    return done >= most

                with TemporaryFile() as file:
                    index = draw_range(job, part, Lane(chunk.number, len(plan.chunks)), slot, file, between)
                    file.seek(0)
                    pieces.append((index, file.read()))
                first, slot = index.stop, index.stop_slot
        assembly = Assembly(lambda: iter([index for index, _ in pieces]), ABOUT)
        out = pictures.folder / "pieces.pdf"
        out.write_bytes(b"".join([*(data for _, data in pieces), *assembly.tail()]))
        assert read(out) == whole


def test_the_same_input_gives_the_same_bytes() -> None:
    with album(7, frozenset({3})) as pictures:
        job = pictures.job()
        plan = job.plan(SETTINGS, 2)
        for name in ("first.pdf", "second.pdf"):
            rendered(job, plan, pictures.folder / name)
        assert (pictures.folder / "first.pdf").read_bytes() == (pictures.folder / "second.pdf").read_bytes()


def test_an_interrupted_page_leaves_nothing_behind() -> None:
    """A time limit strikes in the middle of a page: the page is taken back, the finished ones stay."""

    class OutOfTime(Exception):
        pass

    with album(6, frozenset()) as pictures:
        job = pictures.job()
        plan = job.plan(SETTINGS, 6)
        part = Range(plan.chunks[0], 0, plan.pages, SETTINGS.max_image_pixels)
        opened = job.inputs.open

        def strikes(source: str) -> object:
            if source == "4.jpg":
                raise OutOfTime
            return opened(source)

        job.inputs.open = strikes  # type: ignore[method-assign, assignment]
        with TemporaryFile() as file:
            index = draw_range(job, part, Lane(0, 1), 0, file, lambda done: False, (OutOfTime,))
            file.seek(0)
            data = file.read()
        assembly = Assembly(lambda: iter([index]), ABOUT)
        out = pictures.folder / "kept.pdf"
        out.write_bytes(data + b"".join(assembly.tail()))
        seen = read(out)
    assert (index.planned, len(seen.pages), index.records) == (4, 4, 4)
    assert not seen.complaints
