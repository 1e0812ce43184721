from __future__ import annotations

from pipeline.pdf.tally import FURTHER, KINDS, Remark, Remarks


def test_a_remark_says_how_often_and_where_first() -> None:
    remarks = Remarks()
    for row in (3, 8, 9, 12, 15):
        remarks.add("A cell is cut", f"row {row}")
    remarks.add("The encoding was guessed")
    remarks.add("A row is empty", "row 4")
    remarks.add("A stamp is left out", times=2)
    assert list(map(str, remarks)) == [
        "A cell is cut (5 times: row 3, row 8, row 9 and others).",
        "The encoding was guessed.",
        "A row is empty (row 4).",
        "A stamp is left out (2 times).",
    ]


def test_segments_in_order_give_the_remarks_of_one_segment() -> None:
    places = [f"row {row}" for row in range(9)]
    whole, joined = Remarks(), Remarks()
    for place in places:
        whole.add("A cell is cut", place)
    for begin in range(0, 9, 2):
        joined.extend(Remarks(Remark("A cell is cut", 1, (place,)) for place in places[begin : begin + 2]))
    assert list(joined) == list(whole)


def test_many_kinds_are_counted_but_not_kept() -> None:
    remarks = Remarks()
    for kind in range(KINDS + 50):
        remarks.add(f"Kind {kind}", f"row {kind}")
    assert len(remarks) == KINDS + 1
    assert list(map(str, remarks))[-1] == f"{FURTHER} (50 times)."
