"""Looking words up gives what tokenizing each of them gives."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import spacy
from hypothesis import given, settings
from hypothesis import strategies as st
from spacy.tokens import Doc
from spacy.vocab import Vocab

from spacy_biobert.encoder import pieces as module
from spacy_biobert.encoder.pieces import PieceTable
from spacy_biobert.encoder.tokenization import load_tokenizer

VOCAB = spacy.blank("en").vocab
# Words that spaCy numbers as its own symbols, some of them neighbours, are words like any other.
SYMBOLS = ["NOUN", "NUM", "ORG", "GPE", "DATE", "TIME", "nsubj", "LEMMA"]
words = st.one_of(
    st.sampled_from([*SYMBOLS, "colon", "cancer", "BRCA1", " ", "\n\n", "\u200b"]),
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8),
)
documents = st.lists(st.lists(st.tuples(words, st.booleans()), max_size=8), max_size=4)


def make_docs(contents):
    return [Doc(VOCAB, words=[w for w, _ in doc], spaces=[space for _, space in doc]) for doc in contents]


def one_by_one(tokenizer, docs):
    found = []
    for doc in docs:
        for token in doc:
            after = token.i == 0 or bool(doc[token.i - 1].whitespace_)
            found.append(tokenizer.pieces(token.text, after_space=after))
    return found


def check(table, tokenizer, docs):
    pieces = table(docs)
    expected = one_by_one(tokenizer, docs)
    assert pieces.ids.tolist() == [i for some in expected for i in some]
    assert pieces.token_lengths.tolist() == [len(some) for some in expected]
    assert pieces.doc_lengths.tolist() == [len(doc) for doc in docs]


@pytest.fixture(scope="module", params=["bert-cased", "roberta"])
def tokenizer(request, hf_models):
    return load_tokenizer(hf_models[request.param][1])


@settings(max_examples=150, deadline=None)
@given(contents=documents)
def test_lookup_equals_tokenizing_one_by_one(tokenizer, contents):
    table = PieceTable(tokenizer)
    docs = make_docs(contents)
    check(table, tokenizer, docs)
    check(table, tokenizer, docs)  # from memory, this time
    check(table, tokenizer, docs[::-1])


@pytest.mark.parametrize("first", [True, False])
def test_symbols_of_spacy_are_not_taken_for_each_other(hf_models, first):
    """The ids of "NOUN" and "NUM" are 92 and 93: they differ by a bit that could have told of a space."""
    tokenizer = load_tokenizer(hf_models["roberta"][1])
    table = PieceTable(tokenizer)
    for contents in ([("a", first), ("NOUN", True)], [("a", not first), ("NUM", True)]):
        check(table, tokenizer, make_docs([contents]))


def test_memory_is_bounded(monkeypatch, tokenizer):
    monkeypatch.setattr(module, "_MAX_WORDS", 20)
    table = PieceTable(tokenizer)
    for start in range(0, 100, 7):
        docs = make_docs([[(f"w{i}", True) for i in range(start, start + 10)]])
        check(table, tokenizer, docs)
        assert len(table._rows) <= 20
        check(table, tokenizer, docs)
    # A single batch may hold more words than are remembered.
    check(table, tokenizer, make_docs([[(f"v{i}", True) for i in range(60)]]))


def test_words_of_a_memory_zone_stay_known(tokenizer):
    nlp = spacy.blank("en")
    table = PieceTable(tokenizer)
    with nlp.memory_zone():
        inside = table([nlp.make_doc("unheardof word")]).ids.tolist()
    again = table([nlp.make_doc("unheardof word")]).ids.tolist()
    assert inside == again


def test_threads_may_share_a_table(tokenizer):
    table = PieceTable(tokenizer)
    batches = [make_docs([[(f"w{(i * j) % 97}", True) for i in range(50)]]) for j in range(40)]
    expected = [[i for some in one_by_one(tokenizer, docs) for i in some] for docs in batches]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda docs: table(docs).ids.tolist(), batches))
    assert found == expected


def test_sentence_starts_are_read_where_they_are_known(tokenizer):
    known = Doc(VOCAB, words=list("abcd"), sent_starts=[True, False, True, False])
    unknown = Doc(VOCAB, words=list("ab"))
    found = PieceTable(tokenizer)([unknown, known, Doc(VOCAB)]).sentence_starts
    assert found.tolist() == [False, False, True, False, True, False]


def test_nothing_at_all(tokenizer):
    for docs in ([], [Doc(VOCAB)], [Doc(VOCAB), Doc(VOCAB)]):
        pieces = PieceTable(tokenizer)(docs)
        assert pieces.ids.shape == (0,)
        assert pieces.ids.dtype == np.int64
        assert pieces.doc_lengths.tolist() == [0] * len(docs)


def test_docs_of_two_vocabularies(bert_folder):
    table = PieceTable(load_tokenizer(bert_folder))
    texts = [["cough"], [], ["fever", "cold"]]
    together = table([Doc(Vocab(), words=words) for words in texts])
    alone = [table([Doc(Vocab(), words=words)]).ids for words in texts]
    assert together.ids.tolist() == np.concatenate(alone).tolist()
