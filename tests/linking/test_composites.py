import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacy_biobert.linking.composites import MAX_CONJUNCTS, composite_readings

from .conftest import make_linker_nlp


@pytest.mark.parametrize(
    ("mention", "reading"),
    [
        ("breast and ovarian cancer", ("breast cancer", "ovarian cancer")),
        ("breast and/or ovarian cancer", ("breast cancer", "ovarian cancer")),
        ("colon, breast, and ovarian cancer", ("colon cancer", "breast cancer", "ovarian cancer")),
        ("cancer of the breast and ovary", ("cancer of the breast", "cancer of the ovary")),
        ("Duchenne/Becker muscular dystrophy", ("Duchenne muscular dystrophy", "Becker muscular dystrophy")),
        ("deafness and goitre", ("deafness", "goitre")),
        ("both breast and ovarian cancer", ("breast cancer", "ovarian cancer")),
        ("colon and some other cancers", ("colon cancers", "cancers")),
    ],
)
def test_readings(mention, reading):
    assert reading in composite_readings(mention)


@pytest.mark.parametrize("mention", ["", "cancer", "hand", "candor", "and", "/", " and / ", "a, b, c, d, e and f"])
def test_no_reading(mention):
    assert composite_readings(mention) == []


@given(st.text(alphabet="ab ,/ndor\n", max_size=40) | st.text(max_size=40))
def test_any_text(mention):
    for reading in composite_readings(mention):
        assert 2 <= len(reading) <= MAX_CONJUNCTS
        assert all(part.strip() for part in reading)


def links(nlp, text, pattern):
    nlp.get_pipe("entity_ruler").add_patterns([{"label": "Disease", "pattern": pattern}])
    return nlp(text).ents[0]


def test_a_mention_of_two_concepts(kb_folder):
    nlp = make_linker_nlp(kb_folder, split_composites=True, top_n=3)
    ent = links(nlp, "breast and ovarian cancer", "breast and ovarian cancer")
    assert ent.kb_id_ == "MESH:D001943|MESH:D010051"
    assert [identifier for identifier, _ in ent._.kb_ents[:2]] == ["MESH:D001943", "MESH:D010051"]
    assert len(ent._.kb_ents) == 3


def test_not_split_unless_asked_for(kb_folder):
    ent = links(make_linker_nlp(kb_folder), "breast and ovarian cancer", "breast and ovarian cancer")
    assert "|" not in ent.kb_id_


def test_a_name_with_a_comma_is_one(kb_folder):
    nlp = make_linker_nlp(kb_folder, split_composites=True)
    assert links(nlp, "Tumors, Breast", "tumors, breast").kb_id_ == "MESH:D001943"


def test_a_part_that_is_unknown(kb_folder):
    nlp = make_linker_nlp(kb_folder, split_composites=True)
    ent = links(nlp, "breast cancer and xyzzy", "breast cancer and xyzzy")
    # The whole is like "breast cancer", the part not like anything: it is not split.
    assert ent.kb_id_ == "MESH:D001943"
    assert len(ent._.kb_ents) > 1
