"""What a document counts while it draws: records, inputs left out, and remarks for the result. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

import msgspec
from msgspec.structs import replace

from .fonts.characters import is_control

EXAMPLES = 3  # that a remark names
MAX_NAMED = 20  # characters without a font that are named
KINDS = 100  # different remarks of one export
FURTHER = "More kinds of remarks were made than are listed"


class Skipped(msgspec.Struct, frozen=True):
    """An input that could not be read: its record number, its source, and the reason."""

    record: int
    source: str
    reason: str


class Remark(msgspec.Struct, frozen=True):
    """What was guessed, repaired, cut or left out: a sentence, how often it happened, and where first.

    >>> str(Remark("Text of column 'note' is cut with …", 5, ("row 3", "row 8", "row 9")))
    "Text of column 'note' is cut with … (5 times: row 3, row 8, row 9 and others)."
    """

    words: str  # without a full stop at the end
    times: int = 1
    examples: tuple[str, ...] = ()

    def __add__(self, later: Remark) -> Remark:
        return Remark(self.words, self.times + later.times, (self.examples + later.examples)[:EXAMPLES])

    def __str__(self) -> str:
        places = ", ".join(self.examples)
        if self.times == 1:
            return f"{self.words} ({places})." if places else f"{self.words}."
        more = " and others" if places and self.times > len(self.examples) else ""
        return f"{self.words} ({self.times:,} times{': ' if places else ''}{places}{more})."


class Remarks:
    """Remarks by their words, in the order of the first of each; at most KINDS, so that memory is bounded."""

    def __init__(self, remarks: Iterable[Remark] = ()) -> None:
        self._by_words: dict[str, Remark] = {}
        self.extend(remarks)

    def __iter__(self) -> Iterator[Remark]:
        return iter(self._by_words.values())

    def __len__(self) -> int:
        return len(self._by_words)

    def copy(self) -> Remarks:
        """Return the remarks so far; later ones leave it as it is."""
        copied = Remarks()
        copied._by_words = self._by_words.copy()
        return copied

    def add(self, words: str, example: str = "", times: int = 1) -> None:
        """Count a remark. `words` say what happened and to what; `example` where, such as "row 7"."""
        self._count(Remark(words, times, (example,) if example else ()))

    def extend(self, remarks: Iterable[Remark]) -> None:
        """Count the remarks of later pages."""
        for remark in remarks:
            self._count(remark)

    def _count(self, remark: Remark) -> None:
        known = self._by_words.get(remark.words)
        if known is None and len(self._by_words) >= KINDS:
            remark = Remark(FURTHER, remark.times)
            known = self._by_words.get(FURTHER)
        self._by_words[remark.words] = known + remark if known else remark


class MissingCharacter(msgspec.Struct, frozen=True):
    """A character that no font has: its code point, how often it was met, and where first.

    >>> str(MissingCharacter(0x4E2D, 12, "page 3"))
    '中 U+4E2D (12 times, first: page 3)'
    """

    code: int
    times: int
    place: str

    def __str__(self) -> str:
        sign = f"{chr(self.code)} " if chr(self.code).isprintable() else ""
        often = f"{self.times:,} times, first: " if self.times > 1 else ""
        return f"{sign}U+{self.code:04X} ({often}{self.place})"


class MissingCharacters:
    """The characters that no font has, counted. Memory grows with their number, not with the text."""

    def __init__(self, missing: Iterable[MissingCharacter] = ()) -> None:
        self._by_code: dict[int, MissingCharacter] = {}
        self.extend(missing)

    def __iter__(self) -> Iterator[MissingCharacter]:
        return (self._by_code[code] for code in sorted(self._by_code))

    def copy(self) -> MissingCharacters:
        """Return the characters so far; later ones leave it as it is."""
        copied = MissingCharacters()
        copied._by_code = self._by_code.copy()
        return copied

    def extend(self, missing: Iterable[MissingCharacter]) -> None:
        """Count the characters of later pages."""
        for each in missing:
            known = self._by_code.get(each.code)
            self._by_code[each.code] = replace(known, times=known.times + each.times) if known else each

    @property
    def warnings(self) -> list[str]:
        """The warnings, if there are any: of each, the first MAX_NAMED characters in the order of Unicode."""
        controls = [each for each in self if is_control(chr(each.code))]
        others = [each for each in self if not is_control(chr(each.code))]
        return [
            *_named("No font has these characters, so they", others, "Add a font that has them to FONTS"),
            *_named("Control characters", controls, "No font shows them; remove them from the source"),
        ]


def _named(words: str, missing: Sequence[MissingCharacter], advice: str) -> Iterator[str]:
    if missing:
        more = f", and {len(missing) - MAX_NAMED} more" if len(missing) > MAX_NAMED else ""
        yield f"{words} are drawn as \ufffd: {', '.join(map(str, missing[:MAX_NAMED]))}{more}. {advice}."


class Tally(msgspec.Struct):
    """Counts of a document while it draws; records in = drawn + skipped.

    `place` is what is being drawn, such as "page 7": remarks about the drawing name it.
    """

    records: int = 0
    drawn: int = 0
    skipped: list[Skipped] = msgspec.field(default_factory=list)
    remarks: Remarks = msgspec.field(default_factory=Remarks)
    missing: MissingCharacters = msgspec.field(default_factory=MissingCharacters)
    place: str = ""

    def warn(self, words: str, example: str = "", times: int = 1) -> None:
        """Name in the result what was guessed, repaired, cut or left out. `words` and `example` as in Remarks."""
        self.remarks.add(words, example, times)

    def miss(self, characters: str) -> None:
        """Count characters that no font has, each as often as it occurs."""
        self.missing.extend(MissingCharacter(ord(c), times, self.place) for c, times in Counter(characters).items())
