"""Bold faces, and ideographs in the shapes of a language."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.pdf import fonts
from pipeline.pdf.segment import SegmentWriter

from ....make_pdf import filled, opened, pictures
from .font_files import ARABIC, HEBREW, font, text_of

KOREAN = "직원 한국어 合計"
LATIN = "Total 1,234.50 € Ärger Σύνολο Итого"


def page_of(text: str, *, bold: bool = False, language: str = "") -> bytes:
    def fill(out: SegmentWriter) -> None:
        with out.page(400, 40) as page:
            page.text(10, 20, 12, text, bold=bold)

    return filled(fill, language)


def ink(pdf: bytes) -> int:
    return sum(255 - value for value in pictures(pdf)[0])


@pytest.mark.parametrize("text", [LATIN, HEBREW, ARABIC, KOREAN], ids=["latin", "hebrew", "arabic", "korean"])
def test_bold_text_has_more_ink_and_the_same_letters(text: str) -> None:
    regular, bold = page_of(text), page_of(text, bold=True)
    assert ink(bold) > 1.1 * ink(regular)
    assert text_of(bold) == text_of(regular)
    with opened(bold) as file:
        names = [str(value.BaseFont) for value in file.pages[0].Resources.Font.values()]
        assert any(name.endswith("-Bold") for name in names)


def test_bold_digits_have_one_width() -> None:
    assert fonts.default_chain(bold=True).even_digits


def test_a_bold_face_beside_a_font_is_taken(tmp_path: Path) -> None:
    regular = font(tmp_path)
    fonts.load([str(regular)])
    assert fonts.default_chain(bold=True).name == "House"
    assert ink(page_of("AA", bold=True)) == ink(page_of("AA"))
    before = fonts.default_chain().fingerprint
    font(tmp_path, "House-Bold")
    fonts.load([])
    fonts.load([str(regular)])
    assert fonts.default_chain(bold=True).name == "House-Bold"
    assert fonts.default_chain().fingerprint != before
    assert text_of(page_of("Aé中", bold=True)) == "Aé中"


@pytest.mark.parametrize(
    ("language", "others"), [("ko", 1), ("ja", 1), ("zh-Hans", 2), ("zh-Hant", 3), ("zh-HK", 1)]
)
def test_ideographs_have_the_shapes_of_the_language(language: str, others: int) -> None:
    """U+9AA8 differs between Japan, China and Taiwan: `others` numbers its shapes."""
    shapes = {1: "ja", 2: "zh-Hans", 3: "zh-Hant"}
    assert pictures(page_of("骨", language=language)) == pictures(page_of("骨", language=shapes[others]))
    assert len({tuple(pictures(page_of("骨", language=shape))) for shape in shapes.values()}) == 3
    assert text_of(page_of("骨 text", language=language)) == "骨 text"


@pytest.mark.parametrize(
    ("tag", "language"),
    [("ko-KR", "ko"), ("ja-JP", "ja"), ("zh-CN", "zh-Hans"), ("zh-TW", "zh-Hant"), ("zh-Hant-HK", "zh-HK"),
     ("zh", "zh-Hans"), ("de-DE", ""), ("", "")],
)  # fmt: skip
def test_a_locale_chooses_the_shapes(tag: str, language: str) -> None:
    assert fonts.han_language(tag) == language
