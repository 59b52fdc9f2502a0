"""Plots as inline SVG: no script, no library, colours from the page's own style."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from html import escape
from math import ceil, floor, sqrt

import numpy as np

from ..ner.reliability import N_BINS, Reliability
from .curves import Curve

WIDTH, HEIGHT = 440, 340
_LEFT, _RIGHT, _TOP, _BOTTOM = 60, 14, 12, 46
_FEW = 10  # bins with fewer entities than this say little
_MARKED = (0.5, 0.9)

PLOT_STYLE = """
svg.plot { display: block; width: 100%; height: auto; font-size: 12.5px; font-variant-numeric: tabular-nums; }
.plot text { fill: var(--soft); }
.plot .grid { stroke: var(--line); stroke-width: 1; fill: none; }
.plot .iso { stroke: #c3cad3; stroke-width: 1; stroke-dasharray: 3 3; fill: none; }
.plot .iso-name { font-size: 11px; }
.plot .curve { fill: none; stroke: var(--c); stroke-width: 2.25; stroke-linejoin: round; stroke-linecap: round; }
.plot .dot { fill: var(--c); stroke: var(--paper); stroke-width: 1.5; }
.plot .dot.few { fill: var(--paper); stroke: var(--c); }
.plot .range { stroke: var(--c); stroke-width: 1.5; opacity: 0.45; }
.plot .share { fill: var(--c); opacity: 0.14; }
.plot .mark { fill: var(--ink); font-weight: 600; paint-order: stroke; stroke: var(--paper); stroke-width: 4px; }
"""


@dataclass(frozen=True, slots=True)
class _Axes:
    """A plotting area: x from 0 to 1, y from `low` to 1."""

    low: float = 0.0

    def x(self, value: float) -> float:
        return round(_LEFT + value * (WIDTH - _LEFT - _RIGHT), 2)

    def y(self, value: float) -> float:
        return round(_TOP + (1 - value) / (1 - self.low) * (HEIGHT - _TOP - _BOTTOM), 2)

    def line(self, points: Iterable[tuple[float, float]]) -> str:
        return " ".join(f"{self.x(x)},{self.y(y)}" for x, y in points)

    def frame(self, x_name: str, y_name: str) -> str:
        """Draw the grid with its numbers, and the names of the axes."""
        parts = []
        for tick in np.linspace(0, 1, 6).tolist():
            x = self.x(tick)
            parts.append(f"<line class='grid' x1='{x}' y1='{_TOP}' x2='{x}' y2='{self.y(self.low)}'/>")
            parts.append(f"<text x='{x}' y='{self.y(self.low) + 18}' text-anchor='middle'>{tick:.1f}</text>")
        step = 0.2 if self.low < 0.4 else 0.1 if self.low < 0.75 else 0.05
        digits = 2 if step < 0.1 else 1
        for i in range(floor((1 - self.low) / step + 1e-9) + 1):
            tick = 1 - i * step
            y = self.y(tick)
            parts.append(f"<line class='grid' x1='{_LEFT}' y1='{y}' x2='{WIDTH - _RIGHT}' y2='{y}'/>")
            parts.append(f"<text x='{_LEFT - 8}' y='{y + 4}' text-anchor='end'>{tick:.{digits}f}</text>")
        middle = (_TOP + HEIGHT - _BOTTOM) / 2
        parts.append(f"<text x='{self.x(0.5)}' y='{HEIGHT - 8}' text-anchor='middle'>{x_name}</text>")
        parts.append(f"<text transform='translate(13 {middle}) rotate(-90)' text-anchor='middle'>{y_name}</text>")
        return "".join(parts)


def precision_recall_plot(curves: Mapping[str, Curve], colors: Mapping[str, str], *, identity: str) -> str:
    """Draw precision over recall, a curve for each label and one for all, on lines of equal F.

    Args:
        curves: The curves by label; "" is all labels together, drawn last and in black.
        colors: The colour of each label.
        identity: What no other plot of the page is called.

    Returns:
        The SVG.
    """
    axes = _Axes(low=_lowest(curves.values()))
    clip = (
        f"<clipPath id='{identity}'><rect x='{_LEFT}' y='{_TOP - 4}' width='{WIDTH - _LEFT - _RIGHT}' "
        f"height='{HEIGHT - _TOP - _BOTTOM + 4}'/></clipPath>"
    )
    lines, marks = [], []
    for label, curve in sorted(curves.items(), key=lambda item: item[0] == ""):
        color = colors.get(label, "var(--ink)")
        # From the first point, precision is drawn as a level line to the axis.
        points = [(0.0, float(curve.precision[0])), *zip(curve.recall.tolist(), curve.precision.tolist(), strict=True)]
        name = escape(label) or "all labels"
        line = f"class='curve' style='--c: {color}' points='{axes.line(points)}'"
        lines.append(f"<polyline {line}><title>{name}</title></polyline>")
        if not label:
            marks = [_mark(axes, curve, threshold) for threshold in _MARKED]
            marks.append(_point(axes, *points[-1], "all", f"every entity: recall {points[-1][0]:.3f}, precision"))
    return (
        f"<svg class='plot' viewBox='0 0 {WIDTH} {HEIGHT}' role='img' aria-label='Precision over recall'>{clip}"
        f"{axes.frame('recall', 'precision')}<g clip-path='url(#{identity})'>{_iso_lines(axes)}{''.join(lines)}</g>"
        f"{''.join(marks)}</svg>"
    )


def reliability_plot(bins: Reliability) -> str:
    """Draw the share of right entities over their score, with 95 % intervals, and how many entities each bin holds.

    Args:
        bins: Bins of equal width.

    Returns:
        The SVG. Bins that hold few entities have hollow dots.
    """
    axes = _Axes()
    dots, shares = [], []
    greatest = int(bins.counts.max(initial=1))
    width = axes.x(1 / N_BINS) - axes.x(0) - 2
    for count, score, share in zip(bins.counts.tolist(), bins.scores.tolist(), bins.shares.tolist(), strict=True):
        left = max(ceil(score * N_BINS) - 1, 0) / N_BINS
        height = 0.22 * (axes.y(0) - axes.y(1)) * count / greatest
        shares.append(
            f"<rect class='share' x='{axes.x(left) + 1:.2f}' y='{axes.y(0) - height:.2f}' width='{width:.2f}' "
            f"height='{height:.2f}'/>"
        )
        low, high = wilson_interval(share, count)
        x = axes.x(score)
        title = f"score {score:.3f}: {share:.1%} of {count:,} are right"
        dots.append(
            f"<line class='range' x1='{x}' y1='{axes.y(low)}' x2='{x}' y2='{axes.y(high)}'/>"
            f"<circle class='dot{' few' if count < _FEW else ''}' cx='{x}' cy='{axes.y(share)}' r='4.5'>"
            f"<title>{title}</title></circle>"
        )
    diagonal = f"<polyline class='iso' points='{axes.line([(0, 0), (1, 1)])}' style='stroke: var(--soft)'/>"
    return (
        f"<svg class='plot' style='--c: var(--link)' viewBox='0 0 {WIDTH} {HEIGHT}' role='img' "
        f"aria-label='Share of right entities over their score'>{axes.frame('score', 'share that is right')}"
        f"{''.join(shares)}{diagonal}{''.join(dots)}</svg>"
    )


def wilson_interval(share: float, count: int) -> tuple[float, float]:
    """Give the 95 % interval of a share of `count` (Wilson 1927, "Probable Inference, the Law of Succession …")."""
    z = 1.959964
    middle = (share + z * z / (2 * count)) / (1 + z * z / count)
    half = z / (1 + z * z / count) * sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    return max(middle - half, 0.0), min(middle + half, 1.0)


def _lowest(curves: Iterable[Curve]) -> float:
    """Choose where the axis of precision begins; the first few entities of a curve may leap about below it."""
    found = [float(curve.precision[curve.recall >= 0.05].min(initial=1.0)) for curve in curves]
    return min(max(floor((min(found, default=1.0) - 0.05) * 10) / 10, 0.0), 0.8)


def _iso_lines(axes: _Axes) -> str:
    """Draw lines of equal F-score, each named where it meets the right edge."""
    parts = []
    for f in (0.85, 0.9, 0.95) if axes.low > 0.7 else (0.6, 0.7, 0.8, 0.9) if axes.low > 0 else (0.2, 0.4, 0.6, 0.8):
        if f / (2 - f) < axes.low:
            continue
        recalls = np.linspace(f / (2 - f), 1, 40)
        line = axes.line(zip(recalls.tolist(), (f * recalls / (2 * recalls - f)).tolist(), strict=True))
        parts.append(f"<polyline class='iso' points='{line}'/>")
        x, y = WIDTH - _RIGHT - 4, axes.y(f / (2 - f)) - 5
        parts.append(f"<text class='iso-name' x='{x}' y='{y}' text-anchor='end'>F {f:g}</text>")
    return "".join(parts)


def _mark(axes: _Axes, curve: Curve, threshold: float) -> str:
    """Mark a threshold on a curve, unless it is too near the curve's end, which has a mark of its own."""
    point = curve.at(threshold)
    if point is None or curve.thresholds[-1] >= threshold or curve.recall[-1] - point[0] < 0.04:
        return ""
    return _point(axes, *point, f"≥ {threshold}", f"score of at least {threshold}: recall {point[0]:.3f}, precision")


def _point(axes: _Axes, recall: float, precision: float, name: str, title: str) -> str:
    x, y = axes.x(recall), axes.y(max(precision, axes.low))
    return (
        f"<circle class='dot' style='--c: var(--ink)' cx='{x}' cy='{y}' r='4.5'>"
        f"<title>{title} {precision:.3f}</title></circle>"
        f"<text class='mark' x='{x - 8}' y='{y + 16}' text-anchor='end'>{name}</text>"
    )
