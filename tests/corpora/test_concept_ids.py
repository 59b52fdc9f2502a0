import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacy_biobert.corpora.concept_ids import join_concept_ids, parse_concept_ids, split_concept_ids


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        (None, ()),
        ("  ", ()),
        ("D006527", ("MESH:D006527",)),
        (" D008661", ("MESH:D008661",)),
        ("OMIM:106210 ", ("OMIM:106210",)),
        ("MESH:C535662", ("MESH:C535662",)),
        ("-1", ("NIL",)),
        ("-", ("NIL",)),
        ("D002544|-1", ("MESH:D002544", "NIL")),
        ("D001943|D010051|D009369", ("MESH:D001943", "MESH:D010051", "MESH:D009369")),
        ("D007674+D006222", ("MESH:D007674", "MESH:D006222")),
        ("OMIM:300322+OMIM:102600", ("OMIM:300322", "OMIM:102600")),
        ("C535918|OMIM:115470", ("MESH:C535918", "OMIM:115470")),
        ("D020258|D020258|D020258", ("MESH:D020258",)),
        ("D001943 D010051", ("MESH:D001943", "MESH:D010051")),
        ("D001943, OMIM:114480", ("MESH:D001943", "OMIM:114480")),
        ("HP:0001250;DOID:1826,", ("HP:0001250", "DOID:1826")),
        ("c|SUB|C|123|T", ("c|SUB|C|123|T",)),
        ("tmVar:p|SUB|V|600|E;HGVS:p.V600E", ("tmVar:p|SUB|V|600|E;HGVS:p.V600E",)),
        ("rs113488022", ("rs113488022",)),
        ("CVCL_0030", ("CVCL_0030",)),
        ("|", ("|",)),
    ],
)
def test_columns(column, expected):
    assert parse_concept_ids(column) == expected


def test_plain_numbers_get_a_vocabulary():
    assert parse_concept_ids("7157;7158(Tax:9606),-1", "NCBIGene") == ("NCBIGene:7157", "NCBIGene:7158", "NIL")
    assert parse_concept_ids("D006527", "NCBIGene") == ("MESH:D006527",)
    assert parse_concept_ids("7157") == ("7157",)


@given(st.lists(st.text(st.characters(exclude_characters="%"), min_size=1)))
def test_joined_ids_come_apart_again(ids):
    assert split_concept_ids(join_concept_ids(ids)) == tuple(ids)


@given(st.text())
def test_any_column_can_be_read(column):
    assert bool(parse_concept_ids(column)) == bool(column.strip())
