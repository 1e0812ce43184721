"""HEIC, which an optional decoder reads."""

from __future__ import annotations

import base64

import pytest

from pipeline.errors import UnreadableSource
from pipeline.pdf.images import formats

from .picture_files import quadrants, read
from .shown import assert_looks_like

# the picture of quadrants(), turned by EXIF orientation 6, as libheif 1.23 with x265 wrote it
TURNED = base64.b64decode("""
AAAAHGZ0eXBoZWljAAAAAG1pZjFoZWljbWlhZgAAAchtZXRhAAAAAAAAACFoZGxyAAAAAAAAAABwaWN0AAAAAAAAAAAAAAAAAAAA
ADRpbG9jAAAAAERAAAIAAQAAAAAB7AABAAAAAAAAAOoAAgAAAAAC1gABAAAAAAAAACQAAAA4aWluZgAAAAAAAgAAABVpbmZlAgAA
AAABAABodmMxAAAAABVpbmZlAgAAAQACAABFeGlmAAAAAA5waXRtAAAAAAABAAABB2lwcnAAAADmaXBjbwAAAHZodmNDAQNwAAAA
kAAAAAAAHvAA/P34+AAADwNgAAEAGEABDAH//wNwAAADAJAAAAMAAAMAHroCQGEAAQAqQgEBA3AAAAMAkAAAAwAAAwAeoCCBBZbq
5Ka5uAhoMCAAAAMDIAAAAwAhYgABAAZEAcFzwIkAAAATY29scm5jbHgAAQANAAaAAAAAFGlzcGUAAAAAAAAAQAAAAEAAAAAoY2xh
cAAAAEAAAAABAAAAIAAAAAEAAAAAAAAAAv///+AAAAACAAAAEHBpeGkAAAAAAwgICAAAAAlpcm90AwAAABlpcG1hAAAAAAAAAAEA
AQaBAgMFhIYAAAAaaXJlZgAAAAAAAAAOY2RzYwACAAEAAQAAARZtZGF0AAAA5igBrwng4Vc5NB//7JHP/7lp2X6fYKFIo/+hGYr+
w0uP/P2dzsSH3dOvulCVQoFTSZjSKyEIhgj6176cKmSs7+tiR2+2LRXA//VpHf3/3f+wFLcI2p/8xqy/viWF8Ox32/+Y2jRJ0t/B
PKDWqpv19SVB3KZU5RsTAz/0pTn23P4ApvuTbptG1axtUzMCiWTWae+YZZsV3GRPyJhxPwbt2WWBxe1Njia9YpArZcDiMrYxvrn3
W8ST7eCnKNffM2tOkH48Y73P185JNmIr70vhlJI4ePba5nPXv6tIDfm/LcPWx5P4FwdOAAAABkV4aWYAAE1NACoAAAAIAAEBEgAD
AAAAAQAGAAAAAAAA
""")


def test_a_heic_is_drawn_upright() -> None:
    picture = read(TURNED)
    assert not picture.remarks
    assert_looks_like(picture, quadrants().rotate(-90, expand=True))


def test_without_its_decoder_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(formats, "readable", lambda: ("PNG", "JPEG"))
    with pytest.raises(UnreadableSource, match="the extra `heic` is not installed") as refused:
        read(TURNED)
    assert "Install the extra" in refused.value.advice
