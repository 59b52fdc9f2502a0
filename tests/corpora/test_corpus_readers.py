import warnings
from pathlib import Path

import pytest
import spacy
from confection import Config
from spacy.language import Language
from spacy.tokens import Doc
from spacy.util import registry

from spacy_biobert.corpora.bioc import format_bioc
from spacy_biobert.corpora.brat import write_brat
from spacy_biobert.corpora.pubtator import read_pubtator
from spacy_biobert.corpora.readers import make_document_corpus, make_iob_corpus, make_pubtator_corpus
from spacy_biobert.corpora.tokenizer import make_tokenizer
from spacy_biobert.span_places import SPANS_KEY

IOB = "-DOCSTART-\tO\n\nWilson\tB-Disease\ndisease\tI-Disease\n\nTP53\tB-Gene\n\n-DOCSTART-\tO\n\nNone\tO\n"
PUBTATOR = (
    "1|t|Wilson disease.\n1|a|Blocks 5-HT6. Well.\n1\t0\t14\tWilson disease\tSpecificDisease\tD006527\n"
    "1\t0\t6\tWilson\tModifier\t7\n1\t23\t27\t5-HT\tChemical\tD012701\n\n2|t|TP53\n2|a|\n2\t0\t4\tTP53\tGene\t7157\n"
)


@pytest.fixture(scope="module")
def nlp() -> Language:
    nlp = spacy.blank("en")
    nlp.tokenizer = make_tokenizer()(nlp)
    return nlp


@pytest.fixture
def iob(tmp_path) -> Path:
    (tmp_path / "corpus.tsv").write_text(IOB, encoding="utf8")
    return tmp_path / "corpus.tsv"


@pytest.fixture
def pubtator(tmp_path) -> Path:
    (tmp_path / "corpus.txt").write_text(PUBTATOR, encoding="utf8")
    return tmp_path / "corpus.txt"


def labels(doc: Doc) -> list[tuple[str, str]]:
    return [(ent.text, ent.label_) for ent in doc.ents]


def resolve(text: str):
    return registry.resolve(Config().from_str(text))["train"]


def test_iob_from_a_config(nlp, iob):
    corpus = resolve(
        f'[train]\n@readers = "spacy_biobert.IOBCorpus.v1"\npath = "{iob}"\nn_sents = 0\n[train.label_map]\n* = "Q"'
    )
    examples = list(corpus(nlp))
    assert [[token.text for token in example.predicted] for example in examples] == [
        ["Wilson", "disease", "TP53"],
        ["None"],
    ]
    assert labels(examples[0].reference) == [("Wilson disease", "Q"), ("TP53", "Q")]
    assert not examples[0].predicted.ents
    assert len(list(corpus(nlp))) == 2  # Each epoch reads it anew.


def test_iob_options(nlp, iob):
    examples = list(make_iob_corpus(iob, limit=2, labels=["Gene"])(nlp))
    assert [labels(example.reference) for example in examples] == [[], [("TP53", "Gene")]]
    assert examples[0].predicted.has_unknown_spaces
    [example, *_] = make_iob_corpus(iob, gold_tokens=False)(nlp)
    assert not example.predicted.has_unknown_spaces
    assert example.get_aligned_ner() == ["B-Disease", "L-Disease"]


def test_iob_errors(nlp, iob):
    with pytest.raises(ValueError, match=r"\[B324\] n_sents = -1"):
        list(make_iob_corpus(iob, n_sents=-1)(nlp))
    iob.write_text("a\tO\n", encoding="utf8")
    with pytest.raises(ValueError, match=r"\[B325\] .*corpus\.tsv does not say"):
        list(make_iob_corpus(iob, n_sents=0)(nlp))
    iob.write_text("\n", encoding="utf8")
    with pytest.raises(ValueError, match=r"\[B323\] .*corpus\.tsv holds no sentence"):
        list(make_iob_corpus(iob)(nlp))


def test_pubtator_from_a_config(nlp, pubtator):
    corpus = resolve(
        f'[train]\n@readers = "spacy_biobert.PubTatorCorpus.v1"\npath = "{pubtator}"\nsplit_sentences = true\n'
        'spans_key = "sc"\n[train.label_map]\nSpecificDisease = "Disease"\n[train.prefixes]\nModifier = "DOID"'
    )
    with pytest.warns(UserWarning, match=r"\[W302\] .*corpus\.txt: 1 mentions begin or end inside"):
        examples = list(corpus(nlp))
    [first, second] = [example.reference for example in examples]
    assert labels(first) == [("Wilson disease", "Disease"), ("5-HT", "Chemical")]
    assert [span.kb_id_ for span in first.spans["sc"]] == ["MESH:D006527", "DOID:7", "MESH:D012701"]
    assert [sent.text for sent in first.sents] == ["Wilson disease.", "Blocks 5-HT6.", "Well."]
    assert second.ents[0].kb_id_ == "NCBIGene:7157"
    assert [example.predicted.text for example in examples] == [first.text, second.text]
    assert "HT6" in [token.text for token in examples[0].predicted]


def test_pubtator_options(nlp, pubtator):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        [example] = make_pubtator_corpus(pubtator, limit=1, labels=["Modifier"])(nlp)
    assert [span.text for span in example.reference.spans[SPANS_KEY]] == ["Wilson"]


def test_vocabularies_that_are_named_win(nlp, pubtator):
    for prefixes, ids in (
        (None, ["NCBIGene:7157"]),
        ({"Modifier": "X"}, ["NCBIGene:7157"]),
        ({"Gene": "HGNC"}, ["HGNC:7157"]),
    ):
        corpus = make_pubtator_corpus(pubtator, prefixes=prefixes, labels=["Gene"])
        assert [ent.kb_id_ for example in corpus(nlp) for ent in example.reference.ents] == ids


def test_documents_that_stand_twice_are_read_once(nlp, pubtator):
    pubtator.write_text("1|t|A\n1|a|\n2|t|A\n2|a|\n1|t|A\n1|a|\n1|t|A\n1|a|\n1\t0\t1\tA\tX\n", encoding="utf8")
    with pytest.warns(UserWarning, match=r"\[W301\] .*corpus\.txt:5: document 1 stands in this file twice"):
        examples = list(make_pubtator_corpus(pubtator)(nlp))
    # The last one has another annotation: it is not the same document.
    with pytest.warns(UserWarning, match=r"\[W305\] .*corpus\.txt:7: document 1 .* Unite them"):
        list(make_pubtator_corpus(pubtator)(nlp))
    assert [len(example.reference.ents) for example in examples] == [0, 0, 1]


def test_pubtator_errors(nlp, pubtator):
    pubtator.write_text("", encoding="utf8")
    with pytest.raises(ValueError, match=r"\[B323\] .*corpus\.txt holds no document"):
        list(make_pubtator_corpus(pubtator)(nlp))
    with pytest.raises(FileNotFoundError, match=r"\[B301\] "):
        list(make_pubtator_corpus(pubtator / "absent")(nlp))


@pytest.mark.parametrize("make", [make_iob_corpus, make_pubtator_corpus])
@pytest.mark.parametrize("path", [None, ""])
def test_no_path(make, path):
    with pytest.raises(ValueError, match=r"\[B322\] spacy_biobert\.\w+\.v1 has no path"):
        make(path)


def test_every_format_with_offsets_gives_the_same(nlp, pubtator, tmp_path):
    documents = list(read_pubtator(pubtator))
    (tmp_path / "corpus.json").write_text("\n".join(map(format_bioc, documents)), encoding="utf8")
    (tmp_path / "brat").mkdir()
    for number, document in enumerate(documents, 1):
        write_brat(tmp_path / "brat", document, number)
    found = []
    for format, path in (("pubtator", pubtator), ("bioc", tmp_path / "corpus.json"), ("brat", tmp_path / "brat")):
        corpus = make_document_corpus(path, format=format, label_map={"*": "Q"}, labels=["Q"])
        with pytest.warns(UserWarning, match="W302"):
            examples = list(corpus(nlp))
        found.append([(example.text, labels(example.reference)) for example in examples])
        assert [len(example.reference.spans[SPANS_KEY]) for example in examples] == [3, 1]
    assert found[0] == found[1] == found[2]


def test_an_unknown_format(pubtator):
    with pytest.raises(ValueError, match=r"\[B333\] format = 'iob' .*: pubtator, brat, bioc, s800"):
        make_document_corpus(pubtator, format="iob")
    with pytest.raises(ValueError, match=r"\[B322\] spacy_biobert\.DocumentCorpus\.v1 has no path"):
        make_document_corpus(None, format="bioc")
