import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from spacy_biobert.arrays import ranges
from spacy_biobert.linking.sparse import choose_within, find_codes

ENTRIES = st.lists(st.tuples(st.integers(0, 4), st.integers(1, 50), st.integers(0, 9)), max_size=40)


@given(st.lists(st.tuples(st.integers(0, 100), st.integers(0, 5)), max_size=20))
def test_ranges(pairs):
    starts = np.array([start for start, _ in pairs], dtype=np.int32)
    sizes = np.array([size for _, size in pairs], dtype=np.int64)
    assert ranges(starts, sizes).tolist() == [number for start, size in pairs for number in range(start, start + size)]


@given(st.sets(st.integers(0, 30)), st.lists(st.integers(0, 30)))
def test_find_codes(vocabulary, codes):
    places, known = find_codes(np.array(sorted(vocabulary), np.int64), np.array(codes, np.int64))
    assert known.tolist() == [code in vocabulary for code in codes]
    assert [sorted(vocabulary)[place] for place in places[known]] == [code for code in codes if code in vocabulary]


@given(ENTRIES, st.integers(1, 100))
def test_choose_within(entries, budget):
    entries.sort(key=lambda entry: entry[0])
    groups, costs, order = (np.array([entry[i] for entry in entries], dtype=np.int64) for i in range(3))
    chosen = choose_within(budget, costs, order, groups)
    for group in set(groups.tolist()):
        members = [i for i, entry in enumerate(entries) if entry[0] == group]
        members.sort(key=lambda i: (entries[i][2], i))
        spent, expected = 0, []
        for place, i in enumerate(members):
            spent += entries[i][1]
            if spent <= budget or place == 0:
                expected.append(i)
        assert sorted(expected) == [i for i in range(len(entries)) if chosen[i] and groups[i] == group]
