"""Damaged pictures are read or refused, never anything else."""

from __future__ import annotations

import io

import pytest
from celery.exceptions import SoftTimeLimitExceeded
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL.PngImagePlugin import PngInfo

from pipeline.errors import UnreadableSource
from pipeline.pdf.images import read_picture

from .picture_files import (
    LIMIT,
    display_p3,
    exif,
    palette,
    quadrants,
    read,
    saved,
    translucent,
)
from .shown import (
    content,
)

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


def reads_or_refuses(data: bytes) -> None:
    try:
        picture = read(data, 100_000)
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
