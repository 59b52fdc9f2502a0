"""Evaluations as one HTML page that needs nothing else: scores, plots, and the errors in their sentences."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape

from .common_errors import CommonError
from .evaluation import Evaluation
from .outcomes import Outcome, semeval_scores
from .plots import PLOT_STYLE, precision_recall_plot, reliability_plot
from .scores import Score
from .skeleton import render_document, render_header
from .style import label_colors

_COLORS = {
    Outcome.RIGHT: "#b9c6d3",
    Outcome.WRONG_LABEL: "#7b2ea0",
    Outcome.WRONG_BOUNDARIES: "#8b5600",
    Outcome.WRONG_BOTH: "#3c7420",
    Outcome.MISSED: "#2f5d8c",
    Outcome.SPURIOUS: "#b3243f",
}

_STYLE = """
tr.all td { font-weight: 650; }
td.number { white-space: nowrap; }
td.range { color: var(--soft); font-weight: 400 !important; }
tbody.corpus + tbody.corpus tr:first-child td { border-top: 2px solid var(--soft); }
.plots { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(22rem, 100%), 1fr)); gap: 1rem; }
figure { margin: 0; padding: 1.1rem 1.2rem 0.9rem; background: var(--paper); border: 1px solid var(--line);
  border-radius: 0.6rem; }
figcaption { margin: 0 0 0.7rem; font-weight: 650; font-size: 0.95rem; }
figcaption small { display: block; color: var(--soft); font-weight: 400; font-size: 0.88em; line-height: 1.5; }
.keys { display: flex; flex-wrap: wrap; gap: 0.2rem 1.1rem; margin: 0.5rem 0 0; padding: 0; color: var(--soft);
  font-size: 0.85rem; list-style: none; font-variant-numeric: tabular-nums; }
.keys li::before { content: ""; display: inline-block; width: 0.7em; height: 0.7em; margin-right: 0.45em;
  border-radius: 0.2em; background: var(--c); }
.keys b { color: var(--ink); font-weight: 650; }
.outcomes { margin-top: 1rem; }
.stack { display: flex; gap: 2px; height: 1.5rem; overflow: hidden; border-radius: 0.35rem; }
.stack span { flex: var(--n) 0 2px; background: var(--c); }
.strictness { margin: 0.7rem 0 0; color: var(--soft); font-size: 0.85rem; }
.strictness b { color: var(--ink); font-weight: 650; font-variant-numeric: tabular-nums; }
article.error { margin: 0.6rem 0; padding: 0.8rem 1.5rem 0.85rem 0; }
article.error h3 { padding-top: 0.1rem; }
article.error p { margin: 0; line-height: 1.75; overflow-wrap: anywhere; }
article.error p.kind { margin-bottom: 0.15rem; color: var(--soft); font-size: 0.85rem; line-height: 1.6; }
.kind b { color: var(--k); font-weight: 650; }
.kind q { color: var(--ink); }
mark.gold, mark.found { padding: 0.1em 0.1em 0.14em; color: inherit; background: none; }
mark.found { background: color-mix(in srgb, var(--f) 16%, white); }
mark.gold { border-bottom: 2.5px solid var(--g); }
p.key { color: var(--soft); font-size: 0.9rem; margin: -0.4rem 0 1rem; }
"""


def render_evaluation(evaluations: Sequence[Evaluation], *, title: str, about: str) -> str:
    """Write a page about how well a pipeline does on corpora.

    Args:
        evaluations: One for each corpus.
        title: The page's title: the pipeline's name.
        about: A line below it: versions, components.

    Returns:
        The HTML.
    """
    labels = {label: None for evaluation in evaluations for label in _labels(evaluation)}
    colors = label_colors(labels)
    sections = "".join(_section(evaluation, colors, f"corpus-{i}") for i, evaluation in enumerate(evaluations))
    body = [
        render_header(title, about, _counts(evaluations)),
        f"<main><h2>Entities found</h2>{_table(evaluations, colors)}{sections}</main>",
        "<footer>An entity is right if its label and its boundaries are those of a gold entity, as conlleval counts. "
        "Intervals hold 95 % of 1,000 resamples of the documents, which are sentences where the corpus is one of "
        "sentences. ECE is the expected calibration error over 15 bins of equal width.</footer>",
    ]
    return render_document("".join(body), title=title, style=PLOT_STYLE + _STYLE)


def _labels(evaluation: Evaluation) -> list[str]:
    """List a corpus's labels, the most frequent first."""
    return sorted(evaluation.scores.labels, key=lambda label: -evaluation.scores.labels[label].gold)


def _counts(evaluations: Sequence[Evaluation]) -> list[tuple[str, str]]:
    if len(evaluations) == 1:
        first = evaluations[0].scores.micro
        shown = [("F-score, %", _percent(first.values[2])), ("precision, %", _percent(first.values[0]))]
        shown.append(("recall, %", _percent(first.values[1])))
    else:
        shown = [("corpora", f"{len(evaluations):,}")]
    shown.append(("gold entities", f"{sum(evaluation.scores.micro.gold for evaluation in evaluations):,}"))
    shown.append(("words", f"{sum(evaluation.words for evaluation in evaluations):,}"))
    return shown


def _table(evaluations: Sequence[Evaluation], colors: Mapping[str, str]) -> str:
    """Show all scores, corpus by corpus."""
    bodies = []
    for i, evaluation in enumerate(evaluations):
        labels = _labels(evaluation)
        ece = f"{evaluation.calibration.bins.error:.3f}" if evaluation.calibration else ""
        name = f"<a href='#corpus-{i}'>{escape(evaluation.name)}</a>"
        single = labels[0] if len(labels) == 1 else None
        shown = "<td>all</td>" if single is None else _label_cell(single, colors)
        cells = f"{_cells(evaluation.scores.micro)}<td class='number'>{ece}</td>"
        rows = [f"<tr class='all'><td>{name}</td>{shown}{cells}</tr>"]
        if single is None:
            cells = _cells(evaluation.scores.macro, counts=False)
            rows.append(f"<tr><td></td><td>mean over labels</td>{cells}<td></td></tr>")
            for label in labels:
                cells = _cells(evaluation.scores.labels[label])
                rows.append(f"<tr><td></td>{_label_cell(label, colors)}{cells}<td></td></tr>")
        bodies.append(f"<tbody class='corpus'>{''.join(rows)}</tbody>\n")
    numbers = ("Gold", "Found", "Precision", "Recall", "F", "95 % of F", "ECE")
    heads = "".join(f"<th class='number'>{name}</th>" for name in numbers)
    head = f"<thead><tr><th>Corpus</th><th>Label</th>{heads}</tr></thead>\n"
    return f"<div class='table'><table>{head}{''.join(bodies)}</table></div>"


def _label_cell(label: str, colors: Mapping[str, str]) -> str:
    return f"<td class='label' style='--c: {colors[label]}'>{escape(label)}</td>"


def _cells(score: Score, *, counts: bool = True) -> str:
    numbers = [f"{score.gold:,}", f"{score.found:,}"] if counts else ["", ""]
    numbers += map(_percent, score.values)
    low, high = score.intervals[2]
    cells = "".join(f"<td class='number'>{number}</td>" for number in numbers)
    return f"{cells}<td class='number range'>{_percent(low)}&ndash;{_percent(high)}</td>"


def _section(evaluation: Evaluation, colors: Mapping[str, str], identity: str) -> str:
    """Show one corpus."""
    tokens = "on the corpus's own tokens" if evaluation.gold_tokens else "on raw text"
    about = f"{evaluation.docs:,} documents, {evaluation.words:,} words, {tokens}"
    plots = []
    if evaluation.curves:
        plots.append(_curve_figure(evaluation, colors, f"{identity}-clip"))
    if evaluation.calibration:
        plots.append(_reliability_figure(evaluation))
    shown = f"<div class='plots'>{''.join(plots)}</div>" if plots else ""
    return (
        f"<section id='{identity}'><h2>{escape(evaluation.name)}</h2><p class='key'>{about}</p>{shown}"
        f"{_outcome_figure(evaluation)}{_errors(evaluation.errors, colors)}</section>"
    )


def _curve_figure(evaluation: Evaluation, colors: Mapping[str, str], identity: str) -> str:
    plot = precision_recall_plot(evaluation.curves, colors, identity=identity)
    keys = [("all", "var(--ink)"), *((label, colors[label]) for label in evaluation.curves if label)]
    legend = _keys((escape(label), color) for label, color in keys) if len(keys) > 1 else ""
    return (
        "<figure><figcaption>Precision and recall <small>as the threshold on the score rises from right to left</small>"
        f"</figcaption>{plot}{legend}</figure>"
    )


def _reliability_figure(evaluation: Evaluation) -> str:
    found = evaluation.calibration
    if found is None:
        return ""
    about = f"calibration error {found.bins.error:.3f}; perfect scores: {found.noise:.3f}, by chance"
    return (
        f"<figure><figcaption>Scores as probabilities <small>{about}</small></figcaption>"
        f"{reliability_plot(found.bins)}</figure>"
    )


def _outcome_figure(evaluation: Evaluation) -> str:
    """Show how gold and predicted entities meet."""
    outcomes = evaluation.total_outcomes
    present = [outcome for outcome in Outcome if outcomes[outcome]]
    stack = "".join(
        f"<span title='{outcome.value}: {outcomes[outcome]:,}' "
        f"style='--c: {_COLORS[outcome]}; --n: {outcomes[outcome]}'></span>"
        for outcome in present
    )
    legend = _keys((f"{outcome.value} <b>{outcomes[outcome]:,}</b>", _COLORS[outcome]) for outcome in present)
    f = {name: f"<b>{_percent(value)}</b>" for name, value in semeval_scores(outcomes).items()}
    return (
        "<figure class='outcomes'><figcaption>What became of each entity</figcaption>"
        f"<div class='stack'>{stack}</div>{legend}<p class='strictness'>F would be {f['exact']} by boundaries alone, "
        f"{f['type']} for the right label on any overlap, and {f['partial']} if an overlap counted half.</p></figure>"
    )


def _keys(entries: Iterable[tuple[str, str]]) -> str:
    """Draw a legend of (markup, colour) pairs."""
    items = "".join(f"<li style='--c: {color}'>{markup}</li>" for markup, color in entries)
    return f"<ul class='keys'>{items}</ul>"


def _errors(errors: Sequence[CommonError], colors: Mapping[str, str]) -> str:
    """List the most common errors."""
    if not errors:
        return "<p class='key'>There is no error.</p>"
    shown = "".join(_error(error, colors) for error in errors)
    color = "--g: var(--ink); --f: var(--ink)"
    return (
        f"<h2>The most common errors</h2><p class='key' style='{color}'>In the sentences, <mark class='gold'>gold "
        "entities</mark> are underlined and <mark class='found'>those found</mark> are shaded; each error is shown "
        f"where it was first met.</p>{shown}"
    )


def _error(error: CommonError, colors: Mapping[str, str]) -> str:
    """Show one kind of error in a sentence."""
    style = f"--g: {colors.get(error.gold_label, '')}; --f: {colors.get(error.found_label, '')}"
    context = []
    for piece in error.context:
        names = " ".join(name for name, on in (("gold", piece.in_gold), ("found", piece.in_found)) if on)
        text = escape(piece.text)
        context.append(f"<mark class='{names}'>{text}</mark>" if names else text)
    return (
        f"<article class='error' style='{style}'><h3>&times;{error.count:,}</h3><div><p class='kind' "
        f"style='--k: {_COLORS[error.outcome]}'>{_explain(error)}</p><p>{''.join(context)}</p></div></article>\n"
    )


def _explain(error: CommonError) -> str:
    """Say what is wrong."""
    kind = f"<b>{error.outcome.value.capitalize()}</b> · "
    gold, found = (f"<q>{escape(text)}</q>" for text in (error.gold_text, error.found_text))
    gold_label, found_label = escape(error.gold_label), escape(error.found_label)
    if error.outcome is Outcome.MISSED:
        return f"{kind}{gold_label} {gold}"
    if error.outcome is Outcome.SPURIOUS:
        return f"{kind}{found_label} {found}"
    if error.outcome is Outcome.WRONG_LABEL:
        return f"{kind}{gold} is {gold_label}, taken for {found_label}"
    if error.outcome is Outcome.WRONG_BOUNDARIES:
        return f"{kind}{found} in place of {gold_label} {gold}"
    return f"{kind}{found_label} {found} in place of {gold_label} {gold}"


def _percent(share: float) -> str:
    return f"{100 * share:.1f}"
