"""Where lines may end, by the rules of Unicode Standard Annex 14; | stands where one may."""

# ruff: noqa: RUF001  # quotes and East Asian signs
from __future__ import annotations

import pytest

from pipeline.pdf import fonts
from pipeline.pdf.fonts.line_breaking import breaks

CASES = [
    "two |words", "well-|known", "state-|of-|the-|art", "https://|a.example/|b/|c", "minus |-5 |m", "a |-b",
    "(see |note) |and |[b] |{c}", "yes! |No? |So; |it", "he |said |“yes” |twice", "« Bonjour »", "a|—|b|—|c",
    "10 |% |5% |€10 |10€ |$1,200.00", "3 |– |4", "2024-05-01T12:30 |x", "12/2024", "1.5 |kg", "No |№ |12",
    "rock |’n’ |roll", "Привет, |мир", "Καλημέρα |κόσμε", "שלום |עולם", "مرحبا |بالعالم، |نعم", "यह |हिन्दी |है।",
    "日|本|語|で|す。|次", "「日|本」|（東|京）", "アッ|プ", "한|국|어", "e\u0301t\u0301 |x", "no\u00a0break |here",
    "soft\u2010|hyphen", "a\u2011b", "…|and", "1|日|2|日", "中|文|ABC|中|文", "々ー|あ", "中|“文”|字",
]  # fmt: skip


@pytest.mark.parametrize("marked", CASES)
def test_lines_end_where_the_rules_say(marked: str) -> None:
    text = marked.replace("|", "")
    found = breaks(text)
    places = [i + 1 for i, c in enumerate(text) if c == " "] if found is None else found
    assert "".join("|" * (i in places) + c for i, c in enumerate(text)) == marked


def test_a_line_is_never_longer_than_its_width_and_no_break_is_left_out() -> None:
    face, text = fonts.default_chain(), "a well-known state-of-the-art parcel (returned) 12,50 € and more"
    places = [0, *(breaks(text) or []), len(text)]
    for width in range(60, 300, 7):
        start = 0
        for line in face.wrap(text, 10, width, 99):
            assert face.width(line, 10) <= width
            stop = start + len(line) + (text[start + len(line) : start + len(line) + 1] == " ")
            after = next((place for place in places if place > stop), None)
            if after:
                assert face.width(text[start:after].rstrip(" "), 10) > width
            start = stop
