"""How a table looks: the colours, lines and heights of a style, and of what is asked for beside it."""

from __future__ import annotations

from typing import Literal

import msgspec
from msgspec.structs import replace

from ...pdf.page import BLACK, Colour, numbers

Style = Literal["plain", "report", "ledger"]
Rules = Literal["rows", "grid", "none"]
WHITE: Colour = (1, 1, 1)
HAIRLINE = 0.3  # points
LIGHT = 0.4  # relative luminance from which a colour is too light for letters on white paper


class Look(msgspec.Struct, frozen=True):
    """A style with what the parameters change of it.

    `row_padding` is above and below the text of a row together, in font sizes. `head` is the ground of the column
    titles, None for none; `tinted` says whether sums stand on a tint, `double` whether two rules end the total.
    """

    rules: Rules
    stripes: bool
    row_padding: float
    accent: Colour
    filled: bool
    tinted: bool
    double: bool

    @property
    def ink(self) -> Colour:
        """The colour of titles on paper: the accent, or black where that is too light."""
        return self.accent if luminance(self.accent) < LIGHT else BLACK

    @property
    def head_ink(self) -> Colour:
        """The colour of column titles."""
        return WHITE if self.filled and self.ink == self.accent else self.ink

    @property
    def line(self) -> Colour:
        """The colour of hairlines."""
        return tint(self.accent, 0.25)

    @property
    def stripe(self) -> Colour:
        """The ground of every other row."""
        return tint(self.accent, 0.05)

    def ground(self, kind: str, level: int) -> Colour | None:
        """The ground of a band; None for paper."""
        if not self.tinted or kind not in ("subtotal", "total"):
            return None
        return tint(self.accent, 0.16 if kind == "total" else 0.05 if level else 0.09)


STYLES: dict[Style, Look] = {
    "plain": Look("rows", False, 0.45, BLACK, filled=False, tinted=False, double=True),
    "report": Look("rows", False, 0.75, (0.11, 0.29, 0.46), filled=False, tinted=True, double=False),
    "ledger": Look("grid", True, 0.45, (0.16, 0.33, 0.27), filled=True, tinted=True, double=True),
}


def look(style: Style, accent: str, rules: Rules | None, stripes: bool | None) -> Look:
    """Return a style with the parameters that are given; `accent` is #rrggbb or empty."""
    found = STYLES[style]
    return replace(
        found,
        accent=colour(accent) if accent else found.accent,
        rules=rules or found.rules,
        stripes=found.stripes if stripes is None else stripes,
    )


def colour(code: str) -> Colour:
    """Return the colour with a code such as #1c4a75."""
    red, green, blue = (round(value / 255, 3) for value in bytes.fromhex(code[1:]))
    return red, green, blue


def tint(of: Colour, share: float) -> Colour:
    """Return a colour mixed with white."""
    red, green, blue = (round(1 - share * (1 - part), 3) for part in of)
    return red, green, blue


def luminance(of: Colour) -> float:
    """Return the relative luminance, 0 to 1 (WCAG 2.2)."""
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in of]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def fill(of: Colour) -> bytes:
    """Return the operator that fills with a colour."""
    return b"%s rg" % numbers(*of)


def stroke(of: Colour) -> bytes:
    """Return the operator that draws lines in a colour."""
    return b"%s RG" % numbers(*of)
