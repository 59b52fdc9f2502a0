"""The component with a layer of tags for each label."""

import numpy as np
import pytest
import spacy
import srsly
from spacy.cli.find_threshold import find_threshold
from spacy.tokens import Doc, DocBin, Span
from spacy.training import Example
from spacy.util import fix_random_seed

from spacy_biobert.ner.scorer import make_ner_scorer
from spacy_biobert.ner.settings import OBJECTIVES
from spacy_biobert.ner.tags import SCHEMES

from .conftest import TOK2VEC, TRAINING, make_examples, make_nlp, train

NESTED = [
    (["Lead", "poisoning", "was", "seen", "."], [(0, 2, "Disease"), (0, 1, "Chemical")]),
    (["No", "aspirin", "-", "induced", "asthma", "."], [(1, 5, "Disease"), (1, 2, "Chemical"), (4, 5, "Symptom")]),
    (["Nothing", "else", "."], []),
]
TEXT = "No aspirin - induced asthma ."


def nested_examples(nlp):
    examples = []
    for words, mentions in NESTED:
        reference = Doc(nlp.vocab, words=words)
        reference.spans["gold"] = [Span(reference, start, end, label=label) for start, end, label in mentions]
        examples.append(Example(nlp.make_doc(reference.text), reference))
    return examples


def train_nested(**settings):
    nlp = make_nlp(overlapping=True, gold_spans_key="gold", **settings)
    fix_random_seed(0)
    optimizer = nlp.initialize(lambda: nested_examples(nlp))
    for _ in range(60):
        nlp.update(nested_examples(nlp), sgd=optimizer)
    return nlp


@pytest.fixture(scope="module")
def nested_bytes():
    nlp = train_nested()
    return nlp.config.copy(), nlp.to_bytes()


@pytest.fixture
def nested(nested_bytes):
    config, data = nested_bytes
    return spacy.blank("en").from_config(config).from_bytes(data)


def in_group(doc):
    return [(span.text, span.label_) for span in doc.spans["ner"]]


def entities(doc):
    return [(ent.text, ent.label_) for ent in doc.ents]


FOUND = [("aspirin", "Chemical"), ("aspirin - induced asthma", "Disease"), ("asthma", "Symptom")]


@pytest.mark.parametrize("scheme", SCHEMES)
def test_learns_overlapping_mentions(scheme):
    nlp = train_nested(scheme=scheme)
    ner = nlp.get_pipe("biobert_ner")
    assert ner.labels == ("Chemical", "Disease", "Symptom")
    assert ner.model.get_dim("nO") == 3 * {"BIO": 3, "BILUO": 5}[scheme]
    doc = nlp(TEXT)
    assert in_group(doc) == FOUND
    assert [span._.score for span in doc.spans["ner"]] == doc.spans["ner"].attrs["scores"]
    scored = nested_examples(nlp)
    for example in scored:
        example.reference.spans["ner"] = list(example.reference.spans["gold"])
        nlp(example.predicted)
    assert make_ner_scorer("ner")(scored)["spans_ner_f"] == 1.0


@pytest.mark.parametrize("overlapping", [False, True])
@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("objective", OBJECTIVES)
def test_every_way_of_training_learns(objective, scheme, overlapping):
    nlp = train(make_nlp(overlapping=overlapping, scheme=scheme, objective=objective))
    for text, ents in TRAINING:
        assert entities(nlp(text)) == [(text[start:end], label) for start, end, label in ents]
    assert nlp.evaluate(make_examples(nlp))["ents_f"] == 1.0


def with_scores(nlp, monkeypatch, confidences):
    """Let the component find the three mentions of the text with given confidences, from the outer to the inner."""
    ner = nlp.get_pipe("biobert_ner")
    scores = np.zeros((6, ner.model.get_dim("nO")), dtype="f").reshape(6, 3, 5)
    scores[..., 0] = 20
    for label, (start, end), confidence in zip((1, 0, 2), ((1, 5), (1, 2), (4, 5)), confidences, strict=True):
        tags = [4] if end - start == 1 else [1, *[2] * (end - start - 2), 3]
        scores[np.arange(start, end), label, 0] = 0
        scores[np.arange(start, end), label, tags] = confidence
    monkeypatch.setattr(ner.model, "_func", lambda model, docs, is_train: ([scores.reshape(6, -1)], lambda d: []))
    return ner


@pytest.mark.parametrize(
    ("clash", "confidences", "expected"),
    [
        ("score", (9, 5, 5), [FOUND[1]]),
        ("score", (5, 9, 4), [FOUND[0], FOUND[2]]),
        ("longest", (5, 9, 9), [FOUND[1]]),
    ],
)
def test_entities_are_the_best_that_do_not_overlap(nested, monkeypatch, clash, confidences, expected):
    ner = with_scores(nested, monkeypatch, confidences)
    ner.cfg["clash"] = clash
    doc = ner(nested.make_doc(TEXT))
    assert in_group(doc) == FOUND
    assert entities(doc) == expected
    assert all(ent._.score is not None for ent in doc.ents)


def test_threshold_comes_before_clashes(nested, monkeypatch):
    """What is not reported at all keeps nothing out of the entities."""
    ner = with_scores(nested, monkeypatch, (2, 3, 3))
    ner.cfg["clash"] = "longest"
    doc = ner(nested.make_doc(TEXT))
    outer, inner = doc.spans["ner"][1]._.score, doc.spans["ner"][0]._.score
    assert entities(doc) == [FOUND[1]]
    ner.cfg["threshold"] = (outer + inner) / 2
    doc = ner(nested.make_doc(TEXT))
    assert entities(doc) == in_group(doc) == [FOUND[0], FOUND[2]]


def test_mention_that_others_leave_room_for_is_an_entity(nested, monkeypatch):
    """A mention that overlaps someone else's entity does not keep out those that do not."""
    ner = with_scores(nested, monkeypatch, (9, 5, 5))
    doc = nested.make_doc(TEXT)
    doc.set_ents([Span(doc, 2, 3, label="Dash")], default="outside")
    doc = ner(doc)
    assert entities(doc) == [FOUND[0], ("-", "Dash"), FOUND[2]]
    assert entities(ner(doc)) == [FOUND[0], ("-", "Dash"), FOUND[2]]
    assert in_group(doc) == FOUND


def test_whitespace_at_the_edges_leaves_the_group_sorted(nested, monkeypatch):
    """Cutting off whitespace may change the order of overlapping mentions, by which scores are looked up."""
    ner = nested.get_pipe("biobert_ner")
    scores = np.zeros((4, 3, 5), dtype="f")
    scores[..., 0] = 9
    for label, (start, end) in enumerate(((0, 4), (1, 2))):
        tags = [4] if end - start == 1 else [1, *[2] * (end - start - 2), 3]
        scores[np.arange(start, end), label, tags] = 20
    monkeypatch.setattr(ner.model, "_func", lambda model, docs, is_train: ([scores.reshape(4, -1)], lambda d: []))
    doc = ner(Doc(nested.vocab, words=["\n", "lead", "poisoning", "seen"]))
    assert in_group(doc) == [("lead", "Disease"), ("lead poisoning seen", "Chemical")]
    assert [span._.score for span in doc.spans["ner"]] == doc.spans["ner"].attrs["scores"]


def test_docs_do_not_depend_on_their_batch(nested):
    texts = [" ".join(words) for words, _ in NESTED] * 3 + ["", "\n"]
    for doc, alone in zip(nested.pipe(texts, batch_size=4), map(nested, texts), strict=True):
        assert in_group(doc) == in_group(alone)
        assert doc.spans["ner"].attrs["scores"] == pytest.approx(alone.spans["ner"].attrs["scores"])


# --- Labels and settings ---


def test_labels_are_added_before_initialization_only():
    nlp = make_nlp(overlapping=True)
    ner = nlp.get_pipe("biobert_ner")
    assert [ner.add_label(label) for label in ("Gene", "Disease", "Gene")] == [1, 1, 0]
    nlp.initialize(lambda: make_examples(nlp))
    assert ner.labels == ("Gene", "Disease", "Chemical")
    assert ner.model.get_dim("nO") == 15
    with pytest.raises(ValueError, match=r"\[B102\].*'Cell'.*15 tags"):
        ner.add_label("Cell")


def test_wrong_number_of_tags_in_the_config_is_an_error():
    nlp = spacy.blank("en")
    nlp.add_pipe("biobert_ner", config={"model": {"nO": 12, "tok2vec": TOK2VEC}, "overlapping": True})
    with pytest.raises(ValueError, match=r"\[B105\].*nO = 12.*10 tags"):
        nlp.initialize(lambda: make_examples(nlp))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"clash": "best"}, r"\[B110\].*'best'.*score, longest"),
        ({"gold_spans_key": "gold"}, r"\[B111\].*'gold'.*overlapping = true"),
        ({"label_smoothing": 1.0}, r"\[B112\].*1\.0"),
        ({"label_smoothing": -0.1}, r"\[B112\].*-0\.1"),
        ({"objective": "crf"}, r"\[B113\].*'crf'.*tokens, sequence"),
        ({"objective": "sequence", "label_smoothing": 0.1}, r"\[B114\].*0\.1"),
        ({"label_weights": {"Disease": 2.0}}, r"\[B115\].*overlapping = true"),
        ({"label_weights": {"Disease": -1.0}, "overlapping": True}, r"\[B117\].*Disease -1\.0"),
    ],
)
def test_settings_that_mean_nothing_are_errors(nlp, settings, message):
    with pytest.raises(ValueError, match=message):
        make_nlp(**settings)
    nlp.get_pipe("biobert_ner").cfg.update(settings)
    with pytest.raises(ValueError, match=message):
        nlp(TEXT)
    with pytest.raises(ValueError, match=message):
        nlp.update(make_examples(nlp))


def test_label_smoothing_keeps_scores_from_1():
    sharp, smooth = train(make_nlp()), train(make_nlp(label_smoothing=0.2))
    text, _ = TRAINING[0]
    assert entities(sharp(text)) == entities(smooth(text))
    for score, smoothed in zip(*(nlp(text).spans["ner"].attrs["scores"] for nlp in (sharp, smooth)), strict=True):
        assert smoothed < score


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_a_label_without_weight_is_not_learned(objective):
    nlp = train_nested(objective=objective, label_weights={"Symptom": 0.0})
    assert in_group(nlp(TEXT)) == FOUND[:2]


def test_weight_of_a_label_that_is_none():
    with pytest.raises(ValueError, match=r"\[B116\].*Sign, and its labels are Chemical, Disease, Symptom"):
        train_nested(label_weights={"Sign": 2.0})


# --- Disk ---


def same(doc, other):
    assert in_group(doc) == in_group(other)
    assert entities(doc) == entities(other)
    assert doc.spans["ner"].attrs == other.spans["ner"].attrs


def test_to_disk_and_to_bytes_and_back(nested, tmp_path):
    nested.get_pipe("biobert_ner").cfg.update(clash="longest", label_smoothing=0.1)
    nested.to_disk(tmp_path)
    for loaded in (spacy.load(tmp_path), spacy.blank("en").from_config(nested.config).from_bytes(nested.to_bytes())):
        assert loaded.get_pipe("biobert_ner").cfg == nested.get_pipe("biobert_ner").cfg
        assert loaded.get_pipe("biobert_ner").cfg["overlapping"] is True
        same(loaded(TEXT), nested(TEXT))


def test_doc_bin_keeps_overlapping_mentions(nested):
    doc = nested(TEXT)
    (copy,) = DocBin().from_bytes(DocBin(docs=[doc]).to_bytes()).get_docs(nested.vocab)
    same(copy, doc)
    assert [span._.score for span in copy.spans["ner"]] == doc.spans["ner"].attrs["scores"]


def test_settings_given_to_load_win_but_not_over_the_models_shape(nested, tmp_path):
    nested.to_disk(tmp_path)
    config = {"components": {"biobert_ner": {"clash": "longest", "overlapping": False, "gold_spans_key": None}}}
    loaded = spacy.load(tmp_path, config=config)
    cfg = loaded.get_pipe("biobert_ner").cfg
    assert (cfg["clash"], cfg["overlapping"]) == ("longest", True)
    assert in_group(loaded(TEXT)) == FOUND


def test_settings_that_are_not_loaded_stay(nested, tmp_path):
    ner = nested.get_pipe("biobert_ner")
    ner.to_disk(tmp_path)
    ner.cfg["threshold"] = 0.25
    for _ in range(2):
        ner.from_disk(tmp_path, exclude=["cfg"])
        assert (ner.cfg["overlapping"], ner.cfg["threshold"]) == (True, 0.25)
    ner.from_bytes(ner.to_bytes(), exclude=["cfg"])
    assert in_group(nested(TEXT)) == FOUND
    ner.from_disk(tmp_path)
    assert ner.cfg["threshold"] == 0.0


NEW_SETTINGS = ("clash", "gold_spans_key", "objective", "label_smoothing", "label_weights")


def test_pipelines_from_before_these_settings_load(nlp, tmp_path):
    nlp.to_disk(tmp_path)
    cfg = srsly.read_json(tmp_path / "biobert_ner" / "cfg")
    for settings in (cfg, cfg["settings"]):
        for key in NEW_SETTINGS:
            settings.pop(key, None)
    srsly.write_json(tmp_path / "biobert_ner" / "cfg", cfg)
    config = spacy.util.load_config(tmp_path / "config.cfg")
    for key in NEW_SETTINGS:
        del config["components"]["biobert_ner"][key]
    config.to_disk(tmp_path / "config.cfg")
    loaded = spacy.load(tmp_path)
    text, ents = TRAINING[0]
    assert entities(loaded(text)) == [(text[start:end], label) for start, end, label in ents]


def test_select_pipes(nested):
    with nested.select_pipes(disable="biobert_ner"):
        assert "ner" not in nested(TEXT).spans
    assert in_group(nested(TEXT)) == FOUND


def test_find_threshold(nested, tmp_path, capsys):
    nested.to_disk(tmp_path / "model")
    DocBin(docs=list(nested.pipe([TEXT]))).to_disk(tmp_path / "dev.spacy")
    threshold, score, scores = find_threshold(
        tmp_path / "model", tmp_path / "dev.spacy", "biobert_ner", "threshold", "ents_r", n_trials=3
    )
    assert (threshold, score) == (0.0, 1.0)
    assert scores[1.0] == 0.0
