import numpy as np
import pytest
import spacy
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import load, save
from spacy.tokens import Doc, Span
from spacy.training import Example

from spacy_biobert.encoder.vectors import TokenVectors
from spacy_biobert.linking.candidates import Query
from spacy_biobert.linking.concepts import Concept
from spacy_biobert.linking.context import Surroundings
from spacy_biobert.linking.context_vectors import ContextVectors, Share, mention_vectors
from spacy_biobert.linking.fitting import train_ranker
from spacy_biobert.linking.kb import KnowledgeBase
from spacy_biobert.linking.mentions import Mention
from spacy_biobert.linking.ranker import Ranker, count_ids
from spacy_biobert.linking.ranker_model import COLUMNS

from .conftest import make_cold_doc

# `initialize` empties the rules that find the entities.
pytestmark = pytest.mark.filterwarnings("ignore:.*W036")

# Nothing but what stands around them tells the first two apart: no types, no definitions, and the same name.
HOMONYMS = (
    Concept("X:cold", "cold", ("nasopharyngitis",)),
    Concept("X:copd", "cold", ("chronic lung disease",)),
    Concept("X:other", "aspirin"),
)
AROUND = {
    "X:cold": ["the patient with {} is the", "is the {} with colon", "patient is {} with the patient"],
    "X:copd": ["mutation , gene of {} in gene", "in gene mutation of {} , gene", "gene of mutation , {} in gene"],
}
FILLERS = ("cancer", "and", "a b", "c", "and c", "d e f", "7", "e")


@pytest.fixture(scope="module")
def homonyms(tmp_path_factory):
    folder = tmp_path_factory.mktemp("kb") / "homonyms"
    KnowledgeBase.build(HOMONYMS, folder)
    return folder


def make_references(nlp, fillers=FILLERS[:-2]):
    return [
        make_cold_doc(nlp, "Illness", f"{filler} {text}", identifier)
        for filler in fillers
        for identifier, texts in AROUND.items()
        for text in texts
    ]


def with_vectors(doc, vectors):
    doc._.trf_data = TokenVectors.from_array(np.asarray(vectors, np.float32))
    return doc


# --- Vectors of mentions ---


def test_a_mention_has_the_mean_of_its_tokens(make_nlp):
    nlp = make_nlp()
    doc = nlp("the patient of gene")
    vectors = doc._.trf_data.model_output.last_hidden_state[0]
    first, second = mention_vectors(doc, [doc[1:3], doc[3:4]])
    np.testing.assert_allclose(first, vectors[1:3].mean(axis=0), rtol=1e-5)
    np.testing.assert_allclose(second, vectors[3], rtol=1e-5)
    assert first.dtype == np.float32
    # A doc of the same text with other tokens; and one of another text.
    other = Doc(nlp.vocab, words=["the patient", "of", "ge", "ne"], spaces=[True, True, False, False])
    assert other.text == doc.text
    whole, part = mention_vectors(doc, [other[0:1], other[2:3]])
    np.testing.assert_allclose(whole, vectors[:2].mean(axis=0), rtol=1e-5)
    np.testing.assert_allclose(part, vectors[3], rtol=1e-5)
    another = nlp.make_doc("the gene of patient")
    assert mention_vectors(doc, [another[0:1]]) == [None]


def test_where_there_are_no_vectors(make_nlp):
    nlp = make_nlp()
    doc = nlp.make_doc("the patient")
    assert mention_vectors(doc, [doc[:1], doc[1:]]) == [None, None]
    doc._.trf_data = {"of": "another package"}
    assert mention_vectors(doc, [doc[:1]]) == [None]
    encoded = nlp("the patient")
    assert mention_vectors(encoded, []) == []
    assert mention_vectors(encoded, [encoded[1:1]]) == [None]
    empty = nlp("")
    assert mention_vectors(empty, [empty[0:0]]) == [None]


# --- Means of concepts ---


def mention(vector, text="here"):
    vector = None if vector is None else np.array(vector, np.float32)
    return Mention(Query("cold", None, None), surroundings=Surroundings(text), vector=vector)


def test_cosines(homonyms):
    kb = KnowledgeBase.open(homonyms)
    known = ContextVectors()
    assert known.column(mention([1, 1]), ["X:cold"]) is None
    known.put([(mention([3, 0], "1"), ("X:cold", "X:none")), (mention([1, 2], "1"), ("X:copd",))], kb)
    known.put([(mention([5, 2], "2"), ("X:cold",)), (mention([3, 8], "2"), ("NIL",))], kb)
    assert len(known) == 2
    # Over four mentions the means are 3 and 3, the scales the roots of 2 and of 9.
    scale = np.array([2**0.5, 3])
    cold, copd, here = (np.array(some) / scale for some in ([1, -2], [-2, -1], [2, 3]))
    expected = [here @ cold / np.linalg.norm(here) / np.linalg.norm(cold), 0.0]
    expected.append(here @ copd / np.linalg.norm(here) / np.linalg.norm(copd))
    column = known.column(mention([5, 6]), ["X:cold", "X:other", "X:copd"])
    np.testing.assert_allclose(column, expected, rtol=1e-5)
    assert known.column(mention(None), ["X:cold"]) is None
    assert known.column(mention([5, 6]), []).shape == (0,)
    assert known.column(mention([3, 3]), ["X:cold"]).tolist() == [0]  # the mean of all has no direction


def test_a_documents_own_mentions_are_left_out(homonyms):
    kb = KnowledgeBase.open(homonyms)
    known = ContextVectors()
    docs = [
        [(mention([3, 0], "1"), ("X:cold",)), (mention([1, 2], "1"), ("X:copd",))],
        [(mention([5, 2], "2"), ("X:cold",)), (mention([4, 2], "2"), ("X:cold",))],
        [(mention([1, 3], "3"), ("X:cold",))],
    ]
    for doc in docs:
        known.put(doc, kb)
    share = known.share_of(docs[0])
    column = known.column(mention([0, 1]), ["X:cold", "X:copd"], share)
    # As if the concept's mentions were those of the others alone; the other concept has none then.
    mean, scale = known._mean_and_scale()
    here, cold = (np.array([0, 1]) - mean) / scale, (np.array([10, 7]) / 3 - mean) / scale
    assert column[0] == pytest.approx(here @ cold / np.linalg.norm(here) / np.linalg.norm(cold))
    assert column[1] == 0
    assert known.column(mention([0, 1]), ["X:copd"])[0] != 0
    # Nothing is left out where nothing was added.
    new = known.share_of([(mention([9, 9], "4"), ("X:cold",))])
    np.testing.assert_array_equal(
        known.column(mention([0, 1]), ["X:cold"], new), known.column(mention([0, 1]), ["X:cold"])
    )


def test_a_document_that_comes_again_replaces_what_it_added(homonyms):
    kb = KnowledgeBase.open(homonyms)
    again, once = ContextVectors(), ContextVectors()
    for known, vectors in ((again, ([9, 9], [2, 1])), (once, ([2, 1],))):
        known.put([(mention([3, 0], "1"), ("X:cold",))], kb)
        for vector in vectors:
            known.put([(mention(vector, "2"), ("X:copd",))], kb)
        known.put([(mention(None, "2"), ("X:copd",))], kb)  # read by no encoder
    ids = ["X:cold", "X:copd"]
    np.testing.assert_allclose(again.column(mention([1, 7]), ids), once.column(mention([1, 7]), ids))
    # And takes with it the concepts that it no longer means.
    once.put([(mention([2, 1], "2"), ("X:other",))], kb)
    assert once.column(mention([1, 7]), ids)[1] == 0
    assert len(once) == 2


def test_another_width_is_an_error(homonyms):
    kb = KnowledgeBase.open(homonyms)
    known = ContextVectors()
    known.put([(mention([3, 0]), ("X:cold",))], kb)
    with pytest.raises(ValueError, match=r"\[B248\].*width 3.*have 2"):
        known.column(mention([1, 2, 3]), ["X:cold"])
    with pytest.raises(ValueError, match=r"\[B248\]"):
        known.put([(mention([1, 2, 3], "there"), ("X:cold",))], kb)


vectors_of_three = st.lists(st.floats(-30, 30, width=16), min_size=3, max_size=3)


@given(st.lists(st.tuples(st.sampled_from("abc"), vectors_of_three, st.sampled_from(["X:cold", "X:copd", "NIL"]))))
def test_whatever_was_put_is_stored(homonyms, pairs):
    kb = KnowledgeBase.open(homonyms)
    known = ContextVectors()
    for text, vector, identifier in pairs:
        known.put([(mention(vector, text), (identifier,))], kb)
    arrays, values = known.to_arrays()
    assert bool(values) == bool(pairs)
    again = ContextVectors.from_arrays(arrays, values, "here")
    assert len(again) == len(known)
    ids = [concept.id for concept in HOMONYMS]
    for _, vector, identifier in pairs:
        before, after = (some.column(mention(vector), ids) for some in (known, again))
        assert np.isfinite(before).all()
        assert (np.abs(before) <= 1 + 1e-5).all()
        np.testing.assert_allclose(after, before, atol=0.02)
        left_out = again.share_of([(mention(vector), (identifier,))])
        assert np.isfinite(again.column(mention(vector), ids, left_out)).all()


def test_what_was_loaded_stays_as_it_is(homonyms):
    """It takes each document for one that it knows, for it cannot tell."""
    kb = KnowledgeBase.open(homonyms)
    known = ContextVectors()
    doc = [(mention([3, 0], "1"), ("X:cold",))]
    known.put(doc, kb)
    known.put([(mention([1, 2], "2"), ("X:copd",))], kb)
    again = ContextVectors.from_arrays(*known.to_arrays(), "here")
    again.put([(mention([7, 7], "3"), ("X:other",))], kb)
    assert len(again) == 2
    share = again.share_of(doc)
    assert share.counts == Share.of(doc).counts
    assert again.column(mention([1, 2]), ["X:cold"], share).tolist() == [0]


# --- In a pipeline ---


def add_linker(nlp, homonyms, **config):
    linker = nlp.add_pipe("biobert_linker", config={"ranker": True, "context_vectors": True, **config})
    linker.kb = KnowledgeBase.open(homonyms)
    return linker


def answers(nlp, fillers=FILLERS[-2:]):
    """Return the links of docs that were not seen in training, and those that are right."""
    docs = [
        (make_cold_doc(nlp, "Illness", doc.text.replace("cold", "{}")), doc.ents[0].kb_id_)
        for doc in make_references(nlp, fillers)
    ]
    right = [identifier for _, identifier in docs]
    for _, pipe in nlp.pipeline:
        for doc, _ in docs:
            pipe(doc)
    return [doc.ents[0].kb_id_ for doc, _ in docs], right


@pytest.fixture
def trained(make_nlp, homonyms):
    nlp = make_nlp()
    linker = add_linker(nlp, homonyms)
    references = make_references(nlp)
    losses = list(train_ranker(linker, references, epochs=60, batch_size=6, encoder=nlp.get_pipe("biobert")))
    assert losses[-1] < 0.75 * losses[0]
    assert all(doc._.trf_data is None for doc in references)
    return nlp


def test_one_name_two_concepts(trained, homonyms, tmp_path):
    found, right = answers(trained)
    assert found == right
    trained.to_disk(tmp_path / "pipeline")
    assert answers(spacy.load(tmp_path / "pipeline")) == (found, right)
    copied = spacy.blank("en").from_config(trained.config).from_bytes(trained.to_bytes())
    assert answers(copied) == (found, right)
    # A ranker that does not see them cannot tell.
    trained.get_pipe("biobert_linker").cfg["context_vectors"] = False
    assert len(set(answers(trained)[0])) == 1


def test_without_vectors_it_links_by_the_rest(trained):
    before = trained.get_pipe("biobert_linker").rank([make_cold_doc(trained, "Illness", "of {}")])
    trained.add_pipe("doc_cleaner", before="biobert_linker")
    assert len(set(answers(trained)[0])) == 1
    trained.remove_pipe("doc_cleaner")
    trained.remove_pipe("biobert")
    assert len(set(answers(trained)[0])) == 1
    linker = trained.get_pipe("biobert_linker")
    assert linker.rank([make_cold_doc(trained, "Illness", "of {}")]) == before


def test_an_encoder_of_another_width(trained):
    doc = make_cold_doc(trained, "Illness", "of {}")
    with_vectors(doc, np.ones((2, 5)))
    with pytest.raises(ValueError, match=r"\[B248\].*width 5.*have 32"):
        trained.get_pipe("biobert_linker").rank([doc])


def test_silent_without_an_encoder(homonyms):
    """The option changes nothing where docs have no vectors."""
    stored = []
    for option in (True, False):
        nlp = spacy.blank("en")
        linker = add_linker(nlp, homonyms, context_vectors=option)
        list(train_ranker(linker, make_references(nlp), epochs=2))
        stored.append(linker.ranker.to_bytes())
    assert stored[0] == stored[1]
    assert len(linker.ranker.context_vectors) == 0


def test_a_document_is_learned_from_as_if_it_were_new(make_nlp, homonyms, monkeypatch):
    nlp = make_nlp()
    linker = add_linker(nlp, homonyms)
    told = []
    make_rows = Ranker.rows

    def listen(ranker, mentions, facts, *, counted=()):
        rows = make_rows(ranker, mentions, facts, counted=counted)
        told.extend((found, count_ids(counted), some) for (_, found), some in zip(mentions, rows, strict=True))
        return rows

    monkeypatch.setattr(Ranker, "rows", listen)
    references = [make_cold_doc(nlp, "Illness", AROUND["X:cold"][0], "X:cold"), *make_references(nlp)[3:6]]
    list(train_ranker(linker, references, epochs=1, encoder=nlp.get_pipe("biobert")))
    first = []
    for found, left_out, rows in told:
        cosines = dict(zip(found.ids, rows[:-1, COLUMNS.index("surroundings")], strict=True))
        assert cosines["X:copd"] != 0
        first.append("X:cold" in left_out)
        # Of the concept that one doc alone means, the others know a vector, and that doc none.
        assert (cosines["X:cold"] == 0) == first[-1]
    assert sorted(first) == [False, False, False, True]


@pytest.mark.parametrize("on_predicted", [False, True])
def test_in_spacys_training(make_nlp, homonyms, on_predicted):
    nlp = make_nlp()
    linker = add_linker(nlp, homonyms, train_on_predicted=on_predicted)

    def examples():
        references = make_references(nlp)
        predicted = [nlp.make_doc(doc.text) for doc in references]
        for doc, reference in zip(predicted, references, strict=True):
            doc.set_ents([Span(doc, span.start, span.end, label="Illness") for span in reference.ents])
        return [Example(doc, reference) for doc, reference in zip(predicted, references, strict=True)]

    linker.initialize(examples)
    nlp.update(examples(), sgd=object(), exclude=["biobert"])
    assert len(linker.ranker.context_vectors) == 0  # the encoder is not among those that annotate
    losses = []
    for _ in range(60):
        losses.append(
            nlp.update(examples(), sgd=object(), exclude=["biobert"], annotates=["biobert"])["biobert_linker"]
        )
        assert len(linker.ranker.context_vectors) == 2
    assert losses[-1] < 0.75 * losses[0]
    found, right = answers(nlp)
    assert found == right


def test_damaged_vectors(trained):
    stored = load(trained.get_pipe("biobert_linker").ranker.to_bytes())
    assert stored["context_means"].dtype == np.float16
    assert stored["context_means"].shape == (2, 32)  # those of concepts that were seen, and of no others
    for change in ({"context_means": np.zeros((2, 5), np.float16)}, {"context_scaling": np.zeros((1, 32), np.float32)}):
        with pytest.raises(ValueError, match=r"\[B238\].*'here'.*shapes"):
            Ranker.from_bytes(save(stored | change), "here")
    del stored["context_means"]
    with pytest.raises(ValueError, match=r"\[B238\].*context_means"):
        Ranker.from_bytes(save(stored), "here")


def test_a_training_goes_on_with_what_was_put(homonyms):
    kb = KnowledgeBase.open(homonyms)
    docs = [[(mention([3, 0], "1"), ("X:cold",))], [(mention([1, 2], "2"), ("X:copd", "X:cold"))]]
    known, again = ContextVectors(), ContextVectors()
    assert known.state() == {}
    again.set_state({})
    for doc in docs:
        known.put(doc, kb)
    again.set_state(known.state())
    for some in (known, again):
        some.put([(mention([5, 1], "1"), ("X:copd",))], kb)
    before, after = known.to_arrays(), again.to_arrays()
    assert before[1] == after[1]
    assert all(np.array_equal(before[0][name], after[0][name]) for name in before[0])
    assert len(ContextVectors.from_arrays(*after, "here").state()) == 0
