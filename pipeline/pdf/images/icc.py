"""ICC colour profiles: which of them a picture keeps in a PDF (ISO 32000-1, 8.6.5.5)."""

from __future__ import annotations

import zlib
from functools import lru_cache
from io import BytesIO
from itertools import product
from typing import cast

from PIL import Image, ImageChops, ImageCms

from ..objects import Stream

DEVICE_SPACES = {1: b"/DeviceGray", 3: b"/DeviceRGB", 4: b"/DeviceCMYK"}

_MODES = {1: "L", 3: "RGB", 4: "CMYK"}
_CLASSES = (b"scnr", b"mntr", b"prtr", b"spac")  # the classes that ICCBased allows
MAX_PROFILE = 4 * 1024 * 1024  # bytes
UNUSABLE = "A colour profile is damaged, too large or not for the colours of its picture, and is left out"

_SAME = 2  # of 255: rounding, and small differences between the sRGB profiles in use


def profile_stream(data: bytes, components: int) -> Stream | None:
    """Return the profile, deflated, for a picture with 1, 3 or 4 components.

    None when it has no effect: viewers take DeviceRGB for sRGB. Raises ValueError when it is damaged, larger than
    4 MiB, or made for other components.
    """
    if len(data) > MAX_PROFILE or data[12:16] not in _CLASSES:
        raise ValueError(UNUSABLE)
    return _deflated(data, components)


@lru_cache(maxsize=4)  # the pictures of an export often come from one camera
def _deflated(data: bytes, components: int) -> Stream | None:
    try:
        if _changes_nothing(data, components):
            return None
    except (OSError, ImageCms.PyCMSError) as error:
        raise ValueError(UNUSABLE) from error
    entries = b"/N %d/Alternate%s/Filter/FlateDecode" % (components, DEVICE_SPACES[components])
    return Stream.from_bytes(entries, zlib.compress(data, 9))


def _changes_nothing(data: bytes, components: int) -> bool:
    """Return whether colours look the same when taken for sRGB. Raises lcms's errors for a broken profile."""
    mode = _MODES[components]
    profile = ImageCms.ImageCmsProfile(BytesIO(data))
    transform = ImageCms.buildTransform(profile, ImageCms.createProfile("sRGB"), mode, "RGB")
    steps = range(0, 256, 51)
    samples = bytes(value for colour in product(steps, repeat=components) for value in colour)
    swatches = Image.frombytes(mode, (len(steps) ** components, 1), samples)
    extremes = ImageChops.difference(transform.apply(swatches), swatches.convert("RGB")).getextrema()
    return all(high <= _SAME for _, high in cast("tuple[tuple[int, int], ...]", extremes))
