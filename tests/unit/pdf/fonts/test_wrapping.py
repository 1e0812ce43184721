"""Lines found from the widths of words are those found from the widths of characters."""

from __future__ import annotations

from collections.abc import Iterable
from math import inf

from hypothesis import given
from hypothesis import strategies as st

from pipeline.pdf.fonts import FontChain, default_chain
from pipeline.pdf.fonts.wrapping import wrapped


class Characters:
    """The same fonts, without widths of words."""

    def __init__(self, chain: FontChain) -> None:
        self.width, self.advances, self.fits, self.fit = chain.width, chain.advances, chain.fits, chain.fit

    def word_widths(self, words: Iterable[str]) -> list[float]:
        return [inf for _ in words]


words = st.sampled_from(
    ["a", "the", "parcel,", "München", "Иванов", "王小明", "x-y", "12", "no.", "W" * 30, "i" * 80]
)


@given(
    st.lists(words, min_size=1, max_size=40), st.floats(20, 400), st.integers(1, 6), st.sampled_from([4.5, 8, 9.3])
)
def test_lines_of_words_are_those_of_characters(found: list[str], width: float, most: int, size: float) -> None:
    chain, text = default_chain(), " ".join(found)
    assert wrapped(chain, text, size, width, most) == wrapped(Characters(chain), text, size, width, most)


def test_a_line_as_wide_as_its_room_is_not_broken() -> None:
    chain = default_chain()
    line = "parcel was returned"
    for width in (chain.width(line, 8), chain.width(line, 8) - 0.001):
        lines = wrapped(chain, f"{line} {line}", 8, width, 9)
        assert lines == wrapped(Characters(chain), f"{line} {line}", 8, width, 9)
        assert (lines[0] == line) == (width == chain.width(line, 8))
