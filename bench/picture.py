"""Draws memory over pages. Runs in the peers' environment:  python -m bench.picture OUT.svg < curves.json"""

from __future__ import annotations

import json
import sys
from typing import Any

OURS = "this"
NAMES = {"tables": "Tables: 240 cells a page", "photos": "Photos: 0.5 MB a page"}
DYNO = 512
STYLES = ("-", "--", ":", "-.")


def main(out: str) -> None:
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams.update({"svg.hashsalt": "bench", "font.size": 9, "svg.fonttype": "none"})
    from matplotlib import pyplot, ticker

    found = json.load(sys.stdin)
    figure, axes = pyplot.subplots(1, len(found), figsize=(10, 4.2), sharey=True, layout="constrained")
    looks = _looks(found)
    for place, (subject, tools) in zip(axes, found.items(), strict=True):
        for tool, points in sorted(tools.items(), key=lambda item: item[0] == OURS):
            if points:
                place.plot(*zip(*points, strict=True), marker="o", markersize=3, label=tool, **looks[tool])
        place.axhline(DYNO, color="0.6", linewidth=0.8, linestyle="--")
        place.annotate(
            "512 MB: one dyno", (1, DYNO), xycoords=("axes fraction", "data"), ha="right", va="bottom", color="0.4"
        )
        place.set(xscale="log", yscale="log", title=NAMES[subject], xlabel="pages")
        place.set(ylim=(16, 12_000), yticks=[2**n for n in range(4, 13)])
        for axis in (place.xaxis, place.yaxis):
            axis.set_major_formatter(lambda value, _: f"{value:,.0f}")
            axis.set_minor_locator(ticker.NullLocator())
        place.spines[["top", "right"]].set_visible(False)
        place.legend(frameon=False, fontsize=7.5, ncols=3, loc="upper left")
    axes[0].set_ylabel("memory at the peak, MiB")
    figure.savefig(out, metadata={"Date": None})


def _looks(found: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """A colour for each tool, the same wherever it stands."""
    names = dict.fromkeys(tool for tools in found.values() for tool in tools if tool != OURS)
    looks = {tool: {"color": f"C{n % 10}", "linestyle": STYLES[n // 10 % 4]} for n, tool in enumerate(names)}
    return {**looks, OURS: {"color": "#c2185b", "linewidth": 3.0}}


if __name__ == "__main__":
    main(*sys.argv[1:])
