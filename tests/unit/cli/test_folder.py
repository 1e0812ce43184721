"""Names of pictures, and their listing."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from pipeline.cli.folder import NO_FILE, listing, natural, pictures
from pipeline.errors import InvalidRequest


@pytest.mark.parametrize(
    ("names", "counted"),
    [
        (["10.jpg", "2.jpg", "1.jpg"], ["1.jpg", "2.jpg", "10.jpg"]),
        (["b/1.jpg", "a/10.jpg", "a/9.jpg"], ["a/9.jpg", "a/10.jpg", "b/1.jpg"]),
        (["IMG_12b.jpg", "img_2.jpg", "IMG_12a.jpg"], ["img_2.jpg", "IMG_12a.jpg", "IMG_12b.jpg"]),
        (["x.jpg", "10", "²³.jpg"], ["10", "x.jpg", "²³.jpg"]),
        (["a/b.jpg", "a.jpg", "3/x.jpg"], ["3/x.jpg", "a/b.jpg", "a.jpg"]),
    ],
)
def test_names_are_in_natural_order(names: list[str], counted: list[str]) -> None:
    assert sorted(names, key=natural) == counted


def test_a_listing_has_one_record_per_line() -> None:
    lines = listing(['tri"p/a b.jpg', "c.jpg"], captions=True, below="inputs/x/")
    assert [json.loads(line) for line in lines] == [
        {"source": 'inputs/x/tri"p/a b.jpg', "caption": "a b"},
        {"source": "inputs/x/c.jpg", "caption": "c"},
    ]


def test_a_file_name_that_is_not_utf_8_is_named() -> None:
    with pytest.raises(InvalidRequest, match="not UTF-8"):
        list(listing([os.fsdecode(b"caf\xe9.jpg")], captions=True))


def test_links_that_lead_to_themselves_are_named(tmp_path: Path) -> None:
    (tmp_path / "1.jpg").touch()
    (tmp_path / "2.jpg").symlink_to("2.jpg")
    (tmp_path / "3.jpg").symlink_to(tmp_path / "4.jpg")
    (tmp_path / "4.jpg").symlink_to(tmp_path / "3.jpg")
    found = pictures(tmp_path)
    assert found.names == ["1.jpg"]
    assert found.left_out == (f"{NO_FILE} (3 times: 2.jpg, 3.jpg, 4.jpg).",)
