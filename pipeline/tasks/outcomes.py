"""How a step ends; `flow.py` says what follows."""

from __future__ import annotations

from dataclasses import dataclass

from ..exports.export import Export
from ..exports.waves import Wave


@dataclass(frozen=True)
class Done:
    """The step is done; `export` as it is now, `pages` that were counted, drawn or joined."""

    export: Export
    pages: int = 0


@dataclass(frozen=True)
class Again:
    """What is done is stored; the same message comes back for the rest."""

    reason: str
    pages: int = 0


@dataclass(frozen=True)
class Missing:
    """What the step needs is missing, such as damaged segments: these chunks, or parts of the input, come first.
    Then the step comes back."""

    export: Export
    chunks: tuple[int, ...]


@dataclass(frozen=True)
class Partly:
    """What is there is done and stored. Other messages bring the rest, then the step comes back."""

    export: Export
    reason: str


@dataclass(frozen=True)
class Next:
    """A wave is done: these chunks are sent next. `paginate`: pages can be found of what is measured so far."""

    export: Export
    wave: Wave
    chunks: tuple[int, ...]
    paginate: bool = False


@dataclass(frozen=True)
class NotWanted:
    """There is nothing to do, or another process does it."""

    reason: str


Outcome = Done | Again | Partly | Next | Missing | NotWanted
