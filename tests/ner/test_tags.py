import numpy as np
import pytest

from spacy_biobert.ner.tags import make_tag_scheme


def test_tags_of_the_schemes():
    assert make_tag_scheme("BIO", ("X", "Y")).tags == ("O", "B-X", "I-X", "B-Y", "I-Y")
    assert make_tag_scheme("BILUO", ("X",)).tags == ("O", "B-X", "I-X", "L-X", "U-X")


@pytest.mark.parametrize(
    ("name", "expected"), [("BIO", ["B-Y", "I-Y", "I-Y", "B-X"]), ("BILUO", ["B-Y", "I-Y", "L-Y", "U-X"])]
)
def test_tag_ids_name_the_tokens_of_entities(name, expected):
    scheme = make_tag_scheme(name, ("X", "Y"))
    labels = np.array([1, 1, 1, 0])
    starts, ends = np.array([1, 0, 0, 1], dtype=bool), np.array([0, 0, 1, 1], dtype=bool)
    tags = scheme.tag_ids(labels, starts, ends)
    assert [scheme.tags[tag] for tag in tags] == expected
    assert scheme.label_ids(tags).tolist() == labels.tolist()
    assert scheme.starts(tags).tolist() == starts.tolist()
    assert not scheme.starts(np.zeros(1, dtype=np.int64)).any()


def test_unknown_scheme_is_named():
    with pytest.raises(ValueError, match=r"\[B101\].*'IOBES'.*BIO, BILUO"):
        make_tag_scheme("IOBES", ("X",))
