"""A strict export fails where any other one would have a warning. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ..errors import NotExact
from ..pdf.tally import Skipped


def refuse(strict: bool, warnings: Iterable[str], skipped: Sequence[Skipped] = ()) -> None:
    """Raise NotExact with the first of what was guessed, repaired, cut or left out, if `strict`."""
    if not strict:
        return
    left_out = [f"Record {each.record}, {each.source}, is left out: {each.reason}" for each in skipped]
    found = [*warnings, *left_out]
    if found:
        more = f" So far there would be {len(found) - 1} more." if len(found) > 1 else ""
        raise NotExact(f"The export is strict, and would have a warning: {found[0]}{more}")
