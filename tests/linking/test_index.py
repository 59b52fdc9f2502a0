"""The index beside the definition of what it computes: cosines of bags of features, weighed by rarity."""

import sys
from collections import Counter

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spacy_biobert.linking import pruned, similar, terms
from spacy_biobert.linking.index import SCORE_UNITS, NameIndex
from spacy_biobert.linking.index_builder import ARRAY_FILES, build_index

WORDS = st.text(alphabet="abcé漢", min_size=1, max_size=5)
METHODS = st.sampled_from(["exhaustive", "thorough", "pruned"])
NAMES = st.lists(st.lists(WORDS, max_size=4).map(tuple), min_size=1, max_size=30)

HEADS = ("anemia", "anaemias", "disease", "diseases", "syndrome", "neuropathy", "carcinoma", "of", "type", "kidney")
ROOTS = ("thalass", "hemo", "nephro", "cardio", "osteo", "hepato", "neuro", "cysto", "dermo", "lympho")


def made_names(count, seed=0):
    """Names of words that are frequent, like others, or rare."""
    random = np.random.default_rng(seed)
    names = []
    for _ in range(count):
        words = [HEADS[random.integers(10)] for _ in range(random.integers(0, 4))]
        words += [ROOTS[random.integers(10)] + HEADS[random.integers(10)] for _ in range(random.integers(0, 3))]
        words += [str(random.integers(1000))] * int(random.integers(0, 2))
        names.append(tuple(words))
    return names


def opened(folder, names):
    folder.mkdir(exist_ok=True)
    build_index(folder, [names[:7], names[7:]])
    return NameIndex(folder, len(names))


def features(name):
    return Counter([f" {word} "[i : i + 3] for word in name for i in range(len(word))] + [(word,) for word in name])


def cosines(names, mention):
    """Return the cosine of each name with a mention, by the definition."""
    bags = [features(name) for name in names]
    frequencies = Counter(feature for bag in bags for feature in bag)

    def vector(bag):
        return {
            feature: count * (np.log((1 + len(names)) / (1 + frequencies[feature])) + 1)
            for feature, count in bag.items()
        }

    query = vector({feature: count for feature, count in features(mention).items() if feature in frequencies})
    unknown = sum(count for feature, count in features(mention).items() if feature not in frequencies)
    length = np.sqrt(sum(value**2 for value in query.values()) + unknown * (np.log(1 + len(names)) + 1) ** 2)
    scores = []
    for bag in map(vector, bags):
        product = sum(value * query.get(feature, 0) for feature, value in bag.items())
        scores.append(product / length / np.sqrt(sum(value**2 for value in bag.values())) if product else 0.0)
    return np.array(scores)


def search(index, mentions, *arguments, **options):
    """Return, for each mention, the scores of the rows of the names that are found."""
    found = index.search(mentions, *arguments, **options)
    ranked = [{} for _ in mentions]
    for mention, row, units in zip(*(column.tolist() for column in found), strict=True):
        assert row not in ranked[mention]
        ranked[mention][row] = units / SCORE_UNITS
    return ranked


# --- By the definition ---


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(names=NAMES, mentions=st.lists(st.lists(WORDS, max_size=4).map(tuple), max_size=4), method=METHODS)
def test_any_names_and_mentions(tmp_path, names, mentions, method):
    if not any(names):
        with pytest.raises(ValueError, match=r"\[B215\]"):
            build_index(tmp_path, [names])
        return
    index = opened(tmp_path, names)
    for mention, rows in zip(mentions, index.exact(mentions), strict=True):
        same = [row for row, name in enumerate(names) if name and sorted(name) == sorted(mention)]
        assert sorted(rows.tolist()) == same
    for mention, got in zip(mentions, search(index, mentions, len(names), method=method), strict=True):
        expected = cosines(names, mention)
        assert got == pytest.approx({row: expected[row] for row in got}, abs=1e-4)
        if method == "exhaustive":
            assert set(got) == set(np.flatnonzero(expected > 0))


def test_exhaustive_is_exact(tmp_path):
    names = made_names(400)
    index = opened(tmp_path, names)
    mentions = [*made_names(40, seed=1), ("thalassanemai", "kidny"), ("unheard",), ()]
    for mention, got in zip(mentions, search(index, mentions, 20, method="exhaustive"), strict=True):
        expected = cosines(names, mention)
        assert got == pytest.approx({row: expected[row] for row in got}, abs=1e-4)
        worst = np.sort(expected)[-20]
        # All that are better than the last one, and ties with it.
        assert set(np.flatnonzero(expected > worst + 1e-4)) <= set(got)
        assert len(got) >= min(20, np.sum(expected > 0))


def test_a_batch_does_not_matter(tmp_path):
    names = made_names(300)
    index = opened(tmp_path, names)
    mentions = made_names(300, seed=2)
    for method in ("exhaustive", "thorough", "pruned"):
        together = search(index, mentions, 10, method=method)
        for i in (0, 127, 128, 299):
            assert search(index, [mentions[i]], 10, method=method) == [together[i]]


def test_masks(tmp_path):
    names = made_names(300)
    index = opened(tmp_path, names)
    mention = ("thalassanemia", "type", "kidney")
    allowed = np.arange(len(names)) % 3 == 0
    (everything,) = search(index, [mention], len(names))
    for method in ("exhaustive", "thorough", "pruned"):
        some, free, none = search(
            index, [mention] * 3, 10, masks=[allowed, None, np.zeros(len(names), bool)], method=method
        )
        assert len(some) >= 10
        assert all(allowed[row] for row in some)
        assert some.items() <= everything.items()
        if method != "pruned":
            best = sorted((row for row in everything if allowed[row]), key=everything.__getitem__, reverse=True)
            assert {row for row in best if everything[row] >= everything[best[9]]} <= set(some)
        assert not all(allowed[row] for row in free)
        assert not none


def test_thorough_finds_what_there_is(tmp_path):
    names = made_names(3000)
    index = opened(tmp_path, names)
    mentions = [name for name in made_names(200, seed=3) if name] + [("thalassanemai", "kidny")]
    some = search(index, mentions, 20)
    everything = search(index, mentions, 20, method="exhaustive")
    shares = []
    for found, best in zip(some, everything, strict=True):
        common = found.keys() & best.keys()
        assert [found[row] for row in common] == pytest.approx([best[row] for row in common], abs=1e-4)
        shares.append(len(common) / len(best))
        # The best are never missing.
        highest = max(best.values())
        assert {row for row in best if best[row] == highest} <= set(found)
    assert np.mean(shares) > 0.98


def test_nothing_to_search(tmp_path):
    index = opened(tmp_path, made_names(50))
    for method in ("exhaustive", "thorough", "pruned"):
        assert search(index, [], 5, method=method) == []
        assert search(index, [(), ("ðŋħ",), ()], 5, method=method) == [{}, {}, {}]


# --- Under budgets ---


@pytest.fixture(scope="module")
def small_budgets():
    """Terms so short, and budgets so small, that a few thousand names meet them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(terms, "MAX_POSTINGS", 40)
        patch.setattr(pruned, "_BAG_POSTINGS", 1500)
        patch.setattr(similar, "_POSTINGS", 300)
        patch.setattr(pruned, "_MIN_RESCORED", 60)
        patch.setattr(pruned, "_RESCORED", 2)
        yield


@pytest.fixture(scope="module")
def large(small_budgets, tmp_path_factory):
    names = made_names(6000)
    return names, opened(tmp_path_factory.mktemp("index") / "large", names)


def test_pruned_finds_nearly_what_there_is(large):
    _, index = large
    mentions = [name for name in made_names(300, seed=3) if name]
    likely = search(index, mentions, 20, method="pruned")
    everything = search(index, mentions, 20, method="exhaustive")
    shares = []
    for some, best in zip(likely, everything, strict=True):
        # Scores are exact whatever way a name was found.
        common = some.keys() & best.keys()
        assert [some[row] for row in common] == pytest.approx([best[row] for row in common], abs=2e-4)
        threshold = sorted(best.values())[-20]
        shares.append(min(20, sum(score >= threshold - 1e-4 for score in some.values())) / 20)
    assert np.mean(shares) > 0.8


def test_pairs_find_what_frequent_words_alone_do_not(large, monkeypatch):
    names, index = large
    mentions = [name for name in names if len(set(name)) > 1 and set(name) <= set(HEADS)][:50]
    with_pairs = search(index, mentions, 20, method="pruned")
    monkeypatch.setattr(pruned, "_MAX_FREQUENT", 1)
    without = search(index, mentions, 20, method="pruned")
    assert np.mean([np.mean(sorted(found.values())[-20:]) for found in with_pairs]) > np.mean(
        [np.mean(sorted(found.values())[-20:]) for found in without]
    )


def test_many_names_are_pruned_by_default(large, tmp_path, monkeypatch):
    _, index = large
    mentions = [("kidney", "disease", "thalassanemia")]
    assert index.method == "thorough"
    assert search(index, mentions, 5) == search(index, mentions, 5, method="thorough")
    monkeypatch.setattr(sys.modules["spacy_biobert.linking.index"], "THOROUGH_BAGS", 10)
    (tmp_path / "again").mkdir()
    again = opened(tmp_path / "again", made_names(100))
    assert again.method == "pruned"
    assert search(again, mentions, 5) == search(again, mentions, 5, method="pruned")


# --- Files ---


def test_an_index_opens_without_being_read(tmp_path):
    index = opened(tmp_path, made_names(500))
    arrays = [
        index._thorough._feature_words.data,
        index._bag_names,
        index._pruned.term_bags.indices,
        index._weights.idf,
    ]
    for array in arrays:
        base = array
        while base.base is not None and not isinstance(base, np.memmap):
            base = base.base
        assert isinstance(base, np.memmap)
        assert not array.flags.writeable


def test_searching_does_not_change_what_lies_on_disk(tmp_path):
    index = opened(tmp_path, made_names(500))
    before = {file: (tmp_path / file).read_bytes() for file in ARRAY_FILES.values()}
    # The library that multiplies takes no read-only arrays; this is a copy that is made when it is written to.
    index._thorough._word_bags.data[:] = 0
    for method in ("exhaustive", "thorough", "pruned"):
        index.search(made_names(10), 10, method=method)
    assert {file: (tmp_path / file).read_bytes() for file in ARRAY_FILES.values()} == before


@pytest.mark.parametrize("array", ["vocabulary", "word_bags_indptr", "term_bags_data", "pair_codes"])
def test_a_damaged_array(tmp_path, array):
    opened(tmp_path, made_names(100))
    path = tmp_path / ARRAY_FILES[array]
    path.write_bytes(path.read_bytes()[:-3])
    with pytest.raises(ValueError, match=rf"\[B203\].*{path.name}"):
        NameIndex(tmp_path, 100)


def test_arrays_of_different_indexes(tmp_path):
    opened(tmp_path, made_names(100))
    opened(tmp_path / "other", made_names(50))
    (tmp_path / "other" / ARRAY_FILES["word_bags_data"]).replace(tmp_path / ARRAY_FILES["word_bags_data"])
    with pytest.raises(ValueError, match=r"\[B203\].*inconsistent"):
        NameIndex(tmp_path, 100)


@given(st.lists(st.integers(0, 20)), st.lists(st.integers(0, 20)))
def test_places(first, second):
    places = pruned.Places(21)
    # What was noted of the first does not matter to the second.
    for numbers in (first, second):
        chosen, is_chosen = places.find(np.array(numbers, np.int32))
        assert [numbers[place] for place in chosen] == numbers
        assert sorted(np.array(numbers, np.int32)[is_chosen].tolist()) == sorted(set(numbers))
        assert len(set(chosen.tolist())) == len(set(numbers))
