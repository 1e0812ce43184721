"""The logo beside the title: a picture of the bucket, read under the limits of pictures."""

from __future__ import annotations

from dataclasses import dataclass

from ...errors import InvalidRequest, UnreadableSource
from ...pdf.images import Picture, read_picture
from ...pdf.images.scaling import Room
from ...pdf.page import Page
from ...pdf.paper import MM
from ...pdf.tally import Remarks
from ..inputs import Inputs

WIDTH, HEIGHT = 50 * MM, 14 * MM  # the largest that it is drawn
GAP = 6 * MM  # between it and the title
MAX_PIXELS = 16_000_000  # that are decoded: 64 MB
ROOM = Room(1200, 336)  # pixels: 600 a inch


@dataclass(frozen=True)
class Logo:
    """A picture by its source, drawn at the right edge of the title block."""

    source: str
    inputs: Inputs

    def check(self, remarks: Remarks) -> None:
        """Read it once. InvalidRequest if that fails; what was mended is noted."""
        try:
            with self.inputs.open(self.source) as file:
                for words in read_picture(file, MAX_PIXELS, ROOM).remarks:
                    remarks.add(words, "the logo")
        except UnreadableSource as error:
            raise InvalidRequest(
                f"The logo cannot be read: {error.message}", field="logo", advice="Give the key of a PNG or JPEG."
            ) from error

    def draw(self, page: Page, right: float, top: float) -> None:
        """Draw it with its upper right corner there."""
        with self.inputs.open(self.source) as file:
            picture = read_picture(file, MAX_PIXELS, ROOM)
            width, height = size_in_the_box(picture)
            page.picture(picture, right - width, top - height, width, height)


def size_in_the_box(picture: Picture) -> tuple[float, float]:
    """Returns width and height in points, as large as there is room."""
    wide, high = picture.size
    scale = min(WIDTH / wide, HEIGHT / high)
    return wide * scale, high * scale
