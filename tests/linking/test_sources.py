import gzip
import json
from contextlib import contextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacy_biobert.linking.concepts import Concept
from spacy_biobert.linking.sources import READERS, SourceReport, read_jsonl, read_medic, read_obo

OBO = r"""format-version: 1.2
ontology: doid

[Term]
id: DOID:893
name: Wilson disease
namespace: disease_ontology
alt_id: DOID:1
def: "A disorder of \"copper\" metabolism." [url:http\://example.org]
synonym: "hepatolenticular degeneration" EXACT []
synonym: "WND" RELATED ABBREVIATION [OMIM:277900]
synonym: "copper disorder" BROAD []
synonym: "no scope" []
xref: MESH:D006527
xref: MIM:277900 {source="x"}
xref: UMLS_CUI:C0019202 "Hepatolenticular Degeneration"
xref: ICD10CM:E83.01
xref: MESH:D006527
is_a: DOID:4 ! disease

[Term]
id: DOID:2
name: gone
is_obsolete: true

[Typedef]
id: part_of
name: part of

[Term]
id: DOID:4
name: disease {source="here"} ! a comment
"""


@contextmanager
def suppress_numbered_errors():
    try:
        yield
    except ValueError as error:
        if not str(error).startswith(("[B2", "[B3")):
            raise


def write(tmp_path, content, name="source.txt"):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode("utf8"))
    return path


def test_medic(tmp_path):
    lines = (
        "D006527|277900||Hepatolenticular Degeneration|Wilson Disease\r\n\nC565588||Hernia\n613162||X\nC||Diseases\n"
    )
    path = write(tmp_path, lines)
    assert list(read_medic(path)) == [
        Concept(
            "MESH:D006527", "Hepatolenticular Degeneration", ("Wilson Disease",), ("Disease",), None, ("OMIM:277900",)
        ),
        Concept("MESH:C565588", "Hernia", (), ("Disease",)),
        Concept("OMIM:613162", "X", (), ("Disease",)),
        Concept("MESH:C", "Diseases", (), ("Disease",)),
    ]
    assert {concept.types for concept in read_medic(path, types=("T047",))} == {("T047",)}


def test_obo(tmp_path):
    path = write(tmp_path, OBO)
    assert list(read_obo(path)) == [
        Concept(
            "DOID:893",
            "Wilson disease",
            ("hepatolenticular degeneration", "WND", "no scope"),
            ("disease_ontology",),
            'A disorder of "copper" metabolism.',
            ("DOID:1", "MESH:D006527", "OMIM:277900", "UMLS:C0019202"),
        ),
        Concept("DOID:4", "disease"),
    ]


def test_obo_quirks(tmp_path):
    """What MONDO, ChEBI, HPO and older files do."""
    path = write(
        tmp_path,
        r"""format-version: 1.2
data-version: releases/2024-01-01
default-namespace: quirks

[Term]
id: CHEBI:1
name: methyl {5-[x]} benzoate
def: "First \
second." []
synonym: "C8H9" RELATED FORMULA [ChEBI]
synonym: "C1=CC" RELATED SMILES [ChEBI]
synonym: "the IUPAC name" EXACT IUPAC_NAME [IUPAC]
synonym: "lay name" EXACT layperson [ORCID:0000-0000-0000-0000]
xref: CAS:50-78-2 "ChemIDplus"
xref: DO:DOID:7 {source="MONDO:equivalentTo", source="http://example.org"}
xref: UMLS:C0000001 {source="MONDO:relatedTo"}
xref: SNOMEDCT_US_2025_09_01:80258006 {source="DOID:0014667"}
xref: Orphanet:905 {source="MONDO:0010200"}

[Term]
id: CHEBI:2
name: gone
is_obsolete: true ! long ago
replaced_by: CHEBI:3 ! which is gone too

[Term]
id: CHEBI:3
name: gone too
is_obsolete: true
replaced_by: CHEBI:1
""",
    )
    report = SourceReport()
    assert list(read_obo(path, report=report)) == [
        Concept(
            "CHEBI:1",
            "methyl {5-[x]} benzoate",
            ("the IUPAC name", "lay name"),
            ("quirks",),
            "First second.",
            ("CAS:50-78-2", "DOID:7", "SNOMEDCT:80258006", "ORPHA:905", "CHEBI:2", "CHEBI:3"),
        )
    ]
    assert report.version == "releases/2024-01-01"
    assert report.skipped == {
        "obsolete terms": 2,
        "chemical structures among the synonyms": 2,
        "cross-references that are not to the same concept": 1,
    }


def test_obo_replaced_in_a_circle(tmp_path):
    terms = "".join(
        f"[Term]\nid: X:{i}\nname: x\nis_obsolete: true\nreplaced_by: X:{other}\n\n" for i, other in ((1, 2), (2, 1))
    )
    with pytest.raises(ValueError, match=r"\[B277\].*X:1 → X:2 → X:1"):
        list(read_obo(write(tmp_path, terms)))


def test_character_references_are_read(tmp_path):
    """Of CTD's names, some have them for apostrophes and accents."""
    path = write(tmp_path, "D000001||Parkinson&apos;s & co|Sj&#246;gren &amp; Co.\n")
    assert next(read_medic(path)).names == ("Parkinson's & co", "Sj\N{LATIN SMALL LETTER O WITH DIAERESIS}gren & Co.")


def test_jsonl(tmp_path):
    records = [
        {
            "concept_id": "D006527",
            "canonical_name": "Wilson",
            "aliases": ["WD"],
            "types": ["T1"],
            "definition": "Rare.",
        },
        {"concept_id": "X:1", "canonical_name": "x", "aliases": [], "alternative_ids": ["mim:1"], "other": 1},
    ]
    path = write(tmp_path, "\ufeff" + "\n".join(json.dumps(record) for record in records))
    assert list(read_jsonl(path)) == [
        Concept("MESH:D006527", "Wilson", ("WD",), ("T1",), "Rare."),
        Concept("X:1", "x", (), (), None, ("OMIM:1",)),
    ]


def test_gzip(tmp_path):
    path = tmp_path / "medic.txt.gz"
    path.write_bytes(gzip.compress(b"D006527||Wilson Disease\n"))
    assert [concept.name for concept in read_medic(path)] == ["Wilson Disease"]
    lines = "".join(f"D{i:06}||Disease {i * 7919}\n" for i in range(5000))
    path.write_bytes(gzip.compress(lines.encode())[:-2000])
    with pytest.raises(ValueError, match=r"\[B342\].*medic\.txt\.gz"):
        list(read_medic(path))


@pytest.mark.parametrize(
    ("source_format", "content", "message"),
    [
        ("medic", "D000001||Fine\nD000002 Wrong", r"\[B234\].*source.txt, line 2: there is no '\|\|'"),
        ("medic", "||No id", r"\[B234\].*line 1: there is no id"),
        ("medic", "D000001||", r"\[B234\].*line 1: there is no name"),
        (
            "medic",
            b"D000001||Fine\nD000002||Sj\xf6gren",
            r"\[B302\].*source.txt:2: the byte 0xf6 in column 12",
        ),
        ("obo", "[Term]\nid: DOID:1\nname", r"\[B234\].*line 3: there is no ':'"),
        ("obo", "\n[Term]\nname: x", r"\[B234\].*line 2: the term that begins here has no 'id:'"),
        ("obo", "[Term]\nid: DOID:1", r"\[B234\].*line 1: .*DOID:1, has no 'name:'"),
        ("obo", "[Term]\nid: DOID:1\nname: x\nsynonym: x EXACT []", r"\[B234\].*line 4: 'synonym:' is not followed by"),
        ("jsonl", '{"concept_id": "X:1", "canonical_name": "x"}\n{', r"\[B234\].*line 2: it is not JSON"),
        ("jsonl", "[" * 100_000, r"\[B234\].*line 1: "),
        ("jsonl", '"x"', r"\[B234\].*line 1: it is not a JSON object"),
        ("jsonl", "[\n1]", r"\[B234\].*line 1: it is not a JSON object"),
        ("jsonl", '{"canonical_name": "x"}', r"\[B234\].*'concept_id' is missing"),
        ("jsonl", '{"concept_id": "X:1", "canonical_name": ""}', r"\[B234\].*'canonical_name' is missing"),
        ("jsonl", '{"concept_id": "X:1", "canonical_name": "x", "aliases": "y"}', r"\[B234\].*'aliases' is not a list"),
        ("jsonl", '{"concept_id": "X:1", "canonical_name": "x", "definition": 3}', r"\[B234\].*'definition'"),
    ],
)
def test_malformed(tmp_path, source_format, content, message):
    path = write(tmp_path, content)
    with pytest.raises(ValueError, match=message):
        list(READERS[source_format](path))


@pytest.mark.parametrize("source_format", READERS)
def test_no_file(tmp_path, source_format):
    with pytest.raises(FileNotFoundError, match=r"\[B301\]" if source_format != "rrf" else r"\[B274\]"):
        list(READERS[source_format](tmp_path / "none"))


@given(content=st.one_of(st.binary(), st.text(alphabet='[Term]\nid: name"|xD0\\').map(str.encode)))
@pytest.mark.parametrize("source_format", READERS)
def test_any_content(tmp_path_factory, source_format, content):
    path = tmp_path_factory.getbasetemp() / f"any.{source_format}"
    if source_format == "rrf":
        path.mkdir(exist_ok=True)
        (path / "MRSTY.RRF").write_bytes(b"")
        (path / "MRCONSO.RRF").write_bytes(content)
    else:
        path.write_bytes(content)
    concepts = []
    # Whatever is wrong, it is a numbered error.
    with suppress_numbered_errors():
        concepts.extend(READERS[source_format](path))
    assert all(concept.id and concept.name for concept in concepts)
