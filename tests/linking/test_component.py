import shutil
import subprocess
import sys
import textwrap
import warnings
from concurrent.futures import ThreadPoolExecutor

import pytest
import spacy
from spacy.lang.en import English
from spacy.tokens import Doc, DocBin, Span, SpanGroup
from spacy.training import Example

from spacy_biobert.linking.concepts import Concept
from spacy_biobert.linking.extension import get_candidates, set_candidates
from spacy_biobert.linking.kb import KnowledgeBase

from .conftest import CONCEPTS, make_linker_nlp

NOTHING = {"ids": [], "scores": [], "ends": []}
TEXT = "Wilson disease (WD) and breast cancers , copper , aspirin , xyzzy . WD"


def links(doc):
    return [(ent.text, ent.kb_id_) for ent in doc.ents]


def test_links(nlp):
    assert links(nlp(TEXT)) == [
        ("Wilson disease", "MESH:D006527"),
        ("WD", "MESH:D006527"),
        ("breast cancers", "MESH:D001943"),
        # Labelled as a disease by the rules: the chemical does not fit.
        ("copper", "MESH:D000003"),
        ("aspirin", "MESH:D001241"),
        ("xyzzy", "NIL"),
        ("WD", "MESH:D006527"),
    ]


def test_ranked_concepts(nlp):
    doc = nlp(TEXT)
    first = doc.ents[0]._.kb_ents
    assert first[0] == ("MESH:D006527", 1.0)
    assert all(isinstance(pair, tuple) for pair in first)
    assert [score for _, score in first] == sorted((score for _, score in first), reverse=True)
    assert doc.ents[5]._.kb_ents == []
    # A span that nobody linked has no concepts, one of the same extent has.
    assert doc[0:1]._.kb_ents == []
    assert doc[0:2]._.kb_ents == first
    assert nlp.make_doc("x y")[0:1]._.kb_ents == []


def test_ranked_concepts_are_kept_flat(nlp):
    doc = nlp("xyzzy , aspirin and Wilson disease")
    candidates = doc.spans["biobert_linker"].attrs["candidates"]
    ranked = [ent._.kb_ents for ent in doc.ents]
    assert ranked[0] == []
    assert candidates["ends"] == [0, len(ranked[1]), len(ranked[1]) + len(ranked[2])]
    assert list(zip(candidates["ids"], candidates["scores"], strict=True)) == ranked[1] + ranked[2]


def test_spans_in_any_order_of_the_same_extent(nlp):
    doc = nlp.make_doc("aspirin and copper")
    spans = [Span(doc, 2, 3, label="B"), Span(doc, 0, 1, label="A"), Span(doc, 2, 3, label="C")]
    ranked = [(["x:1", "x:2"], [0.5, 0.4]), (["x:3"], [1.0]), ([], [])]
    set_candidates(doc, "links", spans, ranked)
    assert get_candidates(Span(doc, 2, 3, label="B"), "links") == [("x:1", 0.5), ("x:2", 0.4)]
    assert get_candidates(Span(doc, 2, 3, label="C"), "links") == []
    assert get_candidates(doc[0:1], "links") == [("x:3", 1.0)]
    assert get_candidates(doc[0:2], "links") == []


def test_a_group_of_others_has_no_concepts(nlp):
    doc = nlp.make_doc("aspirin and copper")
    doc.spans["others"] = SpanGroup(doc, spans=[doc[0:1]])
    assert get_candidates(doc[0:1], "others") == []


def test_the_rest_of_an_entity_stays(nlp):
    doc = nlp.make_doc("Wilson disease in man , unknown")
    doc.set_ents([Span(doc, 0, 2, label="Disease", span_id="mine")], missing=[doc[5:6]], default="outside")
    doc.spans["sc"] = SpanGroup(doc, name="sc", spans=[doc[0:2]], attrs={"scores": [0.5]})
    before = [(token.ent_iob_, token.ent_type_, token.ent_id_) for token in doc]
    nlp.get_pipe("biobert_linker")(doc)
    assert [(token.ent_iob_, token.ent_type_, token.ent_id_) for token in doc] == before
    assert doc[5].ent_iob_ == ""
    assert doc.ents[0].kb_id_ == "MESH:D006527"
    assert doc.ents[0].id_ == "mine"
    assert doc.spans["sc"].attrs == {"scores": [0.5]}


def test_a_linker_of_another_pipeline(nlp):
    """Its strings are not those of the docs."""
    other = spacy.blank("en")
    other.add_pipe("entity_ruler", source=nlp)
    other.add_pipe("biobert_linker", source=nlp)
    nlp("breast cancers")
    doc = other(TEXT)
    assert links(doc) == links(nlp(TEXT))
    assert doc.to_json()["ents"]


def test_batches_and_single_docs_agree(nlp):
    texts = [TEXT, "", "  ", "no entity", "aspirin", TEXT]
    expected = [(links(doc), [ent._.kb_ents for ent in doc.ents]) for doc in map(nlp, texts)]
    for batch_size in (1, 2, 100):
        docs = nlp.pipe(texts, batch_size=batch_size)
        assert [(links(doc), [ent._.kb_ents for ent in doc.ents]) for doc in docs] == expected


def test_repeated_mentions_are_looked_up_once(nlp, monkeypatch):
    linker = nlp.get_pipe("biobert_linker")
    seen = []
    candidates = KnowledgeBase.candidates

    def spy(self, mentions, **settings):
        seen.append(list(mentions))
        return candidates(self, mentions, **settings)

    monkeypatch.setattr(KnowledgeBase, "candidates", spy)
    list(
        linker.pipe([nlp.make_doc("x"), *(nlp.get_pipe("entity_ruler")(nlp.make_doc("aspirin aspirin")) for _ in "ab")])
    )
    assert seen == [["aspirin"]]


# --- Options ---


def test_threshold(kb_folder):
    nlp = make_linker_nlp(kb_folder, threshold=0.0)
    ruler = nlp.get_pipe("entity_ruler")
    ruler.add_patterns([{"label": "Disease", "pattern": "hereditary breast cancer"}])
    doc = nlp("hereditary breast cancer")
    score = doc.ents[0]._.kb_ents[0][1]
    assert doc.ents[0].kb_id_ == "MESH:D001943"
    linker = nlp.get_pipe("biobert_linker")
    linker.cfg["threshold"] = score
    assert nlp("hereditary breast cancer").ents[0].kb_id_ == "MESH:D001943"
    # Read at each prediction, as `spacy find-threshold` needs it.
    linker.cfg = {**linker.cfg, "threshold": score + 0.001}
    doc = nlp("hereditary breast cancer")
    assert doc.ents[0].kb_id_ == "NIL"
    assert doc.ents[0]._.kb_ents[0] == ("MESH:D001943", score)


def test_top_n(kb_folder):
    ent = make_linker_nlp(kb_folder, top_n=2)("Wilson disease").ents[0]
    assert len(ent._.kb_ents) == 2


def test_label_types(kb_folder):
    nlp = make_linker_nlp(kb_folder, label_types={"Disease": ["Chemical"]})
    assert links(nlp("copper")) == [("copper", "MESH:D003300")]
    with pytest.raises(ValueError, match=r"\[B242\].*Chemcal.*Chemical, Disease, Syndrome"):
        make_linker_nlp(kb_folder, label_types={"Disease": ["Chemcal"]})


def test_a_label_that_is_no_type_allows_all(nlp):
    doc = nlp.make_doc("copper")
    doc.ents = [Span(doc, 0, 1, label="SpecificDisease")]
    assert nlp.get_pipe("biobert_linker")(doc).ents[0].kb_id_ == "MESH:D003300"


def test_overwrite(kb_folder):
    for overwrite, expected in ((True, "MESH:D006527"), (False, "MESH:mine")):
        nlp = make_linker_nlp(kb_folder, overwrite=overwrite)
        doc = nlp.make_doc("Wilson disease WD")
        doc.ents = [Span(doc, 0, 2, label="Disease", kb_id="MESH:mine"), Span(doc, 2, 3, label="Disease")]
        doc = nlp.get_pipe("biobert_linker")(doc)
        assert doc.ents[0].kb_id_ == expected
        assert doc.ents[0]._.kb_ents[0][0] == "MESH:D006527"
        assert doc.ents[1].kb_id_ != ""


def test_abbreviations(kb_folder):
    text = "Wilson disease (WD) . WD"
    assert links(make_linker_nlp(kb_folder)(text))[2] == ("WD", "MESH:D006527")
    assert links(make_linker_nlp(kb_folder, expand_abbreviations=False)(text))[2] == ("WD", "NIL")


@pytest.fixture
def long_form():
    Span.set_extension("long_form", default=None)
    yield
    Span.remove_extension("long_form")


def test_the_long_form_of_an_abbreviation_detector(kb_folder, long_form):
    nlp = make_linker_nlp(kb_folder, expand_abbreviations=False)
    doc = nlp.make_doc("WD is breast cancer and ASA is ASA")
    doc.ents = [Span(doc, 0, 1, label="Disease"), Span(doc, 5, 6, label="Chemical"), Span(doc, 7, 8, label="Chemical")]
    doc[0:1]._.long_form = doc[2:4]
    doc[5:6]._.long_form = "copper"
    doc = nlp.get_pipe("biobert_linker")(doc)
    assert [ent.kb_id_ for ent in doc.ents] == ["MESH:D001943", "MESH:D003300", "MESH:D001241"]
    # The short form was looked up, too, and counts less.
    assert [pair for pair in doc.ents[1]._.kb_ents if pair[0] == "MESH:D001241"] == [("MESH:D001241", 0.95)]


def test_spans_of_a_group(kb_folder):
    nlp = make_linker_nlp(kb_folder, spans_key="sc", candidates_key="links", top_n=3)
    linker = nlp.get_pipe("biobert_linker")
    doc = nlp.make_doc("breast cancers , aspirin")
    spans = [Span(doc, 3, 4, label="Chemical", span_id="x"), Span(doc, 0, 2, label="Disease"), doc[1:2]]
    doc.spans["sc"] = SpanGroup(doc, name="sc", spans=spans, attrs={"scores": [0.1, 0.2, 0.3]})
    doc = linker(doc)
    assert [span.kb_id_ for span in doc.spans["sc"]] == ["MESH:D001241", "MESH:D001943", "MESH:D009369"]
    assert [span.label_ for span in doc.spans["sc"]] == ["Chemical", "Disease", ""]
    assert doc.spans["sc"][0].id_ == "x"
    assert doc.spans["sc"].attrs == {"scores": [0.1, 0.2, 0.3]}
    assert [span._.kb_ents[0][0] for span in doc.spans["sc"]] == ["MESH:D001241", "MESH:D001943", "MESH:D009369"]
    assert linker(nlp.make_doc("no such group")).spans["links"].attrs["candidates"] == NOTHING


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"top_n": 0}, r"\[B221\] top_n is 0"),
        ({"threshold": 1.5}, r"\[B221\] threshold is 1.5"),
        ({"spans_key": "a", "candidates_key": "a"}, r"\[B221\] candidates_key is a"),
        ({"spans_key": "biobert_linker"}, r"\[B221\] candidates_key is biobert_linker"),
    ],
)
def test_options_that_make_no_sense(config, message):
    with pytest.raises(ValueError, match=message):
        spacy.blank("en").add_pipe("biobert_linker", config=config)


# --- The knowledge base ---


def test_no_knowledge_base(tmp_path):
    nlp = spacy.blank("en")
    linker = nlp.add_pipe("biobert_linker")
    with pytest.raises(ValueError, match=r"\[B241\].*kb build"):
        nlp("text")
    with pytest.raises(ValueError, match=r"\[B241\]"):
        list(nlp.pipe(["text"]))
    with pytest.raises(ValueError, match=r"\[B241\]"):
        nlp.initialize()
    with pytest.raises(FileNotFoundError, match=r"\[B201\]"):
        linker.initialize(kb=tmp_path)
    # It can be saved and loaded all the same.
    nlp.to_disk(tmp_path / "pipeline")
    assert spacy.load(tmp_path / "pipeline").get_pipe("biobert_linker").kb is None
    assert spacy.blank("en").from_bytes(nlp.to_bytes()) is not None


def test_initialize_from_the_config(kb_folder):
    nlp = spacy.blank("en")
    nlp.add_pipe("biobert_linker")
    nlp.config["initialize"]["components"]["biobert_linker"] = {"kb": str(kb_folder)}
    nlp.initialize()
    assert len(nlp.get_pipe("biobert_linker").kb) == len(CONCEPTS)
    # Once there, it stays.
    nlp.get_pipe("biobert_linker").initialize()
    assert nlp.get_pipe("biobert_linker").kb is not None


def test_the_error_handler_is_called(nlp, kb_folder):
    failed = []
    linker = nlp.get_pipe("biobert_linker")
    linker.set_error_handler(lambda name, proc, docs, error: failed.extend(doc.text for doc in docs))
    linker.kb = None
    assert list(linker.pipe([nlp.make_doc("a"), nlp.make_doc("b")], batch_size=1)) == []
    linker(nlp.make_doc("c"))
    assert failed == ["a", "b", "c"]


# --- Saving, loading, processes, threads ---


def test_disk(nlp, tmp_path):
    expected = links(nlp(TEXT))
    nlp.to_disk(tmp_path / "one")
    assert (tmp_path / "one" / "biobert_linker" / "kb" / "meta.json").exists()
    loaded = spacy.load(tmp_path / "one")
    assert links(loaded(TEXT)) == expected
    # Over itself, and over another.
    loaded.to_disk(tmp_path / "one")
    loaded.to_disk(tmp_path / "two")
    nlp.to_disk(tmp_path / "two")
    assert links(spacy.load(tmp_path / "two")(TEXT)) == expected
    # Settings given to `spacy.load` win over those that were saved.
    strict = spacy.load(tmp_path / "one", config={"components.biobert_linker.top_n": 1})
    assert len(strict("Wilson disease").ents[0]._.kb_ents) == 1


def test_bytes(nlp):
    other = English.from_config(nlp.config).from_bytes(nlp.to_bytes())
    doc = other.make_doc("Wilson disease")
    doc.ents = [Span(doc, 0, 2, label="Disease")]
    assert links(other.get_pipe("biobert_linker")(doc)) == [("Wilson disease", "MESH:D006527")]


@pytest.mark.parametrize("store_user_data", [True, False])
def test_docbin(nlp, store_user_data):
    doc = nlp(TEXT)
    expected = [ent._.kb_ents for ent in doc.ents]
    data = DocBin(docs=[doc, nlp("nothing")], store_user_data=store_user_data).to_bytes()
    restored, nothing = DocBin().from_bytes(data).get_docs(spacy.blank("en").vocab)
    assert links(restored) == links(doc)
    assert [ent._.kb_ents for ent in restored.ents] == expected
    assert nothing.spans["biobert_linker"].attrs["candidates"] == NOTHING


def test_doc_bytes_and_copy(nlp):
    doc = nlp(TEXT)
    expected = [ent._.kb_ents for ent in doc.ents]
    for other in (Doc(nlp.vocab).from_bytes(doc.to_bytes()), doc.copy()):
        assert links(other) == links(doc)
        assert [ent._.kb_ents for ent in other.ents] == expected


def test_memory_zone(nlp):
    expected = links(nlp(TEXT))
    with nlp.memory_zone():
        assert links(nlp(TEXT)) == expected
    assert links(nlp(TEXT)) == expected


def test_two_threads(nlp):
    expected = links(nlp(TEXT))
    with ThreadPoolExecutor(2) as executor:
        assert all(links(doc) == expected for doc in executor.map(nlp, [TEXT] * 50))


@pytest.mark.parametrize("start", ["fork", pytest.param("spawn", marks=pytest.mark.slow)])
def test_processes(nlp, tmp_path, start):
    """In a process of its own, so that one that hangs is ended."""
    nlp.to_disk(tmp_path / "pipeline")
    script = f"""
        import multiprocessing, spacy

        if __name__ == "__main__":
            multiprocessing.set_start_method("{start}")
            nlp = spacy.load({str(tmp_path / "pipeline")!r})
            text = {TEXT!r}
            for warm in (False, True):
                docs = list(nlp.pipe([text] * 6, n_process=2, batch_size=2))
                print([[(ent.kb_id_, ent._.kb_ents[:1]) for ent in doc.ents] for doc in docs] ==
                      [[(ent.kb_id_, ent._.kb_ents[:1]) for ent in nlp(text).ents]] * 6)
    """
    path = tmp_path / "script.py"
    path.write_text(textwrap.dedent(script))
    result = subprocess.run([sys.executable, path], capture_output=True, text=True, timeout=120, check=False)
    assert result.stdout.split() == ["True", "True"], result.stderr


# --- Beside other linkers ---


def test_two_linkers(kb_folder, tmp_path):
    other = KnowledgeBase.build([CONCEPTS[-2]], tmp_path / "kb")
    nlp = make_linker_nlp(kb_folder)
    nlp.add_pipe("biobert_linker", name="second", config={"extension": "second_kb_ents"}).set_kb(other)
    ent = nlp("aspirin").ents[0]
    assert ent._.kb_ents[0] == ("MESH:D001241", 1.0)
    assert ent._.second_kb_ents == [("MESH:D001241", 1.0)]
    doc = nlp("breast cancers")
    assert doc.ents[0].kb_id_ == "NIL"
    assert doc.ents[0]._.second_kb_ents == []
    assert get_candidates(doc.ents[0], "biobert_linker")[0] == ("MESH:D001943", 1.0)


def test_a_name_that_is_taken_is_left_alone(kb_folder):
    Span.set_extension("taken", default=[])
    try:
        with pytest.warns(UserWarning, match=r"\[W201\] `span._.taken`"):
            nlp = make_linker_nlp(kb_folder, extension="taken")
        ent = nlp("aspirin").ents[0]
        assert ent.kb_id_ == "MESH:D001241"
        assert ent._.taken == []
        assert get_candidates(ent, "biobert_linker")[0][0] == "MESH:D001241"
    finally:
        Span.remove_extension("taken")


def test_the_extension_is_registered_once(kb_folder):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        first = make_linker_nlp(kb_folder, extension="twice")
        second = make_linker_nlp(kb_folder, extension="twice", candidates_key="elsewhere")
        make_linker_nlp(kb_folder, extension="twice")
    assert first("aspirin").ents[0]._.twice == second("aspirin").ents[0]._.twice != []


def test_beside_scispacy(kb_folder, tmp_path):
    """scispaCy's own linker, with a knowledge base of its own, in one pipeline with ours."""
    linking = pytest.importorskip("scispacy.linking", reason="scispaCy is not installed", exc_type=ImportError)
    script = f"""
        import json, warnings
        import spacy
        from spacy_biobert.linking.extension import get_candidates
        from scispacy.candidate_generation import CandidateGenerator, create_tfidf_ann_index
        from scispacy.linking_utils import KnowledgeBase

        records = [
            {{"concept_id": "C1", "canonical_name": "aspirin", "aliases": ["ASA"], "types": [], "definition": "x"}},
            {{"concept_id": "C2", "canonical_name": "copper", "aliases": ["Cu"], "types": [], "definition": "x"}},
        ] + [
            # Its index leaves out trigrams that fewer than ten names have.
            {{"concept_id": f"C{{i}}", "canonical_name": f"aspirin copper {{i}}", "aliases": [], "types": [],
              "definition": "x"}} for i in range(3, 30)
        ]
        path = {str(tmp_path)!r} + "/kb.jsonl"
        with open(path, "w") as file:
            file.writelines(json.dumps(record) + "\\n" for record in records)

        @spacy.Language.factory("scispacy_linker_from_file")
        def make(nlp, name):
            from scispacy.linking import EntityLinker
            kb = KnowledgeBase(path)
            aliases, vectorizer, index = create_tfidf_ann_index(None, kb)
            return EntityLinker(candidate_generator=CandidateGenerator(index, vectorizer, aliases, kb))

        for first in ("scispacy_linker_from_file", "biobert_linker"):
            second = ({{"scispacy_linker_from_file", "biobert_linker"}} - {{first}}).pop()
            nlp = spacy.blank("en")
            nlp.add_pipe("entity_ruler").add_patterns([{{"label": "Chemical", "pattern": "aspirin"}}])
            nlp.add_pipe(first)
            nlp.add_pipe(second)
            nlp.get_pipe("biobert_linker").initialize(kb={str(kb_folder)!r})
            ent = nlp("aspirin").ents[0]
            print(ent.kb_id_, ent._.kb_ents[0][0], get_candidates(ent, "biobert_linker")[0][0])
    """
    assert linking is not None
    path = tmp_path / "script.py"
    path.write_text(textwrap.dedent(script))
    command = [sys.executable, "-W", "ignore", path]
    result = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    expected = "MESH:D001241 C1 MESH:D001241"
    assert [line for line in result.stdout.splitlines() if line.startswith("MESH")] == [expected] * 2, result.stderr


# --- Scores ---


def test_score(nlp):
    predicted = nlp("Wilson disease and aspirin")
    reference = nlp.make_doc("Wilson disease and aspirin")
    # An alternative id of the concept.
    reference.ents = [
        Span(reference, 0, 2, label="X", kb_id="OMIM:277900"),
        Span(reference, 3, 4, label="X", kb_id="X:1"),
    ]
    scores = nlp.get_pipe("biobert_linker").score([Example(predicted, reference)])
    assert scores["link_acc"] == 0.5
    assert nlp.evaluate([Example(nlp.make_doc(reference.text), reference)])["link_acc"] == 0.5
    nlp.get_pipe("biobert_linker").scorer = None
    assert nlp.get_pipe("biobert_linker").score([Example(predicted, reference)]) == {}


# --- Tokens that change, pipes that are renamed ---


def test_ranked_concepts_outlive_merged_tokens(nlp):
    doc = nlp("Wilson disease aspirin copper , breast cancers")
    expected = {ent.text: ent._.kb_ents for ent in doc.ents}
    with doc.retokenize() as retokenizer:
        retokenizer.merge(doc[0:2])
        retokenizer.merge(doc[5:7])
    assert {ent.text: ent._.kb_ents for ent in doc.ents} == expected
    nlp.add_pipe("merge_entities")
    merged = nlp(doc.text)
    assert len(merged) == 5
    assert {ent.text: ent._.kb_ents for ent in merged.ents} == expected


def test_linkers_that_were_renamed_keep_apart(kb_folder, tmp_path):
    nlp = make_linker_nlp(kb_folder, labels=["Disease"])
    other = make_linker_nlp(kb_folder, labels=["Chemical"])
    nlp.rename_pipe("biobert_linker", "diseases")
    nlp.add_pipe("biobert_linker", name="chemicals", source=other)
    doc = nlp(TEXT)
    assert {"diseases", "chemicals"} <= set(doc.spans)
    assert all(ent._.kb_ents for ent in doc.ents if ent.kb_id_ != "NIL")
    nlp.to_disk(tmp_path)
    again = spacy.load(tmp_path)(TEXT)
    assert [ent._.kb_ents for ent in again.ents] == [ent._.kb_ents for ent in doc.ents]


def test_ranked_concepts_are_those_of_the_id(kb_folder, tmp_path):
    """Of two linkers, the one that has set the id, whichever was made first."""
    other = KnowledgeBase.build([Concept("B:1", "Aspirin")], tmp_path / "kb")
    nlp = make_linker_nlp(kb_folder)
    nlp.add_pipe("biobert_linker", name="second").set_kb(other)
    ent = nlp("aspirin").ents[0]
    assert ent.kb_id_ == "B:1"
    assert ent._.kb_ents == [("B:1", 1.0)]
    nlp.get_pipe("second").cfg["overwrite"] = False
    ent = nlp("aspirin").ents[0]
    assert ent.kb_id_ == "MESH:D001241"
    assert ent._.kb_ents[0] == ("MESH:D001241", 1.0)


def test_what_one_vocabulary_lacks_is_looked_up_in_the_next(kb_folder, tmp_path):
    formulary = KnowledgeBase.build([Concept("X:1", "penicillin"), Concept("X:2", "Aspirin")], tmp_path / "kb")
    nlp = make_linker_nlp(kb_folder, threshold=0.9)
    nlp.get_pipe("entity_ruler").add_patterns([{"label": "Chemical", "pattern": "penicillin"}])
    nlp.add_pipe("biobert_linker", name="local", config={"overwrite": False}).set_kb(formulary)
    doc = nlp("penicillin and aspirin")
    assert [(ent.text, ent.kb_id_) for ent in doc.ents] == [("penicillin", "X:1"), ("aspirin", "MESH:D001241")]


# --- Settings and equipment ---


def test_a_folder_that_lacks_something(kb_folder, tmp_path):
    """Said when it is loaded, not at the first text, or never."""
    nlp = make_linker_nlp(kb_folder)
    nlp.to_disk(tmp_path / "pipeline")
    folder = tmp_path / "pipeline" / "biobert_linker"
    shutil.rmtree(folder / "kb")
    with pytest.raises(FileNotFoundError, match=r"\[B249\].*'biobert_linker' was stored with kb"):
        spacy.load(tmp_path / "pipeline")
    nlp.get_pipe("biobert_linker").from_disk(folder, exclude=["kb"])
    # What was not stored is not missing.
    nlp.get_pipe("biobert_linker").to_disk(tmp_path / "alone", exclude=["kb"])
    make_linker_nlp(kb_folder).get_pipe("biobert_linker").from_disk(tmp_path / "alone")


def test_a_knowledge_base_of_before_is_not_left_in_the_folder(kb_folder, tmp_path):
    make_linker_nlp(kb_folder).to_disk(tmp_path)
    nlp = spacy.blank("en")
    nlp.add_pipe("biobert_linker")
    nlp.to_disk(tmp_path)
    assert spacy.load(tmp_path).get_pipe("biobert_linker").kb is None


def test_where_a_knowledge_base_lay_is_no_order(kb_folder, tmp_path):
    """A path that was given once is stored with the pipeline; that it lies elsewhere now is known better."""
    first, second = tmp_path / "first", tmp_path / "second"
    shutil.copytree(kb_folder, first)
    KnowledgeBase.build([Concept("X:1", "aspirin")], second)
    nlp = make_linker_nlp(kb_folder)
    nlp.get_pipe("biobert_linker").initialize(kb=first, kb_by_reference=True)
    nlp.to_disk(tmp_path / "one")
    given = spacy.load(tmp_path / "one", config={"components.biobert_linker.kb_path": str(first)})
    given.get_pipe("biobert_linker").initialize(kb=second)
    given.to_disk(tmp_path / "two")
    again = spacy.load(tmp_path / "two")
    assert again.get_pipe("biobert_linker").kb.folder == second
    # What is given now is an order.
    with pytest.raises(ValueError, match=r"\[B261\]"):
        spacy.load(tmp_path / "two", config={"components.biobert_linker.kb_path": str(kb_folder)})
    # And a copy in the pipeline's own folder travels with it.
    again.get_pipe("biobert_linker").initialize(kb_by_reference=False)
    again.to_disk(tmp_path / "three")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        own = spacy.load(tmp_path / "three")
    own.get_pipe("biobert_linker").initialize(kb_by_reference=True)
    own.to_disk(tmp_path / "three")
    shutil.move(tmp_path / "three", tmp_path / "four")
    assert spacy.load(tmp_path / "four").get_pipe("biobert_linker").kb.folder == tmp_path / "four/biobert_linker/kb"


def test_changed_settings_are_stored(kb_folder, tmp_path):
    nlp = make_linker_nlp(kb_folder)
    nlp.get_pipe("biobert_linker").cfg.update(threshold=1.0, top_n=1)
    nlp.get_pipe("biobert_linker").cfg["label_types"]["Disease"] = ["Syndrome"]
    nlp.to_disk(tmp_path)
    copied = spacy.blank("en").from_config(nlp.config).from_bytes(nlp.to_bytes())
    for again in (spacy.load(tmp_path), copied):
        assert again.get_pipe("biobert_linker").cfg == nlp.get_pipe("biobert_linker").cfg
    # Numbers that JSON's reader does not read as they were.
    odd = make_linker_nlp(kb_folder, threshold=0.3)
    odd.get_pipe("biobert_linker").cfg["threshold"] = 0.7
    odd.to_disk(tmp_path / "odd")
    assert spacy.load(tmp_path / "odd").get_pipe("biobert_linker").cfg["threshold"] == 0.7
    told = spacy.load(tmp_path, config={"components.biobert_linker.threshold": 0.25}).get_pipe("biobert_linker")
    assert (told.cfg["threshold"], told.cfg["top_n"]) == (0.25, 1)
    (tmp_path / "biobert_linker" / "cfg").unlink()  # of an earlier version
    assert spacy.load(tmp_path).get_pipe("biobert_linker").cfg["top_n"] == 10


def test_loading_decides_how_the_knowledge_base_is_stored(kb_folder, tmp_path):
    copied = make_linker_nlp(kb_folder)
    copied.to_disk(tmp_path / "copied")
    linker = copied.get_pipe("biobert_linker")
    linker.initialize(kb=kb_folder, kb_by_reference=True)
    linker.initialize()
    copied.to_disk(tmp_path / "referred")
    assert not (tmp_path / "referred" / "biobert_linker" / "kb").exists()
    linker.initialize(kb_by_reference=False)
    copied.to_disk(tmp_path / "told")
    assert (tmp_path / "told" / "biobert_linker" / "kb").exists()
    linker.initialize(kb_by_reference=True)
    copied.from_disk(tmp_path / "copied")
    copied.to_disk(tmp_path / "again")
    assert (tmp_path / "again" / "biobert_linker" / "kb").exists()


def test_another_knowledge_base_for_a_while(nlp, tmp_path):
    linker = nlp.get_pipe("biobert_linker")
    own, resolver = linker.kb, linker.resolver()
    with linker.using(KnowledgeBase.build([Concept("B:1", "Aspirin")], tmp_path / "kb")):
        assert nlp("aspirin").ents[0].kb_id_ == "B:1"
    assert (linker.kb, linker.resolver()) == (own, resolver)
    assert nlp("aspirin").ents[0].kb_id_ == "MESH:D001241"


def test_a_doc_that_failed_is_none(nlp):
    """As with spaCy's own pipes, whatever the error handler makes of it."""
    linker = nlp.get_pipe("biobert_linker")
    linker.set_error_handler(lambda *_: None)
    linker._equipment.kb = None
    assert linker(nlp.make_doc("aspirin")) is None


def test_labels_in_another_case_are_said(kb_folder):
    nlp = make_linker_nlp(kb_folder, labels=["disease"])
    with pytest.warns(UserWarning, match=r"\[W263\].*label Disease alone.*links disease"):
        assert nlp("breast cancers and aspirin").ents[0].kb_id_ == ""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        nlp("breast cancers")


def test_bytes_of_an_earlier_version(nlp, kb_folder):
    """They were those of its equipment."""
    old = nlp.get_pipe("biobert_linker")._equipment.to_bytes()
    again = spacy.blank("en").add_pipe("biobert_linker").from_bytes(old)
    assert len(again.require_kb()) == len(nlp.get_pipe("biobert_linker").kb)
