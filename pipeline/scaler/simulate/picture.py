"""Draws dynos and queue over time, as SVG."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape

from .world import Sample, World

WIDTH, HEIGHT, LEFT, TOP, GAP = 720, 96, 56, 30, 44
Pick = Callable[[Sample], int]
SERIES: tuple[tuple[str, str, Pick], ...] = (  # later ones cover earlier ones
    ("ordered, starting", 'fill="#f3b562"', lambda sample: sample.ordered),
    ("dynos that are up", 'fill="#7fa8d4"', lambda sample: sample.up),
    ("messages waiting", 'fill="none" stroke="#222"', lambda sample: sample.queue),
)


def draw(worlds: Sequence[tuple[str, World]]) -> str:
    """Return an SVG with a panel per world: dynos ordered, dynos up, and messages waiting, scaled to fit."""
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
    dynos = max(sample.ordered for sample in world.samples) or 1
    queue = max(sample.queue for sample in world.samples) or 1
    end = world.now or 1.0
    shapes = "".join(
        f'<path {look} d="{_steps(world.samples, pick, end, maximum)}"/>'
        for (_, look, pick), maximum in zip(SERIES, (dynos, dynos, queue), strict=True)
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


def _steps(samples: Sequence[Sample], pick: Pick, end: float, maximum: int) -> str:
    """Return a path of steps that ends on the axis, with a point per change."""
    path, before = [f"M0 {HEIGHT}"], -1
    for sample in samples:
        if (value := pick(sample)) != before:
            path.append(f"H{sample.at / end * WIDTH:.1f}V{HEIGHT - value / maximum * HEIGHT:.1f}")
            before = value
    return "".join([*path, f"H{WIDTH}V{HEIGHT}Z"])
