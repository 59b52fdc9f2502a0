"""The sample data that ships with the project, checked by the script that its README names."""

from __future__ import annotations

import gzip
import importlib.util
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SCRIPT = ROOT / "scripts" / "check_sample.py"
DATA = os.environ.get("SPACY_BIOBERT_DATA")


def load_script():
    spec = importlib.util.spec_from_file_location("check_sample", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


check_sample = load_script()


@pytest.fixture(scope="module")
def documents():
    return {
        split: check_sample.read_pubtator(check_sample.SAMPLE / f"{split}.pubtator") for split in check_sample.SPLITS
    }


@pytest.fixture(scope="module")
def concepts():
    return check_sample.read_knowledge_base(check_sample.SAMPLE / "knowledge_base.jsonl")


def example():
    mention = check_sample.Mention(0, 5, "Colds", "Disease", ("MESH:D003139",))
    return check_sample.Document("X1", "Colds are common.", "None of us likes Colds.", [mention])


def test_sample_has_nothing_wrong():
    _, problems = check_sample.check()
    assert problems == []


def test_sample_is_large_enough(documents, concepts):
    everything = [document for split in documents.values() for document in split]
    assert len(everything) >= 66
    assert sum(len(document.sentences) for document in everything) >= 320
    assert len(concepts) >= 180
    assert len((check_sample.SAMPLE / "abstracts.txt").read_text(encoding="utf-8").splitlines()) == 6
    for split, minimum in {"train": 300, "dev": 40, "test": 40}.items():
        for type_ in check_sample.TYPES:
            assert sum(m.type == type_ for d in documents[split] for m in d.mentions) >= minimum


def test_no_document_is_in_two_splits(documents):
    texts = [document.text for split in documents.values() for document in split]
    assert len(texts) == len(set(texts))


def test_most_held_out_concepts_occur_in_train(documents):
    seen = {identifier for d in documents["train"] for m in d.mentions for identifier in m.concept_ids}
    for split in ("dev", "test"):
        mentions = [m for d in documents[split] for m in d.mentions]
        assert sum(seen.issuperset(m.concept_ids) for m in mentions) >= 0.9 * len(mentions)


def test_readme_gives_the_counts():
    counts, _ = check_sample.check()
    readme = (check_sample.SAMPLE / "README.md").read_text(encoding="utf-8").replace(",", "")
    rows = [" | ".join(line.split()) for line in counts.splitlines()[1:5]]
    assert [row for row in rows if row not in readme] == []


def test_wrong_offset_is_found():
    document = example()
    document.mentions[0] = replace(document.mentions[0], start=1)
    assert "the text there is 'olds'" in next(check_sample.check_documents([document]))


def test_unknown_id_is_found():
    assert "not in the knowledge base" in next(check_sample.check_concepts([example()], []))


def test_forgotten_mention_is_found():
    assert "annotated elsewhere" in next(check_sample.check_consistency([example()]))


def test_short_annotation_line_is_an_error(tmp_path):
    path = tmp_path / "bad.pubtator"
    path.write_text("X1|t|Colds\nX1|a|None.\nX1\t0\t5\tColds\n\n", encoding="utf-8")
    with pytest.raises(ValueError, match="4 columns instead of 6"):
        check_sample.read_pubtator(path)


@pytest.mark.parametrize("name", ["corpus.txt", "corpus.txt.gz", "corpus.tsv"])
def test_copied_sentence_is_found(tmp_path, name):
    text = "Before that, nothing. None of us likes colds, as they say."
    content = "\n".join(f"{word}\tO" for word in text.split()) if name.endswith("tsv") else text
    opened = gzip.open if name.endswith("gz") else open
    with opened(tmp_path / name, "wt", encoding="utf-8") as file:
        file.write(content)
    paths = [tmp_path / name]
    assert len(list(check_sample.check_originality(["None of us likes colds."], paths))) == 1
    assert list(check_sample.check_originality(["All of us dislike colds."], paths)) == []


def test_misnamed_concepts_are_found():
    names = {"D006527": {"hepatolenticular degeneration"}}
    vocabularies = check_sample.Vocabularies(names, {"7157": "TP53"}, {})
    concept = {"concept_id": "MESH:D006527", "canonical_name": "Gout", "aliases": ["podagra"]}
    gene = {"concept_id": "NCBIGene:7157", "canonical_name": "TP53", "aliases": ["p53"]}
    assert len(list(check_sample.check_names([concept, gene], vocabularies))) == 1
    right = {**concept, "canonical_name": "Hepatolenticular Degeneration"}
    assert list(check_sample.check_names([right, gene], vocabularies)) == []


def test_command_exits_with_one_when_something_is_wrong(tmp_path):
    for path in check_sample.SAMPLE.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    broken = tmp_path / "test.pubtator"
    broken.write_text(broken.read_text(encoding="utf-8").replace("MESH:D006527", "MESH:D999999"), encoding="utf-8")
    run = subprocess.run([sys.executable, SCRIPT, "--folder", tmp_path], capture_output=True, text=True, check=False)
    assert run.returncode == 1
    assert "MESH:D999999 is not in the knowledge base" in run.stdout


@pytest.mark.slow
@pytest.mark.corpora
@pytest.mark.skipif(not DATA, reason="SPACY_BIOBERT_DATA names no folder with the public vocabularies and corpora")
def test_ids_and_originality_against_public_data():
    _, problems = check_sample.check(data=Path(DATA))
    assert problems == []
