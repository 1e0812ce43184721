"""What every tool reads: the same rows, the same photos, the same chunks. Made once, kept in a folder."""

from __future__ import annotations

import io
import shutil
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from pathlib import Path

TITLES = ("Order", "Date", "Customer", "City", "Quantity", "Amount")
ON_FIRST, ON_OTHERS = 38, 40  # rows of a page; the first one bears the document's title
DIFFERENT = 20  # photos that differ as pictures; all differ as bytes
_NAMES = ("Adams", "Baker", "Carter", "Dixon", "Evans", "Fischer", "Garcia", "Hansen", "Ito", "Jensen", "Kovacs")
_CITIES = ("Aarhus", "Bergen", "Cork", "Dresden", "Exeter", "Florence", "Ghent", "Helsinki", "Ipswich")


def rows_of(pages: int) -> int:
    """Rows that fill so many pages."""
    return ON_FIRST + (pages - 1) * ON_OTHERS


def csv_blocks(pages: int, rows: int = 20_000) -> Iterator[bytes]:
    """The CSV of a table of so many pages, a block at a time: no row is like another."""
    yield (",".join(TITLES) + "\n").encode()
    count, first = rows_of(pages), date(2020, 1, 1)
    days = [(first + timedelta(n)).isoformat() for n in range(2003)]
    for start in range(0, count, rows):
        lines = [
            f"A-{i:08d},{days[i % 2003]},{_NAMES[i % 11]} {i % 9973},{_CITIES[i % 9]},{i % 97},"
            f"{i % 1_000_003 / 100:.2f}\n"
            for i in range(start, min(start + rows, count))
        ]
        yield "".join(lines).encode()


def table(folder: Path, pages: int) -> Path:
    """A CSV file."""

    def write(path: Path) -> None:
        with path.open("wb") as file:
            file.writelines(csv_blocks(pages))

    return kept(folder / f"rows-{pages}.csv", write)


def photos(folder: Path, pages: int) -> Path:
    """A folder of JPEGs of half a megabyte, 1200 x 1600 pixels."""

    def write(path: Path) -> None:
        path.mkdir()
        pictures = [_photo(folder, n) for n in range(min(pages, DIFFERENT))]
        for n in range(pages):
            (path / f"{n + 1:05d}.jpg").write_bytes(_marked(pictures[n % len(pictures)], n))

    return kept(folder / f"photos-{pages}", write)


def text_chunks(folder: Path, pages: int) -> Path:
    """Plain text pages, drawn in chunks of 100: each as a segment with its index, and as a PDF of its own."""
    from . import chunked

    return kept(folder / f"text-{pages}", lambda path: chunked.write_text(path, pages, 100))


def photo_chunks(folder: Path, pages: int) -> Path:
    """The same with photos, in chunks of 50."""
    from . import chunked

    album = photos(folder, pages)
    return kept(folder / f"albums-{pages}", lambda path: chunked.write_album(path, album, 50))


def font(folder: Path) -> Path:
    """Noto Sans Regular as a file of its own: skia and others embed no variable font."""

    def write(path: Path) -> None:
        from importlib.resources import files

        from fontTools.ttLib import TTFont
        from fontTools.varLib import instancer

        found = TTFont(io.BytesIO((files("fontpkg_noto_sans") / "files/NotoSans[wdth,wght].ttf").read_bytes()))
        path.parent.mkdir(exist_ok=True)
        instancer.instantiateVariableFont(found, {"wdth": 100, "wght": 400}).save(path)

    return kept(folder / "fonts" / "NotoSans-Regular.ttf", write)


def kept(path: Path, write: Callable[[Path], None]) -> Path:
    """The file or folder, made if it is not there; never a half-made one."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f"part-{path.name}")
        if partial.is_dir():
            shutil.rmtree(partial)
        write(partial)
        partial.replace(path)
    return path


def _photo(folder: Path, number: int) -> bytes:
    def write(path: Path) -> None:
        from PIL import Image

        from local import samples

        Image.open(io.BytesIO(samples.photo(number))).save(path, "JPEG", quality=95)

    return kept(folder / f"photo-{number}.jpg", write).read_bytes()


def _marked(jpeg: bytes, number: int) -> bytes:
    """Another file with the same picture: a comment (COM) behind the start marker."""
    words = b"%08d" % number
    return jpeg[:2] + b"\xff\xfe" + (len(words) + 2).to_bytes(2, "big") + words + jpeg[2:]
