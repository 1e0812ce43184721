"""How a table looks: styles, colours, the logo, aligned numbers, words of sums, in any cut."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from pipeline.documents.inputs.folder import FolderInputs
from pipeline.documents.table.alignment import whole_part
from pipeline.documents.table.style import STYLES, Style, colour, look, luminance
from pipeline.errors import InvalidRequest

from ....make_pdf import opened, pictures
from ....readback import drawn_pages
from .test_table import as_csv, job, made

ROWS = [["region", "name", "amount"], *([f"R{i // 40}", f"Name {i}", f"{i * 7 % 90}.{i % 7}5"] for i in range(200))]
GROUPS: dict[str, Any] = {
    "group_by": [{"field": "region"}],
    "columns": [{"field": "name"}, {"field": "amount", "total": True}],
    "carry": True,
    "summary": "front",
}


def logo(folder: Path) -> str:
    Image.new("RGB", (300, 80), (28, 74, 117)).save(folder / "logo.png")
    return "logo.png"


@pytest.mark.parametrize("style", sorted(STYLES))
def test_the_cut_does_not_show_in_any_style(folder: Path, style: Style) -> None:
    wanted = job(folder, as_csv(ROWS), style=style, logo=logo(folder), accent="#803000", **GROUPS)
    files = []
    for chunk_pages in (1, 1000):
        made(wanted, folder, chunk_pages)
        files.append((folder / f"{chunk_pages}.pdf").read_bytes())
    cut, whole = map(pictures, files)
    assert cut == whole
    with opened(files[0]) as pdf:
        fonts = [str(font.BaseFont) for page in pdf.pages for font in page.Resources.Font.values()]
        assert any(name.endswith("NotoSans-Bold") for name in fonts)
        assert [len(page.get_images()) for page in pdf.pages] == [1] + [0] * (len(pdf.pages) - 1)


def test_decimal_marks_stand_below_each_other(folder: Path) -> None:
    data = as_csv([["a", "b"], ["x", "1.5"], ["y", "12.25"], ["z", "7"], ["w", "1,000.125"]])
    _, _, plan = made(job(folder, data), folder)
    point = plan.found["places"][1]["point"]
    assert point["mark"] == "."
    (page,) = drawn_pages(folder / "None.pdf")
    starts = {line.text: line.x for line in page.lines}
    digit = (starts["1.5"] - starts["12.25"]) / 1
    assert digit == pytest.approx(4.58, abs=0.02)  # a digit of 8 points
    assert starts["7"] == starts["1.5"]


@pytest.mark.parametrize(
    ("text", "mark", "length"),
    [
        ("12.50", ".", 2),
        ("12", ".", 2),
        ("1,234.5", ".", 5),
        ("12,50 €", ",", 2),
        ("12 %", ",", 2),
        ("-", ".", None),
    ],
)
def test_the_whole_part_of_a_number_ends_at_its_mark(text: str, mark: str, length: int | None) -> None:
    assert whole_part(text, mark) == length


def test_the_words_of_a_sum_stand_at_the_left_of_its_amount(folder: Path) -> None:
    data = as_csv([["name", "note", "amount"], ["x", "y", "1"], ["x", "y", "2"]])
    columns = [{"field": "name"}, {"field": "note"}, {"field": "amount", "total": True}]
    _, _, plan = made(job(folder, data, columns=columns), folder)
    (page,) = drawn_pages(folder / "None.pdf")
    (words,) = [line for line in page.lines if line.text == "Total"]
    note, amount = plan.found["places"][1:]
    assert note["x"] + note["width"] / 2 < words.x < amount["x"]


def test_given_widths_are_kept_and_the_others_share_the_rest(folder: Path) -> None:
    columns = [{"field": "a", "width": 40}, {"field": "b"}, {"field": "c"}]
    _, _, plan = made(job(folder, as_csv([["a", "b", "c"], ["1", "2", "3"]]), columns=columns), folder)
    first, *others = (place["width"] for place in plan.found["places"])
    assert first == pytest.approx(40 * 72 / 25.4, abs=0.01)
    assert others[0] == pytest.approx(others[1], abs=6)


def test_an_accent_that_is_too_light_for_letters_is_not_used_for_them() -> None:
    pale = look("ledger", "#ffee88", "none", None)
    assert pale.accent == colour("#ffee88") and luminance(pale.accent) > 0.8
    assert pale.ink == pale.head_ink == (0, 0, 0)
    assert (pale.rules, pale.stripes) == ("none", True)


@pytest.mark.parametrize(
    "params", [{"accent": "red"}, {"style": "fancy"}, {"rules": "boxes"}], ids=lambda p: next(iter(p))
)
def test_what_is_no_look_is_said(folder: Path, params: dict[str, str]) -> None:
    with pytest.raises(InvalidRequest) as caught:
        job(folder, as_csv(ROWS), **params)
    assert caught.value.field == next(iter(params))


@pytest.mark.parametrize(
    ("data", "words"),
    [(None, "cannot be opened"), (b"", ""), (b"<svg/>", ""), (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "")],
    ids=["missing", "empty", "svg", "cut off"],
)
def test_a_logo_that_cannot_be_read_is_named_before_a_page_is_drawn(
    folder: Path, data: bytes | None, words: str
) -> None:
    if data is not None:
        (folder / "logo.png").write_bytes(data)
    with pytest.raises(InvalidRequest, match=f"The logo cannot be read: .*{words}") as caught:
        made(job(folder, as_csv(ROWS), logo="logo.png"), folder)
    assert caught.value.field == "logo"


def test_a_logo_outside_the_inputs_is_refused_at_once(folder: Path) -> None:
    wanted = job(folder, as_csv(ROWS), logo="../../etc/passwd")
    with pytest.raises(InvalidRequest):
        wanted.document.check(wanted.params, FolderInputs(folder))


@pytest.mark.parametrize(
    ("locale", "texts"),
    [("ko_KR", ["합계", "₩1,235", "2026. 1. 31.", "1 / 1"]), ("ja_JP", ["合計", "1,235", "2026/01/31"]),
     ("zh_CN", ["合计", "¥1,234.50", "2026年1月31日"]), ("zh_TW", ["合計", "$1,234.50", "2026年1月31日"])],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_words_and_formats_of_east_asia(folder: Path, locale: str, texts: list[str]) -> None:
    currency = {"ko_KR": "KRW", "ja_JP": "JPY", "zh_CN": "CNY", "zh_TW": "TWD"}[locale]
    columns = [
        {"field": "day", "format": {"kind": "date"}},
        {"field": "amount", "format": {"kind": "currency", "currency": currency}, "total": True},
    ]
    data = as_csv([["day", "amount"], ["2026-01-31", "1234.50"]])
    seen, result, _ = made(job(folder, data, columns=columns, locale=locale, title="청구서 請求書"), folder)
    assert ["are rounded" in each for each in result.warnings] == [True] * (currency in ("KRW", "JPY"))
    assert all(text in seen.pages[0].text for text in texts), seen.pages[0].text
