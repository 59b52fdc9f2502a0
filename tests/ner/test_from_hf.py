"""A fine-tuned token classifier and the pipeline made of it say the same of the same words.

"The same words" needs care for byte-level vocabularies (RoBERTa), which spell a word after a space otherwise than
elsewhere. Words given one by one to Hugging Face's tokenizer all count as after a space; a pipeline's words stand as
the text has them. Both are compared where they mean the same: docs with a space before each word, and raw texts.
"""

import json
import shutil

import numpy as np
import pytest
import spacy
import torch
from spacy.tokens import Doc
from tiny import FAMILIES, build_hf_model, change_config, write_vocabulary

from spacy_biobert.ner.from_hf import NEVER, from_hf

BIO = ["I-Disease", "O", "B-Chemical", "B-Disease", "I-Chemical"]
IOBES = ["O", *(f"{letter}-{label}" for label in ("Disease", "Gene") for letter in "SBIE")]
SENTENCES = [
    "The patient with colon cancer .",
    "BRCA1 mutation in the gene of patients and colitis .",
    "Pain is gone",
    "naïve patients ( with p53 - mutation ) and colon cancer , 3.5 of 10",
    "the patient of the gene in the colon is the mutation of the patient with colon cancer in the gene",
    "x" * 30 + " gene",
    "colitis",
]
MENTIONS = {"colon cancer": 0, "colitis": 0, "Pain is gone": 0, "gene": 1, "BRCA1 mutation": 1, "p53 - mutation": 1}
RUN = {"components": {"biobert": {"precision": "float32", "device": "cpu"}}}
CLASSES = {
    "bert": "BertForTokenClassification",
    "bert-cased": "BertForTokenClassification",
    "roberta": "RobertaForTokenClassification",
    "distilbert": "DistilBertForTokenClassification",
    "electra": "ElectraForTokenClassification",
}


def build_classifier(family, folder, names=BIO):
    """Write a random encoder with a classifier that was fitted, so that many of its tag sequences are valid."""
    import transformers

    config = build_hf_model(family, folder).config
    config.id2label, config.label2id = dict(enumerate(names)), {name: i for i, name in enumerate(names)}
    torch.manual_seed(1)
    model = getattr(transformers, CLASSES[family])(config).eval()
    fit(model, hf_tokenizer(family, folder), names)
    model.save_pretrained(folder)
    return model


def fit(model, tokenizer, names):
    """Solve for the classifier's weights that find `MENTIONS` in `SENTENCES`."""
    width = model.config.hidden_size
    classifier, model.classifier = model.classifier, torch.nn.Identity()
    states = np.concatenate([hf_logits(model, tokenizer, text.split()) for text in SENTENCES])
    model.classifier = classifier
    targets = np.array([names.index(tag) for text in SENTENCES for tag in gold_tags(text.split(), names)])
    inputs = torch.tensor(np.hstack([states, np.ones((len(states), 1))]))
    scores = 10 * torch.nn.functional.one_hot(torch.tensor(targets), len(names)).double() - 2
    solved = torch.linalg.solve(inputs.T @ inputs + 0.01 * torch.eye(width + 1), inputs.T @ scores).float().T
    with torch.no_grad():
        classifier.weight.copy_(solved[:, :-1])
        classifier.bias.copy_(solved[:, -1])


def gold_tags(words, names):
    labels = sorted({name[2:] for name in names if name != "O"})
    tags = ["O"] * len(words)
    for mention, label in MENTIONS.items():
        n = len(mention.split())
        for i in range(len(words) - n + 1):
            if words[i : i + n] == mention.split():
                letters = "S" if n == 1 else "B" + "I" * (n - 2) + "E"
                letters = letters if any(name.startswith("E-") for name in names) else "B" + "I" * (n - 1)
                for j, letter in enumerate(letters):
                    tag = f"{letter}-{labels[label]}"
                    tags[i + j] = tag if tag in names else "O"
    return tags


@pytest.fixture(scope="module")
def classifiers(tmp_path_factory):
    made = {}

    def make(family, names=BIO):
        key = family, tuple(names)
        if key not in made:
            folder = tmp_path_factory.mktemp(family)
            made[key] = build_classifier(family, folder, names), folder
        return made[key]

    return make


@pytest.fixture
def folder(classifiers, tmp_path):
    """A classifier that a test may break."""
    shutil.copytree(classifiers("bert")[1], tmp_path / "broken")
    return tmp_path / "broken"


def hf_tokenizer(family, folder):
    import transformers

    options = {"add_prefix_space": True} if family == "roberta" else {"do_lower_case": family != "bert-cased"}
    return transformers.AutoTokenizer.from_pretrained(folder, **options)


def hf_logits(model, tokenizer, words):
    """Hugging Face's logits of each word: those of its first piece, (n_words, n_classes)."""
    encoded = tokenizer(words, is_split_into_words=True, return_tensors="pt")
    first = {word: i for i, word in reversed(list(enumerate(encoded.word_ids()))) if word is not None}
    with torch.inference_mode():
        logits = model(encoded.input_ids, attention_mask=encoded.attention_mask).logits[0].numpy()
    return logits[[first[word] for word in range(len(words))]]


def our_logits(nlp, doc):
    """The head's scores of each token, (n_tokens, n_tags)."""
    return nlp.get_pipe("biobert_ner").model.predict([nlp.get_pipe("biobert")(doc)])[0]


def columns(nlp, names):
    """For each of the head's tags, the class of that name, as the test itself reads names, or None."""
    theirs = {name.replace("S-", "U-").replace("E-", "L-"): i for i, name in enumerate(names)}
    return [theirs.get(tag) for tag in nlp.get_pipe("biobert_ner").tag_scheme.tags]


def make_doc(nlp, text):
    """A doc of the words of a text, a space before each of them, as both sides can be given it."""
    words = text.split()
    return words, Doc(nlp.vocab, words=words, spaces=[True] * len(words))


def valid_mentions(tags, *, closes):
    """Mentions of a sequence of B, I, O (and, where these close mentions, E, S) tags; None where it is not valid."""
    mentions, open_label = [], None
    for i, tag in enumerate([*tags, "O"]):
        letter, _, label = tag.partition("-")
        if letter in "IE":
            if open_label != label:
                return None
            mentions[-1][1] = i + 1
        elif closes and open_label:
            return None
        elif letter in "BS":
            mentions.append([i, i + 1, label])
        open_label = label if letter in "BI" else None
    return [tuple(mention) for mention in mentions]


# --- the same as Hugging Face ---


@pytest.mark.parametrize("names", [BIO, IOBES], ids=["BIO", "IOBES"])
@pytest.mark.parametrize("family", FAMILIES)
def test_logits_equal_hugging_face(classifiers, tmp_path, family, names):
    model, folder = classifiers(family, names)
    from_hf(folder).to_disk(tmp_path)
    nlp = spacy.load(tmp_path, config=RUN)
    tokenizer = hf_tokenizer(family, folder)
    order = columns(nlp, names)
    assert None not in order
    for text in SENTENCES:
        words, doc = make_doc(nlp, text)
        expected = hf_logits(model, tokenizer, words)[:, order]
        np.testing.assert_allclose(our_logits(nlp, doc), expected, rtol=0, atol=1e-4)


@pytest.mark.parametrize("names", [BIO, IOBES], ids=["BIO", "IOBES"])
@pytest.mark.parametrize("family", FAMILIES)
def test_same_entities_where_the_best_tags_are_valid(classifiers, family, names):
    model, folder = classifiers(family, names)
    nlp = from_hf(folder)
    nlp.get_pipe("biobert").precision = "float32"
    tokenizer = hf_tokenizer(family, folder)
    n_valid, n_mentions, n_invalid = 0, 0, 0
    parts = {tuple(text.split()[i:j]) for text in SENTENCES for i in range(9) for j in range(i + 1, 20)} - {()}
    pairs = [make_doc(nlp, " ".join(part)) for part in sorted(parts)]
    for (words, _), doc in zip(pairs, nlp.pipe([doc for _, doc in pairs]), strict=True):
        best = [names[i] for i in hf_logits(model, tokenizer, words).argmax(axis=1)]
        expected = valid_mentions(best, closes=names is IOBES)
        ents = [(ent.start, ent.end, ent.label_) for ent in doc.ents]
        if expected is None:
            n_invalid += 1
            continue
        assert ents == expected, best
        n_valid += 1
        n_mentions += len(expected)
    assert n_valid >= 50
    assert n_mentions >= 15
    assert n_invalid >= 50  # else a decoder without constraints would pass


def test_byte_level_pieces_of_raw_text(classifiers):
    """A word that no space precedes is spelled as in running text, which is what such checkpoints were trained on."""
    model, folder = classifiers("roberta")
    nlp = from_hf(folder)
    nlp.get_pipe("biobert").precision = "float32"
    tokenizer = hf_tokenizer("roberta", folder)
    for text in ("The patient (with colon cancer).", "BRCA1-mutation in the gene/colon.", "colitis"):
        doc = nlp.make_doc(text.replace(").", ") ."))
        encoded = tokenizer(doc.text, return_tensors="pt", return_offsets_mapping=True)
        starts = [start + doc.text[start:end].startswith(" ") for start, end in encoded.offset_mapping[0].tolist()]
        first = [starts.index(token.idx, 1) for token in doc]
        with torch.inference_mode():
            logits = model(encoded.input_ids).logits[0].numpy()
        expected = logits[first][:, columns(nlp, BIO)]
        np.testing.assert_allclose(our_logits(nlp, doc), expected, rtol=0, atol=1e-4)


# --- tags that the checkpoint lacks ---


def test_a_tag_without_a_class_is_never_given(classifiers):
    names = ["O", "B-Gene", "B-Disease", "I-Disease"]
    model, folder = classifiers("bert", names)
    nlp = from_hf(folder)
    nlp.get_pipe("biobert").precision = "float32"
    order = columns(nlp, names)
    gap = order.index(None)
    assert nlp.get_pipe("biobert_ner").tag_scheme.tags[gap] == "I-Gene"
    tokenizer = hf_tokenizer("bert", folder)
    genes = 0
    for text in SENTENCES:
        words, doc = make_doc(nlp, text)
        scores = our_logits(nlp, doc)
        assert (scores[:, gap] == NEVER).all()
        known = [i for i in range(len(order)) if i != gap]
        expected = hf_logits(model, tokenizer, words)[:, [order[i] for i in known]]
        np.testing.assert_allclose(scores[:, known], expected, rtol=0, atol=1e-4)
        found = [ent for ent in nlp(doc).ents if ent.label_ == "Gene"]
        assert all(len(ent) == 1 and 0 < ent._.score <= 1 for ent in found)
        genes += len(found)
    assert genes


def test_it_can_be_trained_further(classifiers):
    """With a tag that had no class: weights stay finite, with averages too."""
    nlp = from_hf(classifiers("bert", ["O", "B-Gene", "B-Disease", "I-Disease"])[1])
    optimizer = nlp.resume_training()
    for _ in range(3):
        doc = nlp.make_doc("The patient with colon cancer .")
        reference = Doc(nlp.vocab, words=[token.text for token in doc], ents=["O", "O", "O", "B-Gene", "I-Gene", "O"])
        losses = nlp.update([spacy.training.Example(doc, reference)], sgd=optimizer)
        assert np.isfinite(losses["biobert_ner"])
    with nlp.use_params(optimizer.averages):
        assert np.isfinite(our_logits(nlp, nlp.make_doc("colon cancer"))).all()


# --- the pipeline ---


def test_pipeline_needs_the_folder_no_more(classifiers, tmp_path, warm_python):
    """Stored as half the size, loaded in another process, with the classifier gone."""
    folder = tmp_path / "My Tagger-v1.0"
    shutil.copytree(classifiers("bert-cased")[1], folder)
    nlp = from_hf(folder, save_dtype="float16", meta={"version": "1.2.3"})
    assert nlp.meta["name"] == "my_tagger_v1_0"
    nlp.to_disk(tmp_path / "out")
    expected = [(ent.text, ent.label_) for text in SENTENCES for ent in nlp(text).ents]
    assert expected
    shutil.rmtree(folder)
    config = spacy.util.load_config(tmp_path / "out" / "config.cfg")
    assert str(tmp_path) not in config.to_str()
    assert config["initialize"]["components"]["biobert_ner"]["labels"] == list(nlp.pipe_labels["biobert_ner"])
    script = (
        "import spacy, json, sys\n"
        "nlp = spacy.load(sys.argv[1])\n"
        "found = [(ent.text, ent.label_) for text in json.loads(sys.argv[2]) for ent in nlp(text).ents]\n"
        "print(json.dumps([nlp.pipe_names, nlp.meta['version'], nlp.pipe_labels['biobert_ner'], found]))"
    )
    done = warm_python("-c", script, tmp_path / "out", json.dumps(SENTENCES), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    names, version, labels, found = json.loads(done.stdout.splitlines()[-1])
    assert names == ["biobert", "biobert_ner"]
    assert version == "1.2.3"
    assert sorted(labels) == ["Chemical", "Disease"]
    assert [tuple(ent) for ent in found] == expected


def test_long_docs_and_strange_ones(classifiers):
    nlp = from_hf(classifiers("roberta")[1])
    for text in ("", " ", "\n\n", "gene " * 500, "x" * 2000):
        assert nlp(text).has_annotation("ENT_IOB") or not text


# --- what is refused ---


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"architectures": ["BertForSequenceClassification"]}, "B050"),
        ({"architectures": ["BertCrf"]}, "B050"),
        ({"id2label": {str(i): f"LABEL_{i}" for i in range(5)}}, "B051"),
        ({"id2label": {"0": "O", "1": "B-X", "2": "I-X", "3": "B-Y", "9": "I-Y"}}, "B051"),
        ({"id2label": "absent", "label2id": "absent"}, "B051"),
        ({"id2label": {"0": "O", "1": "B-Disease", "2": "I-Disease"}, "label2id": "absent"}, "B051"),
        ({"model_type": "t5"}, "B003"),
    ],
)
def test_what_is_no_token_classifier(folder, changes, code):
    change_config(folder, **changes)
    with pytest.raises(ValueError, match=rf"^\[{code}\]") as caught:
        from_hf(folder)
    assert "\n" not in str(caught.value)


def test_an_encoder_alone(folder, hf_models):
    """There are no weights of any class, be there settings that claim classes or none."""
    shutil.copy(hf_models["bert"][1] / "model.safetensors", folder / "model.safetensors")
    with pytest.raises(ValueError, match=r"^\[B050\].*classifier"):
        from_hf(folder)
    change_config(folder, architectures="absent", id2label="absent", label2id="absent")
    with pytest.raises(ValueError, match=r"^\[B050\].*classifier"):
        from_hf(folder)


def test_missing_weights(folder):
    (folder / "model.safetensors").unlink()
    with pytest.raises(FileNotFoundError, match=r"^\[B001\]"):
        from_hf(folder)


def test_casing_that_contradicts(classifiers, tmp_path):
    folder = tmp_path / "cased"
    shutil.copytree(classifiers("bert-cased")[1], folder)
    write_vocabulary(folder, cased=True, settings={"do_lower_case": True})
    with pytest.raises(ValueError, match=r"^\[B012\]"):
        from_hf(folder)
    nlp = from_hf(folder, casing="lower")
    assert nlp.config["components"]["biobert"]["model"]["casing"] == "lower"


def test_unknown_language(folder):
    with pytest.raises(ValueError, match=r"^\[B057\].*'zz'"):
        from_hf(folder, lang="zz")
