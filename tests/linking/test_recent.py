from concurrent.futures import ThreadPoolExecutor

from spacy_biobert.linking.recent import Recent


def test_each_key_is_computed_once():
    asked = []

    def double(keys):
        asked.extend(keys)
        return [2 * key for key in keys]

    recent = Recent(size=10)
    assert recent.look_up([1, 2, 1], double) == {1: 2, 2: 4}
    assert recent.look_up([2, 3], double) == {2: 4, 3: 6}
    assert asked == [1, 2, 3]


def test_older_ones_are_dropped_when_there_are_too_many():
    asked = []

    def same(keys):
        asked.extend(keys)
        return list(keys)

    recent = Recent(size=2)
    recent.look_up([1, 2], same)
    assert recent.look_up([2, 3], same) == {2: 2, 3: 3}
    recent.look_up([3], same)
    recent.look_up([1], same)
    assert asked == [1, 2, 3, 1]


def test_threads_get_what_they_asked_for():
    recent = Recent(size=50)

    def look_up(first):
        keys = range(first, first + 20)
        return recent.look_up(keys, lambda new: [-key for key in new]) == {key: -key for key in keys}

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(look_up, range(300)))


def test_in_order():
    recent = Recent(size=10)
    assert recent.look_up_in_order([2, 1, 2], lambda keys: [-key for key in keys]) == [-2, -1, -2]
    # All are kept: nothing is computed.
    assert recent.look_up_in_order([1, 1], lambda keys: []) == [-1, -1]
    assert recent.look_up_in_order([3, 1], lambda keys: [-key for key in keys]) == [-3, -1]
