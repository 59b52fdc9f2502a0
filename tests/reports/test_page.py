"""The page: whole, self-contained, and true to any text."""

from html.parser import HTMLParser

from hypothesis import given
from hypothesis import strategies as st

from spacy_biobert.reports.annotations import AnnotatedText, Entity
from spacy_biobert.reports.page import render_page
from spacy_biobert.reports.style import label_colors

VOID = {"meta", "input", "br"}


class Page(HTMLParser):
    """Reads a page and complains about tags that do not close, ids that repeat and references to nothing."""

    def __init__(self, html):
        super().__init__()
        self.open, self.ids, self.refers, self.links, self.texts = [], [], [], [], []
        self.tags = set()
        self.feed(html)
        self.close()
        assert self.open == []
        assert len(self.ids) == len(set(self.ids))
        assert set(self.refers) <= set(self.ids)

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.tags.add(tag)
        if tag not in VOID:
            self.open.append((tag, attrs.get("class", "")))
        elif tag == "br" and self.texts:
            self.texts[-1] += "\n"
        if tag == "article":
            self.texts.append("")
        self.ids += [attrs["id"]] if "id" in attrs else []
        self.refers += [attrs["aria-describedby"]] if "aria-describedby" in attrs else []
        href = attrs.get("href", "")
        (self.refers if href.startswith("#") else self.links).append(href.removeprefix("#")) if href else None
        assert not any(name.startswith("on") for name in attrs)

    def handle_endtag(self, tag):
        assert self.open.pop()[0] == tag

    def handle_data(self, data):
        classes = {name for _, names in self.open for name in names.split()}
        if any(tag == "article" for tag, _ in self.open) and not classes & {"tag", "card"} and self.open[-1][0] != "h3":
            self.texts[-1] += data


def entity(text, start, end, label="Disease", **rest):
    return Entity(start, end, text[start:end], label, **rest)


def page(*texts):
    html = render_page(texts, title="en_x", about="spaCy")
    return html, Page(html)


def test_shows_entities_their_concepts_and_scores():
    text = "Fever after aspirin."
    fever = entity(text, 0, 5, score=0.31, concept="MESH:D005334", name="Fever <of> unknown origin", link_score=0.87)
    aspirin = entity(text, 12, 19, "Chemical", score=0.98)
    html, read = page(AnnotatedText("1", text, (fever, aspirin)))
    assert [shown.strip() for shown in read.texts] == [text]
    assert read.links == ["https://meshb.nlm.nih.gov/record/ui?ui=D005334"] * 2
    assert "Fever &lt;of&gt; unknown origin" in html
    assert html.count('unsure"') == 1
    assert "entity 0.31" in html
    assert "concept 0.87" in html
    assert html.count("no concept") == 1


def test_needs_nothing_else():
    text = "Fever."
    html, read = page(AnnotatedText("1", text, (entity(text, 0, 5),)))
    assert not read.tags & {"script", "link", "img", "iframe"}
    assert read.links == []
    assert "url(" not in html
    assert "@import" not in html


def test_without_texts_and_entities():
    html, read = page()
    assert "No entity was found" in html
    assert read.texts == []
    html, read = page(AnnotatedText("1", "plain", ()))
    assert [shown.strip() for shown in read.texts] == ["plain"]


@st.composite
def annotated_texts(draw):
    text = draw(st.text(min_size=1, max_size=60))
    cuts = sorted(draw(st.sets(st.integers(0, len(text)), max_size=6)))
    anything = st.text(max_size=12)
    entities = tuple(
        Entity(
            start,
            end,
            text[start:end],
            draw(anything),
            draw(st.none() | st.floats(0, 1)),
            draw(anything | st.builds("MESH:{}".format, anything)),
            draw(anything),
        )
        for start, end in zip(cuts[::2], cuts[1::2], strict=False)
    )
    return AnnotatedText(draw(anything), text, entities)


@given(st.lists(annotated_texts(), max_size=3))
def test_any_text_is_shown_as_it_is(texts):
    _, read = page(*texts)
    # How white space is drawn is left to the browser.
    assert [" ".join(shown.split()) for shown in read.texts] == [" ".join(text.text.split()) for text in texts]


def test_colors_read_well_on_white_and_on_their_tint():
    def luminance(channels):
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    labels = ["Disease", "Chemical", "Gene", "Species", "Variant", "CellLine", *(f"Other{i}" for i in range(10))]
    colors = label_colors(labels)
    assert list(colors) == labels
    assert len({colors[label] for label in labels[:6]}) == 6
    for color in colors.values():
        ink = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        tint = [0.13 * c + 0.87 for c in ink]
        assert (luminance(tint) + 0.05) / (luminance(ink) + 0.05) >= 4.5, color
