"""What the content of pages leaves open."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.pdf.adopt.content import balance, without


@pytest.mark.parametrize(
    ("content", "closing"),
    [
        (b"", b""),
        (b"q Q", b""),
        (b"q q Q", b"Q "),
        (b"q BT", b"ET Q "),
        (b"/a BMC/b<</c(EMC)>>BDC EMC", b"EMC "),
        (b"EMC EMC /a BMC", b"EMC "),
        (b"(q (q) \\) q)Tj q", b"Q "),
        (b"%q q q\rq", b"Q "),
        (b"/q gs/q/q Do<</q(q)>>q", b"Q "),
        (b"<AB>Tj[(q)-1(q)]TJ q", b"Q "),
        (b"(a)q(b)q", b"Q Q "),
        (b"qq Qq BTq", b""),
        (b"BI/W 1/H 1 ID q q q\nEI q", b"Q "),
        (b"BI\n/F/A85/W 1/H 1\nID\nq q~>EI\nQ q", b"Q "),
        (b"BI/W 9/H 1/BPC 8/CS/G ID q EI \x01q \nEI\nq q", b"Q Q "),
        (b"q BI/W 4/H 2/BPC 8/CS/G/F/Fl ID \x01 EI Q\x02\xffEI q EI Q q", b"Q "),
        (b"q BI/W 4/H 4/BPC 8/CS/G ID abcd EI Q (abcd EI Q q", b"Q "),
        (b"q BI/W 9/H 2/IM true ID  EI  EI Q q", b"Q "),
        (b"q BI/W 4/H 4/BPC 8/CS/X/L 16 ID abcd EI Q (abcd EI Q q", b"Q "),
        (b"q BI/W 4/H 4/BPC 8/CS/G ID too short EI Q q", b"Q "),
        (b"BI/W 2/H 2/BPC 8/CS/G ID longer EI\n/G\xe9 gs q BI/W 1/H 1/BPC 8/CS/G ID x EI", b"Q "),
        (b"BI/W 4/H 4/F/Fl ID \xff EI\n/G\xe9 gs q BI/W 4/H 4/F/Fl ID \xff EI", b"Q "),
        (b"q BI/W 4/H 4/F/Fl ID \xff EI BT (\xff) Tj ET Q q", b"Q "),
        (b"q BI/W 4/H 4/F/Fl ID \xff EI\0Q q", b"Q "),
        (b"q (never closed q q", b"Q "),
        (b"q BT [(a) 1", b"] ET Q "),
        (b"/OC <</A[1", b"] >> "),
        (b"[1]<</A 1>> ] >> q", b"Q "),
    ],
)
def test_what_is_open_is_closed(content: bytes, closing: bytes) -> None:
    assert balance(content).closing == closing


def test_nothing_is_cut_behind_a_picture_that_is_shorter_than_its_size() -> None:
    content = b"q BI/W 4/H 4/BPC 8/CS/G ID too short EI Q q"
    assert balance(content).end == len(content)


def test_a_q_that_closes_nothing_is_taken_out() -> None:
    content = b"Q q Q Q 1 w"
    assert without(content, balance(content)) == b"  q Q   1 w"
    assert without(b"q (never", balance(b"q (never")) == b"q "


tokens = st.sampled_from(
    [b"q", b"Q", b"BT", b"ET", b"/a BMC", b"EMC", b"(q\\)", b")", b"<<", b">>", b"[", b"]", b"%Q\n", b"1 w"]
)


@given(st.lists(tokens | st.binary(max_size=4), max_size=30).map(b" ".join))
def test_content_that_was_closed_is_balanced(content: bytes) -> None:
    found = balance(content)
    changed = without(content, found)
    assert len(changed) == found.end
    again = balance(changed + b"\n" + found.closing)
    assert (again.closing, again.surplus, again.end) == (b"", (), len(changed) + 1 + len(found.closing))
