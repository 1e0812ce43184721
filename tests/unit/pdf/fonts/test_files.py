"""Font files: which are accepted."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

import pytest
from fontTools.ttLib import TTCollection, TTFont

from pipeline.errors import InvalidSetting
from pipeline.pdf import fonts
from pipeline.pdf.fonts.chain import FontChain
from pipeline.pdf.fonts.files import font_files

from .font_files import font


def test_collections_are_taken_by_number(tmp_path: Path) -> None:
    collection = TTCollection()
    collection.fonts = [TTFont(font(tmp_path, name)) for name in ("One", "Two")]
    path = tmp_path / "both.ttc"
    collection.save(path)
    with pytest.raises(InvalidSetting, match="a collection of 2 fonts: add #0 to #1"):
        fonts.load([str(path)])
    fonts.load([f"{path}#1"])
    assert fonts.default_chain().name == "Two"


def broken(data: bytes) -> Iterator[tuple[str, bytes]]:
    yield "empty", b""
    yield "no font", b"%PDF-1.7 is something else"
    yield "cut off", data[: len(data) // 2]
    yield "a directory that is cut off", data[:40]
    yield "more tables than there are", data[:4] + b"\xff\xff" + data[6:]
    yield "a collection that is cut off", b"ttcf\0\1\0\0" + struct.pack(">I", 9)
    yield "no outlines", data.replace(b"glyf", b"glyg", 1)


@pytest.mark.parametrize("kind", range(7))
def test_a_broken_font_is_refused_at_once(tmp_path: Path, kind: int) -> None:
    words, data = list(broken(font(tmp_path).read_bytes()))[kind]
    path = tmp_path / "broken.ttf"
    path.write_bytes(data)
    with pytest.raises(InvalidSetting, match=r"FONTS names .*broken\.ttf") as caught:
        fonts.load([str(path)])
    assert caught.value.field == "FONTS", words


@pytest.mark.parametrize("bits", [0x2, 0x100, 0x200])
def test_a_font_that_may_not_be_embedded_is_refused(tmp_path: Path, bits: int) -> None:
    with pytest.raises(InvalidSetting, match="licence bits"):
        fonts.load([str(font(tmp_path, bits=bits))])
    fonts.load([str(font(tmp_path, bits=0x8))])


@pytest.mark.parametrize("name", ["/nowhere/x.ttf", "no_such_package", "pytest"])
def test_a_setting_that_is_no_font_is_named(name: str) -> None:
    with pytest.raises(InvalidSetting, match=f"FONTS names .*{name}"):
        fonts.load([name])


def test_the_same_fonts_elsewhere_are_the_same(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    path = font(tmp_path)
    copy = tmp_path / "other" / "copy.ttf"
    copy.write_bytes(path.read_bytes())
    one, two = (FontChain(font_files([str(p)])) for p in (path, copy))
    assert one.fingerprint == two.fingerprint != fonts.default_chain().fingerprint
