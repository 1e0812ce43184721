"""Damaged pictures are read or refused, never anything else."""

from __future__ import annotations

import io
import os
import struct
import time

import pytest
from celery.exceptions import SoftTimeLimitExceeded
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from pipeline.errors import UnreadableSource
from pipeline.pdf.images import count_frames, read_picture
from pipeline.pdf.images.scaling import Room

from .picture_files import (
    INKS,
    LIMIT,
    display_p3,
    exif,
    palette,
    quadrants,
    saved,
    translucent,
)
from .shown import (
    content,
)


def _text() -> PngInfo:
    info = PngInfo()
    info.add_text("Raw profile type exif", "\nexif\n 4\n00ff\n", zip=True)
    return info


SAMPLES = {
    "jpeg": saved(quadrants().resize((16, 16)), "JPEG", exif=exif(6), icc_profile=display_p3()),
    "progressive": saved(quadrants().resize((16, 16)), "JPEG", progressive=True),
    "png": saved(translucent().resize((16, 16)), "PNG", exif=exif(3), icc_profile=display_p3()),
    "palette": saved(palette(transparency=b"\xff\x80").resize((16, 16)), "PNG", pnginfo=PngInfo()),
    "webp": saved(quadrants().resize((16, 16)), "WEBP", exif=exif(3)),
    "gif": saved(palette().resize((16, 16)), "GIF"),
    "tiff": saved(quadrants().resize((16, 16)), "TIFF", exif=exif(5)),
    "bmp": saved(palette().resize((16, 16)), "BMP"),
}


def reads_or_refuses(data: bytes, room: Room | None = None, frame: int | None = None) -> None:
    try:
        picture = read_picture(io.BytesIO(data), 100_000, room, frame)
    except UnreadableSource as error:
        assert str(error).endswith((".", "JPEG"))
    else:
        assert picture.orientation in range(1, 9)
        for stream in (picture.image, picture.mask, picture.profile):
            if stream:
                content(stream)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(kind=st.sampled_from(sorted(SAMPLES)), data=st.data())
def test_any_beginning_of_a_picture_reads_or_is_refused(kind: str, data: st.DataObject) -> None:
    sample = SAMPLES[kind]
    reads_or_refuses(sample[: data.draw(st.integers(0, len(sample)))])


@settings(max_examples=400, deadline=None, derandomize=True)
@given(kind=st.sampled_from(sorted(SAMPLES)), data=st.data(), value=st.integers(0, 255))
def test_any_damaged_byte_reads_or_is_refused(kind: str, data: st.DataObject, value: int) -> None:
    sample = bytearray(SAMPLES[kind])
    sample[data.draw(st.integers(0, len(sample) - 1))] = value
    reads_or_refuses(bytes(sample))


FUZZED = {
    **SAMPLES,
    "restarts": saved(quadrants().resize((40, 24)), "JPEG", restart_marker_rows=1),
    "ink": saved(quadrants(INKS, "CMYK"), "JPEG", progressive=True),
    "grey jpeg": saved(quadrants((0, 90, 180, 255), "L"), "JPEG"),
    "no end": saved(quadrants(), "JPEG")[:-2] + bytes(40),
    "interlaced": saved(translucent(), "PNG", interlace=1),
    "animated png": saved(translucent(), "PNG", save_all=True, append_images=[quadrants().convert("RGBA")]),
    "16 bits": saved(Image.linear_gradient("L").resize((16, 16)).convert("I;16"), "PNG"),
    "text": saved(quadrants(), "PNG", pnginfo=_text()),
    "tiff of pages": saved(quadrants(), "TIFF", save_all=True, append_images=[quadrants()] * 3),
    "tiff deflated": saved(translucent(), "TIFF", compression="tiff_adobe_deflate"),
    "avif": saved(quadrants(), "AVIF"),
}
EDITS = ("byte", "bytes", "cut", "repeat", "insert", "swap", "length")


def edited(sample: bytes, edits: list[tuple[str, int, int, bytes]]) -> bytes:
    """The file after some edits, each at a place, over a length, with bytes of its own."""
    data = bytearray(sample)
    for kind, at, size, new in edits:
        begin, end = at % (len(data) + 1), min(len(data), at % (len(data) + 1) + size)
        if kind in ("byte", "bytes"):
            data[begin : begin + len(new)] = new
        elif kind == "cut":
            del data[begin:end]
        elif kind == "repeat":
            data[begin:begin] = data[begin:end] * 3
        elif kind == "insert":
            data[begin:begin] = new
        elif kind == "swap":
            data[begin:end] = data[begin:end][::-1]
        else:
            data[begin : begin + 4] = struct.pack(">I", size * 0x01010101 & 0xFFFFFFFF)
    return bytes(data)


@settings(
    max_examples=int(os.environ.get("EXAMPLES", "300")), deadline=None, derandomize="EXAMPLES" not in os.environ
)
@given(
    kind=st.sampled_from(sorted(FUZZED)),
    edits=st.lists(
        st.tuples(st.sampled_from(EDITS), st.integers(0, 4000), st.integers(0, 300), st.binary(max_size=12)),
        min_size=1,
        max_size=6,
    ),
    room=st.sampled_from([None, Room(9, 9), Room(3, 3, fill=True)]),
    frame=st.sampled_from([None, 0, 1]),
)
def test_any_edited_file_reads_or_is_refused(
    kind: str, edits: list[tuple[str, int, int, bytes]], room: Room | None, frame: int | None
) -> None:
    data = edited(FUZZED[kind], edits)
    began = time.process_time()
    reads_or_refuses(data, room, frame)
    assert count_frames(io.BytesIO(data)) >= 1
    assert time.process_time() - began < 20


class Interrupted(io.BytesIO):
    """A file in the middle of which something happens that is not the picture's fault."""

    def __init__(self, data: bytes, error: Exception) -> None:
        super().__init__(data)
        self.error = error

    def read(self, size: int | None = -1, /) -> bytes:
        if self.tell() > 50:
            raise self.error
        return super().read(size)


@pytest.mark.parametrize("error", [OSError(5, "Input/output error"), SoftTimeLimitExceeded(240)])
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "BMP"])
def test_other_errors_are_not_blamed_on_the_picture(kind: str, error: Exception) -> None:
    with pytest.raises(type(error)):
        read_picture(Interrupted(saved(quadrants(), kind), error), LIMIT)
