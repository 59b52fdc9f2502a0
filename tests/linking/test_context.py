import json
from math import log

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import load, save
from spacy.training import Example

from spacy_biobert.linking.candidates import Query
from spacy_biobert.linking.concepts import Concept
from spacy_biobert.linking.context import ConceptFacts, ContextCounts, Surroundings, count_types
from spacy_biobert.linking.fitting import train_ranker
from spacy_biobert.linking.kb import KnowledgeBase
from spacy_biobert.linking.mentions import Mention
from spacy_biobert.linking.ranker import Ranker
from spacy_biobert.linking.ranker_model import COLUMNS

from .conftest import make_cold_doc, make_linker_nlp

# `initialize` empties the rules that find the entities.
pytestmark = pytest.mark.filterwarnings("ignore:.*W036")

HOMONYMS = (
    Concept(
        "X:cold", "cold", ("common cold", "nasopharyngitis"), ("Disease",), "A viral infection of nose and throat."
    ),
    Concept("X:chill", "cold", ("low temperature",), ("Phenomenon",), "Absence of heat, as of ice in winter."),
    Concept("X:copd", "cold", ("chronic lung disease",), ("Disease",), "An obstruction of airways in smokers."),
    Concept("X:other", "aspirin"),
)


@pytest.fixture(scope="module")
def homonyms(tmp_path_factory):
    folder = tmp_path_factory.mktemp("kb") / "homonyms"
    KnowledgeBase.build(HOMONYMS, folder)
    return folder


@pytest.fixture
def facts(homonyms):
    return ConceptFacts(KnowledgeBase.open(homonyms))


def mention(label="Disease", text="cold"):
    return Mention(Query("cold", None, None), label=label, surroundings=Surroundings(text))


def test_facts(facts):
    assert facts.of("X:cold").types == ("Disease",)
    assert "infection" in facts.of("X:cold").words
    nothing, bare = facts.each(["X:none", "X:other"])
    assert (nothing.types, nothing.words) == (bare.types, bare.words) == ((), frozenset())
    cold = facts.kb.get("X:cold")
    assert (facts.of("X:cold").name, facts.of("X:cold").n_names) == (cold.name, len(cold.names))
    assert facts.shares == {"Disease": 0.5, "Phenomenon": 0.25}


def test_types_that_go_with_a_label(facts):
    counts = ContextCounts()
    for _ in range(3):
        counts.add([(mention(), ("X:cold",)), (mention("Weather"), ("X:chill", "X:none"))], facts)
    ids = ["X:cold", "X:chill", "X:other"]
    columns = counts.columns(mention(), ids, facts, count_types([], facts))
    np.testing.assert_allclose(columns[:, 0], [log((3 / 0.5 + 1) / 4), log(1 / 4), 0], rtol=1e-6)
    columns = counts.columns(mention("Weather"), ids, facts, count_types([], facts))
    np.testing.assert_allclose(columns[:, 0], [log(1 / 4), log((3 / 0.25 + 1) / 4), 0], rtol=1e-6)
    # A label that was not seen says nothing; and nor does a document's own answer.
    assert not counts.columns(mention("Gene"), ids, facts, count_types([], facts))[:, 0].any()
    own = count_types([(mention(), ("X:cold",))] * 3, facts)
    assert not counts.columns(mention(), ids, facts, own)[:, 0].any()


def test_a_document_that_comes_again_with_other_annotations(facts):
    """What it is to leave out was never counted: of each document the first annotations are."""
    counts = ContextCounts()
    for _ in range(2):
        counts.add([(mention(), ("X:cold",))], facts)
    others = count_types([(mention(), ("X:chill",))], facts)
    columns = counts.columns(mention(), ["X:cold", "X:chill"], facts, others)
    np.testing.assert_allclose(columns[:, 0], [log((2 / 0.5 + 1) / 2), log(1 / 2)], rtol=1e-6)


def test_definitions_beside_the_document(facts):
    counts = ContextCounts()
    for text in ("The throat of a man.", "The throat of a nose.", "The ice of a man."):
        counts.add([(mention(text=text), ("X:cold",))], facts)
    here = mention(text="Of a nose and a throat")
    nose, ice, nothing = counts.columns(here, ["X:cold", "X:chill", "X:other"], facts, count_types([], facts))[:, 1]
    # "a" and "of" are in all documents, and count nothing; "nose" is in one, and as good as new.
    words = {word: log(4) for word in ("viral", "infection", "nose", "and")} | {"throat": log(4) - log(3)}
    assert nose == pytest.approx((2 * log(4) + words["throat"]) / sum(words.values()))
    assert ice == nothing == 0
    stored = ContextCounts.from_dict(json.loads(json.dumps(counts.to_dict())))
    ids = ["X:cold", "X:chill"]
    assert np.array_equal(*(some.columns(here, ids, facts, count_types([], facts)) for some in (counts, stored)))


def test_words_of_no_definition_are_not_kept(facts):
    counts = ContextCounts()
    for _ in range(2):
        counts.add([(mention(text="The throat of Mrs Miller."), ("X:cold",))], facts)
    assert counts.to_dict()["words"] == {"of": 2, "throat": 2}


def test_without_definitions_no_document_is_read(facts):
    counts = ContextCounts()
    one = mention()
    counts.add([(one, ("X:other",))], facts)
    assert counts.n_docs == 0
    assert not counts.columns(one, ["X:cold"], facts, count_types([], facts)).any()
    assert "words" not in vars(one.surroundings)


@given(
    st.lists(st.tuples(st.text(max_size=5), st.sampled_from(["X:cold", "X:chill", "X:copd", "X:other", "X:none"]))),
    st.text(max_size=60),
)
def test_columns_are_numbers_whatever_was_counted(homonyms, pairs, text):
    facts = ConceptFacts(KnowledgeBase.open(homonyms))
    counts = ContextCounts()
    gold = [(mention(label, text), (identifier,)) for label, identifier in pairs]
    if gold:
        counts.add(gold, facts)
    again = ContextCounts.from_dict(json.loads(json.dumps(counts.to_dict())))
    assert again.types == counts.types
    for one, _ in [*gold, (mention(), ())]:
        for left_out in (count_types([], facts), count_types(gold, facts)):
            columns = counts.columns(one, [concept.id for concept in HOMONYMS], facts, left_out)
            assert np.isfinite(columns).all()
            assert ((columns[:, 1] >= 0) & (columns[:, 1] <= 1 + 1e-6)).all()


# --- In a pipeline ---


# The labels are no types of the knowledge base, which alone would tell them apart.
TEXTS = {
    "X:cold": ("Illness", "The infection of nose and throat was a {} , viral in most patients ."),
    "X:copd": ("Illness", "The smokers had {} , an obstruction of their airways ."),
    "X:chill": ("Weather", "The ice of that winter brought {} and no heat ."),
}


@pytest.fixture(scope="module")
def trained(homonyms):
    nlp = make_linker_nlp(homonyms, ranker=True)
    references = [make_cold_doc(nlp, *text, kb_id=identifier) for _ in range(12) for identifier, text in TEXTS.items()]
    losses = list(train_ranker(nlp.get_pipe("biobert_linker"), references, epochs=60, batch_size=6))
    assert losses[-1] < losses[0] / 3
    return nlp


def answers(nlp):
    linker = nlp.get_pipe("biobert_linker")
    return [linker(make_cold_doc(nlp, *text)).ents[0].kb_id_ for text in TEXTS.values()]


def test_one_spelling_three_concepts(homonyms, trained, tmp_path):
    assert len(set(answers(make_linker_nlp(homonyms)))) == 1
    assert answers(trained) == list(TEXTS)
    folder = tmp_path / "linker"
    trained.get_pipe("biobert_linker").to_disk(folder)
    other = make_linker_nlp(homonyms, ranker=True)
    other.get_pipe("biobert_linker").from_disk(folder)
    assert answers(other) == list(TEXTS)


def test_in_spacys_training(homonyms):
    nlp = make_linker_nlp(homonyms, ranker=True)
    linker = nlp.get_pipe("biobert_linker")
    references = [make_cold_doc(nlp, *text, kb_id=identifier) for identifier, text in TEXTS.items()]
    linker.initialize(lambda: [Example(reference.copy(), reference) for reference in references], kb=homonyms)
    assert linker.ranker.context.types["Illness", "Disease"] == 2
    assert linker.ranker.context.n_docs == 3
    told = linker.ranker.context.columns(
        linker.gold(references[0])[0][0], ["X:cold", "X:chill"], linker.resolver().finder.facts, count_types([], None)
    )
    assert (told[0] > told[1]).all()


# --- Rankers of other versions ---


def test_columns_of_another_version_are_refused(trained):
    arrays = load(trained.get_pipe("biobert_linker").ranker.to_bytes())
    names = json.dumps([*COLUMNS[:-1], "horoscope"]).encode()
    arrays["columns"] = np.frombuffer(names, dtype=np.uint8)
    with pytest.raises(ValueError, match=r"\[B238\].*'here'.*horoscope"):
        Ranker.from_bytes(save(arrays), "here")
    # Weights of fewer columns than it names.
    arrays["columns"] = np.frombuffer(json.dumps(COLUMNS).encode(), dtype=np.uint8)
    arrays["linear"] = arrays["linear"][:-1].copy()
    with pytest.raises(ValueError, match=r"\[B238\].*linear has the shape"):
        Ranker.from_bytes(save(arrays), "here")
