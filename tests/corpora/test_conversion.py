import gzip

import pytest
import spacy
from spacy.tokens import DocBin
from spacy.training import Corpus

from spacy_biobert.corpora.annotated_labels import get_annotated_labels
from spacy_biobert.corpora.convert import convert_corpus
from spacy_biobert.corpora.documents import USER_DATA_KEY
from spacy_biobert.corpora.spacy_files import record_annotated_labels
from spacy_biobert.corpora.tokenizer import blank_pipeline
from spacy_biobert.span_places import SPANS_KEY

IOB = "Wilson\tB-Disease\ndisease\tI-Disease\n\nNone\tO\n\n"
PUBTATOR = (
    "1|t|Wilson disease.\n1|a|Blocks 5-HT6. Well.\n1\t0\t14\tWilson disease\tSpecificDisease\tD006527\n"
    "1\t0\t6\tWilson\tModifier\t-1\n1\t23\t27\t5-HT\tChemical\tD012701\n1\tCID\tD012701\tD006527\n"
)


def test_pubtator(tmp_path):
    (tmp_path / "corpus.txt").write_text(PUBTATOR, encoding="utf8")
    output = tmp_path / "new" / "corpus.spacy"
    nlp = blank_pipeline()
    with pytest.warns(UserWarning, match="W302"):
        summary = convert_corpus(
            tmp_path / "corpus.txt", output, nlp=nlp, label_map={"SpecificDisease": "Disease"}, split_sentences=True
        )
    assert (summary.docs, summary.sentences, summary.tokens) == (1, 3, 11)
    assert summary.mentions == {"Disease": 1, "Modifier": 1, "Chemical": 1}
    assert (summary.ents, summary.linked, summary.relations, summary.unaligned) == (2, 2, 1, 1)
    [example] = Corpus(output)(nlp)
    reference = example.reference
    assert [(ent.text, ent.kb_id_) for ent in reference.ents] == [
        ("Wilson disease", "MESH:D006527"),
        ("5-HT", "MESH:D012701"),
    ]
    assert [span.text for span in reference.spans[SPANS_KEY]] == ["Wilson disease", "Wilson", "5-HT"]
    assert reference.user_data[USER_DATA_KEY]["relations"] == (("CID", "D012701", "D006527"),)
    # spaCy's own reader has the pipeline tokenize the text, which gives the tokens of before the cut.
    assert [token.text for token in example.predicted] == [token.text for token in nlp.make_doc(reference.text)]


def test_iob(tmp_path):
    (tmp_path / "corpus.tsv").write_text(IOB, encoding="utf8")
    nlp = blank_pipeline()
    summary = convert_corpus(tmp_path / "corpus.tsv", tmp_path / "corpus.spacy", nlp=nlp)
    assert (summary.docs, summary.sentences, summary.tokens, summary.ents) == (2, 2, 3, 1)
    examples = list(Corpus(tmp_path / "corpus.spacy")(nlp))
    # spaCy's own reader keeps the gold tokens where spaces are not known.
    assert [[token.text for token in example.predicted] for example in examples] == [["Wilson", "disease"], ["None"]]
    assert examples[0].get_aligned_ner() == ["B-Disease", "L-Disease"]


def test_limit_and_progress(tmp_path):
    (tmp_path / "corpus.tsv").write_text(IOB, encoding="utf8")
    seen = []

    def progress(docs):
        for doc in docs:
            seen.append(doc.text)
            yield doc

    summary = convert_corpus(
        tmp_path / "corpus.tsv", tmp_path / "corpus.spacy", nlp=blank_pipeline(), limit=1, progress=progress
    )
    assert summary.docs == len(seen) == len(DocBin().from_disk(tmp_path / "corpus.spacy")) == 1


@pytest.mark.parametrize(
    ("skip", "limit", "left"),
    [(0, 0, "abcd"), (2, 2, "cd"), (1, 2, "bc"), (1, 0, "bcd"), (0, 3, "abc"), (3, 9, "d")],
)
def test_a_part_of_a_corpus(tmp_path, skip, limit, left):
    (tmp_path / "corpus.tsv").write_text("".join(f"{word}\tO\n\n" for word in "abcd"), encoding="utf8")
    output = tmp_path / "corpus.spacy"
    nlp = blank_pipeline()
    assert convert_corpus(tmp_path / "corpus.tsv", output, nlp=nlp, skip=skip, limit=limit).docs == len(left)
    assert "".join(doc[0].text for doc in DocBin().from_disk(output).get_docs(nlp.vocab)) == left


@pytest.mark.filterwarnings("error")
def test_types_that_are_not_met_are_told_where_all_was_read(tmp_path):
    (tmp_path / "corpus.tsv").write_text(f"None\tO\n\n{IOB}", encoding="utf8")
    options = {"nlp": blank_pipeline(), "label_map": {"Disease": "Illness", "*": "Other"}}
    convert_corpus(tmp_path / "corpus.tsv", tmp_path / "corpus.spacy", **options)
    # A disease comes later.
    convert_corpus(tmp_path / "corpus.tsv", tmp_path / "corpus.spacy", limit=1, **options)
    options["label_map"] = {"Gene": "GENE", "Disease": "Illness"}
    with pytest.warns(UserWarning, match=r"\[W304\] .*Gene"):
        convert_corpus(tmp_path / "corpus.tsv", tmp_path / "corpus.spacy", **options)


def test_no_mention_has_a_label_to_keep(tmp_path):
    (tmp_path / "corpus.tsv").write_text(IOB, encoding="utf8")
    with pytest.warns(UserWarning, match=r"\[W303\] .*corpus\.tsv: not one mention .* \(disease\)"):
        convert_corpus(tmp_path / "corpus.tsv", tmp_path / "corpus.spacy", nlp=blank_pipeline(), labels=["disease"])


def test_nothing_is_written_of_a_malformed_file(tmp_path):
    (tmp_path / "corpus.tsv").write_text(IOB + "broken\n", encoding="utf8")
    with pytest.raises(ValueError, match=r"\[B303\]"):
        convert_corpus(tmp_path / "corpus.tsv", tmp_path / "corpus.spacy", nlp=blank_pipeline())
    assert not (tmp_path / "corpus.spacy").exists()


def test_meaningless_options(tmp_path):
    (tmp_path / "corpus.tsv").write_text(IOB, encoding="utf8")
    with pytest.raises(ValueError, match=r"\[B330\] '.*corpus\.bin' does not end in \.spacy"):
        convert_corpus(tmp_path / "corpus.tsv", tmp_path / "corpus.bin", nlp=spacy.blank("en"))
    with pytest.raises(ValueError, match=r"\[B333\] format = 'word' has no meaning"):
        convert_corpus(tmp_path / "corpus.tsv", tmp_path / "corpus.spacy", nlp=spacy.blank("en"), format="word")


def test_packed_files(tmp_path):
    (tmp_path / "iob.gz").write_bytes(gzip.compress(IOB.encode()))
    summary = convert_corpus(tmp_path / "iob.gz", tmp_path / "corpus.spacy", nlp=blank_pipeline())
    assert summary.docs == 2
    (tmp_path / "cut.gz").write_bytes(gzip.compress(IOB.encode())[:-9])
    with pytest.raises(ValueError, match=r"\[B342\] '.*cut\.gz' cannot be unpacked"):
        convert_corpus(tmp_path / "cut.gz", tmp_path / "corpus.spacy", nlp=blank_pipeline(), format="iob")


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("<PubmedArticleSet></PubmedArticleSet>", "PubMed's XML: texts, without annotations"),
        ('{"text": "fever"}\n', "JSON, but no BioC: texts, without annotations"),
    ],
)
def test_texts_are_no_corpus(tmp_path, text, what):
    (tmp_path / "texts").write_text(text, encoding="utf8")
    with pytest.raises(ValueError, match=rf"\[B373\] .*texts is {what} .* name its --format: iob, pubtator"):
        convert_corpus(tmp_path / "texts", tmp_path / "corpus.spacy", nlp=blank_pipeline())


def test_several_files_are_one_corpus(tmp_path):
    (tmp_path / "a.tsv").write_text(IOB, encoding="utf8")
    (tmp_path / "b.txt").write_text(PUBTATOR, encoding="utf8")
    with pytest.warns(UserWarning, match="W302"):
        summary = convert_corpus(
            [tmp_path / "a.tsv", tmp_path / "b.txt"], tmp_path / "corpus.spacy", nlp=blank_pipeline()
        )
    assert (summary.docs, summary.mentions["Disease"], summary.mentions["Chemical"]) == (3, 1, 1)


def annotated(path):
    return [get_annotated_labels(doc) for doc in DocBin().from_disk(path).get_docs(spacy.blank("en").vocab)]


def test_annotated_labels_live_in_the_file(tmp_path):
    (tmp_path / "corpus.tsv").write_text(IOB, encoding="utf8")
    output = tmp_path / "corpus.spacy"
    nlp = blank_pipeline()
    convert_corpus(tmp_path / "corpus.tsv", output, nlp=nlp)
    assert annotated(output) == [None, None]
    summary = convert_corpus(tmp_path / "corpus.tsv", output, nlp=nlp, annotates=["Disease", "Gene"])
    assert summary.annotates == ["Disease", "Gene"]
    assert annotated(output) == [{"Disease", "Gene"}] * 2
    # Nothing else changes when they are recorded later on.
    record_annotated_labels(output, ["Disease"], vocab=nlp.vocab)
    assert annotated(output) == [{"Disease"}] * 2
    examples = list(Corpus(output)(nlp))
    assert [[token.text for token in example.predicted] for example in examples] == [["Wilson", "disease"], ["None"]]
    assert examples[0].get_aligned_ner() == ["B-Disease", "L-Disease"]


def test_a_mention_with_a_label_that_is_not_annotated(tmp_path):
    (tmp_path / "corpus.tsv").write_text(IOB, encoding="utf8")
    with pytest.raises(
        ValueError, match=r"\[B340\] The mention 'Wilson disease' has the label 'Disease', .* only: Gene"
    ):
        convert_corpus(tmp_path / "corpus.tsv", tmp_path / "corpus.spacy", nlp=blank_pipeline(), annotates=["Gene"])
    assert not (tmp_path / "corpus.spacy").exists()


def test_iob_files_do_not_name_documents(tmp_path):
    (tmp_path / "corpus.tsv").write_text(IOB, encoding="utf8")
    (tmp_path / "ids").write_text("1\n")
    with pytest.raises(ValueError, match=r"\[B367\]"):
        convert_corpus(
            tmp_path / "corpus.tsv", tmp_path / "corpus.spacy", nlp=blank_pipeline(), documents=tmp_path / "ids"
        )
