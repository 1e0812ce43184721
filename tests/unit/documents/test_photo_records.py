"""Records of a listing of photos."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.documents.photos.params import decode
from pipeline.errors import InvalidRequest

from ...examples import examples


@pytest.mark.parametrize(
    ("line", "name"),
    [
        (b'{"source":"a.jpg","source":"b.jpg"}', "source"),
        (b'{"source":"a.jpg","caption":"1","caption" : "2"}', "caption"),
        (b'{"frame":1,"source":"a.jpg","frame":2}', "frame"),
    ],
)
def test_a_name_that_stands_twice_is_refused(line: bytes, name: str) -> None:
    with pytest.raises(InvalidRequest, match=f"has the name '{name}' twice"):
        decode(line)


def test_a_name_inside_an_unknown_field_does_not_stand_twice() -> None:
    with pytest.raises(InvalidRequest, match="meta"):
        decode(b'{"source":"a.jpg","meta":{"source":"a camera"}}')


@examples(30)
@given(st.lists(st.sampled_from(['"source":', '"caption" :', "\\", '"', ":", " "]), max_size=9))
def test_a_caption_may_have_any_text(parts: list[str]) -> None:
    caption = "".join(parts)
    line = msgspec.json.encode({"source": "a.jpg", "caption": caption})
    assert decode(line).caption == caption
