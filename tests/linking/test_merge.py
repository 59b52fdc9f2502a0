import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spacy_biobert.linking.concepts import Concept
from spacy_biobert.linking.kb import KnowledgeBase
from spacy_biobert.linking.merge import KnowledgeBaseMerge


@pytest.fixture
def build(tmp_path_factory):
    def make(*concepts, **source):
        folder = tmp_path_factory.mktemp("kb") / "kb"
        return KnowledgeBase.build([Concept(*concept) for concept in concepts], folder, source=source)

    return make


def test_same_id(build):
    first = build(("A:1", "one", ("uno",), ("T1",)), ("A:2", "two"), name="first", version="1")
    second = build(
        ("A:3", "three"),
        ("A:1", "eins", ("one", "ein"), ("T2", "T1"), "The number.", ("B:1",), ("A:3",)),
        name="second",
    )
    merge = KnowledgeBaseMerge([first, second])
    assert list(merge) == [
        Concept("A:1", "one", ("uno", "eins", "ein"), ("T1", "T2"), "The number.", ("B:1",), ("A:3",)),
        Concept("A:2", "two"),
        Concept("A:3", "three"),
    ]
    assert merge.counts == {"concepts": 4, "united by their id": 1}
    record = merge.describe()
    assert (record["name"], record["version"]) == ("first + second", "1 + ?")
    assert [part["checksum"] for part in record["parts"]] == [first.checksum, second.checksum]


@pytest.mark.parametrize("swapped", [False, True])
def test_alternative_id(build, swapped):
    """A concept of MEDIC with MeSH's id as an alternative, and MeSH: whichever comes first gives id and name."""
    medic = build(("OMIM:277900", "Wilson", (), (), None, ("MESH:D006527", "DOID:893")))
    mesh = build(("MESH:D006527", "Degeneration", ("WD",)))
    (concept,) = KnowledgeBaseMerge([mesh, medic] if swapped else [medic, mesh])
    if swapped:
        assert concept == Concept(
            "MESH:D006527", "Degeneration", ("WD", "Wilson"), (), None, ("OMIM:277900", "DOID:893")
        )
    else:
        assert concept == Concept(
            "OMIM:277900", "Wilson", ("Degeneration", "WD"), (), None, ("DOID:893", "MESH:D006527")
        )


def test_same_ids_only(build):
    kbs = [build(("A:1", "x", (), (), None, ("B:1", "C:1"))), build(("B:1", "x"))]
    merge = KnowledgeBaseMerge(kbs, unite_alternatives=False)
    # Else the one would count as right for the other.
    assert list(merge) == [Concept("A:1", "x", (), (), None, ("C:1",), ("B:1",)), Concept("B:1", "x")]
    assert merge.counts["kept apart in spite of an alternative id"] == 1


def test_an_alternative_id_of_several(build):
    """Of UMLS's concepts, several have the code of one MeSH record; the one with its name is the same."""
    umls = build(
        ("UMLS:C1", "narrow", (), (), None, ("MESH:D1",)),
        ("UMLS:C2", "Heading", (), (), None, ("MESH:D1",)),
        ("UMLS:C3", "p", (), (), None, ("MESH:D2",)),
        ("UMLS:C4", "q", (), (), None, ("MESH:D2",)),
    )
    mesh = build(("MESH:D1", "heading"), ("MESH:D2", "r"))
    merge = KnowledgeBaseMerge([umls, mesh])
    assert list(merge) == [
        Concept("UMLS:C1", "narrow", (), (), None, (), ("MESH:D1",)),
        Concept("UMLS:C2", "Heading", ("heading",), (), None, ("MESH:D1",)),
        Concept("UMLS:C3", "p", (), (), None, (), ("MESH:D2",)),
        Concept("UMLS:C4", "q", (), (), None, (), ("MESH:D2",)),
        Concept("MESH:D2", "r"),
    ]
    assert merge.counts["kept apart in spite of an alternative id"] == 3


def test_concepts_of_one_knowledge_base_stay_apart(build):
    first = build(("A:1", "x", (), (), None, ("B:2",)))
    second = build(("A:1", "x"), ("B:2", "y"))
    assert [concept.id for concept in KnowledgeBaseMerge([first, second])] == ["A:1", "B:2"]


def test_a_name_is_better_evidence_than_a_single_link(build):
    """Where both would join a third concept to different ones of one knowledge base."""
    first = build(("A:1", "fever", (), (), None, ("C:1",)), ("A:2", "cough", (), (), None, ("C:1",)))
    second = build(("B:1", "ague", (), (), None, ("C:1", "A:2")))
    third = build(("C:1", "fever"))
    merged = {concept.id: concept for concept in KnowledgeBaseMerge([first, second, third])}
    # C:1 and A:1 have the same name; B:1 is A:2, one to one, and so cannot be C:1, too.
    assert merged["A:1"].alternative_ids == ("C:1",)
    assert merged["A:2"].alternative_ids == ("B:1",)
    assert len(merged) == 2


def test_an_id_of_the_concept_is_not_a_related_one_too(build):
    first = build(("A:1", "x", (), (), None, ("B:1",), ("C:1", "D:1")))
    second = build(("B:1", "x", (), (), None, ("C:1",), ("A:1",)))
    (concept,) = KnowledgeBaseMerge([first, second])
    assert (concept.alternative_ids, concept.related_ids) == (("B:1", "C:1"), ("D:1",))


def test_references_in_a_circle_between_knowledge_bases(build, tmp_path):
    kbs = [
        build(("A:1", "x", (), (), None, ("B:1",))),
        build(("B:1", "y", (), (), None, ("C:1",))),
        build(("C:1", "z", (), (), None, ("A:1",))),
    ]
    merged = KnowledgeBase.build(KnowledgeBaseMerge(kbs), tmp_path / "kb")
    assert list(merged.concepts()) == [Concept("A:1", "x", ("y", "z"), (), None, ("B:1", "C:1"))]


def test_shared_alternative_ids(build):
    kbs = [build(("A:1", "x", (), (), None, ("UMLS:C1",))), build(("B:1", "y", (), (), None, ("UMLS:C1",)))]
    assert len(list(KnowledgeBaseMerge(kbs))) == 2
    assert list(KnowledgeBaseMerge(kbs, unite_shared=True)) == [
        Concept("A:1", "x", ("y",), (), None, ("UMLS:C1", "B:1"))
    ]


def test_clashes(build):
    first, second = build(("1", "fever")), build(("1", "cough"))
    with pytest.raises(ValueError, match=r"\[B265\].*the id '1'.*--prefix"):
        KnowledgeBaseMerge([first, second])
    kbs = [build(("X:1", "fever")), build(("X:1", "cough"))]
    with pytest.warns(UserWarning, match=r"\[W261\] 1 id.*X:1: 'fever' and 'cough'"):
        assert len(list(KnowledgeBaseMerge(kbs))) == 1


def test_too_few(build):
    kb = build(("A:1", "x"))
    for kbs in ([], [kb], [kb, kb]):
        with pytest.raises(ValueError, match=r"\[B266\]"):
            KnowledgeBaseMerge(kbs)


IDS = st.sampled_from([f"{prefix}:{number}" for prefix in "ABC" for number in range(4)])
SOURCES = st.dictionaries(
    IDS, st.tuples(st.sampled_from("uvwxyz"), st.lists(IDS, max_size=2, unique=True)), min_size=1, max_size=5
)


@pytest.mark.filterwarnings("ignore::UserWarning")
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(sources=st.lists(SOURCES, min_size=2, max_size=3), shared=st.booleans())
def test_nothing_is_lost(build, sources, shared):
    """Every name and every id of every source is found again, each id as that of one concept."""
    kbs = []
    for source in sources:
        # References within one knowledge base may go in a circle, which building refuses.
        concepts = [
            (identifier, name, (), (), None, tuple(each for each in ids if each not in source))
            for identifier, (name, ids) in source.items()
        ]
        kbs.append(build(*concepts))
    merged = list(KnowledgeBaseMerge(kbs, unite_shared=shared))
    ids = [concept.id for concept in merged]
    assert len(set(ids)) == len(ids)
    everywhere = {each for concept in merged for each in (concept.id, *concept.alternative_ids, *concept.related_ids)}
    for kb in kbs:
        for concept in kb.concepts():
            home = next(each for each in merged if concept.id in (each.id, *each.alternative_ids))
            assert set(concept.names) <= set(home.names)
            assert {concept.id, *concept.alternative_ids} <= everywhere
    # Concepts of one knowledge base are never united.
    assert len(merged) >= max(map(len, kbs))
