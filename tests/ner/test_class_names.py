"""Classes of every naming become tags, or a message says how to name them."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from spacy_biobert.ner.class_names import read_class_names
from spacy_biobert.ner.tags import make_tag_scheme

TAGS = st.sampled_from(["O", "B", "I", "B-X", "I-X", "E-X", "S-X", "B_Y", "I_Y", "LABEL_0"])


def read(*names, **options):
    """Map each tag to the name of its class."""
    found = read_class_names(names, where="here", **options)
    tags = make_tag_scheme(found.scheme, found.labels).tags
    assert len(found.classes) == len(tags)
    return found.scheme, {
        tag: names[i] if i >= 0 else None for tag, i in zip(tags, found.classes.tolist(), strict=True)
    }


def test_bio_in_any_order():
    scheme, classes = read("I-Disease", "B-Chemical", "O", "B-Disease", "I-Chemical")
    assert scheme == "BIO"
    assert classes == {name: name for name in ("O", "B-Disease", "I-Disease", "B-Chemical", "I-Chemical")}
    assert list(classes)[1:3] == ["B-Disease", "I-Disease"]


@pytest.mark.parametrize("letters", ["BILU", "BIES", "BMES"])
def test_schemes_that_close_mentions(letters):
    scheme, classes = read("O", *(f"{letter}-X" for letter in letters))
    assert scheme == "BILUO"
    ours = {tag: name[0] for tag, name in classes.items() if name}
    assert ours == {"O": "O", **{f"{a}-X": b for a, b in zip("BILU", letters, strict=True)}}


def test_underscores_and_labels_of_several_words():
    assert read("B_Side effect", "I_Side effect", "O")[1]["I-Side effect"] == "I_Side effect"
    assert read("B-x-y", "O")[1] == {"O": "O", "B-x-y": "B-x-y", "I-x-y": None}


def test_bare_tags():
    assert read("B", "I", "O", label="Disease")[1] == {"O": "O", "B-Disease": "B", "I-Disease": "I"}
    with pytest.raises(ValueError, match=r"^\[B052\].*--label"):
        read("B", "I", "O")


def test_classes_that_are_no_tags():
    names = ("No Disease", "Disease", "Disease Continuation", "X")
    tags = {"No Disease": "O", "Disease": "B-Disease", "Disease Continuation": "I-Disease", "X": ""}
    assert read(*names, tags=tags)[1] == {tag: name for name, tag in tags.items() if tag}
    with pytest.raises(ValueError, match=r"^\[B053\].*'No Disease'"):
        read(*names)


def test_classes_without_names():
    names = ("LABEL_0", "LABEL_1", "LABEL_2")
    with pytest.raises(ValueError, match=r"^\[B051\].*LABEL_0, LABEL_1, LABEL_2.*--tag"):
        read(*names)
    with pytest.raises(ValueError, match=r"^\[B051\] 'here' calls its classes LABEL_2,"):
        read(*names, tags={"LABEL_0": "O", "LABEL_1": "B-X"})
    assert read(*names, tags=dict(zip(names, ("B", "I", "O"), strict=True)), label="X")[1]["B-X"] == "LABEL_0"


@pytest.mark.parametrize(
    ("names", "code"),
    [
        (("O", "B-X", "B_X"), "B054"),
        (("O", "B-X", "S-X", "U-X"), "B054"),
        (("B-X", "I-X"), "B055"),
        (("O",), "B055"),
        (("O", "I-X"), "B055"),
        (("O", "Disease"), "B053"),
        (("O", "B-X", "I-X", "E-X", "B-Y", "I-Y"), "B055"),
        (("O", "B-X", "E-X", "I-Y", "E-Y"), "B055"),
        (("O", "b-x"), "B053"),
        (("O", "B-"), "B053"),
    ],
)
def test_what_cannot_be_used(names, code):
    with pytest.raises(ValueError, match=rf"^\[{code}\]"):
        read(*names)


def test_tag_of_no_class():
    with pytest.raises(ValueError, match=r"^\[B056\].*'LABEL_9'.*O, B-X"):
        read("O", "B-X", tags={"LABEL_9": "O"})


@given(st.lists(TAGS | st.text(max_size=8), max_size=8), st.none() | st.text(max_size=3))
@example(["O", "B-X", ""], None)
def test_any_names_are_read_or_refused_with_a_message(names, label):
    message, found = None, None
    try:
        found = read_class_names(names, where="here", label=label)
    except ValueError as error:
        message = str(error)
    if found is None:
        assert message.startswith("[B05")
    else:
        assert sorted(i for i in found.classes.tolist() if i >= 0) == list(range(len(names)))


@given(st.permutations([f"{letter}-{label}" for letter in "BILU" for label in "xyz"] + ["O"]))
def test_every_order_is_undone(names):
    found = read_class_names(names, where="here")
    tags = np.array(make_tag_scheme(found.scheme, found.labels).tags)
    assert [names[i] for i in found.classes] == tags.tolist()
