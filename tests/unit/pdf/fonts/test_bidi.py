"""Lines of mixed directions."""

from __future__ import annotations

from bidi import get_display
from hypothesis import given
from hypothesis import strategies as st

from pipeline.pdf import fonts
from pipeline.pdf.fonts.bidi import visual_runs

from .font_files import HEBREW


@given(st.text('abאבج12٣+,%. ()[]"', max_size=24))
def test_lines_have_the_order_that_python_bidi_finds(text: str) -> None:
    text = text.strip()
    ours = ""
    for run in visual_runs(text):
        part = text[run.start : run.stop]
        ours += part[::-1] if run.backward else part
    assert ours == get_display(text)


def test_a_paragraph_keeps_its_direction_on_every_line() -> None:
    text = f"{HEBREW} one two three four five six seven"
    face = fonts.default_chain()
    lines = face.wrap(text, 10, 80, 9)
    assert len(lines) > 2
    assert all(line.startswith("\u200f") for line in lines[1:])
    assert " ".join(line.lstrip("\u200f") for line in lines) == text
