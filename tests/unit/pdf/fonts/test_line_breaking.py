"""Text in lines."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from pipeline.pdf import fonts
from pipeline.pdf.fonts.chain import FontChain
from pipeline.pdf.fonts.files import font_files


@given(
    st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]) | st.just(" "), max_size=60),
    st.floats(40, 200),
)
def test_wrapping_loses_nothing_and_every_line_fits(text: str, width: float) -> None:
    text = " ".join(text.split())
    face = fonts.default_chain()
    lines = face.wrap(text, 10, width, 1000)
    assert "".join(lines).replace("\u200e", "").replace("\u200f", "").replace(" ", "") == text.replace(
        " ", ""
    ).replace("\u200e", "").replace("\u200f", "")
    assert all(face.width(line, 10) <= width or len(line) < 12 for line in lines)


class Counting(FontChain):
    """A face that counts the characters it is asked to measure."""

    measured = 0

    def width(self, text: str, size: float) -> float:
        self.measured += len(text)
        return super().width(text, size)


def test_an_endless_word_is_not_measured_whole_per_line() -> None:
    face, word = Counting(font_files([])), "لا" * 25_000
    lines = face.wrap(word, 8, 200, 60)
    assert len(lines) == 60 and lines[-1].endswith("…")
    assert face.measured < 3 * len(word)


def test_long_words_and_ideographs_are_broken_without_spaces(tmp_path: Path) -> None:
    face = fonts.default_chain()
    assert face.wrap("x" * 30, 10, 80, 9)[:2] == ["x" * 15, "x" * 15]
    broken = face.wrap("「日本」語。" * 5, 10, 60, 99)
    assert "".join(broken) == "「日本」語。" * 5
    assert not any(line.startswith(("」", "。")) or line.endswith("「") for line in broken)
