import numpy as np

from spacy_biobert.linking.masks import MadeOfMasks, by_mask


def test_each_mask_is_made_once():
    made = []
    values = MadeOfMasks(lambda mask: made.append(mask) or mask.sum())
    one, other = np.array([True, False]), np.array([True, True])
    assert [values.get(mask) for mask in (one, other, one)] == [1, 2, 1]
    assert len(made) == 2


def test_many_masks():
    values = MadeOfMasks(lambda mask: mask.sum())
    for count in range(200):
        assert values.get(np.ones(count, bool)) == count


def test_places_of_masks():
    one, other = np.array([True]), np.array([True])
    found = [(mask, places.tolist()) for mask, places in by_mask([one, None, other, one, None])]
    assert [(id(mask), places) for mask, places in found] == [(id(one), [0, 3]), (id(None), [1, 4]), (id(other), [2])]
