"""The pipeline that ships with the project: installed from its wheel as a user would, and used in a fresh process."""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ASSETS = Path(__file__).parent.parent / "assets"
TEXT = (
    "Naloxone reverses the antihypertensive effect of clonidine. Mutations of BRCA1 were found in women with breast "
    "cancer, and TP53 was expressed in hepatocellular carcinoma."
)
USE = """
import json, sys
import spacy

nlp = spacy.load("en_biomedical_sm")
doc = nlp(sys.argv[1])
found = [(ent.text, ent.label_, ent._.score) for ent in doc.ents]
linked = {ent.text: ent.kb_id_ for ent in doc.ents}
labels = nlp.get_pipe("biobert_ner").labels
print(json.dumps({"found": found, "linked": linked, "pipes": nlp.pipe_names, "labels": labels}))
"""


@pytest.fixture(scope="module")
def wheel() -> Path:
    (found,) = ASSETS.glob("en_biomedical_sm-*.whl")
    return found


@pytest.fixture(scope="module")
def used(wheel, tmp_path_factory):
    """Install the wheel into an empty folder, and annotate two texts there."""
    target = tmp_path_factory.mktemp("installed")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target", str(target)]
    subprocess.run([*pip, str(wheel)], check=True, timeout=120)
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "PYTHONPATH": str(target)}
    command = [sys.executable, "-c", USE, TEXT]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_it_finds_diseases_chemicals_and_genes(used):
    found = {(text.lower(), label) for text, label, _ in used["found"]}
    expected = {("naloxone", "Chemical"), ("clonidine", "Chemical"), ("brca1", "Gene"), ("tp53", "Gene")}
    assert expected <= found
    assert {("breast cancer", "Disease"), ("hepatocellular carcinoma", "Disease")} <= found
    assert all(0.5 < score <= 1 for _, _, score in used["found"])


def test_it_is_one_pipeline_with_a_linker(used):
    assert used["pipes"] == ["biobert", "biobert_ner", "biobert_linker"]
    assert used["labels"] == ["Chemical", "Disease", "Gene"]
    assert used["linked"]["breast cancer"] == "MESH:D001943"


def test_encoder_and_pipeline_are_small(wheel):
    encoder = sum(file.stat().st_size for file in (ASSETS / "encoder").iterdir())
    assert encoder + wheel.stat().st_size <= 40_000_000


def test_it_carries_weights_and_no_text_of_others(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        meta = json.loads(archive.read("en_biomedical_sm/meta.json"))
        strings = json.loads(archive.read(next(name for name in names if name.endswith("vocab/strings.json"))))
    assert not {Path(name).suffix for name in names} & {".pkl", ".pickle", ".pt", ".spacy", ".tsv"}
    # What spaCy's own English knows, and the labels: no words of the corpora.
    assert len(strings) < 2_000
    sources = {source["name"].split()[0] for source in meta["sources"]}
    assert sources == {"NCBI-disease", "BC5CDR", "BC2GM", "all-MiniLM-L6-v2"}
    assert any(requirement.startswith("spacy-biobert") for requirement in meta["requirements"])
