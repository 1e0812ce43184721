"""Regular expressions for texts that surely fit a width, whatever characters they are made of.

They are conservative: a text that does not match may fit all the same.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Set
from math import inf

STEPS = "Hn0"  # more characters fit when all are no wider than one of these
SLACK = 1e-6  # of a character: where texts are measured, widths are summed up in another order


def fitting(room: float, advances: Mapping[str, float], characters: Set[str], least: int, end: str) -> str:
    """A text of at least so many of these characters, before an end; `advances` are their widths, in points."""
    found = [run(room, advances, characters, least) + end]
    for step in STEPS:
        characters = {character for character in characters if advances[character] <= advances[step]}
        found.append(run(room, advances, characters, least) + end)
    return f"(?>{'|'.join(found)})"


def run(room: float, advances: Mapping[str, float], characters: Set[str], least: int) -> str:
    """At least so many of these characters, and no more than fit."""
    most = "" if room == inf else int(room / max(advances[character] for character in characters) - SLACK)
    return f"[{re.escape(''.join(sorted(characters)))}]{{{least},{most}}}+"
