import pytest
import spacy
from spacy.tokens import Doc, Span

from spacy_biobert.linking.concepts import Concept
from spacy_biobert.linking.kb import KnowledgeBase

CONCEPTS = (
    Concept(
        "MESH:D006527",
        "Hepatolenticular Degeneration",
        ("Wilson Disease", "Disease, Wilson"),
        ("Disease",),
        "A rare disorder of copper metabolism.",
        ("OMIM:277900",),
    ),
    Concept("MESH:D001943", "Breast Neoplasms", ("Breast Cancer", "Tumors, Breast"), ("Disease",)),
    Concept("MESH:D010051", "Ovarian Neoplasms", ("Ovarian Cancer",), ("Disease",)),
    Concept("MESH:D009369", "Neoplasms", ("Cancer", "Tumors"), ("Disease",)),
    Concept("MESH:D017085", "alpha-Thalassemia", ("Hemoglobin H Disease",), ("Disease",)),
    Concept("MESH:D004195", "Disease Models", (), ()),
    Concept("MESH:D000001", "Wilson syndrome", ("Wilson",), ("Disease", "Syndrome")),
    # The same name as a synonym of one concept and as the canonical name of another.
    Concept("MESH:D000002", "Copper Toxicosis", ("Copper Storage", "Copper Excess"), ("Disease",)),
    Concept("MESH:D000003", "Copper Storage", (), ("Disease",)),
    Concept("MESH:D001241", "Aspirin", ("Acetylsalicylic Acid", "ASA"), ("Chemical",)),
    Concept("MESH:D003300", "Copper", ("Cu",), ("Chemical",)),
)


@pytest.fixture(scope="session")
def kb_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("kb") / "small"
    KnowledgeBase.build(CONCEPTS, folder, source={"file": "by hand"})
    return folder


@pytest.fixture(scope="session")
def kb(kb_folder):
    return KnowledgeBase.open(kb_folder)


def make_linker_nlp(kb_folder, **config):
    """A pipeline without an encoder: entities by rules, links by the linker."""
    nlp = spacy.blank("en")
    ruler = nlp.add_pipe("entity_ruler", config={"phrase_matcher_attr": "LOWER"})
    ruler.add_patterns(
        [
            {"label": "Disease", "pattern": "Wilson disease", "id": "rule-1"},
            {"label": "Disease", "pattern": "WD"},
            {"label": "Disease", "pattern": "breast cancers"},
            {"label": "Disease", "pattern": "xyzzy"},
            {"label": "Disease", "pattern": "copper"},
            {"label": "Chemical", "pattern": "aspirin"},
        ]
    )
    nlp.add_pipe("biobert_linker", config=config).initialize(kb=kb_folder)
    return nlp


def make_reference(nlp, *mentions):
    """A doc of mentions, each followed by a full stop: (text, ids)."""
    words = [word for text, _ in mentions for word in [*text.split(), "."]]
    doc = Doc(nlp.vocab, words=words)
    ents, at = [], 0
    for text, kb_id in mentions:
        n = len(text.split())
        ents.append(Span(doc, at, at + n, label="Disease", kb_id=kb_id))
        at += n + 1
    doc.ents = ents
    return doc


def make_cold_doc(nlp, label, text, kb_id=""):
    """A doc with one mention, "cold", where the text has {}."""
    words = text.split()
    place = words.index("{}")
    doc = Doc(nlp.vocab, words=["cold" if word == "{}" else word for word in words])
    doc.ents = [Span(doc, place, place + 1, label=label, kb_id=kb_id)]
    return doc


@pytest.fixture
def nlp(kb_folder):
    return make_linker_nlp(kb_folder)
