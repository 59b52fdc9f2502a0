"""Recall at k as a plot: an SVG image, made without a library."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

WIDTH, HEIGHT = 640, 400
LEFT, RIGHT, TOP, BOTTOM = 64, 24, 56, 56
COLORS = ("#1d4f91", "#b3243f", "#3c7420", "#8b5600", "#7b2ea0")
DASHES = ("", "7 4", "2 3", "9 3 2 3", "12 4")
"""Lines differ in form, too: not everyone sees their colours."""


def recall_plot(curves: Mapping[str, Sequence[float]], *, title: str) -> str:
    """Draw recall at k = 1, 2, … as an SVG image.

    Args:
        curves: For each name, which should say the protocol, the recall at k from 1 on, shares from 0 to 1.
        title: What stands above.

    Returns:
        The image, text that can be read and searched.
    """
    lowest = min((share for curve in curves.values() for share in curve), default=0.0)
    # Down to the next tenth below what there is: differences near the top are what is looked for.
    floor = max(0, int(lowest * 10 - 0.5)) / 10
    n = max((len(curve) for curve in curves.values()), default=1)

    def x(k: float) -> float:
        return LEFT + (k - 1) / max(n - 1, 1) * (WIDTH - LEFT - RIGHT)

    def y(share: float) -> float:
        return HEIGHT - BOTTOM - (share - floor) / (1 - floor) * (HEIGHT - TOP - BOTTOM)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'font-family="system-ui, sans-serif" font-size="13" fill="#1c2430"><title>{escape(title)}</title>',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
        f'<text x="{LEFT}" y="26" font-size="16" font-weight="600">{escape(title)}</text>',
    ]
    for tenth in range(round(floor * 10), 11):
        at = y(tenth / 10)
        parts.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{at:.1f}" y2="{at:.1f}" stroke="#e3e7ec"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{at + 4:.1f}" text-anchor="end">{tenth * 10} %</text>')
    for k in sorted({1, *range(5, n + 1, 5)}):
        parts.append(f'<text x="{x(k):.1f}" y="{HEIGHT - BOTTOM + 20}" text-anchor="middle">{k}</text>')
    middle = (LEFT + WIDTH - RIGHT) / 2
    parts.append(f'<text x="{middle:.1f}" y="{HEIGHT - 10}" text-anchor="middle">candidates looked at, k</text>')
    for i, (name, curve) in enumerate(curves.items()):
        color, dash = COLORS[i % len(COLORS)], DASHES[i % len(DASHES)]
        points = " ".join(f"{x(k):.1f},{y(share):.1f}" for k, share in enumerate(curve, start=1))
        line = f'stroke="{color}" stroke-width="2" stroke-dasharray="{dash}"'
        parts.append(f'<polyline points="{points}" fill="none" {line}/>')
        at = HEIGHT - BOTTOM - 14 - 18 * (len(curves) - 1 - i)
        parts.append(f'<line x1="{WIDTH - 250}" x2="{WIDTH - 220}" y1="{at - 4}" y2="{at - 4}" {line}/>')
        parts.append(f'<text x="{WIDTH - 212}" y="{at}">{escape(name)}</text>')
    return "\n".join([*parts, "</svg>"]) + "\n"
