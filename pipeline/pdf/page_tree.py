"""The page tree of a segment (ISO 32000-1, 7.7.3): a branch of the file's tree, below the reserved number PAGES."""

from __future__ import annotations

from array import array
from collections.abc import Callable

import msgspec

from .numbering import PAGES
from .objects import reference

FANOUT = 32  # children of a node


class PageTree:
    """The pages of a segment, each with its leaf node; 16 bytes of memory a page."""

    def __init__(self, reserve: Callable[[], int], add: Callable[[bytes, int], int]) -> None:
        self._reserve = reserve
        self._add = add
        self._numbers = array("Q")  # object numbers of a page and of its leaf, in turn

    def __len__(self) -> int:
        return len(self._numbers) // 2

    def next_leaf(self) -> int:
        """Return the object number of the leaf that the next page belongs to."""
        return self._reserve() if len(self) % FANOUT == 0 else self._numbers[-1]

    def append(self, page: int, leaf: int) -> None:
        """Add a page by its object number and that of its leaf."""
        self._numbers.extend((page, leaf))

    def truncate(self, pages: int) -> None:
        """Remove all pages after the first `pages`."""
        del self._numbers[2 * pages :]

    def write(self) -> int:
        """Write a balanced tree over the pages. Returns the object number of its root."""
        leaves: dict[int, list[int]] = {}
        for i in range(0, len(self._numbers), 2):
            leaves.setdefault(self._numbers[i + 1], []).append(self._numbers[i])
        nodes = [_Node(number, kids, len(kids)) for number, kids in leaves.items()]
        nodes = nodes or [_Node(self._reserve(), [], 0)]
        while len(nodes) > 1:
            nodes = self._write_level(nodes)
        self._write_node(nodes[0], PAGES)
        return nodes[0].number

    def _write_level(self, nodes: list[_Node]) -> list[_Node]:
        """Write the nodes of one level. Returns their parents, which are not written yet."""
        parents = []
        for i in range(0, len(nodes), FANOUT):
            kids = nodes[i : i + FANOUT]
            parent = _Node(self._reserve(), [kid.number for kid in kids], sum(kid.pages for kid in kids))
            for kid in kids:
                self._write_node(kid, parent.number)
            parents.append(parent)
        return parents

    def _write_node(self, node: _Node, parent: int) -> None:
        self._add(page_node(node.kids, node.pages, parent), node.number)


class _Node(msgspec.Struct, frozen=True):
    number: int
    kids: list[int]
    pages: int


def page_node(kids: list[int], pages: int, parent: int | None) -> bytes:
    """Return a node of the page tree over `pages` pages; the root has no parent."""
    up = b"/Parent %s" % reference(parent) if parent else b""
    return b"<</Type/Pages%s/Count %d/Kids[%s]>>" % (up, pages, b" ".join(reference(kid) for kid in kids))
