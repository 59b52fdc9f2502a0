import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from spacy_biobert.linking.features import FIRST_WORD_CODE, extract_features, extract_grams, hash_key

WORDS = st.lists(st.text(alphabet="abé漢🙂", min_size=1, max_size=6), max_size=4).map(tuple)


def by_row(names, extract=extract_features):
    codes, rows = extract(names)
    assert codes.dtype == np.uint64
    return [sorted(codes[rows == row].tolist()) for row in range(len(names))]


def test_features_of_a_word():
    # ' ab', 'ab ', and the word; a word of one letter has one trigram.
    assert [len(features) for features in by_row([("ab",), (), ("a",), ("ab", "a")])] == [3, 0, 2, 5]


def test_no_features():
    codes, rows = extract_features([])
    assert codes.shape == rows.shape == (0,)
    assert by_row([(), ()]) == [[], []]


def test_no_trigram_spans_two_words():
    assert by_row([("ab", "cd")])[0] == sorted(by_row([("ab",)])[0] + by_row([("cd",)])[0])


@given(st.lists(WORDS, max_size=5))
def test_features_depend_on_the_words_alone(names):
    together = by_row(names)
    assert together == [by_row([name])[0] for name in names]
    assert together == by_row([name[::-1] for name in names])
    assert [hash_key(name) for name in names] == [hash_key(name[::-1]) for name in names]
    # One trigram for each letter, and the word.
    assert [len(features) for features in together] == [sum(len(word) + 1 for word in name) for name in names]


@given(WORDS, WORDS)
def test_keys_differ_where_words_do(first, second):
    assert (hash_key(first) == hash_key(second)) == (sorted(first) == sorted(second))


# --- Grams ---


@given(st.lists(WORDS, max_size=5))
def test_grams_are_those_of_the_words(names):
    together = by_row(names, extract_grams)
    assert together == [by_row([name], extract_grams)[0] for name in names]
    words = [[gram for word in name for gram in by_row([(word,)], extract_grams)[0]] for name in names]
    assert together == [sorted(grams) for grams in words]
    # Four of a word's letters and the spaces around it, and the word.
    assert [len(grams) for grams in together] == [sum(len(word) for word in name) for name in names]


def test_grams_that_words_share():
    def letters(word):
        codes, _ = extract_grams([(word,)])
        return set(codes[codes < FIRST_WORD_CODE].tolist())

    # ' hem', 'hemo', 'emop'; not 'moph', nor what follows.
    assert len(letters("hemophilia") & letters("hemopathy")) == 3
    assert len(letters("hemophilia")) == 9
    assert letters("a") == set()
    assert not letters("abcd") & letters("bcde")


@given(WORDS)
def test_words_have_the_same_codes_among_trigrams_and_grams(name):
    def words(codes):
        return sorted(codes[codes >= FIRST_WORD_CODE].tolist())

    assert words(extract_features([name])[0]) == words(extract_grams([name])[0])
