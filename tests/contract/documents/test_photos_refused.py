"""Photos that make no document: wrong parameters, wrong listings, too many pages."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline import documents
from pipeline.documents.inputs import MAX_LINE
from pipeline.documents.inputs.folder import FolderInputs
from pipeline.errors import ChunkFailed, InvalidRequest, NotExact
from pipeline.settings import Settings
from pipeline.tasks.inline import make_file, render_file

from ...pictures import jpeg
from ...readback import read
from .album import ABOUT, SETTINGS, Album


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"photos": []}, "There are no photos"),
        ({}, "Give one of photos, listing and query"),
        ({"photos": [{"source": "a.jpg"}], "listing": "listing.jsonl"}, "Give one of photos, listing and query"),
        ({"listing": "../secret.jsonl"}, "outside"),
        ({"photos": [{"source": "../secret.jpg"}]}, "outside"),
    ],
)
def test_what_can_never_be_made_is_refused_at_once(album: Album, params: dict[str, Any], words: str) -> None:
    document = documents.find("photos")
    with pytest.raises(InvalidRequest, match=words):
        document.check(documents.decode(document, params), FolderInputs(album.folder))


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({"rows": 21}, "rows"),
        ({"columns": 0}, "columns"),
        ({"margin": 61}, "margin"),
        ({"page_size": "A0"}, "page_size"),
        ({"title": ""}, "title"),
        ({"photos": [{"source": ""}]}, "photos[0].source"),
        ({"photos": [{"source": "a", "caption": "x" * 1001}]}, "photos[0].caption"),
        ({"fill": True}, "fill"),
    ],
)
def test_a_wrong_parameter_is_named(params: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        documents.decode(documents.find("photos"), params)
    assert refused.value.field == field
    assert field.split("[")[0] in str(refused.value)


def test_blank_lines_of_a_listing_are_no_photos(album: Album) -> None:
    album.put(jpeg(1, 40, 30), jpeg(2, 40, 30))
    one, two = (album.folder / "listing.jsonl").read_text().split("\n")
    album.listed("", one, "  ", two, "", "")
    assert len(album.seen().pages) == 2


@pytest.mark.parametrize("content", ["", "\n\n"])
def test_a_listing_without_photos_makes_no_document(album: Album, content: str) -> None:
    (album.folder / "listing.jsonl").write_text(content)
    with pytest.raises(InvalidRequest, match="names no photos"):
        album.made()


def test_a_strict_album_ends_with_the_chunk_that_would_have_a_warning(album: Album) -> None:
    album.put(b"not a picture", *(jpeg(number, 40, 30) for number in range(3)))
    job, done = album.job(strict=True), list[int]()
    with pytest.raises(NotExact, match=r"Record 1, .* is left out"):
        render_file(job, job.plan(SETTINGS, 1), ABOUT, album.folder / "out.pdf", SETTINGS, done.append)
    assert done == [1]
    assert not (album.folder / "out.pdf").exists()


@pytest.mark.parametrize("on_unreadable", ["placeholder", "skip"])
def test_a_strict_album_fails_where_a_photo_would_be_left_out(album: Album, on_unreadable: str) -> None:
    album.put(jpeg(1, 40, 30), b"not a picture")
    with pytest.raises(NotExact, match=r"Record 2, .* is left out"):
        album.made(on_unreadable=on_unreadable, strict=True)
    album.put(jpeg(1, 40, 30))
    assert len(album.seen(strict=True).pages) == 1


@pytest.mark.parametrize("behind", [[], ['{"source":"0.jpg"}']])
def test_a_line_over_the_limit_is_named(album: Album, behind: list[str]) -> None:
    album.listed('{"source":"0.jpg"}', '{"source":"0.jpg","caption":"' + "x" * MAX_LINE + '"}', *behind)
    with pytest.raises(InvalidRequest, match=r"The line at byte 19 is longer than 1 MiB"):
        album.made()


def test_a_listing_that_is_not_utf_8_is_named_with_its_line(album: Album) -> None:
    line = '{"source":"0.jpg","caption":"Mü"}\n'
    (album.folder / "listing.jsonl").write_bytes(b'{"source":"0.jpg"}\n\n' + line.encode("latin-1"))
    with pytest.raises(InvalidRequest, match="Line 3 of the listing is not UTF-8: its byte 31 is FC"):
        album.made()


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-8"])
@pytest.mark.parametrize("array", [False, True], ids=["lines", "array"])
def test_a_listing_in_any_unicode_encoding_is_drawn(album: Album, encoding: str, array: bool) -> None:
    album.put(jpeg(1, 40, 30), jpeg(2, 40, 30))
    lines = ['{"source":"0.jpg","caption":"Mü"}', '{"source":"1.jpg","caption":null}']
    text = f"[{', '.join(lines)}]" if array else "\n".join(lines)
    (album.folder / "listing.jsonl").write_bytes(text.encode(encoding))
    out = album.folder / "out.pdf"
    made = make_file(album.job(), out, SETTINGS, lambda *_: None)
    assert (made.records, made.drawn) == (2, 2)
    assert "Mü" in read(out).pages[0].text
    assert [title for title, *_ in read(out).bookmarks] == ["Mü", "1.jpg"]


def test_an_album_without_a_photo_that_can_be_read_says_so(album: Album) -> None:
    album.put(None, None)
    _, made = album.made()
    assert made.warnings == ("None of the 2 records could be drawn.",)
    album.put(jpeg(1, 40, 30), None)
    assert album.made()[1].warnings == ()


def test_a_line_of_100_kib_is_drawn(album: Album) -> None:
    album.put(jpeg(1, 40, 30))
    album.listed('{"source":"0.jpg"' + " " * 100_000 + "}", '{"source":"0.jpg"}')
    assert len(album.seen().pages) == 2


def test_a_caption_of_100_kib_is_named_for_what_it_is(album: Album) -> None:
    album.listed('{"source":"0.jpg","caption":"' + "x" * 100_000 + '"}')
    with pytest.raises(InvalidRequest, match=r"length <= 1000"):
        album.made()


def test_a_document_with_more_pages_than_allowed_is_refused(album: Album) -> None:
    album.put(*[jpeg(1, 40, 30)] * 3)
    with pytest.raises(ChunkFailed, match="has 3 pages; 2 are allowed"):
        album.job().plan(Settings.from_env({"MAX_PAGES": "2"}))
