import shutil

import numpy as np
import pytest
import spacy
from spacy.tokens import Doc, Span
from spacy.training import Example
from thinc.api import Adam

from spacy_biobert.linking.alignment import BagSettings, train_bag_encoder
from spacy_biobert.linking.candidates import FEATURES, CandidateFinder, Found, Query, _merge
from spacy_biobert.linking.concepts import Candidate
from spacy_biobert.linking.context import Surroundings
from spacy_biobert.linking.dense import DenseIndex
from spacy_biobert.linking.evaluation import corpus_names, evaluate_strict, extend_with_names
from spacy_biobert.linking.fitting import train_ranker
from spacy_biobert.linking.kb import KnowledgeBase
from spacy_biobert.linking.mentions import Mention
from spacy_biobert.linking.name_encoder import load_name_encoder
from spacy_biobert.linking.ranker import ConceptCounts, Ranker, count_ids, document_key
from spacy_biobert.linking.ranker_model import COLUMNS, build_ranker, listwise_loss, probabilities, right_rows
from spacy_biobert.linking.resolver import SPLIT_MARGIN, chosen_parts
from spacy_biobert.training.state import capture_components, restore_components

from .conftest import make_linker_nlp, make_reference


def make_references(nlp):
    """A corpus in which "copper storage" is never what spelling says first, and "xyzzy" is nothing."""
    pairs = [("copper storage", "MESH:D000002"), ("wilson disease", "MESH:D006527"), ("xyzzy", "NIL")]
    return [make_reference(nlp, *pairs) for _ in range(8)]


# `initialize` empties the rules that find the entities.
pytestmark = pytest.mark.filterwarnings("ignore:.*W036")


@pytest.fixture(scope="module")
def dense_path(kb, tmp_path_factory):
    path = tmp_path_factory.mktemp("dense") / "dense.safetensors"
    path.write_bytes(train_bag_encoder(kb, settings=BagSettings(width=16, steps=30, concepts=8)).to_bytes())
    return path


@pytest.fixture
def trained(kb_folder, dense_path):
    nlp = make_linker_nlp(kb_folder, ranker=True)
    linker = nlp.get_pipe("biobert_linker")
    linker.name_encoder = load_name_encoder(dense_path)
    losses = list(train_ranker(linker, make_references(nlp), epochs=60, batch_size=4))
    assert losses[-1] < losses[0] / 2
    return nlp


def link(nlp, text, label="Disease"):
    doc = nlp.make_doc(text)
    doc.ents = [Span(doc, 0, len(doc), label=label)]
    return nlp.get_pipe("biobert_linker")(doc).ents[0]


def test_it_learns_what_spelling_does_not_say(kb_folder, trained):
    assert link(make_linker_nlp(kb_folder), "copper storage").kb_id_ == "MESH:D000003"
    ent = link(trained, "copper storage")
    assert ent.kb_id_ == "MESH:D000002"
    scores = [score for _, score in ent._.kb_ents]
    assert scores == sorted(scores, reverse=True)
    assert 0.5 < scores[0] <= 1
    assert sum(scores) <= 1 + 1e-3


def test_nil_when_nothing_fits(trained):
    assert link(trained, "xyzzy").kb_id_ == "NIL"
    assert link(trained, "\u4e00").kb_id_ == "NIL"
    trained.get_pipe("biobert_linker").cfg["threshold"] = 0.0
    assert link(trained, "wilson disease").kb_id_ == "MESH:D006527"


def test_training_is_deterministic(kb_folder, dense_path):
    weights = []
    for _ in range(2):
        nlp = make_linker_nlp(kb_folder, ranker=True)
        linker = nlp.get_pipe("biobert_linker")
        linker.name_encoder = load_name_encoder(dense_path)
        list(train_ranker(linker, make_references(nlp), epochs=3))
        weights.append(linker.ranker.to_bytes())
    assert weights[0] == weights[1]


def test_disk_and_bytes(trained, tmp_path):
    expected = [link(trained, text)._.kb_ents for text in ("copper storage", "breast tumour")]
    trained.to_disk(tmp_path / "pipeline")
    for other in (
        spacy.load(tmp_path / "pipeline"),
        spacy.blank("en").from_config(trained.config).from_bytes(trained.to_bytes()),
    ):
        # Vectors are stored in half precision.
        for text, ranked in zip(("copper storage", "breast tumour"), expected, strict=True):
            found = link(other, text)._.kb_ents
            assert [identifier for identifier, _ in found[:1]] == [identifier for identifier, _ in ranked[:1]]
            assert found[0][1] == pytest.approx(ranked[0][1], abs=0.02)


def test_another_knowledge_base_keeps_what_was_learned(trained, kb_folder, tmp_path):
    shutil.copytree(kb_folder, tmp_path / "kb")
    expected = link(trained, "copper storage")._.kb_ents
    trained.get_pipe("biobert_linker").initialize(kb=tmp_path / "kb")
    assert link(trained, "copper storage")._.kb_ents == expected


def test_switched_off_it_ranks_by_spelling(trained, tmp_path):
    trained.to_disk(tmp_path / "pipeline")
    plain = spacy.load(tmp_path / "pipeline", config={"components.biobert_linker.ranker": False})
    assert link(plain, "copper storage").kb_id_ == "MESH:D000003"


def test_a_batch_changes_nothing(trained):
    linker = trained.get_pipe("biobert_linker")
    docs = []
    for text in ("copper storage", "wilson disease", "breast and ovarian cancer"):
        doc = trained.make_doc(text)
        doc.ents = [Span(doc, 0, len(doc), label="Disease")]
        docs.append(doc)
    together = [ranking.parts for (ranking,) in linker.rank(docs)]
    alone = [linker.rank([doc])[0][0].parts for doc in docs]
    for some, one in zip(together, alone, strict=True):
        assert [c.concept_id for c in some[0][:3]] == [c.concept_id for c in one[0][:3]]
        assert [c.score for c in some[0]] == pytest.approx([c.score for c in one[0]], abs=2e-4)


def test_in_spacys_training(kb_folder):
    nlp = make_linker_nlp(kb_folder, ranker=True)
    linker = nlp.get_pipe("biobert_linker")
    examples = [Example(nlp.make_doc(doc.text), doc) for doc in make_references(nlp)]
    nlp.config["initialize"]["components"]["biobert_linker"] = {"kb": str(kb_folder)}
    optimizer = nlp.initialize(lambda: examples)
    before = linker.model.get_param("linear").copy()
    assert linker.is_trainable
    first = nlp.update(examples, sgd=optimizer)["biobert_linker"]
    for _ in range(30):
        losses = nlp.update(examples, sgd=optimizer)
    assert losses["biobert_linker"] < first
    assert not np.array_equal(before, linker.model.get_param("linear"))
    # A text counts once, however often it comes.
    assert linker.ranker.counts.counts["OMIM:277900"] == 1
    references = [example.reference for example in examples]
    assert evaluate_strict(linker, references, spans_key=None).accuracy >= 2 / 3


def test_what_was_counted_is_left_out_and_nothing_else(kb_folder):
    nlp = make_linker_nlp(kb_folder, ranker=True)
    linker = nlp.get_pipe("biobert_linker")
    known, new = (make_reference(nlp, ("copper storage", "MESH:D000002"), (text, "NIL")) for text in ("xyzzy", "abc"))
    references = [known, known, known]
    linker.initialize(lambda: [Example(nlp.make_doc("x"), reference) for reference in references], kb=kb_folder)

    def seen(reference, counted):
        """Return whether the gold concept of the first mention has been seen elsewhere."""
        finder = linker.resolver().finder
        gold = linker.gold(reference)
        found = finder.find([mention.query for mention, _ in gold])
        some = [(mention, found[mention.query]) for mention, _ in gold]
        rows = linker.ranker.rows(some, finder.facts, counted=gold if counted else ())[0]
        return rows[some[0][1].ids.index("MESH:D000002"), COLUMNS.index("seen")]

    # As spaCy's augmenters write it.
    louder = make_reference(nlp, ("copper storage", "MESH:D000002"), ("XYZZY", "NIL"))
    stored = linker.ranker.to_bytes()
    for ranker in (linker.ranker, Ranker.from_bytes(stored, "memory")):
        linker.ranker = ranker
        assert seen(known, counted=False)
        assert not seen(known, counted=True)  # though it was there three times
        assert not seen(louder, counted=True)
        assert seen(new, counted=True)


def test_training_goes_on_with_new_documents(kb_folder, tmp_path):
    """Also where none of their types was counted when the ranker was made."""
    nlp = make_linker_nlp(kb_folder, ranker=True)
    linker = nlp.get_pipe("biobert_linker")
    linker.initialize(lambda: [Example(nlp.make_doc("x"), make_references(nlp)[0])], kb=kb_folder)
    nlp.to_disk(tmp_path / "pipeline")
    again = spacy.load(tmp_path / "pipeline")
    reference = make_reference(again, ("breast cancer", "MESH:D001943"), ("aspirin", "MESH:D001241"))
    example = Example(again.make_doc(reference.text), reference)
    assert again.update([example], sgd=again.resume_training())["biobert_linker"] > 0


def test_training_on_predicted_mentions(kb_folder):
    """What the pipeline finds where a gold mention is gets its ids; what it finds elsewhere is only a neighbour."""
    nlp = make_linker_nlp(kb_folder, ranker=True, train_on_predicted=True)
    linker = nlp.get_pipe("biobert_linker")
    reference = make_reference(nlp, ("copper storage", "MESH:D000002"), ("wilson disease", "MESH:D006527"))
    linker.initialize(lambda: [Example(nlp.make_doc("x"), reference)], kb=kb_folder)
    # Tokenized another way: places are characters'.
    predicted = Doc(nlp.vocab, words=["copper storage", ".", "wilson", "disease", "."])
    nothing = Example(predicted.copy(), reference)
    predicted.ents = [Span(predicted, 0, 1, label="Disease"), Span(predicted, 2, 3, label="Disease")]
    found = linker._reader().found(Example(predicted, reference))
    assert [(mention.query.text, ids) for mention, ids in found] == [
        ("copper storage", ("MESH:D000002",)),
        ("wilson", ()),
    ]
    with pytest.warns(UserWarning, match=r"W264.*annotating_components"):
        assert linker.update([nothing]) == {"biobert_linker": 0.0}
    example = Example(predicted, reference)
    # The doc's own answers are left out of what the ranker knows, also those of mentions that were not found.
    told = []
    rows = Ranker.rows

    def listen(ranker, mentions, facts, *, counted=()):
        told.append(counted)
        return rows(ranker, mentions, facts, counted=counted)

    for option in (True, False):
        linker.cfg["train_on_predicted"] = option
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Ranker, "rows", listen)
            assert linker.update([example], sgd=object())["biobert_linker"] > 0
    assert len(told) == 2
    assert all(count_ids(counted)["OMIM:277900"] == 1 for counted in told)
    assert predicted.ents[1].kb_id_ == ""


def test_without_a_ranker_nothing_is_trained(nlp):
    linker = nlp.get_pipe("biobert_linker")
    assert not linker.is_trainable
    assert linker.model is None
    assert linker.update([Example(nlp.make_doc("x"), nlp.make_doc("x"))]) == {}


def test_what_is_no_example_is_refused(kb_folder):
    nlp = make_linker_nlp(kb_folder, ranker=True)
    linker = nlp.get_pipe("biobert_linker")
    for refused in (
        lambda: linker.update([nlp.make_doc("x")]),
        lambda: linker.initialize(lambda: [nlp.make_doc("x")]),
        lambda: linker.initialize([make_reference(nlp, ("copper", "MESH:D000002"))]),
    ):
        with pytest.raises(TypeError, match=r"E978|E930"):
            refused()


def test_a_ranker_that_learned_nothing(kb_folder):
    nlp = spacy.blank("en")
    linker = nlp.add_pipe("biobert_linker", config={"ranker": True})
    linker.kb = make_linker_nlp(kb_folder).get_pipe("biobert_linker").kb
    with pytest.raises(ValueError, match=r"\[B243\].*train-linker"):
        linker.rank([nlp.make_doc("x")])


def test_damaged_weights(trained):
    data = trained.get_pipe("biobert_linker").ranker.to_bytes()
    with pytest.raises(ValueError, match=r"\[B238\].*'here'"):
        Ranker.from_bytes(data[:20], "here")
    with pytest.raises(ValueError, match=r"\[B238\]"):
        Ranker.from_bytes(trained.get_pipe("biobert_linker").name_encoder.to_bytes(), "here")


def test_weights_that_are_no_numbers(trained):
    linker = trained.get_pipe("biobert_linker")
    for node in linker.ranker.model.walk():
        for name in node.param_names:
            node.set_param(name, np.full_like(node.get_param(name), np.nan))
    example = Example(trained.make_doc("copper storage ."), make_references(trained)[0])
    with pytest.raises(ValueError, match=r"\[B245\].*train-linker"):
        linker.update([Example(example.reference.copy(), example.reference)], sgd=None)


# --- Its parts ---


def test_names_of_the_corpus_are_learned_from_as_those_of_others(kb, kb_folder, dense_path, tmp_path):
    """Where the knowledge base has the corpus's names, each mention is one; a document to come has others."""
    nlp = make_linker_nlp(kb_folder, ranker=True)
    references = [make_reference(nlp, (f"xyz{number} cancer", "MESH:D009369")) for number in range(10)]
    added = KnowledgeBase.build(extend_with_names(kb, corpus_names(references, None)), tmp_path / "kb")
    linker = nlp.get_pipe("biobert_linker")
    linker.kb = added
    linker.name_encoder = load_name_encoder(dense_path)
    known = list(train_ranker(linker, references, epochs=1))
    as_new = list(train_ranker(linker, references, epochs=3, published=kb))
    assert len(as_new) == 3
    assert as_new[0] > known[0]
    assert linker.kb is added


def test_a_linker_without_a_ranker_learns_nothing(kb_folder):
    nlp = make_linker_nlp(kb_folder)
    assert list(train_ranker(nlp.get_pipe("biobert_linker"), make_references(nlp), epochs=2)) == []


def test_features(kb, dense_path):
    finder = CandidateFinder(kb, DenseIndex(load_name_encoder(dense_path), kb))
    known, unknown = Query("wilson disease", "WD", None), Query("?", None, None)
    answers = finder.find([known, unknown, known])
    found, nothing = answers[known], answers[unknown]
    first = dict(zip(COLUMNS, found.features[0], strict=False))
    assert found.candidates[0].concept_id == "MESH:D006527"
    assert (first["similarity"], first["exact"], first["verbatim"], first["exact_canonical"]) == (1, 1, 1, 0)
    assert first["cosine"] == pytest.approx(1, abs=1e-3)
    assert first["n_names"] == pytest.approx(np.log1p(3))
    assert found.features[:, COLUMNS.index("similarity_gap")].max() == 0
    assert len({candidate.concept_id for candidate in found.candidates}) == len(found.candidates)
    assert nothing.features.shape == (0, found.features.shape[1])
    (rows,) = Ranker().rows([(Mention(unknown), nothing)], finder.facts)
    assert rows.shape == (1, len(COLUMNS))
    assert right_rows(nothing, ("MESH:D006527",)).tolist() == [True]


def test_every_column_of_a_candidate(kb, dense_path):
    encoder = load_name_encoder(dense_path)
    finder = CandidateFinder(kb, DenseIndex(encoder, kb))
    plain, abbreviated = Query("breast tissue cancer", None, None), Query("wilson disease", "Wilson", None)
    answers = finder.find([plain, abbreviated])

    found = answers[plain]
    row = found.ids.index("MESH:D001943")
    columns = dict(zip(FEATURES, found.features[row].tolist(), strict=True))
    names = kb.get("MESH:D001943").names
    cosines = encoder(names) @ encoder(["breast tissue cancer"])[0]
    assert 0.5 < columns["similarity"] < 1
    assert columns["similarity"] == columns["short_form"] == pytest.approx(found.candidates[row].score)
    assert (columns["exact"], columns["exact_canonical"], columns["verbatim"]) == (0, 0, 0)
    assert columns["similarity_gap"] == 0
    assert columns["cosine"] == pytest.approx(cosines.max(), abs=1e-5)
    best = found.features[:, FEATURES.index("cosine")].max()
    assert columns["cosine_gap"] == pytest.approx(cosines.max() - best, abs=1e-5)
    assert columns["cosine_three"] == pytest.approx(cosines.mean(), abs=1e-5)
    assert columns["cosine_canonical"] == pytest.approx(cosines[0], abs=1e-5)
    assert len({round(columns[name], 3) for name in ("cosine", "cosine_three", "cosine_canonical")}) == 3
    assert columns["n_names"] == pytest.approx(np.log1p(len(names)))

    found = answers[abbreviated]
    of_short = {candidate.concept_id: candidate.score for candidate in kb.candidates(["Wilson"], top_n=20)[0]}
    assert of_short["MESH:D000001"] == 1
    for identifier, features in zip(found.ids, found.features, strict=True):
        assert features[FEATURES.index("short_form")] == pytest.approx(of_short.get(identifier, 0))


def test_vectors_are_searched_where_spelling_is_not_sure(kb, dense_path):
    """And only among concepts of the types that are allowed."""
    dense = DenseIndex(load_name_encoder(dense_path), kb)
    searched = []
    search = dense.search

    def listen(vectors, top_n, *, types):
        searched.append((len(vectors), types))
        return search(vectors, top_n, types=types)

    dense.search = listen
    chemical = frozenset({"Chemical"})
    exact, inexact = Query("wilson disease", None, None), Query("breast cancers", None, chemical)
    answers = CandidateFinder(kb, dense).find([exact, inexact])
    assert searched == [(1, [chemical])]
    # Concepts without types may always be.
    assert all(kb.get(one).types in ((), ("Chemical",)) for one in answers[inexact].ids)
    assert answers[inexact].ids


def test_candidates_of_both_forms_are_merged():
    full = [Candidate("M:1", 1.0, "one"), Candidate("M:2", 0.5, "two"), Candidate("M:3", 0.3, "three")]
    short = [Candidate("M:1", 1.0, "I"), Candidate("M:3", 0.8, "III"), Candidate("M:4", 0.6, "IV")]
    # What was found by the short form counts less, and never in the place of something better.
    merged = [
        Candidate("M:1", 1.0, "one"),
        Candidate("M:3", 0.76, "III"),
        Candidate("M:4", 0.57, "IV"),
        Candidate("M:2", 0.5, "two"),
    ]
    assert _merge(full, short, 10) == merged
    assert _merge(full, short, 3) == merged[:3]


def test_few_candidates_are_not_kept_in_the_place_of_more(kb):
    finder = CandidateFinder(kb)
    for query in (Query("cancer", None, None), Query("breast cancer", "cancer", None)):
        for top_n in (1, 3, 2):
            assert len(finder.by_spelling([query], top_n)[query]) == top_n


def test_the_reading_of_a_composite():
    whole, first, second, far = (Query(text, None, None) for text in ("a and b", "a", "b", "and b"))
    readings = ((first, far), (first, second))

    def chosen(of_whole, of_parts, *, forced=False):
        similar = {whole: of_whole, first: 1.0, second: of_parts, far: 0.1}
        return chosen_parts(Mention(whole, readings, forced), similar)

    # The parts, each of them, have to be known better than the whole, and not by a little.
    assert SPLIT_MARGIN == 0.05
    assert chosen(0.9, 0.93) == (whole,)
    assert chosen(0.9, 0.96) == (first, second)
    assert chosen(0.9, 0.5) == (whole,)
    assert chosen(0.9, 0.5, forced=True) == (first, second)
    assert chosen_parts(Mention(whole, (), True), {}) == (whole,)


def test_at_most_so_many_are_ranked(trained):
    resolver = trained.get_pipe("biobert_linker").resolver()
    mention = Mention(Query("breast cancer", None, None))
    ((many,),) = resolver.rank([[mention]], 5)
    ((few,),) = resolver.rank([[mention]], 2)
    assert (len(many.parts[0]), few.parts[0]) == (5, many.parts[0][:2])


def test_the_rows_of_mentions(kb):
    """Two mentions, two candidates of each."""

    def found(*candidates):
        features = np.zeros((len(candidates), len(FEATURES)), np.float32)
        for row, (_, similarity, cosine) in enumerate(candidates):
            features[row, [FEATURES.index("similarity"), FEATURES.index("cosine")]] = similarity, cosine
        return Found([Candidate(one, similarity, one) for one, similarity, _ in candidates], features)

    first = found(("M:1", 1.0, 0.5), ("M:2", 0.75, 0.25))
    second = found(("M:1", 1.0, 0.25), ("M:2", 0.5, 0.625))
    ranker = Ranker(counts=ConceptCounts({"M:2": 3}))
    mentions = [(Mention(Query(text, None, None)), some) for text, some in (("a", first), ("b", second))]
    rows = ranker.rows(mentions, CandidateFinder(kb).facts)

    def columns(some):
        return [{name: value for name, value in zip(COLUMNS, row.tolist(), strict=True) if value} for row in some]

    def log(number):
        return pytest.approx(np.log1p(number))

    # Coherence: how many other mentions are spelled like the concept, not the mention itself, nor those that are only
    # like it, as both are like "M:2".
    assert columns(rows[0]) == [
        {"similarity": 1.0, "cosine": 0.5, "coherence": log(1)},
        {"similarity": 0.75, "cosine": 0.25, "frequency": log(3), "seen": 1.0},
        {"nil": 1.0, "nil_similarity": 1.0, "nil_cosine": 0.5},
    ]
    assert columns(rows[1]) == [
        {"similarity": 1.0, "cosine": 0.25, "coherence": log(1)},
        {"similarity": 0.5, "cosine": 0.625, "frequency": log(3), "seen": 1.0},
        {"nil": 1.0, "nil_similarity": 1.0, "nil_cosine": 0.625},
    ]


def test_what_stands_for_a_document():
    def key(text, *labels):
        mentions = [Mention(Query("x", None, None), label=label, surroundings=Surroundings(text)) for label in labels]
        return document_key([(mention, ("M:1",)) for mention in mentions])

    assert key("A text", "Gene", "Disease") == key("a TEXT", "Disease", "Gene", "Gene")
    # The same text, annotated for something else, is another document.
    assert len({key("A text", "Gene"), key("A text", "Disease"), key("Another", "Gene")}) == 3
    assert document_key([]) is document_key([(Mention(Query("x", None, None)), ("M:1",))]) is None


def test_a_documents_own_answers_are_left_out():
    counts = ConceptCounts({"M:1": 3})
    twice = [np.log1p(2), 1.0]
    np.testing.assert_allclose(counts.columns(["M:1", "M:2"], {"M:1": 3}), [[0, 0], [0, 0]])
    np.testing.assert_allclose(counts.columns(["M:2", "M:1"], {"M:1": 1}), [[0, 0], twice])
    np.testing.assert_allclose(counts.columns(["M:1"], {}), [[np.log1p(3), 1]])
    # A document that comes again with more annotations says more than was counted of it.
    np.testing.assert_allclose(counts.columns(["M:1"], {"M:1": 5}), [[0, 0]])
    assert counts.columns([], {}).shape == (0, 2)


def test_gradients():
    """The network's and the loss's, against finite differences."""
    generator = np.random.default_rng(0)
    rows = [generator.normal(size=(n, len(COLUMNS))).astype(np.float32) for n in (3, 1, 4)]
    right = [np.array([True, False, True]), np.array([True]), np.array([False, False, True, False])]
    model = build_ranker(4)
    model.set_param("outer", generator.normal(size=4).astype(np.float32))
    scores, backprop = model.begin_update(rows)
    _, gradient = listwise_loss(scores, right)
    backprop(gradient)
    for name in model.param_names:
        exact = model.get_grad(name).reshape(-1)
        values = model.get_param(name).copy()
        for i in (0, values.size - 1):
            losses = []
            for step in (1e-2, -1e-2):
                changed = values.copy().reshape(-1)
                changed[i] += step
                model.set_param(name, changed.reshape(values.shape))
                losses.append(listwise_loss(model.predict(rows), right)[0])
            model.set_param(name, values)
            assert exact[i] == pytest.approx((losses[0] - losses[1]) / 2e-2, abs=2e-3)


def test_loss_of_a_mention_whose_rows_are_all_right_is_zero():
    loss, (gradient,) = listwise_loss([np.array([1.0, 2.0], np.float32)], [np.array([True, True])])
    assert loss == pytest.approx(0)
    assert np.allclose(gradient, 0)
    assert probabilities(np.array([1000.0, 0.0], np.float32)).tolist() == [1.0, 0.0]


def test_switching_it_on_and_off_counts_at_once(trained):
    linker = trained.get_pipe("biobert_linker")
    ranked = link(trained, "copper storage").kb_id_
    linker.cfg["ranker"] = False
    assert link(trained, "copper storage").kb_id_ == "MESH:D000003" != ranked
    linker.cfg["ranker"] = True
    assert link(trained, "copper storage").kb_id_ == ranked


def test_loading_forgets_what_the_folder_does_not_have(trained, kb_folder, tmp_path):
    make_linker_nlp(kb_folder).to_disk(tmp_path / "plain")
    linker = trained.get_pipe("biobert_linker").from_disk(tmp_path / "plain" / "biobert_linker")
    assert linker.ranker is None
    assert linker.name_encoder is None


def test_a_training_goes_on_where_it_was(kb_folder):
    """With the ranker's own optimizer, which the pipeline's knows nothing of."""

    def begin():
        nlp = make_linker_nlp(kb_folder, ranker=True)
        examples = [Example(nlp.make_doc(doc.text), doc) for doc in make_references(nlp)]
        nlp.get_pipe("biobert_linker").initialize(lambda: examples)
        return nlp, examples

    def go_on(nlp, examples):
        for _ in range(3):
            nlp.update(examples, sgd=optimizer)
        return nlp.get_pipe("biobert_linker").ranker.to_bytes()

    optimizer = Adam(0.001)
    nlp, examples = begin()
    go_on(nlp, examples)
    stored, state = nlp.get_pipe("biobert_linker").model.to_bytes(), capture_components(nlp)
    expected = go_on(nlp, examples)
    again, examples = begin()
    again.get_pipe("biobert_linker").model.from_bytes(stored)
    restore_components(again, state)
    assert go_on(again, examples) == expected
    without, examples = begin()
    without.get_pipe("biobert_linker").model.from_bytes(stored)
    assert go_on(without, examples) != expected


def test_what_is_excluded_stays(trained, tmp_path):
    linker = trained.get_pipe("biobert_linker")
    stored = linker.to_bytes(exclude=["ranker", "dense"])
    linker.to_disk(tmp_path / "linker", exclude=["ranker"])
    assert not (tmp_path / "linker" / "ranker.safetensors").exists()
    own = linker.ranker
    assert linker.from_bytes(stored, exclude=["ranker", "dense"]).ranker is own
    assert linker.from_disk(tmp_path / "linker", exclude=["ranker"]).ranker is own
    assert linker.name_encoder is not None
