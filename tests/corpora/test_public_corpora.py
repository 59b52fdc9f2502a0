"""Counts of the real corpora, in the folder that SPACY_BIOBERT_DATA names."""

import os
from collections import Counter
from pathlib import Path

import pytest
import spacy
from iob_text import format_iob

from spacy_biobert.corpora.documents import USER_DATA_KEY, document_to_doc
from spacy_biobert.corpora.iob import read_iob
from spacy_biobert.corpora.pubtator import format_pubtator, read_pubtator
from spacy_biobert.corpora.tokenizer import blank_pipeline, make_tokenizer
from spacy_biobert.span_places import SPANS_KEY

DATA = Path(os.environ.get("SPACY_BIOBERT_DATA", ""))
pytestmark = [
    pytest.mark.corpora,
    pytest.mark.skipif(
        "SPACY_BIOBERT_DATA" not in os.environ,
        reason="SPACY_BIOBERT_DATA does not name a folder with the public corpora",
    ),
]

IOB_COUNTS = {
    "ncbi_disease/train": (5424, 135701, 5134),
    "ncbi_disease/devel": (923, 23969, 787),
    "ncbi_disease/test": (940, 24497, 960),
    "bc5cdr/train": (4560, 118170, 9385),
    "bc5cdr/devel": (4581, 117453, 9593),
    "bc5cdr/test": (4797, 124750, 9809),
    "bc2gm/train": (12574, 355405, 15197),
    "bc2gm/devel": (2519, 71042, 3061),
    "bc2gm/test": (5038, 143465, 6325),
}
# Documents, mentions, relations, and mentions that begin or end inside a word, which no tokenizer of words can express.
PUBTATOR_COUNTS = {
    "ncbi_disease/NCBItrainset_corpus": (593, 5145, 0, 2),
    "ncbi_disease/NCBIdevelopset_corpus": (100, 787, 0, 0),
    "ncbi_disease/NCBItestset_corpus": (100, 960, 0, 0),
    "bc5cdr/CDR_TrainingSet.PubTator": (500, 9385, 1038, 0),
    "bc5cdr/CDR_DevelopmentSet.PubTator": (500, 9591, 1012, 10),
    "bc5cdr/CDR_TestSet.PubTator": (500, 9809, 1066, 5),
}


@pytest.mark.parametrize("name", IOB_COUNTS)
def test_iob(name, tmp_path):
    path = DATA / "ner" / f"{name}.tsv"
    sentences = list(read_iob(path, strict=True))
    words = sum(len(sentence.words) for sentence in sentences)
    assert (len(sentences), words, sum(len(sentence.spans) for sentence in sentences)) == IOB_COUNTS[name]
    assert format_iob(sentences) == path.read_text(encoding="utf8")


@pytest.mark.parametrize("name", PUBTATOR_COUNTS)
def test_pubtator(name):
    path = DATA / "linking" / f"{name}.txt"
    n_docs, n_mentions, n_relations, n_unaligned = PUBTATOR_COUNTS[name]
    documents = list(read_pubtator(path))
    assert len(documents) == n_docs
    assert sum(len(document.mentions) for document in documents) == n_mentions
    assert sum(len(document.relations) for document in documents) == n_relations
    written = [line for document in documents for line in format_pubtator(document).split("\n") if line]
    original = [line for line in path.read_text(encoding="utf8").splitlines() if line]
    # One mention of NCBI-disease's training set has two blanks too many.
    assert [line.replace('"  ', '"') for line in original] == written
    nlp = blank_pipeline()
    docs = [document_to_doc(document, nlp.make_doc) for document in documents]
    assert sum(len(doc.user_data[USER_DATA_KEY]["unaligned"]) for doc in docs) == n_unaligned
    assert n_unaligned / n_mentions < 0.002
    assert sum(len(doc.spans[SPANS_KEY]) for doc in docs) == sum(len(doc.ents) for doc in docs) == n_mentions
    assert all(span.kb_id_ for doc in docs for span in doc.ents)
    assert [doc.text for doc in docs] == [document.text for document in documents]


@pytest.mark.parametrize(
    ("iob", "pubtator"),
    zip([name for name in IOB_COUNTS if not name.startswith("bc2gm/")], PUBTATOR_COUNTS, strict=True),
)
def test_raw_text_gets_the_tokens_of_the_iob_corpora(iob, pubtator):
    tokenizer = make_tokenizer(split_numbers=True)(spacy.blank("en"))
    # The documents stand in another order there, and each only once.
    documents = set(read_pubtator(DATA / "linking" / f"{pubtator}.txt"))
    tokens = Counter(token.text for document in documents for token in tokenizer(document.text) if not token.is_space)
    assert tokens == Counter(word for sentence in read_iob(DATA / "ner" / f"{iob}.tsv") for word in sentence.words)
