"""The learning curve of `ner_quality.py` as SVG: F1 over the share of training sentences, a line for each system."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

WIDTH, HEIGHT = 560, 340
LEFT, RIGHT, TOP, BOTTOM = 56, 150, 20, 50
COLORS = ("#1f6feb", "#8a8f98", "#c2410c")


def learning_curve(lines: Mapping[str, Sequence[tuple[float, float]]]) -> str:
    """Draw each system's points: share of the sentences, from 0 to 1 and on a logarithmic axis, and F1 in %."""
    shares = sorted({share for points in lines.values() for share, _ in points})
    scores = [score for points in lines.values() for _, score in points]
    low, high = 5 * math.floor(min(scores) / 5), 5 * math.ceil(max(scores) / 5)

    def x(share: float) -> float:
        reach = math.log(shares[-1] / shares[0]) or 1.0
        return LEFT + (WIDTH - LEFT - RIGHT) * math.log(share / shares[0]) / reach

    def y(score: float) -> float:
        return TOP + (HEIGHT - TOP - BOTTOM) * (high - score) / (high - low)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}"'
        ' font-family="system-ui, sans-serif" font-size="13" fill="#333">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
    ]
    for score in range(low, high + 1, 5):
        parts.append(f'<path d="M{LEFT} {y(score):.1f}H{WIDTH - RIGHT}" stroke="#e3e6ea"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{y(score) + 4:.1f}" text-anchor="end">{score}</text>')
    for share in shares:
        parts.append(f'<text x="{x(share):.1f}" y="{HEIGHT - BOTTOM + 20}" text-anchor="middle">{share:.0%}</text>')
    middle = (LEFT + WIDTH - RIGHT) / 2
    parts.append(f'<text x="{middle}" y="{HEIGHT - 8}" text-anchor="middle">training sentences</text>')
    parts.append(f'<text transform="translate(16 {HEIGHT / 2}) rotate(-90)" text-anchor="middle">F1 on test, %</text>')
    names = _spaced({name: y(max(points)[1]) for name, points in lines.items()})
    for (name, points), color in zip(lines.items(), COLORS, strict=False):
        path = " ".join(f"{x(share):.1f},{y(score):.1f}" for share, score in sorted(points))
        parts.append(f'<polyline points="{path}" fill="none" stroke="{color}" stroke-width="2.5"/>')
        for share, score in points:
            parts.append(f'<circle cx="{x(share):.1f}" cy="{y(score):.1f}" r="4" fill="{color}"/>')
        parts.append(f'<text x="{WIDTH - RIGHT + 12}" y="{names[name] + 4:.1f}" fill="{color}">{name}</text>')
    return "\n".join([*parts, "</svg>", ""])


def _spaced(heights: Mapping[str, float]) -> dict[str, float]:
    """Move names that would lie on one another apart."""
    placed: dict[str, float] = {}
    for name, height in sorted(heights.items(), key=lambda item: item[1]):
        placed[name] = max([height, *(other + 18 for other in placed.values())])
    return placed
