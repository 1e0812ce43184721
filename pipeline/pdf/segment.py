"""A segment: finished PDF objects of one page range, numbered for the final file (see index.py).

A segment brings its own branch of the page tree, whose parent is the reserved number PAGES.
"""

from __future__ import annotations

import hashlib
import zlib
from array import array
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

from .fonts import default_chain
from .fonts.usage import FontUsage
from .numbering import FONT, PAGES, VOLUME, Lane
from .objects import Block, Stream, reference
from .overlay import volume_words
from .page import Label, Page
from .segment_index import Bookmark, Labels, SegmentIndex
from .tally import Tally

if TYPE_CHECKING:
    from .adopt import Bookmarking
    from .canvas import BlankCanvas

LEVEL = 4  # of compression: 6 takes a third longer for 6 % smaller pages of a table
FANOUT = 32  # children of a node of the page tree
HEADER = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n"


@dataclass(frozen=True)
class _Mark:
    offset: int
    slots: int
    pages: int
    bookmarks: int
    labels: int
    tally: tuple[int, int, int, int]


class SegmentWriter:
    """Writes a segment to a file, page by page; keeps a few numbers a page in memory.

    `first` is the planned page it begins with, `first_slot` where the lane is free. The segment that
    stands first in the file begins with the PDF header (to others it is a comment). When there will be
    `volumes`, each page gets a place for the words that say which one it is in.
    """

    def __init__(
        self, out: BinaryIO, lane: Lane, first: int, first_slot: int = 0, *, header: bool, volumes: bool = False
    ) -> None:
        self._out = out
        self._base = out.tell()
        self._lane = lane
        self._first = first
        self._first_slot = first_slot
        self.volumes = volumes
        self._offsets = array("q")
        self._pages = array("Q")  # number, and number of the leaf of the page tree, in turn
        self._bookmarks: list[Bookmark] = []
        self._used = FontUsage()
        self._shared: dict[int, tuple[Stream, int]] = {}
        self._digests: dict[bytes, int] = {}
        self._label_style: Label | None = None
        self._label_numbers: list[int] = []
        self.tally = Tally()
        self._at = 0
        if header:
            self._put(HEADER)

    @property
    def pages(self) -> int:
        """Pages finished so far."""
        return len(self._pages) // 2

    @property
    def size(self) -> int:
        """Bytes written so far."""
        return self._at

    def reserve(self) -> int:
        """The next object number of the lane."""
        self._offsets.append(-1)
        return self._lane.number(self._first_slot + len(self._offsets) - 1)

    def add(self, value: bytes | Stream, obj: int | None = None) -> int:
        """Write an object, under a reserved number or the next one; its number."""
        number = obj if obj is not None else self.reserve()
        self._offsets[self._slot(number)] = self._at
        if isinstance(value, Stream):
            self._put(b"%d 0 obj\n<<%s/Length %d>>stream\n" % (number, value.entries, value.length))
            for block in value.read():
                self._put(block)
            self._put(b"\nendstream\nendobj\n")
        else:
            self._put(b"%d 0 obj\n%s\nendobj\n" % (number, value))
        return number

    def add_once(self, value: Stream) -> int:
        """Write an object that many pages use, such as a colour profile; the same one is written once."""
        if id(value) not in self._shared:
            self._shared[id(value)] = value, self.add(value)
        return self._shared[id(value)][1]

    def add_same(self, value: Stream) -> int:
        """Write a stream, unless the segment holds one with the same entries and bytes; its number."""
        digest = hashlib.sha256(value.entries + b"\n")
        for block in value.read():
            digest.update(block)
        key = digest.digest()
        if key not in self._digests:
            self._digests[key] = self.add(value)
        return self._digests[key]

    def add_page(self, entries: bytes, number: int) -> None:
        """Write a page under a reserved number, behind the others. `entries` lack its type and parent."""
        leaf = self.reserve() if self.pages % FANOUT == 0 else self._pages[-1]
        self.add(b"<</Type/Page/Parent %s%s>>" % (reference(leaf), entries), number)
        self._pages.extend((number, leaf))

    @contextmanager
    def page(self, width: float, height: float) -> Iterator[Page]:
        """A page to draw on, written when the block ends. Sizes in points."""
        page = Page(width, height, self.add, self.add_once)
        yield page
        number = self.reserve()
        if page.label:
            self._label_style = page.label
            self._label_numbers.append(label := self.reserve())
            page.use("Label", label)
        if self.volumes:
            page.use("Volume", VOLUME)
            page.write(volume_words((0, 0, width, height)), ())
        body, resources = page.finish()
        content = self.add(Stream.of(b"/Filter/FlateDecode", zlib.compress(body, LEVEL)))
        font = font_resources(page.used.fonts(page.face))
        entries = b"/MediaBox[0 0 %s]/Resources<<%s%s>>/Contents %s"
        self.add_page(entries % (page.box, font, resources, reference(content)), number)
        self._used.update(page.used.characters, page.used.shaped)
        self._bookmarks += [Bookmark(m.level, number, m.top, m.title) for m in page.bookmarks]

    @contextmanager
    def canvas(self, width: float, height: float) -> Iterator[BlankCanvas]:
        """A reportlab canvas of one or more pages, which are written when the block ends. Sizes in points.

        Its outline entries become bookmarks. Fonts and pictures are written once a segment if they are the
        same bytes; forms (acroForm) and what belongs to a whole file (title, encryption) are not taken over.
        """
        from .canvas import BlankCanvas

        canvas = BlankCanvas(width, height)
        yield canvas
        self.adopt(canvas.finish(), list)

    def adopt(self, file: BinaryIO, bookmark: Bookmarking | None = None) -> int:
        """Make every page of a PDF a page of this segment; how many they are.

        `bookmark` makes the file's outline into the entries to write, as `list` does; without it there are
        none. When the file cannot be read, UnreadableSource is raised and nothing of it was written.
        """
        from .adopt import adopt_pages

        mark = self.mark()
        try:
            adopted = adopt_pages(file, self, bookmark)
        except Exception:
            self.back_to(mark)
            raise
        self._bookmarks += adopted.bookmarks
        return adopted.pages

    def mark(self) -> _Mark:
        """Where the segment stands now, to come back to."""
        t = self.tally
        return _Mark(
            self._at, len(self._offsets), len(self._pages), len(self._bookmarks), len(self._label_numbers),
            (t.records, t.drawn, len(t.skipped), len(t.warnings)),
        )  # fmt: skip

    def back_to(self, mark: _Mark) -> None:
        """Forget everything since the mark, so that a half-drawn page leaves nothing behind."""
        self._out.seek(self._base + mark.offset)
        self._out.truncate()
        self._at = mark.offset
        del self._offsets[mark.slots :]
        kept = (entry for entry in self._shared.items() if self._slot(entry[1][1]) < mark.slots)
        self._shared = dict(kept)
        self._digests = {key: number for key, number in self._digests.items() if self._slot(number) < mark.slots}
        del self._pages[mark.pages :]
        del self._bookmarks[mark.bookmarks :]
        del self._label_numbers[mark.labels :]
        self.tally.records, self.tally.drawn, skipped, warnings = mark.tally
        del self.tally.skipped[skipped:]
        del self.tally.warnings[warnings:]

    def finish(self, planned: int) -> SegmentIndex:
        """Write the branch of the page tree and return the index; `planned` pages of the plan are done."""
        tree = self._write_tree()
        self._out.flush()
        return SegmentIndex(
            chunk=self._lane.chunk,
            chunks=self._lane.chunks,
            first=self._first,
            planned=planned,
            first_slot=self._first_slot,
            offsets=self._offsets.tolist(),
            size=self._at,
            tree=tree,
            pages=self.pages,
            records=self.tally.records,
            drawn=self.tally.drawn,
            bookmarks=self._bookmarks,
            characters="".join(sorted(self._used.characters)),
            labels=Labels(self._label_style, self._label_numbers) if self._label_style else None,
            skipped=self.tally.skipped,
            warnings=self.tally.warnings,
            glyphs=self._used.shaped,
            fonts=default_chain().fingerprint if self._used else "",
            before=self._lane.before,
            volumes=self.volumes,
        )

    def _write_tree(self) -> int:
        """A balanced tree over the pages (7.7.3); the number of its root."""
        leaves: dict[int, list[int]] = {}
        for i in range(0, len(self._pages), 2):
            leaves.setdefault(self._pages[i + 1], []).append(self._pages[i])
        nodes = [_Node(number, kids, len(kids)) for number, kids in leaves.items()]
        nodes = nodes or [_Node(self.reserve(), [], 0)]
        while len(nodes) > 1:
            above = []
            for i in range(0, len(nodes), FANOUT):
                group = nodes[i : i + FANOUT]
                above.append(_Node(self.reserve(), [n.number for n in group], sum(n.count for n in group)))
                for node in group:
                    self._write_node(node, above[-1].number)
            nodes = above
        self._write_node(nodes[0], PAGES)
        return nodes[0].number

    def _write_node(self, node: _Node, parent: int) -> None:
        self.add(page_node(node.kids, node.count, parent), node.number)

    def _slot(self, number: int) -> int:
        return (number - self._lane.first) // self._lane.chunks - self._first_slot

    def _put(self, data: Block) -> None:
        self._out.write(data)
        self._at += len(data)


@dataclass(frozen=True)
class _Node:
    number: int
    kids: list[int]
    count: int


def font_resources(places: Sequence[int]) -> bytes:
    """The fonts of a resource dictionary, F1 first."""
    entries = b"".join(b"/F%d %s" % (place + 1, reference(FONT + place)) for place in places)
    return b"/Font<<%s>>" % entries if entries else b""


def page_node(kids: list[int], count: int, parent: int | None) -> bytes:
    """A node of the page tree; the root has no parent."""
    up = b"/Parent %s" % reference(parent) if parent else b""
    return b"<</Type/Pages%s/Count %d/Kids[%s]>>" % (up, count, b" ".join(reference(kid) for kid in kids))
