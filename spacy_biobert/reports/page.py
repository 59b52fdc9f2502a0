"""Annotated texts as one HTML page that needs nothing else: no script, no font, no connection."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from html import escape

from spacy.displacy import EntityRenderer

from .annotations import AnnotatedText, Entity
from .skeleton import render_document, render_header
from .style import label_colors

UNSURE = 0.5
"""Entities with a score below this are drawn with a dashed line."""

# displaCy fills in the text, escaped, and the colour of the label. The other fields come from `_entity_fields`.
_ENTITY = (
    '<mark class="{css}" style="--c: {bg}">{open}{text}{close}<span class="tag">{tag}</span>'
    '<span class="card" role="tooltip" id="{id}">{card}</span></mark>'
)


def render_page(texts: Sequence[AnnotatedText], *, title: str, about: str) -> str:
    """Write a page that shows the entities in their texts, and in a table.

    Entities are coloured by label, linked to the pages of their concepts, and show score and concept when pointed at or
    focused. Ticking a label off in the legend hides its entities.

    Args:
        texts: The annotated texts.
        title: The page's title: the pipeline's name.
        about: A line below it: versions, components.

    Returns:
        The HTML.
    """
    counts = Counter(entity.label for text in texts for entity in text.entities)
    labels = [label for label, _ in counts.most_common()]
    colors = label_colors(labels)
    keys = {label: f"label-{i}" for i, label in enumerate(labels)}
    rendered = _render_texts(texts, colors, keys)
    body = [
        render_header(title, about, _counts(texts)),
        _legend(counts, colors, keys),
        f"<main><section aria-label='Texts'>{rendered}</section>{_table(texts, colors, keys)}</main>",
        "<footer>Point at an entity, or reach it with the Tab key, to see its concept and score; follow it to the "
        f"concept's page. A dashed line marks a score below {UNSURE:.2f}.</footer>",
    ]
    return render_document("".join(body), title=title, style=_toggles(keys))


def _render_texts(texts: Sequence[AnnotatedText], colors: Mapping[str, str], keys: Mapping[str, str]) -> str:
    """Draw each text with displaCy."""
    renderer = EntityRenderer({"template": _ENTITY, "colors": dict(colors)})
    articles = []
    for i, text in enumerate(texts):
        spans = [
            {
                "start": entity.start,
                "end": entity.end,
                "label": entity.label,
                "params": _entity_fields(entity, f"entity-{i}-{j}", keys[entity.label]),
            }
            for j, entity in enumerate(text.entities)
        ]
        markup = renderer.render_ents(text.text, spans, None)
        articles.append(f"<article id='text-{i}'><h3>{escape(text.title)}</h3>{markup}</article>\n")
    return "".join(articles)


def _entity_fields(entity: Entity, identity: str, key: str) -> dict[str, str]:
    """Fill in the template of an entity; displaCy escapes none of these."""
    unsure = entity.score is not None and entity.score < UNSURE
    described = f"aria-describedby='{identity}'"
    link = f"<a href='{escape(entity.url)}' target='_blank' rel='noopener' {described}>" if entity.url else None
    return {
        "css": f"entity {key} unsure" if unsure else f"entity {key}",
        "open": link or f"<span class='word' tabindex='0' {described}>",
        "close": "</a>" if link else "</span>",
        "tag": escape(entity.label),
        "id": identity,
        "card": _card(entity),
    }


def _card(entity: Entity) -> str:
    """Say what is known of an entity."""
    concept = escape(entity.concept.replace("|", ", "))
    lines = [f"<strong>{escape(entity.name) or concept or escape(entity.text)}</strong>"]
    if entity.name:
        lines.append(f"<small>{concept}</small>")
    elif not concept:
        lines.append("<small>no concept</small>")
    for what, score in (("entity", entity.score), ("concept", entity.link_score)):
        if score is not None:
            bar = f"<span class='bar' style='--score: {score:.0%}'></span>"
            lines.append(f"<small>{bar}{what} {score:.2f}</small>")
    return "".join(lines)


def _counts(texts: Sequence[AnnotatedText]) -> list[tuple[str, str]]:
    """Show how much there is."""
    entities = [entity for text in texts for entity in text.entities]
    concepts = {concept for entity in entities for concept in entity.concept.split("|") if concept}
    linked = sum(bool(entity.concept) for entity in entities)
    numbers = {"texts": len(texts), "entities": len(entities), "of them linked": linked, "concepts": len(concepts)}
    return [(name, f"{number:,}") for name, number in numbers.items()]


def _legend(counts: Mapping[str, int], colors: Mapping[str, str], keys: Mapping[str, str]) -> str:
    """Draw the legend: a box to tick for each label."""
    boxes = "".join(
        f"<label style='--c: {colors[label]}'><input type='checkbox' id='{key}' checked>"
        f"<b>{escape(label)}</b> <span>{counts[label]:,}</span></label>"
        for label, key in keys.items()
    )
    return f"<div class='legend'><fieldset><legend>Labels to show</legend>{boxes}</fieldset></div>" if boxes else ""


def _toggles(keys: Mapping[str, str]) -> str:
    """Write the style rules that hide the entities and rows of a label when its box is not ticked."""
    rules = []
    for key in keys.values():
        off = f"body:has(#{key}:not(:checked))"
        rules.append(
            f"{off} .entity.{key} {{ background: none; box-shadow: none; border: 0; padding: 0; margin: 0; }}\n"
            f"{off} .entity.{key} > :is(.tag, .card), {off} tr.{key} {{ display: none; }}\n"
        )
    return "".join(rules)


def _table(texts: Sequence[AnnotatedText], colors: Mapping[str, str], keys: Mapping[str, str]) -> str:
    """List all entities."""
    rows = []
    for i, text in enumerate(texts):
        for entity in text.entities:
            score, link = ("" if x is None else f"{x:.2f}" for x in (entity.score, entity.link_score))
            rows.append(
                f"<tr class='{keys[entity.label]}' style='--c: {colors[entity.label]}'>"
                f"<td class='number'><a href='#text-{i}'>{escape(text.title)}</a></td><td>{escape(entity.text)}</td>"
                f"<td class='label'>{escape(entity.label)}</td><td class='number'>{score}</td>"
                f"<td class='id'>{_concept_cell(entity)}</td><td>{escape(entity.name)}</td>"
                f"<td class='number'>{link}</td></tr>\n"
            )
    if not rows:
        return "<h2>Entities</h2><p class='none'>No entity was found.</p>"
    return (
        "<h2>Entities</h2><div class='table'><table><thead><tr><th class='number'>Text</th><th>Entity</th>"
        "<th>Label</th><th class='number'>Score</th><th>Concept</th><th>Name</th>"
        "<th class='number'>Score</th></tr></thead>\n"
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )


def _concept_cell(entity: Entity) -> str:
    """Show a concept's id as a link to its page."""
    shown = escape(entity.concept.replace("|", ", "))
    if not shown:
        return "<span class='none'>none</span>"
    return f"<a href='{escape(entity.url)}' target='_blank' rel='noopener'>{shown}</a>" if entity.url else shown
