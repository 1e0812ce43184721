"""One document as several files: law 1 holds across them, but for the words that say which one it is."""

from __future__ import annotations

import io
import json
import random
import re
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import pikepdf
import pypdf
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from PIL import Image

from pipeline import documents
from pipeline.documents.inputs.folder import FolderInputs
from pipeline.documents.job import DocumentJob
from pipeline.errors import ChunkFailed
from pipeline.exports.export import Result
from pipeline.exports.plan import Marks, split_into_chunks
from pipeline.exports.volumes import UNCUT, VolumeLimit
from pipeline.pdf.catalog import About
from pipeline.settings import MIB, Settings
from pipeline.tasks.inline import render_file

SETTINGS = Settings.from_env({})
ABOUT = About("Álbum", 1_700_000_000, "an-export")
WORDS = re.compile(r"\s*Volume ([\d,]+) of ([\d,]+)")


def noise(number: int, pixels: int) -> bytes:
    """A JPEG that hardly shrinks."""
    image = Image.frombytes("RGB", (pixels, pixels), random.Random(number).randbytes(3 * pixels * pixels))
    out = io.BytesIO()
    image.save(out, "JPEG", quality=90)
    return out.getvalue()


def album(
    folder: Path, photos: int, broken: frozenset[int] = frozenset(), pixels: int = 30, **params: object
) -> DocumentJob:
    lines = [json.dumps({"source": f"{i}.jpg", "caption": f"Photo {i + 1}"}) for i in range(photos)]
    (folder / "listing.jsonl").write_text("\n".join(lines))
    for i in range(photos):
        (folder / f"{i}.jpg").write_bytes(b"no picture" if i in broken else noise(i, pixels))
    document = documents.find("photos")
    decoded = documents.decode(document, {"title": "Álbum", "listing": "unused", **params})
    return DocumentJob(document, decoded, str(folder / "listing.jsonl"), FolderInputs(folder))


def table(folder: Path, rows: int) -> DocumentJob:
    (folder / "rows.csv").write_text("n,word\n" + "".join(f"{n},Row {n} {n * 7919 % 10007}\n" for n in range(rows)))
    document = documents.find("table")
    decoded = documents.decode(document, {"title": "Rows", "listing": "unused", "bookmark_every": 3})
    return DocumentJob(document, decoded, str(folder / "rows.csv"), FolderInputs(folder))


@dataclass(frozen=True)
class Seen:
    """A file as pypdf sees it: the text of each page without the words of its volume, and those words."""

    pages: tuple[str, ...]
    volumes: tuple[tuple[str, str] | None, ...]
    titles: tuple[str, ...]
    title: str


def seen(path: Path) -> Seen:
    with pikepdf.open(path) as pdf:
        assert not pdf.check_pdf_syntax()
    with pypdf.PdfReader(path) as reader:
        texts = [page.extract_text() for page in reader.pages]
        titles = [str(item.title) for item in reader.outline if not isinstance(item, list)]
        found = [WORDS.search(text) for text in texts]
        return Seen(
            tuple(WORDS.sub("", text).strip() for text in texts),
            tuple((match[1], match[2]) if match else None for match in found),
            tuple(titles),
            str(reader.metadata.title if reader.metadata else ""),
        )


def rendered(job: DocumentJob, out: Path, volume: VolumeLimit = UNCUT, chunk_pages: int | None = None) -> Result:
    return render_file(job, job.plan(SETTINGS, chunk_pages, volume), ABOUT, out, SETTINGS, lambda pages: None)


def assert_same_pages(whole: Seen, result: Result) -> None:
    """The volumes one behind the other are the whole."""
    volumes = [seen(Path(file.key)) for file in result.volumes]
    assert sum((volume.pages for volume in volumes), ()) == whole.pages
    assert sum((volume.titles for volume in volumes), ()) == whole.titles
    count, first = len(volumes), 1
    for number, (volume, file) in enumerate(zip(volumes, result.volumes, strict=True), 1):
        assert set(volume.volumes) == {(str(number), str(count))}
        assert volume.title == f"{whole.title}, volume {number} of {count}"
        assert (file.first_page, file.pages) == (first, len(volume.pages))
        assert Path(file.key).stat().st_size == file.bytes
        first += file.pages


# the plan


def test_more_volumes_than_anybody_wants_are_refused(tmp_path: Path) -> None:
    few = Settings.from_env({"MAX_CHUNKS": "5"})
    with pytest.raises(ChunkFailed, match="would have 6 volumes; 5 are allowed"):
        album(tmp_path, 6).plan(few, None, VolumeLimit(pages=1))


# the files


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    photos=st.integers(1, 20),
    broken=st.frozensets(st.integers(0, 19), max_size=5),
    chunk_pages=st.integers(1, 9),
    each=st.integers(1, 12),
    policy=st.sampled_from(["skip", "placeholder"]),
)
def test_volumes_by_pages_have_the_pages_of_the_whole(
    photos: int, broken: frozenset[int], chunk_pages: int, each: int, policy: str
) -> None:
    with TemporaryDirectory() as name:
        folder = Path(name)
        job = album(folder, photos, broken & {*range(1, photos)}, on_unreadable=policy)
        rendered(job, folder / "whole.pdf")
        result = rendered(job, folder / "cut.pdf", VolumeLimit(pages=each), chunk_pages)
        whole = seen(folder / "whole.pdf")
        if not result.volumes:
            assert result.files[0].pages == len(whole.pages)
            assert seen(folder / "cut.pdf") == whole
        else:
            assert_same_pages(whole, result)


def test_an_export_that_needs_one_volume_has_the_bytes_of_one_that_was_not_cut(tmp_path: Path) -> None:
    job = album(tmp_path, 5)
    rendered(job, tmp_path / "whole.pdf", chunk_pages=2)
    result = rendered(job, tmp_path / "cut.pdf", VolumeLimit(pages=5), chunk_pages=2)
    assert (tmp_path / "whole.pdf").read_bytes() == (tmp_path / "cut.pdf").read_bytes()
    assert (result.volumes, result.index) == ((), None)


@pytest.mark.parametrize("numbered", [True, False])
def test_volumes_by_size_are_smaller_than_asked_for(tmp_path: Path, numbered: bool) -> None:
    job = album(tmp_path, 24, frozenset({5}), 250, on_unreadable="skip", page_numbers=numbered)
    rendered(job, tmp_path / "whole.pdf")
    result = rendered(job, tmp_path / "cut.pdf", VolumeLimit(bytes=MIB))
    assert len(result.volumes) > 1
    assert max(file.bytes for file in result.volumes) <= MIB
    assert min(file.bytes for file in result.volumes[:-1]) > MIB * 0.6
    assert_same_pages(seen(tmp_path / "whole.pdf"), result)
    assert not result.warnings


def test_by_size_what_fits_in_one_file_says_nothing_of_volumes(tmp_path: Path) -> None:
    job = album(tmp_path, 5)
    rendered(job, tmp_path / "whole.pdf")
    result = rendered(job, tmp_path / "cut.pdf", VolumeLimit(bytes=MIB))
    assert not result.volumes
    assert seen(tmp_path / "cut.pdf") == seen(tmp_path / "whole.pdf")


def test_a_page_that_is_too_large_alone_makes_a_volume_and_a_warning(tmp_path: Path) -> None:
    job = album(tmp_path, 3)
    (tmp_path / "1.jpg").write_bytes(noise(1, 1200))
    result = rendered(job, tmp_path / "cut.pdf", VolumeLimit(bytes=MIB))
    assert [file.pages for file in result.volumes] == [1, 1, 1]
    assert result.warnings[0].startswith("cut-2-of-3.pdf has 1,")


def test_a_table_is_cut_between_its_pages(tmp_path: Path) -> None:
    job = table(tmp_path, 900)
    rendered(job, tmp_path / "whole.pdf")
    whole = seen(tmp_path / "whole.pdf")
    result = rendered(job, tmp_path / "cut.pdf", VolumeLimit(pages=4), 3)
    assert [file.pages for file in result.volumes][:-1] == [4] * (len(result.volumes) - 1)
    assert_same_pages(whole, result)


def test_readers_go_on_counting_in_the_second_volume(tmp_path: Path) -> None:
    result = rendered(album(tmp_path, 5), tmp_path / "cut.pdf", VolumeLimit(pages=2))
    labels = [pypdf.PdfReader(file.key).page_labels for file in result.volumes]
    assert labels == [["1", "2"], ["3", "4"], ["5"]]


def test_the_index_names_every_volume(tmp_path: Path) -> None:
    result = rendered(album(tmp_path, 90), tmp_path / "cut.pdf", VolumeLimit(pages=2))
    assert result.index is not None
    assert result.files == (result.index, *result.volumes)
    assert result.bytes == sum(Path(file.key).stat().st_size for file in result.files)
    with pypdf.PdfReader(result.index.key) as reader:
        assert len(reader.pages) == result.index.pages == 2
        text = "\n".join(page.extract_text() for page in reader.pages)
    assert "45 volumes, 90 pages" in text
    for number, file in enumerate(result.volumes, 1):
        assert f"{file.name}" in text
        assert f"{2 * number - 1}-{2 * number}" in text
        assert f"Photo {2 * number - 1} Photo {2 * number}\n" in text
    assert sorted(path.name for path in tmp_path.glob("*.pdf")) == sorted(file.name for file in result.files)


def test_what_the_index_of_volumes_cuts_is_named(tmp_path: Path) -> None:
    job = album(tmp_path, 3)
    listing = tmp_path / "listing.jsonl"
    listing.write_text(listing.read_text().replace("Photo 2", "A caption that is longer than the index has room"))
    result = rendered(job, tmp_path / "cut.pdf", VolumeLimit(pages=2))
    assert result.warnings == ("Texts in the index of volumes are too long and end with … (page 1 of the index).",)


def test_a_rendering_that_fails_leaves_no_file(tmp_path: Path) -> None:
    job = album(tmp_path, 4, frozenset({3}), on_unreadable="fail")
    before = sorted(tmp_path.iterdir())
    with pytest.raises(Exception, match="Photo 4"):
        rendered(job, tmp_path / "cut.pdf", VolumeLimit(pages=2))
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize("kind", ["photos", "table"])
@pytest.mark.parametrize("stride", [2, 4])
def test_borders_between_marks_are_exact(tmp_path: Path, kind: str, stride: int) -> None:
    """In a document of more pages than there are marks, what stands before the border is read over."""
    job = album(tmp_path, 11) if kind == "photos" else table(tmp_path, 700)
    rendered(job, tmp_path / "whole.pdf")
    survey = job.document.survey(job.params, job.listing, job.inputs)
    plan = split_into_chunks(
        replace(survey, marks=thinned(survey.marks, stride)), SETTINGS, 1, volume=VolumeLimit(pages=3)
    )
    assert {chunk.lead for chunk in plan.chunks} > {0}
    result = render_file(job, plan, ABOUT, tmp_path / "cut.pdf", SETTINGS, lambda pages: None)
    assert [file.pages for file in result.volumes[:-1]] == [3] * (len(result.volumes) - 1)
    assert_same_pages(seen(tmp_path / "whole.pdf"), result)


def thinned(marks: Marks, stride: int) -> Marks:
    """Every n-th mark, as a longer document has them."""
    return Marks(stride, marks.offsets[::stride], marks.states[::stride])


def exports(folder: Path, summary: str) -> DocumentJob:
    """A table with groups, running totals and a summary of several pages."""
    rows = "".join(f"Group {n // 9},Row {n},{n}\n" for n in range(400))
    (folder / "rows.csv").write_text("group,word,amount\n" + rows)
    document = documents.find("table")
    wish = {
        "group_by": [{"field": "group"}],
        "columns": [{"field": "word"}, {"field": "amount", "total": True}],
        "carry": True,
        "summary": summary,
        "summary_pages": 3,
        "page_mm": [150, 120],
    }
    decoded = documents.decode(document, {"title": "Rows", "listing": "unused", **wish})
    return DocumentJob(document, decoded, str(folder / "rows.csv"), FolderInputs(folder))


@pytest.mark.parametrize("each", [1, 2, 5])
@pytest.mark.parametrize("stride", [1, 4])
@pytest.mark.parametrize("summary", ["front", "back"])
def test_groups_totals_and_summary_go_on_across_borders(
    tmp_path: Path, summary: str, stride: int, each: int
) -> None:
    """Borders inside the summary and between marks, with what is open there."""
    job = exports(tmp_path, summary)
    rendered(job, tmp_path / "whole.pdf")
    survey = job.document.survey(job.params, job.listing, job.inputs)
    assert survey.front + survey.back == 3
    thin = replace(survey, marks=thinned(survey.marks, stride))
    plan = split_into_chunks(thin, SETTINGS, 3, volume=VolumeLimit(pages=each))
    result = render_file(job, plan, ABOUT, tmp_path / "cut.pdf", SETTINGS, lambda pages: None)
    assert_same_pages(seen(tmp_path / "whole.pdf"), result)


def test_a_character_that_no_font_has_is_named_once_for_all_volumes(tmp_path: Path) -> None:
    job = album(tmp_path, 6)
    listing = tmp_path / "listing.jsonl"
    listing.write_text(listing.read_text().replace("Photo", "󠿿 ก"))
    result = rendered(job, tmp_path / "cut.pdf", VolumeLimit(pages=2))
    assert len(result.volumes) == 3
    assert len(result.warnings) == 1
    assert "ก" in result.warnings[0]
