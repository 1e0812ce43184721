"""Named destinations (ISO 32000-1, 12.3.2.3): how a page links to one that another canvas or chunk draws."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from .objects import reference
from .segment_index import SegmentIndex

LEAF = 64  # names in a node of the tree


def destinations_of(indexes: Callable[[], Iterable[SegmentIndex]], wanted: set[str]) -> dict[str, bytes]:
    """Return where the wanted names lead; of a name given twice, the first counts. Memory grows with the links."""
    found: dict[str, bytes] = {}
    for index in indexes() if wanted else ():
        for name, place in index.destinations.items():
            if name in wanted:
                found.setdefault(name, b"[%s %s]" % (reference(place.page), place.how.encode()))
    return found


def name_tree(found: Mapping[str, bytes], first: int) -> Iterator[tuple[int, bytes]]:
    """Yield the nodes of a name tree (7.9.6), numbered from `first`, its root last."""
    names = sorted(found, key=str.encode)
    kids = []
    for obj, at in enumerate(range(0, len(names), LEAF), first):
        some = names[at : at + LEAF]
        entries = b"".join(name_string(name) + found[name] for name in some)
        limits = name_string(some[0]) + name_string(some[-1])
        yield obj, b"<</Limits[%s]/Names[%s]>>" % (limits, entries)
        kids.append(reference(obj))
    yield first + len(kids), b"<</Kids[%s]>>" % b" ".join(kids)


def name_string(name: str) -> bytes:
    """Return a destination's name as a string: UTF-8, in hexadecimal."""
    return b"<%s>" % name.encode("utf-8", "replace").hex().encode()
