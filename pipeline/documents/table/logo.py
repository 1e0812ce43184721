"""The logo beside the title: a picture of the bucket, read under the limits of pictures."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import msgspec

from ...errors import InvalidRequest, UnreadableSource
from ...pdf.page import Page
from ...pdf.paper import MM
from ...pdf.tally import Remarks
from ..inputs import Inputs

if TYPE_CHECKING:
    from ...pdf.images import Picture

WIDTH, HEIGHT = 50 * MM, 14 * MM  # the largest that it is drawn
GAP = 6 * MM  # between it and the title
MAX_PIXELS = 16_000_000  # that are decoded: 64 MB
ROOM = 1200, 336  # pixels: 600 an inch


class Logo(msgspec.Struct, frozen=True):
    """A picture by its source, drawn at the right edge of the title block."""

    source: str
    inputs: Inputs

    def check(self, remarks: Remarks) -> None:
        """Read it once. InvalidRequest if that fails; what was mended is noted."""
        try:
            with self._read() as picture:
                for words in picture.remarks:
                    remarks.add(words, "the logo")
        except UnreadableSource as error:
            raise InvalidRequest(
                f"The logo cannot be read: {error.message}", field="logo", advice="Give the key of a PNG or JPEG."
            ) from error

    def draw(self, page: Page, right: float, top: float) -> None:
        """Draw it with its upper right corner there."""
        with self._read() as picture:
            width, height = size_in_the_box(picture)
            page.picture(picture, right - width, top - height, width, height)

    @contextmanager
    def _read(self) -> Iterator[Picture]:
        from ...pdf.images import read_picture  # Pillow is loaded by what draws pictures
        from ...pdf.images.scaling import Room

        with self.inputs.open(self.source) as file:
            yield read_picture(file, MAX_PIXELS, Room(*ROOM))


def size_in_the_box(picture: Picture) -> tuple[float, float]:
    """Return width and height in points, as large as there is room."""
    wide, high = picture.size
    scale = min(WIDTH / wide, HEIGHT / high)
    return wide * scale, high * scale
