"""The public vocabularies and NCBI-disease, where they are there."""

import os
from pathlib import Path

import pytest
import spacy
from spacy.tokens import Span
from spacy.training import Example

from spacy_biobert.corpora.readers import pubtator_docs
from spacy_biobert.linking.component import Linker
from spacy_biobert.linking.kb import KnowledgeBase
from spacy_biobert.linking.scorer import score_links
from spacy_biobert.linking.settings import LinkerSettings
from spacy_biobert.linking.sources import read_medic, read_obo
from spacy_biobert.span_places import SPANS_KEY

DATA = Path(os.environ.get("SPACY_BIOBERT_DATA", ""))
pytestmark = [
    pytest.mark.corpora,
    pytest.mark.skipif("SPACY_BIOBERT_DATA" not in os.environ, reason="SPACY_BIOBERT_DATA names no folder of corpora"),
]


@pytest.fixture(scope="module")
def medic(tmp_path_factory):
    folder = tmp_path_factory.mktemp("medic") / "kb"
    return KnowledgeBase.build(read_medic(DATA / "kb" / "medic_06Jul2012.txt"), folder)


def test_medic(medic):
    assert (len(medic), medic.n_names) == (11_915, 76_237)
    assert {concept_id.partition(":")[0] for concept_id in medic} == {"MESH", "OMIM"}
    assert medic.equivalent_ids("MESH:D006527") == {"MESH:D006527", "OMIM:277900"}


@pytest.mark.parametrize(("name", "n_concepts"), [("DO_cancer_slim", 729), ("DO_rare_slim", 3458)])
def test_disease_ontology(tmp_path, name, n_concepts):
    assert len(KnowledgeBase.build(read_obo(DATA / "kb" / f"{name}.obo"), tmp_path / "kb")) == n_concepts


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_ncbi_disease(medic):
    """On the development set: 80.3 % when it was written."""
    nlp = spacy.blank("en")
    linker = Linker(nlp.vocab, "links", LinkerSettings(spans_key=SPANS_KEY, threshold=0.0))
    linker.kb = medic
    path = DATA / "linking" / "ncbi_disease" / "NCBIdevelopset_corpus.txt"
    examples = []
    for reference in pubtator_docs(path, nlp.make_doc):
        predicted = reference.copy()
        spans = reference.spans[SPANS_KEY]
        predicted.spans[SPANS_KEY] = [Span(predicted, span.start, span.end, label=span.label) for span in spans]
        examples.append(Example(linker(predicted), reference))
    scores = score_links(examples, spans_key=SPANS_KEY, equivalent_ids=medic.equivalent_ids)
    assert scores["link_acc"] >= 0.79
