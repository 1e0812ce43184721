"""Pictures of several pages or frames: a record for each of them, and one file that they share."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import AbstractContextManager, closing, nullcontext
from itertools import groupby
from typing import BinaryIO

import msgspec

from ...errors import InvalidRequest, RefusedAddress, UnreadableSource
from ...pdf.images import PictureFile, count_frames
from ..inputs import Inputs, OpenInput
from .params import Photo, decode

Opened = Callable[[], AbstractContextManager[PictureFile]]
_SINGLE = (".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".bmp", ".dib")
"""Files that never have several: they are not read before they are drawn."""


def expanded(lines: Iterable[bytes], inputs: Inputs) -> Iterator[bytes]:
    """Yield the lines of a listing; for a picture of several frames, a line for each.

    Reads every picture that may have several. Raises InvalidRequest for a wrong line.
    """
    photos = (_checked(number, line, inputs) for number, line in enumerate(lines, 1))
    for several, group in groupby(photos, _may_have_several):
        if not several:
            yield from map(_line, group)
            continue
        with closing(inputs.each(group, lambda photo: photo.source)) as opened:
            for photo, opener in opened:
                yield from map(_line, _frames_of(photo, opener))


def each(inputs: Inputs, photos: Iterable[Photo]) -> Generator[tuple[Photo, Opened], None, None]:
    """Yield every photo with its file, as `inputs.each`. Photos of one file in a row share it: it is read once."""
    groups = (list(group) for _, group in groupby(photos, lambda photo: photo.source))
    with closing(inputs.each(groups, lambda group: group[0].source)) as opened:
        for group, opener in opened:
            with _Shared(opener) as shared:
                yield from ((photo, shared.open) for photo in group)


class _Shared:
    """Opens a file when it is needed, and keeps it open, with what was decoded of it for the next frame."""

    def __init__(self, opener: OpenInput) -> None:
        self._opener = opener
        self._file: BinaryIO | None = None
        self._picture: PictureFile | None = None

    def __enter__(self) -> _Shared:
        return self

    def __exit__(self, *error: object) -> None:
        self._picture = None
        if self._file:
            self._file.close()

    def open(self) -> AbstractContextManager[PictureFile]:
        """Return the file; leaving its context does not close it."""
        if self._file is None or self._picture is None:
            self._file = self._opener()
            self._picture = PictureFile(self._file)
        return nullcontext(self._picture)


def _checked(number: int, line: bytes, inputs: Inputs) -> Photo:
    try:
        photo = decode(line)
        inputs.check(photo.source)
    except (InvalidRequest, RefusedAddress) as error:
        words = f"Entry {number} of the listing: {error.message}"
        raise InvalidRequest(words, field="listing", advice=error.advice) from error
    return photo


def _may_have_several(photo: Photo) -> bool:
    return photo.frame is None and not photo.file.lower().endswith(_SINGLE)


def _frames_of(photo: Photo, opener: OpenInput) -> Iterator[Photo]:
    try:
        with opener() as file:
            count = count_frames(file)
    except UnreadableSource:  # drawing it says why
        count = 1
    if count == 1:
        yield photo
    else:
        yield from (msgspec.structs.replace(photo, frame=frame) for frame in range(1, count + 1))


def _line(photo: Photo) -> bytes:
    return msgspec.json.encode(photo) + b"\n"
