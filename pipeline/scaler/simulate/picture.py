"""Dynos and queue over time, as SVG."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape

from .world import Moment, World

WIDTH, HEIGHT, LEFT, TOP, GAP = 720, 96, 56, 30, 44
Pick = Callable[[Moment], int]
SERIES: tuple[tuple[str, str, Pick], ...] = (  # the later ones cover the earlier
    ("ordered, starting", 'fill="#f3b562"', lambda moment: moment.ordered),
    ("dynos that are up", 'fill="#7fa8d4"', lambda moment: moment.up),
    ("messages waiting", 'fill="none" stroke="#222"', lambda moment: moment.queue),
)


def draw(worlds: Sequence[tuple[str, World]]) -> str:
    """One panel under another: what is ordered, what of it is up, and how many messages wait, scaled to fit."""
    panels = [_panel(n, name, world) for n, (name, world) in enumerate(worlds)]
    height = TOP + len(panels) * (HEIGHT + GAP)
    legend = "".join(
        f'<rect x="{LEFT + n * 190}" y="8" width="12" height="12" {look}/>'
        f'<text x="{LEFT + n * 190 + 18}" y="18">{words}</text>'
        for n, (words, look, _) in enumerate(SERIES)
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {LEFT + WIDTH + 64} {height}"'
        ' font-family="sans-serif" font-size="12" fill="#333">'
        f'<rect width="100%" height="100%" fill="#fff"/>{legend}{"".join(panels)}</svg>\n'
    )


def _panel(number: int, name: str, world: World) -> str:
    top = TOP + number * (HEIGHT + GAP)
    dynos = max(moment.ordered for moment in world.moments) or 1
    queue = max(moment.queue for moment in world.moments) or 1
    end = world.now or 1.0
    shapes = "".join(
        f'<path {look} d="{_steps(world.moments, pick, end, most)}"/>'
        for (_, look, pick), most in zip(SERIES, (dynos, dynos, queue), strict=True)
    )
    return (
        f'<g transform="translate({LEFT} {top})"><text y="14" font-weight="bold">{escape(name)}</text>'
        f'<g transform="translate(0 20)">{shapes}'
        f'<path stroke="#888" fill="none" d="M0 0V{HEIGHT}H{WIDTH}V0"/>'
        f'<text x="-6" y="10" text-anchor="end">{dynos}</text><text x="-6" y="{HEIGHT}" text-anchor="end">0</text>'
        f'<text x="{WIDTH + 6}" y="10" fill="#666">{queue}</text>'
        f'<text x="{WIDTH}" y="{HEIGHT + 14}" text-anchor="end">{end:.0f} s,'
        f" {world.dyno_seconds:.0f} dyno-seconds</text></g></g>"
    )


def _steps(moments: Sequence[Moment], pick: Pick, end: float, most: int) -> str:
    """A staircase down to the axis; only where something changes."""
    path, before = [f"M0 {HEIGHT}"], -1
    for moment in moments:
        if (value := pick(moment)) != before:
            path.append(f"H{moment.at / end * WIDTH:.1f}V{HEIGHT - value / most * HEIGHT:.1f}")
            before = value
    return "".join([*path, f"H{WIDTH}V{HEIGHT}Z"])
