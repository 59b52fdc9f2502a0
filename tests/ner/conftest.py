import pytest
import spacy
from spacy.training import Example
from spacy.util import fix_random_seed

TOK2VEC = {
    "@architectures": "spacy.HashEmbedCNN.v2",
    "pretrained_vectors": None,
    "width": 32,
    "depth": 2,
    "embed_size": 500,
    "window_size": 1,
    "maxout_pieces": 2,
    "subword_features": True,
}

TRAINING = [
    ("Aspirin causes gastric bleeding .", [(0, 7, "Chemical"), (15, 31, "Disease")]),
    ("Familial breast and ovarian cancer was seen .", [(0, 34, "Disease")]),
    ("Naloxone and aspirin , no fever .", [(0, 8, "Chemical"), (13, 20, "Chemical"), (26, 31, "Disease")]),
    ("Nothing was found .", []),
]


def make_nlp(**settings):
    """A blank pipeline with a small head that has its own token vectors."""
    nlp = spacy.blank("en")
    nlp.add_pipe("biobert_ner", config={"model": {"tok2vec": TOK2VEC}, **settings})
    return nlp


def make_examples(nlp, data=None):
    data = TRAINING if data is None else data
    return [Example.from_dict(nlp.make_doc(text), {"entities": ents}) for text, ents in data]


def train(nlp, n_steps=60):
    fix_random_seed(0)
    examples = make_examples(nlp)
    optimizer = nlp.initialize(lambda: examples)
    for _ in range(n_steps):
        nlp.update(make_examples(nlp), sgd=optimizer)
    return nlp


@pytest.fixture(scope="session")
def trained_bytes():
    nlp = train(make_nlp())
    return nlp.config.copy(), nlp.to_bytes()


@pytest.fixture
def nlp(trained_bytes):
    """A trained pipeline of one's own."""
    config, data = trained_bytes
    return spacy.blank("en").from_config(config).from_bytes(data)
