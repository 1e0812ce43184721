"""The document `photos`, as a reader of the file sees it."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from typing import Any

import pypdfium2
import pytest
from PIL import Image

from pipeline.documents.photos.layout import GAP, Box, PhotoLayout
from pipeline.documents.photos.params import PhotosParams
from pipeline.errors import ExportFailed, UnreadableSource
from pipeline.pdf.fonts import default_chain
from pipeline.pdf.paper import MM

from ...pictures import jpeg
from ...readback import SeenPage, read
from .album import Album

A4 = (595.276, 841.89)
NUMBER = rb"(-?[\d.]+)"
PLACED = re.compile(rb"q (?:%s re W n )?%s cm /I\d+ Do Q" % (b" ".join([NUMBER] * 4), b" ".join([NUMBER] * 6)))


def placed(page: SeenPage) -> list[tuple[Box, Box | None]]:
    """Where each picture of a page stands, and what it is cut to."""
    found = []
    for match in PLACED.finditer(page.operators):
        clip, (a, b, c, d, e, f) = match.groups()[:4], map(float, match.groups()[4:])
        x, y = e + min(a, 0) + min(c, 0), f + min(b, 0) + min(d, 0)
        cut = Box(*map(float, clip)) if clip[0] is not None else None
        found.append((Box(x, y, abs(a) + abs(c), abs(b) + abs(d)), cut))
    return found


def inside(inner: Box, outer: Box) -> bool:
    return (
        inner.x >= outer.x - 0.01
        and inner.y >= outer.y - 0.01
        and inner.x + inner.width <= outer.x + outer.width + 0.01
        and inner.y + inner.height <= outer.y + outer.height + 0.01
    )


# the captions


@pytest.mark.parametrize("chunk_pages", [1, 3])
def test_a_caption_longer_than_two_lines_is_named(album: Album, chunk_pages: int) -> None:
    album.put(jpeg(1, 40, 30), None, jpeg(2, 40, 30), captions=["word " * 99, "word " * 99, "two short lines " * 9])
    _, result = album.made(chunk_pages)
    assert result.warnings == ("Captions are too long and end with … (2 times: photo 1, photo 2).",)


# the layout


@pytest.mark.parametrize(("rows", "columns"), [(1, 1), (2, 3), (5, 4), (20, 20)])
def test_photos_stand_row_by_row_inside_the_margins_and_apart(album: Album, rows: int, columns: int) -> None:
    count = rows * columns
    album.put(*[jpeg(1, 40, 30)] * min(count, 20))
    (page,) = album.seen(rows=rows, columns=columns, margin=20).pages
    boxes = [box for box, _ in placed(page)]
    assert len(boxes) == min(count, 20)
    area = Box(20 * MM, 20 * MM, A4[0] - 40 * MM, A4[1] - 40 * MM)
    assert all(inside(box, area) for box in boxes)
    for n, box in enumerate(boxes):
        for other in boxes[n + 1 :]:
            same_row = abs(box.y - other.y) < 0.01
            assert box.x + box.width < other.x if same_row else box.y > other.y + other.height
    rows_seen = {round(box.y, 2) for box in boxes}
    assert len(rows_seen) == -(-len(boxes) // columns)


def test_the_cells_fill_what_margins_and_page_numbers_leave() -> None:
    layout = PhotoLayout(PhotosParams(rows=2, columns=2, margin=10))
    first, last = layout.cells[0], layout.cells[3]
    assert first.x == pytest.approx(10 * MM)
    assert first.y + first.height == pytest.approx(A4[1] - 10 * MM, abs=0.01)
    assert last.x - (first.x + first.width) == pytest.approx(GAP)
    assert last.x + last.width == pytest.approx(A4[0] - 10 * MM, abs=0.01)
    assert last.y == pytest.approx(10 * MM + 16)
    assert PhotoLayout(PhotosParams(margin=10, page_numbers=False)).cells[0].y == pytest.approx(10 * MM)
    assert PhotoLayout(PhotosParams(captions=False)).pictures[0] == PhotoLayout(PhotosParams()).cells[0]


@pytest.mark.parametrize(
    ("page_size", "landscape", "expected"),
    [
        ("A4", False, A4),
        ("A4", True, (A4[1], A4[0])),
        ("A5", False, (419.53, 595.28)),
        ("Letter", True, (792, 612)),
        ("Legal", False, (612, 1008)),
        ("A3", False, (841.89, 1190.55)),
    ],
)
def test_the_paper_is_the_one_that_was_asked_for(
    album: Album, page_size: str, landscape: bool, expected: tuple[float, float]
) -> None:
    album.put(jpeg(1, 40, 30))
    (page,) = album.seen(page_size=page_size, landscape=landscape).pages
    assert page.box == pytest.approx((0, 0, *expected), abs=0.01)


def test_a_photo_that_fits_is_whole_in_the_middle_of_its_box(album: Album) -> None:
    album.put(jpeg(1, 40, 30), jpeg(2, 30, 90))
    params = PhotosParams(rows=2)
    (page,) = album.seen(rows=2, fit="fit").pages
    for n, ((box, cut), (wide, high)) in enumerate(zip(placed(page), [(40, 30), (30, 90)], strict=True)):
        cell = PhotoLayout(params).pictures[n]
        assert cut is None
        assert inside(box, cell)
        assert box.width / box.height == pytest.approx(wide / high, rel=0.001)
        assert box.width == pytest.approx(cell.width, abs=0.01) or box.height == pytest.approx(
            cell.height, abs=0.01
        )
        assert box.x + box.width / 2 == pytest.approx(cell.x + cell.width / 2, abs=0.01)
        assert box.y + box.height / 2 == pytest.approx(cell.y + cell.height / 2, abs=0.01)


def test_a_photo_that_fills_covers_its_box_and_is_cut_to_it(album: Album) -> None:
    album.put(jpeg(1, 40, 30), jpeg(2, 30, 90))
    (page,) = album.seen(rows=2, fit="fill").pages
    for n, (box, cut) in enumerate(placed(page)):
        cell = PhotoLayout(PhotosParams(rows=2)).pictures[n]
        assert cut is not None
        assert inside(cut, cell)
        assert inside(cell, cut)
        assert inside(cell, box)


# words


def test_a_long_caption_is_cut_at_two_lines_with_an_ellipsis(album: Album) -> None:
    album.put(
        jpeg(1, 40, 30), jpeg(2, 40, 30), jpeg(3, 40, 30),
        captions=["word " * 190, "x" * 990, "Two\nlines\tÁ 👪"],
    )  # fmt: skip
    first, second, third = album.seen(page_numbers=False).pages
    lines = first.text.splitlines()
    assert len(lines) == 2
    assert lines[0].endswith(" word")
    assert re.search(" w(o(rd?)?)?…$", lines[1])
    assert re.fullmatch("x+\nx+…", second.text)
    assert "Two lines Á" in third.text
    width = PhotoLayout(PhotosParams()).cells[0].width
    assert all(
        width * 0.8 < default_chain().width(line, 9) <= width for line in (*lines, *second.text.splitlines())
    )


def test_a_caption_stands_below_its_photo_in_the_middle(album: Album) -> None:
    album.put(jpeg(1, 40, 30))
    (page,) = album.seen(page_numbers=False).pages
    ((box, _),) = placed(page)
    ((x, y),) = [tuple(map(float, found)) for found in re.findall(NUMBER + b" " + NUMBER + b" Td", page.operators)]
    assert 0 < box.y - y < 15
    middle = x + default_chain().width("Photo 1", 9) / 2
    assert middle == pytest.approx(A4[0] / 2, abs=0.1)


def test_without_captions_there_are_none(album: Album) -> None:
    album.put(jpeg(1, 40, 30))
    (page,) = album.seen(captions=False, page_numbers=False).pages
    assert page.text == ""


@pytest.mark.parametrize("policy", ["placeholder", "skip"])
def test_pages_are_numbered_unless_they_are_not_to_be(album: Album, policy: str) -> None:
    """With `skip` the numbers are known only when the file is put together."""
    album.put(jpeg(1, 40, 30), None, jpeg(2, 40, 30))
    pages = album.seen(on_unreadable=policy, captions=False).pages
    found = [re.findall(r"\d+ of \d+", page.text) for page in pages]
    assert found == [[f"{n + 1} of {len(pages)}"] for n in range(len(pages))]
    assert len(pages) == (3 if policy == "placeholder" else 2)
    assert not any(" of " in page.text for page in album.seen(page_numbers=False).pages)


# bookmarks


def test_bookmarks_lead_to_photos_or_pages_or_are_none(album: Album) -> None:
    album.put(*[jpeg(n, 40, 30) for n in range(4)], captions=["First", "", "Third", "Ünïcödé"])
    cells = [PhotoLayout(PhotosParams(rows=3)).cells[n] for n in range(3)]
    tops = [cell.y + cell.height for cell in cells]
    by_photo = album.seen(rows=3, bookmarks="photo").bookmarks
    assert [(title, page, depth) for title, page, _, depth in by_photo] == [
        ("First", 0, 1), ("1.jpg", 0, 1), ("Third", 0, 1), ("Ünïcödé", 1, 1)]  # fmt: skip
    assert [top for _, _, top, _ in by_photo] == pytest.approx([*tops, tops[0]], abs=0.01)
    by_page = album.seen(rows=3, bookmarks="page").bookmarks
    assert [(title, page) for title, page, _, _ in by_page] == [("First", 0), ("Ünïcödé", 1)]
    assert album.seen(rows=3, bookmarks="none").bookmarks == ()


# pictures

RED, GREEN, BLUE, WHITE = (230, 30, 30), (30, 200, 30), (30, 30, 230), (250, 250, 250)
# EXIF orientation -> what a camera did to the upright picture before it stored it
STORED: dict[int, Callable[[Image.Image], Image.Image]] = {
    1: lambda image: image,
    2: lambda image: image.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
    3: lambda image: image.transpose(Image.Transpose.ROTATE_180),
    4: lambda image: image.transpose(Image.Transpose.FLIP_TOP_BOTTOM),
    5: lambda image: image.transpose(Image.Transpose.TRANSPOSE),
    6: lambda image: image.transpose(Image.Transpose.ROTATE_90),
    7: lambda image: image.transpose(Image.Transpose.TRANSVERSE),
    8: lambda image: image.transpose(Image.Transpose.ROTATE_270),
}


def quarters(orientation: int) -> bytes:
    """A wide JPEG that is red, green, blue and white when it is upright, stored as a camera held so stores it."""
    upright = Image.new("RGB", (120, 80))
    for colour, corner in ((RED, (0, 0)), (GREEN, (60, 0)), (BLUE, (0, 40)), (WHITE, (60, 40))):
        upright.paste(colour, (*corner, corner[0] + 60, corner[1] + 40))
    exif = Image.Exif()
    exif[0x0112] = orientation
    out = io.BytesIO()
    STORED[orientation](upright).save(out, "JPEG", quality=95, exif=exif)
    return out.getvalue()


@pytest.mark.parametrize("fit", ["fit", "fill"])
def test_photos_are_upright_however_the_camera_was_held(album: Album, fit: str) -> None:
    album.put(*[quarters(orientation) for orientation in range(1, 9)])
    out, _ = album.made(fit=fit)
    with pypdfium2.PdfDocument(out) as pdf:
        for number in range(8):
            shown = pdf[number].render(scale=0.5).to_pil().convert("RGB")
            box = PhotoLayout(PhotosParams()).pictures[0]
            x, y = (box.x + box.width / 2) / 2, (A4[1] - box.y - box.height / 2) / 2
            seen = [shown.getpixel((int(x + dx), int(y + dy))) for dy in (-30, 30) for dx in (-30, 30)]
            assert [near(colour) for colour in seen] == [RED, GREEN, BLUE, WHITE], f"orientation {number + 1}"


def near(colour: Any) -> tuple[int, int, int]:
    return min((RED, GREEN, BLUE, WHITE), key=lambda c: sum(abs(a - b) for a, b in zip(c, colour, strict=True)))


# what cannot be read


def test_an_unreadable_photo_fails_the_document_when_asked_to(album: Album) -> None:
    album.put(jpeg(1, 40, 30), jpeg(2, 40, 30), b"GIF89a no more", captions=["", "", "Holiday"])
    with pytest.raises(UnreadableSource, match=r"^Photo 3, Holiday: The GIF is damaged"):
        album.made(on_unreadable="fail")
    assert not list(album.folder.glob("out.pdf*"))


def test_a_photo_that_cannot_be_read_is_skipped_when_asked_to(album: Album) -> None:
    album.put(jpeg(1, 40, 30), None, None, b"no picture", jpeg(2, 40, 30))
    out, result = album.made(rows=2, on_unreadable="skip")
    seen = read(out)
    assert [len(placed(page)) for page in seen.pages] == [1, 1]
    assert [title for title, *_ in seen.bookmarks] == ["Photo 1", "Photo 5"]
    assert (result.records, result.drawn, result.pages, result.skipped_count) == (5, 2, 2, 3)
    assert [(skipped.record, skipped.source) for skipped in result.skipped] == [
        (2, "1.jpg"), (3, "2.jpg"), (4, "3.jpg")]  # fmt: skip
    assert result.skipped[0].reason == "'1.jpg' cannot be opened: No such file or directory."
    assert "This is not a picture: it begins with 'no picture'" in result.skipped[2].reason


def test_a_document_of_which_nothing_is_left_is_not_made(album: Album) -> None:
    album.put(None, b"no picture")
    with pytest.raises(ExportFailed):
        album.made(on_unreadable="skip")
    assert not list(album.folder.glob("out.pdf*"))


def test_a_placeholder_says_which_photo_is_missing_and_why(album: Album) -> None:
    album.put(jpeg(1, 40, 30), None, jpeg(2, 40, 30))
    out, result = album.made(rows=3)
    (page,) = read(out).pages
    first, last = (box for box, _ in placed(page))
    assert first.y > last.y + 2 * last.height, "its place is kept"
    assert "1.jpg" in page.text
    assert "cannot be opened: No such file" in page.text
    assert (result.drawn, result.skipped_count) == (2, 1)
