"""Colours and style of the pages."""

from __future__ import annotations

from collections.abc import Iterable

_KNOWN = {
    "disease": "#b3243f",
    "chemical": "#0b6b7a",
    "drug": "#0b6b7a",
    "gene": "#4248b5",
    "protein": "#4248b5",
    "species": "#3c7420",
    "cell": "#8b5600",
    "variant": "#7b2ea0",
}
"""The colour that each of these types has on every page; a longer label takes that of the type it starts with."""
_OTHERS = ("#8b5600", "#7b2ea0", "#3c7420", "#a03a12", "#2f5d8c", "#6b5b1e", "#a12673", "#475569")


def label_colors(labels: Iterable[str]) -> dict[str, str]:
    """Give each label a colour that reads well as text on white and on its own tint (WCAG AA).

    Args:
        labels: The labels; the same ones in the same order get the same colours.

    Returns:
        The CSS colour of each label.
    """
    colors: dict[str, str] = {}
    for label in labels:
        known = next((color for name, color in _KNOWN.items() if label.lower().startswith(name)), None)
        free = [color for color in _OTHERS if color not in colors.values()] or _OTHERS
        colors[label] = known or free[len(colors) % len(free)]
    return colors


PAGE_STYLE = """
:root { --ink: #1c2430; --soft: #5a6675; --line: #e3e7ec; --paper: #fff; --ground: #f6f7f9; --link: #1d4f91; }
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; scroll-behavior: smooth; }
body { margin: 0; background: var(--ground); color: var(--ink); font: 17px/1.6 system-ui, -apple-system, "Segoe UI",
  Roboto, "Helvetica Neue", Arial, sans-serif; }
header, main, footer { max-width: 60rem; margin: 0 auto; padding: 0 1.5rem; }
header { padding-top: 2.75rem; }
h1 { margin: 0; font-size: 1.9rem; line-height: 1.2; letter-spacing: -0.015em; overflow-wrap: anywhere; }
h2 { margin: 3rem 0 1rem; font-size: 1.25rem; letter-spacing: -0.01em; }
a { color: var(--link); }
.about { margin: 0.4rem 0 0; color: var(--soft); font-size: 0.9rem; }
.counts { display: flex; flex-wrap: wrap; gap: 0.5rem 2.5rem; margin: 1.6rem 0 0; padding: 0; }
.counts div { display: flex; flex-direction: column-reverse; }
.counts dt { color: var(--soft); font-size: 0.85rem; }
.counts dd { margin: 0; font-size: 1.6rem; font-weight: 650; line-height: 1.25; font-variant-numeric: tabular-nums; }
.legend { position: sticky; top: 0; z-index: 5; margin-top: 1.4rem; background: var(--ground);
  border-bottom: 1px solid var(--line); }
.legend fieldset { display: flex; flex-wrap: wrap; gap: 0.4rem 0.6rem; max-width: 60rem; margin: 0 auto;
  padding: 0.7rem 1.5rem; border: 0; }
.legend legend { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
.legend label { display: inline-flex; align-items: center; gap: 0.45rem; padding: 0.15rem 0.75rem 0.15rem 0.55rem;
  border: 1px solid var(--line); border-radius: 99rem; background: var(--paper); font-size: 0.88rem; cursor: pointer; }
.legend input { width: 1rem; height: 1rem; margin: 0; accent-color: var(--c); }
.legend b { color: var(--c); font-weight: 650; }
.legend span { color: var(--soft); font-variant-numeric: tabular-nums; }
article { display: grid; grid-template-columns: 3.5rem 1fr; margin: 1rem 0; padding: 1.1rem 1.5rem 1.2rem 0;
  background: var(--paper); border: 1px solid var(--line); border-radius: 0.6rem; scroll-margin-top: 4rem; }
article h3 { margin: 0; padding: 0.42rem 0.5rem 0 0; color: var(--soft); font-size: 0.8rem; font-weight: 600;
  text-align: center; font-variant-numeric: tabular-nums; overflow-wrap: anywhere; }
.entities { line-height: 2.05 !important; overflow-wrap: anywhere; }
.entity { position: relative; margin: 0 0.05em; padding: 0.14em 0.3em 0.16em; border-radius: 0.3em; color: inherit;
  background: color-mix(in srgb, var(--c) 13%, white); box-shadow: inset 0 -2px 0 var(--c);
  -webkit-box-decoration-break: clone; box-decoration-break: clone; }
.entity.unsure { background: color-mix(in srgb, var(--c) 6%, white); box-shadow: none;
  border-bottom: 2px dashed var(--c); }
.entity > a, .entity > .word { color: inherit; text-decoration: none; outline-offset: 3px; border-radius: 0.2em; }
.entity .tag { margin-left: 0.4em; color: var(--c); font-size: 0.68em; font-weight: 700; letter-spacing: 0.03em;
  white-space: nowrap; user-select: none; }
.card { position: absolute; left: 0; top: calc(100% + 0.35rem); z-index: 10; display: none; width: max-content;
  max-width: min(22rem, 80vw); padding: 0.65rem 0.85rem; border: 1px solid var(--line); border-radius: 0.5rem;
  background: var(--paper); box-shadow: 0 8px 24px rgb(20 30 45 / 16%); font-size: 0.86rem; line-height: 1.45;
  pointer-events: none; }
.card strong, .card small { display: block; }
.card small { color: var(--soft); font-size: 0.92em; }
.bar { display: inline-block; width: 5rem; height: 0.45rem; margin-right: 0.5rem; border-radius: 99rem;
  background: linear-gradient(90deg, var(--c) var(--score), var(--line) var(--score)); vertical-align: middle; }
.entity:hover > .card, .entity:focus-within > .card { display: block; }
.table { overflow-x: auto; background: var(--paper); border: 1px solid var(--line); border-radius: 0.6rem; }
table { width: 100%; border-collapse: collapse; font-size: 0.9rem; }
th, td { padding: 0.42rem 0.9rem; text-align: left; vertical-align: top; }
th { color: var(--soft); font-size: 0.8rem; font-weight: 600; white-space: nowrap; }
td { border-top: 1px solid var(--line); }
td.label { color: var(--c); font-weight: 650; white-space: nowrap; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; }
td.id { white-space: nowrap; font-variant-numeric: tabular-nums; }
tbody tr:hover { background: var(--ground); }
.none { color: var(--soft); }
footer { margin-top: 2.5rem; padding-bottom: 3rem; color: var(--soft); font-size: 0.85rem; }
@media (max-width: 40rem) {
  article { grid-template-columns: 1fr; padding: 0.6rem 1rem 1rem; }
  article h3 { text-align: left; }
}
@media print { .card, .legend { display: none !important; } body { background: white; } }
"""
