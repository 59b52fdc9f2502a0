"""The readers of tables: CTD's, and a user's own."""

import gzip

import pytest

from spacy_biobert.linking.concepts import Concept
from spacy_biobert.linking.sources import SourceReport, read_csv, read_ctd, read_jsonl

HEADER = "# Comparative Toxicogenomics Database\n#\n# Report created: Thu Jun 29 2023\n#\n# Fields:\n# {fields}\n#\n"
DISEASES = "DiseaseName,DiseaseID,AltDiseaseIDs,Definition,ParentIDs,TreeNumbers,Synonyms,SlimMappings"
CHEMICALS = "ChemicalName,ChemicalID,CasRN,Definition,TreeNumbers,MESHSynonyms,CTDCuratedSynonyms"
GENES = "GeneSymbol,GeneName,GeneID,AltGeneIDs,Synonyms,BioGRIDIDs,UniProtIDs"


def write(tmp_path, fields, *rows, tabs=False, packed=False):
    lines = [HEADER.format(fields=fields), *(f"{row}\n" for row in rows)]
    text = "".join(lines)
    if tabs:
        text = HEADER.format(fields=fields.replace(",", "\t")) + "".join(f"{row}\n" for row in rows)
    path = tmp_path / "ctd"
    path.write_bytes(gzip.compress(text.encode()) if packed else text.encode())
    return path


def test_ctd_diseases(tmp_path):
    row = '"Degeneration, Hepatolenticular",MESH:D006527,DO:DOID:893|OMIM:277900|XX:1,"A ""rare"" one.",,C10,WD|Wilson,'
    path = write(tmp_path, DISEASES, row, packed=True)
    report = SourceReport()
    assert list(read_ctd(path, report=report)) == [
        Concept(
            "MESH:D006527",
            "Degeneration, Hepatolenticular",
            ("WD", "Wilson"),
            ("Disease",),
            'A "rare" one.',
            ("DOID:893", "OMIM:277900"),
        )
    ]
    assert report.version == "Thu Jun 29 2023"
    assert report.skipped == {"cells of the column 'TreeNumbers'": 1, "references to other vocabularies": 1}


def test_ctd_chemicals_with_tabs(tmp_path):
    path = write(tmp_path, CHEMICALS, '"quoted\tMESH:C1\t50-78-2\t\t\tASA\tAspirin|X', tabs=True)
    assert list(read_ctd(path)) == [
        Concept("MESH:C1", '"quoted', ("ASA", "Aspirin", "X"), ("Chemical",), None, ("CAS:50-78-2",))
    ]


def test_ctd_genes(tmp_path):
    path = write(tmp_path, GENES, "A1BG,alpha-1-B,1,7,A1B|ABG,,P04217")
    assert list(read_ctd(path, types=("T",))) == [
        Concept("NCBIGene:1", "A1BG", ("alpha-1-B", "A1B", "ABG"), ("T",), None, ("NCBIGene:7", "UniProtKB:P04217"))
    ]


@pytest.mark.parametrize(
    ("fields", "row", "message"),
    [
        ("PathwayName,PathwayID", "x,y", r"\[B273\].*no column DiseaseID.*It has: PathwayName, PathwayID"),
        (GENES, "A1BG,x", r"\[B234\].*line 8: there are 2 cells, where 7 columns are named"),
        (GENES, "A1BG,x,,,,,", r"\[B234\].*line 8: there is no GeneID"),
        (GENES, ",x,1,,,,", r"\[B234\].*line 8: there is no GeneSymbol"),
        (GENES, 'A1BG,"x,1,,,,', r"\[B234\].*is a quotation mark not closed"),
    ],
)
def test_malformed_ctd(tmp_path, fields, row, message):
    with pytest.raises(ValueError, match=message):
        list(read_ctd(write(tmp_path, fields, row)))


# --- A user's own ---


def test_csv(tmp_path):
    path = tmp_path / "mine.csv"
    path.write_text(
        "\ufeffid,name,types,synonyms,definition,price,alternative_ids,related_ids\n"
        '1,"Fever, high",Sign|Symptom, heat ||pyrexia ,"two\nlines",3,mim:1|umls_cui:C0000001|2,MESH:D005334\n\n'
        "MESH:D003371,Cough,,,,,,\n",
        encoding="utf8",
    )
    report = SourceReport()
    assert list(read_csv(path, prefix="MY", report=report)) == [
        Concept(
            "MY:1",
            "Fever, high",
            ("heat", "pyrexia"),
            ("Sign", "Symptom"),
            "two\nlines",
            ("OMIM:1", "UMLS:C0000001", "MY:2"),
            ("MESH:D005334",),
        ),
        Concept("MESH:D003371", "Cough"),
    ]
    assert report.skipped == {"cells of the column 'price'": 2}


def test_tsv(tmp_path):
    path = tmp_path / "mine.tsv.gz"
    path.write_bytes(gzip.compress(b'name\tid\n"a, b\t1\n'))
    assert list(read_csv(path)) == [Concept("1", '"a, b')]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("name,synonyms\nx,y\n", r"\[B273\].*no column id. It has: name, synonyms"),
        ("id,name\n1\n", r"\[B234\].*line 2: there are 1 cells"),
        ("id,name\n,x\n", r"\[B234\].*line 2: there is no id"),
        ("id,name\n1, \n", r"\[B234\].*line 2: there is no name"),
        ('id,name\n1,"x\n', r"\[B234\].*is a quotation mark not closed"),
        ('id,name\n1,"' + "x" * 200_000 + '"\n', r"\[B234\].*field larger than field limit"),
        (b"id,name\n1,Sj\xf6gren\n", r"\[B302\].*:2: "),
        (b"PK\x03\x04rest", r"\[B307\].*is a zip archive"),
    ],
)
def test_malformed_csv(tmp_path, content, message):
    path = tmp_path / "mine.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ValueError, match=message):
        list(read_csv(path))


def test_json_list(tmp_path):
    """As scispaCy writes smaller knowledge bases."""
    path = tmp_path / "kb.json"
    path.write_text('[\n {"concept_id": "C0000001", "canonical_name": "x", "aliases": ["y"], "extra": 1}\n]')
    report = SourceReport()
    assert list(read_jsonl(path, prefix="UMLS", report=report)) == [Concept("UMLS:C0000001", "x", ("y",))]
    assert report.skipped == {"fields 'extra'": 1}
