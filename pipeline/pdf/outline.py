"""The outline (bookmarks) of a file (ISO 32000-1, 12.3.3), written item by item."""

from __future__ import annotations

from collections.abc import Iterator

from .numbering import OUTLINES
from .objects import number, reference, text_string
from .segment_index import Bookmark


def outline_objects(bookmarks: Iterator[Bookmark], first: int) -> Iterator[tuple[int, bytes]]:
    """Yield the outline's items, numbered from `first`, then its root. Memory grows with depth, not with length.

    An item is written when its next sibling, or the end of its parent, is known.
    """
    root = _Item(OUTLINES, Bookmark(0, 0, 0, ""), 0, 0)
    path = [root]
    for obj, bookmark in enumerate(bookmarks, first):
        level = max(1, min(bookmark.level, len(path)))
        sibling = 0
        while len(path) > level:
            item = path.pop()
            sibling = item.obj if len(path) == level else 0
            yield item.obj, item.spell(following=obj if sibling else 0)
        path[-1].add_child(obj)
        path.append(_Item(obj, bookmark, path[-1].obj, sibling))
    while len(path) > 1:
        item = path.pop()
        yield item.obj, item.spell(following=0)
    yield root.obj, b"<</Type/Outlines%s/Count %d>>" % (root.children, root.count)


class _Item:
    """An outline item whose children are not all known yet; object number 0 means none."""

    def __init__(self, obj: int, bookmark: Bookmark, parent: int, previous: int) -> None:
        self.obj = obj
        self.count = 0
        self._bookmark = bookmark
        self._parent = parent
        self._previous = previous
        self._first = self._last = 0

    def add_child(self, child: int) -> None:
        self._first = self._first or child
        self._last = child
        self.count += 1

    @property
    def children(self) -> bytes:
        return b"/First %s/Last %s" % (reference(self._first), reference(self._last)) if self.count else b""

    def spell(self, following: int) -> bytes:
        """Return the item as bytes. A negative /Count closes it, so that long outlines stay readable."""
        links = b"/Prev %s" % reference(self._previous) if self._previous else b""
        links += b"/Next %s" % reference(following) if following else b""
        links += b"%s/Count %d" % (self.children, -self.count) if self.count else b""
        to = b"/Dest[%s/XYZ null %s null]" % (reference(self._bookmark.page), number(self._bookmark.top))
        title = text_string(self._bookmark.title)
        return b"<</Title%s/Parent %s%s%s>>" % (title, reference(self._parent), links, to)
