"""The readers of what the National Library of Medicine publishes: UMLS, MeSH, NCBI Gene."""

import gzip
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacy_biobert.linking.concepts import Concept
from spacy_biobert.linking.sources import SourceReport, read_gene_info, read_mesh, read_mesh_table, read_rrf


def atom(cui, text, *, lat="ENG", ts="S", stt="VO", ispref="N", aui="A1", sab="MSH", tty="ET", code="", suppress="N"):
    return f"{cui}|{lat}|{ts}|L1|{stt}|S1|{ispref}|{aui}||||{sab}|{tty}|{code}|{text}|0|{suppress}||\n"


def definition(cui, aui, sab, text, suppress="N"):
    return f"{cui}|{aui}|AT1||{sab}|{text}|{suppress}||\n"


CONSO = (
    atom("C0000001", "Wilson's disease", aui="A1", sab="SNOMEDCT_US", tty="SY", code="88518009")
    + atom(
        "C0000001",
        "Hepatolenticular Degeneration",
        ts="P",
        stt="PF",
        ispref="Y",
        aui="A2",
        sab="MSH",
        tty="MH",
        code="D006527",
    )
    + atom("C0000001", "Wilson disease", aui="A3", sab="OMIM", tty="PT", code="277900")
    + atom("C0000001", "Kinnier-Wilson", aui="A4", sab="OMIM", tty="ACR", code="MTHU000001")
    + atom("C0000001", "WD, obsolete", aui="A5", sab="NCI", code="C1", suppress="O")
    + atom("C0000001", "Wilson-Krankheit", lat="GER", ts="P", stt="PF", ispref="Y", aui="A6", sab="MSHGER")
    + atom("C0000003", "Nukleus", lat="GER", aui="A7", sab="MSHGER")
    + atom("C0000005", "cell nucleus", aui="A8", sab="GO", tty="PT", code="GO:0005634")
)
STY = "C0000001|T047|B2.2.1.2.1|Disease or Syndrome|AT2||\nC0000002|T001|A|x|AT3||\nC0000005|T026|A|Cell part|AT4||\n"
DEF = (
    definition("C0000001", "A3", "OMIM", "From OMIM.")
    + definition("C0000001", "A6", "MSH", "Auf Deutsch.")
    + definition("C0000001", "A2", "NCI", "Of copper.")
    + definition("C0000001", "A2", "MSH", "Suppressed.", suppress="Y")
)


@pytest.fixture
def meta(tmp_path):
    folder = tmp_path / "META"
    folder.mkdir()
    (folder / "MRCONSO.RRF").write_text(CONSO)
    (folder / "MRSTY.RRF.gz").write_bytes(gzip.compress(STY.encode()))
    (folder / "MRDEF.RRF").write_text(DEF)
    (folder / "release.dat").write_text("umls.release.name=2024AA\numls.release.date=20240506\n")
    return folder


def test_rrf(meta):
    report = SourceReport()
    assert list(read_rrf(meta, report=report)) == [
        Concept(
            "UMLS:C0000001",
            "Hepatolenticular Degeneration",
            ("Wilson disease", "Wilson's disease", "Kinnier-Wilson"),
            ("T047",),
            "Of copper.",
            ("SNOMEDCT:88518009", "MESH:D006527", "OMIM:277900"),
        ),
        Concept("UMLS:C0000005", "cell nucleus", (), ("T026",), None, ("GO:0005634",)),
    ]
    assert report.version == "2024AA"
    assert report.skipped == {
        "rows that UMLS says to suppress": 1,
        "rows in other languages": 2,
        "concepts without a name that the options keep": 1,
    }


def test_rrf_options(meta):
    german = list(read_rrf(meta, languages=("GER", "ENG"), types=("T",)))
    assert [concept.name for concept in german] == ["Wilson-Krankheit", "Nukleus", "cell nucleus"]
    assert german[0].definition == "Auf Deutsch."
    assert {concept.types for concept in german} == {("T",)}
    # Codes come from every source, names from those asked for.
    (snomed,) = read_rrf(meta, sources=("SNOMEDCT_US",))
    assert (snomed.name, snomed.synonyms) == ("Wilson's disease", ())
    assert "MESH:D006527" in snomed.alternative_ids
    everything = next(read_rrf(meta, languages=("*",), suppressible=True))
    assert {"WD, obsolete", "Wilson-Krankheit"} <= set(everything.synonyms)
    assert "NCIT:C1" in everything.alternative_ids


def test_rrf_options_that_nothing_has(meta):
    with pytest.warns(UserWarning, match=r"W265.*of SNOMED, which --sources.*GO, MSH, MSHGER, NCI, OMIM, SNOMEDCT_US"):
        list(read_rrf(meta, sources=("MSH", "SNOMED")))
    with pytest.warns(UserWarning, match=r"W265.*of DEU, which --languages.*ENG, GER"):
        list(read_rrf(meta, languages=("ENG", "DEU")))


def test_rrf_without_definitions(meta):
    (meta / "MRDEF.RRF").unlink()
    (meta / "release.dat").unlink()
    report = SourceReport()
    assert {concept.definition for concept in read_rrf(meta, report=report)} == {None}
    assert report.version == ""


@pytest.mark.parametrize("name", ["MRCONSO.RRF", "MRSTY.RRF.gz"])
def test_rrf_with_a_file_missing(meta, name):
    (meta / name).unlink()
    with pytest.raises(FileNotFoundError, match=rf"\[B274\] There is no {name.removesuffix('.gz')}"):
        list(read_rrf(meta))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (CONSO + atom("C0000004", "x"), r"\[B270\].*MRCONSO.RRF, line 9: .*C0000004 comes after C0000005"),
        ("C0000001|ENG\n", r"\[B234\].*MRCONSO.RRF, line 1: there are 2 columns"),
        (atom("", "x"), r"\[B234\].*line 1: there is no concept"),
    ],
)
def test_malformed_rrf(meta, content, message):
    (meta / "MRCONSO.RRF").write_text(content)
    with pytest.raises(ValueError, match=message):
        list(read_rrf(meta))


def test_rrf_with_a_truncated_file(meta):
    (meta / "MRSTY.RRF.gz").write_bytes(gzip.compress(STY.encode())[:-12])
    with pytest.raises(ValueError, match=r"\[B342\].*MRSTY.RRF.gz"):
        list(read_rrf(meta))


# --- MeSH ---

DESCRIPTORS = """<?xml version="1.0"?>
<!DOCTYPE DescriptorRecordSet SYSTEM "https://example.org/desc.dtd">
<DescriptorRecordSet LanguageCode="eng">
<DescriptorRecord DescriptorClass="1">
  <DescriptorUI>D006527</DescriptorUI>
  <DescriptorName><String>Hepatolenticular Degeneration</String></DescriptorName>
  <TreeNumberList><TreeNumber>C10.228</TreeNumber><TreeNumber>C16.320.565</TreeNumber></TreeNumberList>
  <ConceptList>
    <Concept PreferredConceptYN="N"><ConceptUI>M2</ConceptUI>
      <ConceptName><String>Kinnier-Wilson Disease</String></ConceptName>
      <TermList><Term><String>Kinnier-Wilson Disease</String></Term></TermList>
    </Concept>
    <Concept PreferredConceptYN="Y"><ConceptUI>M1</ConceptUI>
      <ConceptName><String>Hepatolenticular Degeneration</String></ConceptName>
      <ScopeNote>A rare disease
        of &lt;copper&gt;.</ScopeNote>
      <TermList>
        <Term><String>Hepatolenticular Degeneration</String></Term><Term><String>Wilson Disease</String></Term>
      </TermList>
    </Concept>
  </ConceptList>
</DescriptorRecord>
</DescriptorRecordSet>
"""
SUPPLEMENTS = """<SupplementalRecordSet>
<SupplementalRecord SCRClass="3">
  <SupplementalRecordUI>C535300</SupplementalRecordUI>
  <SupplementalRecordName><String>Barakat syndrome</String></SupplementalRecordName>
  <Note>Of GATA3.</Note>
  <HeadingMappedToList><HeadingMappedTo><DescriptorReferredTo>
    <DescriptorUI>*D009404</DescriptorUI><DescriptorName><String>Nephrosis</String></DescriptorName>
  </DescriptorReferredTo></HeadingMappedTo></HeadingMappedToList>
  <ConceptList><Concept PreferredConceptYN="Y"><TermList>
    <Term><String>HDR syndrome</String></Term>
  </TermList></Concept></ConceptList>
</SupplementalRecord>
</SupplementalRecordSet>
"""


def test_mesh(tmp_path):
    path = tmp_path / "desc2024.xml"
    path.write_text(DESCRIPTORS)
    report = SourceReport()
    assert list(read_mesh(path, report=report)) == [
        Concept(
            "MESH:D006527",
            "Hepatolenticular Degeneration",
            ("Wilson Disease", "Kinnier-Wilson Disease"),
            ("C", "C10", "C16"),
            "A rare disease of <copper>.",
        )
    ]
    assert report.version == "2024"
    assert next(read_mesh(path, types=("Disease",))).types == ("Disease",)


def test_mesh_supplements(tmp_path):
    path = tmp_path / "supp2024.gz"
    path.write_bytes(gzip.compress(SUPPLEMENTS.encode()))
    # What a record is mapped to is not what it is.
    assert list(read_mesh(path)) == [
        Concept(
            "MESH:C535300", "Barakat syndrome", ("HDR syndrome",), ("C",), "Of GATA3.", related_ids=("MESH:D009404",)
        )
    ]


def test_mesh_takes_constant_memory(tmp_path):
    head, record, tail = DESCRIPTORS.partition("<DescriptorRecord D")
    record, end, _ = tail.partition("</DescriptorRecord>")
    record = "<DescriptorRecord D" + record + end
    peaks = []
    for count in (300, 1200):
        path = tmp_path / f"{count}.xml"
        path.write_text(head + record * count + "</DescriptorRecordSet>")
        tracemalloc.start()
        assert sum(1 for _ in read_mesh(path)) == count
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.5 * peaks[0]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (DESCRIPTORS[:-200], r"\[B234\].*is not XML, or ends too early"),
        ("<PubmedArticleSet/>", r"\[B272\].*its first element is 'PubmedArticleSet'"),
        (DESCRIPTORS.replace("D006527", ""), r"\[B271\].*Hepatolenticular"),
        ("", r"\[B234\]"),
        ('<?xml version="1.0" encoding="klingon"?><a/>', r"\[B234\].*, line 1: unknown encoding"),
        ('<?xml version="1.0" encoding="shift_jis"?><a/>', r"\[B234\].*, line 1: multi-byte"),
        (gzip.compress(DESCRIPTORS.encode(), mtime=0)[:-30], r"\[B342\]"),
    ],
)
def test_malformed_mesh(tmp_path, content, message):
    path = tmp_path / "desc.xml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ValueError, match=message):
        list(read_mesh(path))


def test_mesh_table(tmp_path):
    path = tmp_path / "mesh.tsv"
    path.write_text("mesh_id\tmesh_name\nD000001\tCalcimycin\nC000002\tx, y\n")
    assert list(read_mesh_table(path)) == [Concept("MESH:D000001", "Calcimycin"), Concept("MESH:C000002", "x, y")]
    for content, message in [
        ("D000001 x", "line 1: there is no tab"),
        ("D000001\tx\nhello\ty", "line 2: 'hello' is no id of MeSH"),
        ("D000001\t ", "line 1: D000001 has no name"),
    ]:
        path.write_text(content)
        with pytest.raises(ValueError, match=rf"\[B234\].*{message}"):
            list(read_mesh_table(path))


# --- NCBI Gene ---


def gene(
    *, tax="9606", number="1", symbol="A1BG", synonyms="A1B|ABG", refs="-", full="alpha-1-B glycoprotein", other="-"
):
    cells = [
        tax,
        number,
        symbol,
        "-",
        synonyms,
        refs,
        "19",
        "19q13.4",
        full,
        "protein-coding",
        symbol,
        full,
        "O",
        other,
    ]
    return "\t".join([*cells, "20240101"]) + "\n"


def test_gene_info(tmp_path):
    path = tmp_path / "genes"
    refs = "MIM:138670|HGNC:HGNC:5|Ensembl:ENSG00000121410|Vega:OTT1"
    content = (
        "#tax_id\tGeneID\n" + gene(refs=refs, other="HEL-S-163pA|ABG") + gene(tax="10090", number="2", synonyms="-")
    )
    path.write_bytes(gzip.compress((content + gene(number="3", symbol="NEWENTRY")).encode()))
    report = SourceReport()
    assert list(read_gene_info(path, taxa=("9606",), report=report)) == [
        Concept(
            "NCBIGene:1",
            "A1BG",
            ("A1BG", "alpha-1-B glycoprotein", "A1B", "ABG", "HEL-S-163pA"),
            ("Gene", "NCBITaxon:9606"),
            None,
            ("OMIM:138670", "HGNC:5", "ENSEMBL:ENSG00000121410"),
        )
    ]
    assert report.skipped == {
        "genes of other species": 1,
        "entries without a symbol of their own": 1,
        "references to other databases": 1,
    }
    assert [concept.id for concept in read_gene_info(path)] == ["NCBIGene:1", "NCBIGene:2"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("9606\t1\tA", "line 1: there are 3 columns"),
        (gene() + gene(number="x"), "line 2: species '9606' and gene 'x'"),
        (gene(symbol="-"), "line 1: the gene 1 has no symbol"),
    ],
)
def test_malformed_gene_info(tmp_path, content, message):
    path = tmp_path / "genes"
    path.write_text(content)
    with pytest.raises(ValueError, match=rf"\[B234\].*{message}"):
        list(read_gene_info(path))


@given(rows=st.lists(st.tuples(st.integers(1, 9), st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=9))))
def test_rrf_with_any_text(tmp_path_factory, rows):
    """Each text that is no column's end comes back, under its concept."""
    folder = tmp_path_factory.mktemp("meta")
    rows = sorted((number, text.replace("|", "").strip()) for number, text in rows)
    (folder / "MRCONSO.RRF").write_text("".join(atom(f"C{number:07}", text) for number, text in rows), encoding="utf8")
    expected = {}
    for number, text in rows:
        if text:
            expected.setdefault(f"UMLS:C{number:07}", set()).add(text)
    assert {concept.id: set(concept.names) for concept in read_rrf(folder, types=())} == expected
