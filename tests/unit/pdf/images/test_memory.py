"""How much memory reading a picture takes."""

from __future__ import annotations

import io
import struct
import subprocess
import sys
import tracemalloc
import zlib
from pathlib import Path

from PIL import Image

from pipeline.pdf.images import count_frames
from pipeline.pdf.images.png import NO_END

from .picture_files import png, quadrants, read, saved
from .raw_files import gif_frame
from .shown import content

ROOT = Path(__file__).parents[4]


PEAK = """
import resource, sys
from pipeline.errors import UnreadableSource
from pipeline.pdf.images import read_picture
from pipeline.pdf.images.scaling import Room

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)

room = Room(500, 500) if sys.argv[3] == "scaled" else None
with open(sys.argv[1], "rb") as small, open(sys.argv[2], "rb") as big:
    read_picture(small, 40_000_000, Room(9, 9))
    before = peak()
    try:
        read_picture(big, 40_000_000, room)
    except UnreadableSource as error:
        print(error)
    print(peak() - before)
"""


def growth(folder: Path, data: bytes, kind: str = "PNG", scaled: bool = False) -> tuple[str, int]:
    """What a process of its own said about the picture, and how many bytes its peak grew."""
    (folder / "small").write_bytes(saved(quadrants(), kind))
    (folder / "big").write_bytes(data)
    command = [sys.executable, "-c", PEAK, str(folder / "small"), str(folder / "big"), "scaled" if scaled else ""]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=60)
    *said, grown = done.stdout.splitlines()
    return "".join(said), int(grown)


def test_a_bomb_is_refused_without_being_decoded(tmp_path: Path) -> None:
    rows = zlib.compressobj(1)
    packed = b"".join(rows.compress(bytes(6251 * 500)) for _ in range(100)) + rows.flush()
    bomb = png(50_000, 50_000, 1, 0, b"").replace(zlib.compress(b""), packed)
    assert len(bomb) < 2_000_000
    said, grown = growth(tmp_path, bomb)
    assert said == "More than 178 million pixels is over the limit of 40 million."
    assert grown < 4_000_000


def test_a_gif_whose_first_frame_is_huge_is_refused_without_memory_for_it(tmp_path: Path) -> None:
    """It says that the frame is to be cleared, for which Pillow takes memory when it opens the file."""
    head = b"GIF89a" + struct.pack("<HH3B", 8, 8, 0, 0, 0) + b"!\xf9\x04\x08\0\0\0\0"
    said, grown = growth(tmp_path, head + gif_frame(0, 0, 16384, 8192) + b";", "GIF")
    assert said == "More than 80 million pixels is over the limit of 40 million."
    for width, frames in ((8, 2), (16384, 1)):  # 1: its frames are not counted
        assert (
            count_frames(io.BytesIO(head + gif_frame(0, 0, width, 8192) + gif_frame(0, 0, 8, 8) + b";")) == frames
        )
    assert grown < 4_000_000


def test_decoding_holds_one_picture(tmp_path: Path) -> None:
    gradient = Image.linear_gradient("L").resize((2500, 2500))
    bands = [gradient, gradient.transpose(Image.Transpose.ROTATE_90), gradient, gradient]
    said, grown = growth(tmp_path, saved(Image.merge("RGBA", bands), "PNG", compress_level=1))
    assert said == ""
    assert grown < 7 * 2500 * 2500  # 4 for the picture, 1 for its alpha, and what is compressed


def test_a_jpeg_is_scaled_down_without_holding_its_pixels(tmp_path: Path) -> None:
    large = saved(quadrants().resize((9000, 8000)), "JPEG")
    said, grown = growth(tmp_path, large, "JPEG", scaled=True)
    assert said == ""
    assert grown < 3 * 9000 * 8000 / 10


def test_a_png_takes_no_memory_for_bytes_that_are_not_there() -> None:
    """Its picture is whole, but a damaged length says that 4 GB of it follow."""
    data = saved(quadrants(), "PNG")
    at = data.index(b"IDAT")
    tracemalloc.start()
    try:
        picture = read(data[: at - 4] + b"\xff" + data[at - 3 :])
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 1_000_000
    assert content(picture.image) == content(read(data).image)
    assert picture.remarks == (NO_END,)
