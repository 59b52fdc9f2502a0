"""The component's own behaviour, on a head with token vectors of its own."""

import json
import pickle
import subprocess
import sys

import numpy as np
import pytest
import spacy
from spacy.tokens import Doc, DocBin, Span
from spacy.training import Example
from thinc.api import Config

from spacy_biobert.ner.extension import get_score
from spacy_biobert.ner.tags import SCHEMES
from spacy_biobert.ner.words import Words
from spacy_biobert.span_places import Places

from .conftest import TOK2VEC, TRAINING, make_examples, make_nlp, train

TEXT = TRAINING[0][0]


def entities(doc):
    return [(ent.text, ent.label_) for ent in doc.ents]


def gold(text, ents):
    return [(text[start:end], label) for start, end, label in ents]


# --- Finding entities ---


@pytest.mark.parametrize("scheme", SCHEMES)
def test_learns_a_handful_of_examples(scheme):
    nlp = train(make_nlp(scheme=scheme))
    for text, ents in TRAINING:
        assert entities(nlp(text)) == gold(text, ents)
    scores = nlp.evaluate(make_examples(nlp))
    assert scores["ents_f"] == 1.0
    assert set(scores["ents_per_type"]) == {"Chemical", "Disease"}


def test_scores_are_in_the_span_group_and_on_entities(nlp):
    doc = nlp(TEXT)
    group = doc.spans["ner"]
    assert [(span.text, span.label_) for span in group] == entities(doc)
    assert [ent._.score for ent in doc.ents] == group.attrs["scores"]
    assert all(0.5 < score <= 1 for score in group.attrs["scores"])
    assert doc[0:2]._.score is None
    assert Span(doc, 0, 1, label="Disease")._.score is None


def test_scores_outlive_merged_tokens(nlp):
    doc = nlp(TEXT)
    scores = {ent.text: ent._.score for ent in doc.ents}
    doc.spans["elsewhere"] = [doc[0:2]]
    with doc.retokenize() as retokenizer:
        retokenizer.merge(doc[2:4])  # "gastric bleeding"
    assert {ent.text: ent._.score for ent in doc.ents} == scores
    nlp.add_pipe("merge_entities")
    merged = nlp(" ".join(text for text, _ in TRAINING))
    assert len(merged.ents) > 2
    assert all(ent._.score is not None for ent in merged.ents)


def test_predict_leaves_docs_alone(nlp):
    doc = nlp.make_doc(TEXT)
    before = doc.to_bytes()
    predictions = nlp.get_pipe("biobert_ner").predict([doc])
    assert len(predictions[0]) == 2
    assert doc.to_bytes() == before


def test_docs_without_tokens(nlp):
    ner = nlp.get_pipe("biobert_ner")
    for texts in (["", ""], ["", TEXT, ""], ["   ", "\n\n"], ["x" * 2000]):
        docs = list(nlp.pipe(texts))
        assert [doc.text for doc in docs] == texts
        assert all("ner" in doc.spans for doc in docs)
    assert ner.predict([]) == []
    assert entities(nlp("")) == []
    assert nlp("").spans["ner"].attrs["scores"] == []


def test_docs_do_not_depend_on_their_batch(nlp):
    texts = [text for text, _ in TRAINING] * 3 + [""]
    for doc, alone in zip(nlp.pipe(texts, batch_size=4), map(nlp, texts), strict=True):
        assert entities(doc) == entities(alone)
        assert doc.spans["ner"].attrs["scores"] == pytest.approx(alone.spans["ner"].attrs["scores"])


def predict_tags(ner, monkeypatch, *paths, certain=9.0):
    """Let a component predict these tags for a doc that will come; of several paths, the later ones less certainly."""
    tags = ner.tag_scheme.tags
    scores = np.full((len(paths[0]), len(tags)), -certain, dtype="f")
    for rank, path in reversed(list(enumerate(paths))):
        scores[np.arange(len(path)), [tags.index(tag) for tag in path]] = certain - rank
    monkeypatch.setattr(ner.model, "_func", lambda model, docs, is_train: ([scores], lambda d: []))


def test_white_space_is_no_part_of_the_evidence(nlp, monkeypatch):
    """A note is as good as a line: what stands at the end of one is not looked at, whatever the model says of it."""
    ner = nlp.get_pipe("biobert_ner")
    words = ["\n", "heart", "\r\n", "failure", "  ", "and", "\n", "fever", "\n"]
    predict_tags(
        ner, monkeypatch, ["U-Disease", "B-Disease", "O", "L-Disease", "O", "O", "O", "U-Disease", "B-Disease"]
    )
    doc = ner(Doc(nlp.vocab, words=words))
    assert entities(doc) == [("heart \r\n failure", "Disease"), ("fever", "Disease")]
    assert doc.ents[0]._.score > 0.99
    assert entities(ner(Doc(nlp.vocab, words=[" ", "\n"]))) == []


def test_mentions_end_at_empty_lines(nlp, monkeypatch):
    ner = nlp.get_pipe("biobert_ner")
    across = ["O", "B-Disease", "I-Disease", "L-Disease", "O"]
    alone = ["O", "U-Disease", "O", "U-Disease", "O"]
    predict_tags(ner, monkeypatch, across, alone)
    doc = ner(Doc(nlp.vocab, words=["\n\n", "asthma", "\n \n", "gout", "\n\n"]))
    assert entities(doc) == [("asthma", "Disease"), ("gout", "Disease")]
    # That a mention goes on is no possibility there.
    assert min(ent._.score for ent in doc.ents) > 0.99
    predict_tags(ner, monkeypatch, ["B-Disease", "O", "O", "O", "L-Disease"], ["U-Disease"] * 5)
    doc = ner(Doc(nlp.vocab, words=["asthma", "\n", " ", "\n", "gout"]))  # some tokenizers make several
    assert entities(doc) == [("asthma", "Disease"), ("gout", "Disease")]
    predict_tags(ner, monkeypatch, across, alone)
    doc = ner(Doc(nlp.vocab, words=["\n", "asthma", "\n", "gout", "\n"]))
    assert entities(doc) == [("asthma \n gout", "Disease")]


def test_an_empty_line_is_that_of_its_own_doc(nlp):
    """Others of the batch stand before it; one of them is empty."""
    contents = [["fever", "and", "gout"], [], ["asthma", "\n\n", "gout"]]
    words = Words.of([Doc(nlp.vocab, words=content) for content in contents])
    assert words.tokens.tolist() == [0, 1, 2, 3, 5]
    assert words.lengths.tolist() == [3, 1, 1]
    assert words.after_lines.tolist() == [4]


def test_white_space_teaches_nothing(nlp):
    ner = nlp.get_pipe("biobert_ner")
    tags = ["B-Disease", "I-Disease", "I-Disease", "O"]
    reference = Doc(nlp.vocab, words=["heart", "\n", "failure", "\n"], ents=tags)
    example = Example(Doc(nlp.vocab, words=[token.text for token in reference]), reference)
    _, (gradient,) = ner.get_loss([example], [np.zeros((4, len(ner.tag_scheme.tags)), dtype="f")])
    assert gradient.any(axis=1).tolist() == [True, False, True, False]


@pytest.mark.parametrize("objective", ["tokens", "sequence"])
@pytest.mark.parametrize("scheme", SCHEMES)
def test_mentions_with_white_space_around_them_are_learned(objective, scheme):
    """What their first and last words learn must be what decoding can find."""
    nlp = make_nlp(objective=objective, scheme=scheme)
    words = ["\n", "He", "had", "\n", "stomach", "\n", "ulcers", "  ", "today", "\n"]
    reference = Doc(nlp.vocab, words=words)
    reference.ents = [Span(reference, 3, 8, label="Disease")]
    example = Example(Doc(nlp.vocab, words=words), reference)
    optimizer = nlp.initialize(lambda: [example])
    for _ in range(120):
        nlp.update([example], sgd=optimizer)
    doc = nlp(Doc(nlp.vocab, words=words))
    assert entities(doc) == [("stomach \n ulcers", "Disease")]
    assert doc.ents[0]._.score > 0.5


# --- Settings read when predicting ---


def test_threshold_drops_entities(nlp):
    low, high = sorted(nlp(TEXT).spans["ner"].attrs["scores"])
    nlp.get_pipe("biobert_ner").cfg["threshold"] = (low + high) / 2
    doc = nlp(TEXT)
    assert doc.spans["ner"].attrs["scores"] == [high]
    assert len(doc.ents) == len(doc.spans["ner"]) == 1


def test_temperature_changes_scores_only(nlp):
    ner = nlp.get_pipe("biobert_ner")
    before = nlp(TEXT)
    ner.cfg["temperature"] = 4.0
    after = nlp(TEXT)
    assert entities(after) == entities(before)
    for score, softened in zip(before.spans["ner"].attrs["scores"], after.spans["ner"].attrs["scores"], strict=True):
        assert softened < score


def test_temperature_in_the_config_has_to_be_positive():
    with pytest.raises(ValueError, match=r"\[B108\].*temperature"):
        make_nlp(temperature=0.0)


@pytest.mark.parametrize(("setting", "value", "code"), [
    ("threshold", 80, "B118"), ("threshold", -0.1, "B118"), ("threshold", "0.5", "B118"), ("threshold", None, "B118"),
    ("temperature", "1.5", "B108"), ("label_smoothing", "0.1", "B112"),
])  # fmt: skip
def test_numbers_have_to_be_numbers(nlp, setting, value, code):
    nlp.get_pipe("biobert_ner").cfg[setting] = value
    with pytest.raises(ValueError, match=rf"\[{code}\].*{setting}"):
        nlp(TEXT)


@pytest.mark.parametrize("temperature", [0.0, -1.0, float("nan")])
def test_temperature_has_to_be_positive_when_predicting(nlp, temperature):
    nlp.get_pipe("biobert_ner").cfg["temperature"] = temperature
    with pytest.raises(ValueError, match=r"\[B108\].*temperature"):
        nlp(TEXT)


# --- Entities that are there already ---


def test_entities_of_others_are_kept(nlp):
    ruler = nlp.add_pipe("entity_ruler", before="biobert_ner")
    ruler.add_patterns([{"label": "Drug", "pattern": "Aspirin causes"}, {"label": "Word", "pattern": "."}])
    doc = nlp(TEXT)
    assert entities(doc) == [("Aspirin causes", "Drug"), ("gastric bleeding", "Disease"), (".", "Word")]
    assert doc.ents[0]._.score is None
    assert [span.text for span in doc.spans["ner"]] == ["Aspirin", "gastric bleeding"]


def test_concepts_and_ids_of_kept_entities_survive(nlp):
    doc = nlp.make_doc(TEXT)
    doc.ents = [Span(doc, 0, 1, label="Drug", kb_id="MESH:D001241", span_id="rule-7")]
    doc = nlp.get_pipe("biobert_ner")(doc)
    assert (doc.ents[0].label_, doc.ents[0].kb_id_, doc.ents[0].id_) == ("Drug", "MESH:D001241", "rule-7")


def test_blocked_tokens_stay_blocked(nlp):
    doc = nlp.make_doc(TEXT)
    doc.set_ents([], blocked=[doc[0:1]], default="missing")
    doc = nlp.get_pipe("biobert_ner")(doc)
    assert entities(doc) == [("gastric bleeding", "Disease")]
    assert (doc[0].ent_iob_, doc[0].ent_type_) == ("B", "")


def test_overwrite_replaces_all(nlp):
    nlp.get_pipe("biobert_ner").cfg["overwrite"] = True
    doc = nlp.make_doc(TEXT)
    doc.set_ents([Span(doc, 0, 2, label="Drug")], blocked=[doc[3:4]])
    assert entities(nlp.get_pipe("biobert_ner")(doc)) == gold(*TRAINING[0])


def test_running_again_replaces_ones_own_entities(nlp):
    ner = nlp.get_pipe("biobert_ner")
    doc = nlp(TEXT)
    ner.cfg["threshold"] = 1.0
    doc = ner(doc)
    assert doc.ents == ()
    assert len(doc.spans["ner"]) == 0


def test_two_heads_with_a_group_each(nlp):
    other = train(make_nlp(spans_key="second"))
    nlp.add_pipe("biobert_ner", name="second", config={"model": {"tok2vec": TOK2VEC}, "spans_key": "second"})
    nlp.get_pipe("second").from_bytes(other.get_pipe("biobert_ner").to_bytes())
    doc = nlp(TEXT)
    assert entities(doc) == gold(*TRAINING[0])
    assert [span.text for span in doc.spans["second"]] == [span.text for span in doc.spans["ner"]]


# --- Labels ---


def test_labels_come_from_the_data_in_order():
    nlp = make_nlp()
    nlp.initialize(lambda: make_examples(nlp))
    assert nlp.get_pipe("biobert_ner").labels == ("Chemical", "Disease")
    assert nlp.get_pipe("biobert_ner").model.get_dim("nO") == 9


def test_labels_stored_by_init_labels(tmp_path):
    nlp = make_nlp()
    nlp.initialize(lambda: make_examples(nlp))
    path = tmp_path / "biobert_ner.json"
    path.write_text(json.dumps(nlp.get_pipe("biobert_ner").label_data))
    again = make_nlp()
    again.config["initialize"]["components"]["biobert_ner"] = {
        "labels": {"@readers": "spacy.read_labels.v1", "path": str(path)}
    }
    again.initialize(lambda: make_examples(again, TRAINING[3:]))
    assert again.get_pipe("biobert_ner").labels == ("Chemical", "Disease")


def test_given_labels_keep_their_order():
    nlp = make_nlp()
    ner = nlp.get_pipe("biobert_ner")
    ner.initialize(lambda: make_examples(nlp), nlp=nlp, labels=["Gene", "Disease", "Chemical"])
    assert ner.label_data == ["Gene", "Disease", "Chemical"]
    assert ner.add_label("Gene") == 0


def test_label_after_initialization_is_an_error(nlp):
    with pytest.raises(ValueError, match=r"\[B102\].*'Gene'.*9 tags.*Chemical, Disease"):
        nlp.get_pipe("biobert_ner").add_label("Gene")


@pytest.mark.parametrize("label", ["", 7, None])
def test_label_has_to_be_a_text(label):
    with pytest.raises(ValueError, match=r"\[B109\]"):
        make_nlp().get_pipe("biobert_ner").add_label(label)


@pytest.mark.parametrize("labels", ["Disease", {"Disease": 1}])
def test_labels_have_to_be_a_list(labels):
    """As where a config names the file of labels, and not the reader."""
    nlp = make_nlp()
    with pytest.raises(ValueError, match=r"\[B121\].*biobert_ner.*Disease.*read_labels"):
        nlp.get_pipe("biobert_ner").initialize(lambda: make_examples(nlp), nlp=nlp, labels=labels)


@pytest.mark.parametrize(
    ("key", "where"), [(None, "in `doc.ents`"), ("gold", r"in `doc.spans\['gold'\]` or `doc.ents`")]
)
def test_no_labels_is_an_error(key, where):
    nlp = make_nlp(overlapping=key is not None, gold_spans_key=key)
    with pytest.raises(ValueError, match=rf"\[B103\].*biobert_ner.*{where}"):
        nlp.initialize(lambda: make_examples(nlp, TRAINING[3:]))


def test_wrong_number_of_tags_in_the_config_is_an_error():
    nlp = spacy.blank("en")
    nlp.add_pipe("biobert_ner", config={"model": {"nO": 12, "tok2vec": TOK2VEC}})
    with pytest.raises(ValueError, match=r"\[B105\].*nO = 12.*9 tags.*BILUO"):
        nlp.initialize(lambda: make_examples(nlp))


def test_unknown_scheme_is_an_error():
    with pytest.raises(ValueError, match=r"\[B101\].*IOBES"):
        make_nlp(scheme="IOBES")


# --- Training ---


def test_unknown_label_is_an_error(nlp):
    example = Example.from_dict(nlp.make_doc("BRCA1 ."), {"entities": [(0, 5, "Gene")]})
    with pytest.raises(ValueError, match=r"\[B104\].*'BRCA1'.*'Gene'"):
        nlp.update([example])


def test_missing_annotation_gives_no_gradient(nlp):
    ner = nlp.get_pipe("biobert_ner")
    reference = nlp.make_doc(TEXT)
    reference.set_ents([Span(reference, 0, 1, "Disease")], outside=[reference[1:2]], default="missing")
    example = Example(nlp.make_doc(TEXT), reference)
    loss, (d_scores,) = ner.get_loss([example], ner.model.predict([example.predicted]))
    assert loss > 0
    assert d_scores[:2].any(axis=1).all()
    assert not d_scores[2:].any()


def gradients(ner):
    """The gradients that an update without an optimizer has left in the head's last layer."""
    output = ner.model.get_ref("output_layer")
    return [output.get_grad("W"), output.get_grad("b")]


def test_unannotated_docs_change_nothing(nlp):
    ner = nlp.get_pipe("biobert_ner")
    doc = nlp.make_doc(TEXT)
    assert ner.update([Example(doc, doc.copy())]) == {"biobert_ner": 0.0}
    assert not any(gradient.any() for gradient in gradients(ner))
    assert ner.update(make_examples(nlp))["biobert_ner"] > 0
    assert all(gradient.any() for gradient in gradients(ner))


def test_updates_on_docs_without_tokens(nlp):
    examples = make_examples(nlp, [("", []), TRAINING[0], ("", [])])
    losses = nlp.update(examples, losses={})
    assert losses["biobert_ner"] > 0
    assert nlp.update(make_examples(nlp, [("", []), ("", [])]), losses={}) == {"biobert_ner": 0.0}


def test_gradient_does_not_grow_with_the_batch(nlp):
    ner = nlp.get_pipe("biobert_ner")
    ner.update(make_examples(nlp))
    once = [gradient.copy() for gradient in gradients(ner)]
    ner.update(make_examples(nlp, TRAINING * 5))  # adds its gradient to the one that is there
    for first, both in zip(once, gradients(ner), strict=True):
        np.testing.assert_allclose(both, 2 * first, rtol=1e-3, atol=1e-6)


def test_dropout_is_what_training_asks_for(nlp):
    ner = nlp.get_pipe("biobert_ner")
    ner.update(make_examples(nlp), drop=0.35)
    rates = [node.attrs["dropout_rate"] for node in ner.model.walk() if "dropout_rate" in node.attrs]
    assert set(rates) == {0.35}


def test_scores_that_are_not_numbers_are_an_error(nlp):
    output = nlp.get_pipe("biobert_ner").model.get_ref("output_layer")
    output.set_param("b", np.full_like(output.get_param("b"), np.nan))
    with pytest.raises(ValueError, match=r"\[B107\].*biobert_ner"):
        nlp(TEXT)
    with pytest.raises(ValueError, match=r"\[B107\].*biobert_ner"):
        nlp.update(make_examples(nlp))


# --- Disk ---


def same(doc, other):
    assert entities(doc) == entities(other)
    assert doc.spans["ner"].attrs == other.spans["ner"].attrs


def test_to_disk_and_back(nlp, tmp_path):
    nlp.get_pipe("biobert_ner").cfg.update(threshold=0.25, temperature=1.5)
    nlp.to_disk(tmp_path)
    loaded = spacy.load(tmp_path)
    assert loaded.get_pipe("biobert_ner").cfg == nlp.get_pipe("biobert_ner").cfg
    same(loaded(TEXT), nlp(TEXT))


def test_to_bytes_and_back(nlp):
    nlp.get_pipe("biobert_ner").cfg.update(threshold=0.25, temperature=1.5)
    loaded = spacy.blank("en").from_config(nlp.config).from_bytes(nlp.to_bytes())
    same(loaded(TEXT), nlp(TEXT))


def test_settings_given_to_load_win(nlp, tmp_path):
    nlp.get_pipe("biobert_ner").cfg.update(threshold=0.25, temperature=1.5)
    nlp.to_disk(tmp_path / "first")
    first = spacy.load(tmp_path / "first", config={"components": {"biobert_ner": {"threshold": 0.75}}})
    cfg = first.get_pipe("biobert_ner").cfg
    assert (cfg["threshold"], cfg["temperature"], cfg["labels"]) == (0.75, 1.5, ["Chemical", "Disease"])
    first.to_disk(tmp_path / "second")
    cfg = spacy.load(tmp_path / "second").get_pipe("biobert_ner").cfg
    assert (cfg["threshold"], cfg["temperature"]) == (0.75, 1.5)


def test_config_round_trip(nlp):
    config = Config().from_str(nlp.config.to_str())
    assert config["components"]["biobert_ner"]["scorer"]["@scorers"] == "spacy_biobert.ner_scorer.v1"
    same(spacy.blank("en").from_config(config).from_bytes(nlp.to_bytes())(TEXT), nlp(TEXT))


def test_default_config_listens_to_an_encoder():
    nlp = spacy.blank("en")
    nlp.add_pipe("biobert_ner")
    tok2vec = nlp.config["components"]["biobert_ner"]["model"]["tok2vec"]
    assert tok2vec["@architectures"] == "spacy-transformers.TransformerListener.v1"
    assert tok2vec["pooling"] == {"@layers": "reduce_mean.v1"}
    assert nlp.get_pipe("biobert_ner").model.get_ref("tok2vec").layers[0].name == "transformer-listener"


# --- `span._.score` ---


def test_foreign_extension_is_left_alone():
    ours = Span.remove_extension("score") if Span.has_extension("score") else None
    try:
        Span.set_extension("score", default="theirs")
        with pytest.warns(UserWarning, match=r"\[W101\].*`span._.score`"):
            make_nlp()
        doc = Doc(spacy.blank("en").vocab, words=["a"])
        assert doc[:1]._.score == "theirs"
    finally:
        Span.remove_extension("score")
        if ours is not None:
            Span.set_extension("score", getter=ours[2])


def test_scores_of_nested_and_equal_spans():
    doc = Doc(spacy.blank("en").vocab, words=list("abcdef"))
    bounds = [(0, 2, "X"), (0, 2, "Y"), (0, 3, "X"), (1, 2, "X"), (4, 6, "X")]
    spans = [Span(doc, start, end, label=label) for start, end, label in bounds]
    doc.spans["all"] = spans
    doc.spans["all"].attrs.update(scores=[0.1, 0.2, 0.3, 0.4, 0.5], annotator="head", **Places.of(spans).to_attrs())
    doc.spans["foreign"] = [doc[4:5]]
    found = [get_score(Span(doc, start, end, label=label)) for start, end, label in bounds]
    assert found == [0.1, 0.2, 0.3, 0.4, 0.5]
    assert get_score(Span(doc, 1, 2, label="Y")) is None
    doc.spans["all"].attrs["scores"] = [0.1]
    assert get_score(doc.spans["all"][4]) is None


def test_the_score_is_that_of_who_has_set_the_entity(nlp):
    text = " ".join(text for text, _ in TRAINING)
    source = spacy.blank("en").from_config(nlp.config).from_bytes(nlp.to_bytes())
    for overwrite in (True, False):
        second = nlp.add_pipe("biobert_ner", name="second", source=source)
        second.cfg.update(overwrite=overwrite, spans_key="second", temperature=3.0)
        doc = nlp(text)
        expected = doc.spans["second" if overwrite else "ner"].attrs["scores"]
        assert [ent._.score for ent in doc.ents] == expected
        assert doc.spans["second"].attrs["scores"] != doc.spans["ner"].attrs["scores"]
        nlp.remove_pipe("second")


def test_a_pipeline_can_be_sent_to_a_process(nlp):
    again = pickle.loads(pickle.dumps(nlp))
    text = " ".join(text for text, _ in TRAINING)
    assert [ent._.score for ent in again(text).ents] == [ent._.score for ent in nlp(text).ents]
    assert again.evaluate(make_examples(again)) is not None


def test_settings_that_are_changed_in_place_are_stored():
    nlp = train(make_nlp(overlapping=True), n_steps=1)
    nlp.get_pipe("biobert_ner").cfg["label_weights"]["Disease"] = 2.0
    again = spacy.blank("en").from_config(nlp.config).from_bytes(nlp.to_bytes())
    assert again.get_pipe("biobert_ner").cfg["label_weights"] == {"Disease": 2.0}


def test_settings_that_json_reads_otherwise():
    nlp = train(make_nlp(threshold=0.3), n_steps=1)
    nlp.get_pipe("biobert_ner").cfg["threshold"] = 0.7
    again = spacy.blank("en").from_config(nlp.config).from_bytes(nlp.to_bytes())
    assert again.get_pipe("biobert_ner").cfg["threshold"] == 0.7


# --- What is stored, or sent, and read elsewhere ---


def test_two_components_need_a_group_each(nlp):
    doc = nlp("fever")
    ner = nlp.get_pipe("biobert_ner")
    ner.name = "another"
    with pytest.warns(UserWarning, match=r"W102.*'another'.*'ner'.*'biobert_ner'"):
        ner(doc)
    ner.name = "biobert_ner"


@pytest.mark.parametrize("content", ["", "[", "[]"])
def test_damaged_settings_are_told(nlp, tmp_path, content):
    nlp.to_disk(tmp_path)
    (tmp_path / "biobert_ner" / "cfg").write_text(content)
    with pytest.raises(ValueError, match=r"\[B002\] '.*biobert_ner.cfg'"):
        spacy.load(tmp_path)


def test_settings_that_do_not_fit_the_model_are_told(nlp, tmp_path):
    nlp.to_disk(tmp_path)
    path = tmp_path / "biobert_ner" / "cfg"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"labels": ["Disease", "Drug", "More"]}))
    with pytest.raises(ValueError, match=r"\[B120\].*Disease, Drug, More"):
        spacy.load(tmp_path)


READ_ELSEWHERE = """
import sys, spacy, spacy_biobert
from spacy.tokens import DocBin

spacy_biobert.register_extensions()
(doc,) = DocBin().from_disk(sys.argv[1]).get_docs(spacy.blank("en").vocab)
print([ent._.score for ent in doc.ents], [ent._.kb_ents for ent in doc.ents])
"""


def test_scores_are_read_without_a_pipeline(nlp, tmp_path):
    doc = nlp(TRAINING[0][0])
    assert doc.ents
    DocBin(docs=[doc], store_user_data=True).to_disk(tmp_path / "docs.spacy")
    command = [sys.executable, "-c", READ_ELSEWHERE, str(tmp_path / "docs.spacy")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    expected = [ent._.score for ent in doc.ents], [[] for _ in doc.ents]
    assert done.stdout.strip() == f"{expected[0]} {expected[1]}"


def test_examples_may_come_one_by_one():
    nlp = make_nlp()
    nlp.initialize(lambda: make_examples(nlp))
    losses = nlp.get_pipe("biobert_ner").update(iter(make_examples(nlp)))
    assert losses["biobert_ner"] > 0
