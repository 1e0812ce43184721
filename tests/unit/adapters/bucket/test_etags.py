"""The form of an ETag is learned once for each kind of request."""

from __future__ import annotations

import pytest

from pipeline.adapters.bucket import ObjectInfo
from pipeline.adapters.bucket.etags import EtagForms, same
from pipeline.errors import Conflict

ETAG = '"abc"'


class Store:
    """Takes an ETag in one form only, and notes what it is asked."""

    def __init__(self, wanted: str) -> None:
        self.wanted = wanted
        self.current: str | None = ETAG
        self.asked: list[str] = []

    def write(self, form: str) -> str:
        self.asked.append(form)
        if form != self.wanted:
            raise Conflict("no")
        return "written"

    def look(self) -> ObjectInfo | None:
        self.asked.append("look")
        return ObjectInfo("a", 1, self.current, 0.0) if self.current else None


@pytest.mark.parametrize(
    ("wanted", "first", "later"), [(ETAG, [ETAG], [ETAG]), ("abc", [ETAG, "look", "abc"], ["abc"])]
)
def test_the_form_is_learned_once(wanted: str, first: list[str], later: list[str]) -> None:
    forms, store = EtagForms(), Store(wanted)
    for asked in (first, later, later):
        assert forms.send("write", ETAG, store.write, store.look) == "written"
        assert store.asked == asked
        store.asked.clear()
    store.wanted = "changed"
    with pytest.raises(Conflict):
        forms.send("write", ETAG, store.write, store.look)
    assert "look" not in store.asked  # it is known which form the store takes


def test_a_conflict_teaches_nothing() -> None:
    forms, store = EtagForms(), Store("abc")
    for store.current in ('"other"', None):
        with pytest.raises(Conflict):
            forms.send("write", ETAG, store.write, store.look)
    store.current = ETAG
    assert forms.send("write", ETAG, store.write, store.look) == "written"


def test_each_kind_of_request_has_its_form() -> None:
    """Ceph takes quotes when it reads, and none when it writes."""
    forms, store = EtagForms(), Store("abc")
    forms.send("write", ETAG, store.write, store.look)
    reading = Store(ETAG)
    forms.send("read", ETAG, reading.write, reading.look)
    assert reading.asked == [ETAG]


def test_quotes_do_not_make_etags_different() -> None:
    assert same("abc", ETAG) and same(ETAG, "abc")
    assert not same('"abd"', ETAG)
