"""Photos of several pages or frames, and photos larger than their place on the page."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import pikepdf
import pytest
from msgspec.structs import replace
from PIL import Image

from pipeline.documents.inputs.folder import FolderInputs
from pipeline.documents.job import DocumentJob, spool_to_disk
from pipeline.errors import NotExact
from pipeline.exports.export import Result
from pipeline.tasks.inline import render_file

from ...pictures import jpeg
from ...readback import Seen, read
from .album import ABOUT, SETTINGS, Album

COLOURS = ("red", "lime", "blue", "white", "black")


def scan(pages: int, kind: str = "TIFF") -> bytes:
    images = [Image.new("RGB", (40, 30), COLOURS[n % len(COLOURS)]) for n in range(pages)]
    out = io.BytesIO()
    images[0].save(out, kind, save_all=True, append_images=images[1:])
    return out.getvalue()


class Scans(Album):
    """An album whose listing is expanded before it is planned, as an export's is."""

    def of(self, **files: bytes) -> None:
        for name, data in files.items():
            (self.folder / name.replace("_", ".")).write_bytes(data)
        self.listed(*(json.dumps({"source": name.replace("_", "."), "caption": name}) for name in files))

    def result(self, chunk_pages: int = 2, **params: Any) -> tuple[Result, Seen]:
        out = self.folder / "out.pdf"
        with spool_to_disk() as spool:
            job: DocumentJob = self.job(**params).snapshot(spool)
            result = render_file(job, job.plan(SETTINGS, chunk_pages), ABOUT, out, SETTINGS, lambda pages: None)
        return result, read(out)


@pytest.fixture
def scans(tmp_path: Path) -> Iterator[Scans]:
    yield Scans(tmp_path)


def test_of_several_pages_the_first_is_drawn_and_the_others_are_named(scans: Scans) -> None:
    scans.of(a_tif=scan(3), b_jpg=jpeg(1), c_gif=scan(2, "GIF"))
    result, seen = scans.result()
    assert (result.records, result.drawn, len(seen.pages)) == (3, 3, 3)
    assert len(result.warnings) == 1
    assert "only the first is drawn" in result.warnings[0]
    assert "(2 times: photo 1, a.tif, photo 3, c.gif)" in result.warnings[0]
    with pytest.raises(NotExact, match="only the first is drawn"):
        scans.result(strict=True)


@pytest.mark.parametrize("chunk_pages", [1, 2, 3, 9])
def test_all_pages_are_photos_of_their_own(scans: Scans, chunk_pages: int) -> None:
    scans.of(a_tif=scan(3), b_jpg=jpeg(1), c_gif=scan(2, "GIF"), d_png=b"damaged")
    result, seen = scans.result(chunk_pages, frames="all", strict=False)
    assert (result.records, result.drawn, len(result.skipped)) == (7, 6, 1)
    assert not result.warnings
    assert [title for title, *_ in seen.bookmarks] == [
        "a_tif (1)", "a_tif (2)", "a_tif (3)", "b_jpg", "c_gif (1)", "c_gif (2)", "d_png",
    ]  # fmt: skip
    assert (
        len({page.drawn for page in seen.pages[:6]}) == 5
    )  # the red one of the GIF is that of the TIFF, the lime one is stored in another way


def test_a_record_may_name_its_page(scans: Scans) -> None:
    scans.of(a_tif=scan(3))
    scans.listed('{"source":"a.tif","frame":2}', '{"source":"a.tif","frame":4}')
    result, seen = scans.result(frames="all")
    assert (result.records, result.drawn) == (2, 1)
    assert [title for title, *_ in seen.bookmarks] == ["a.tif (2)", "a.tif (4)"]
    assert result.skipped[0].reason == "There is no frame 4 in the picture: it has 3."


def test_a_file_of_several_pages_is_opened_once_a_chunk(scans: Scans, monkeypatch: pytest.MonkeyPatch) -> None:
    scans.of(a_tif=scan(5))
    opened: list[str] = []
    whole = FolderInputs.open

    def counted(inputs: FolderInputs, source: str) -> BinaryIO:
        opened.append(source)
        return whole(inputs, source)

    with spool_to_disk() as spool:
        job = scans.job(frames="all").snapshot(spool)
        plan = job.plan(SETTINGS, 5)
        monkeypatch.setattr(FolderInputs, "open", counted)
        render_file(job, plan, ABOUT, scans.folder / "out.pdf", SETTINGS, lambda pages: None)
    assert opened == ["a.tif"]


def test_a_wrong_line_is_named_as_it_would_be_without_frames(scans: Scans) -> None:
    scans.of(a_tif=scan(3))
    scans.listed('{"source":"a.tif"}', '{"source":"../a.tif"}')
    with pytest.raises(Exception, match=r"Entry 2 of the listing: .* outside"):
        scans.result(frames="all")


def test_a_listing_that_is_drawn_as_it_is_is_not_copied(scans: Scans) -> None:
    scans.of(a_tif=scan(3))
    job = scans.job()
    assert job.snapshot(lambda pieces: "nowhere") is job


@pytest.mark.parametrize(
    ("params", "pixels"),
    [({}, 1200), ({"rows": 4, "columns": 4}, 427), ({"rows": 4, "columns": 4, "dpi": 0}, 1200), ({"dpi": 72}, 503)],
)
def test_photos_are_scaled_down_on_contact_sheets_and_where_asked(
    album: Album, params: dict[str, Any], pixels: int
) -> None:
    album.put(jpeg(1, 1200, 400))
    out, result = album.made(**params, margin=15)
    widths = [int(width) for width in _widths(out)]
    assert widths == [pytest.approx(pixels, abs=80)] and not result.warnings


def _widths(path: Path) -> Iterator[int]:
    with pikepdf.open(path) as pdf:
        for page in pdf.pages:
            yield from (int(image.Width) for image in page.Resources.XObject.values())


def test_a_pipe_is_named_and_does_not_wait(album: Album) -> None:
    os.mkfifo(album.folder / "0.jpg")
    album.listed('{"source":"0.jpg"}', '{"source":"1.jpg"}')
    (album.folder / "1.jpg").write_bytes(jpeg(1))
    _, result = album.made()
    assert [each.reason for each in result.skipped] == ["'0.jpg' cannot be opened: it is not a file."]


def test_what_a_listing_leaves_out_is_shown_with_the_result(album: Album) -> None:
    album.put(jpeg(1))
    job = album.job(left_out=["A folder is left out (x)."])
    assert job.plan(SETTINGS).warnings[0] == "A folder is left out (x)."
    strict = replace(job, params=type(job.params)(listing="listing.jsonl", left_out=("x",), strict=True))
    with pytest.raises(NotExact):
        strict.plan(SETTINGS)
