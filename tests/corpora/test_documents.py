import pytest
import spacy
from hypothesis import given
from hypothesis import strategies as st
from spacy.tokens import Doc, DocBin
from spacy.training import Example
from spacy.vocab import Vocab

from spacy_biobert.corpora.annotations import AnnotatedDocument, Mention, Passage, Relation
from spacy_biobert.corpora.concept_ids import join_concept_ids
from spacy_biobert.corpora.documents import (
    USER_DATA_KEY,
    Labels,
    document_to_doc,
    grouped,
    sentences_to_doc,
    with_entities,
)
from spacy_biobert.corpora.iob import Sentence
from spacy_biobert.corpora.tokenizer import make_tokenizer
from spacy_biobert.span_places import SPANS_KEY

NLP = spacy.blank("en")
NLP.tokenizer = make_tokenizer()(NLP)


def document(title: str, abstract: str, *mentions: tuple[str, str, str], relations=()) -> AnnotatedDocument:
    """Make a document whose mentions are given as (text, type, ids), each where it first stands."""
    text = f"{title} {abstract}"
    found = [
        Mention(text.index(words), text.index(words) + len(words), words, label, ids) for words, label, ids in mentions
    ]
    return AnnotatedDocument("7", (Passage("t", title), Passage("a", abstract)), tuple(found), tuple(relations))


def ents(doc: Doc) -> list[tuple[str, str, str]]:
    return [(ent.text, ent.label_, ent.kb_id_) for ent in doc.ents]


def test_mentions_and_concepts():
    doc = document_to_doc(
        document(
            "Breast and ovarian cancer.",
            " TP53 in bark cloth disease.",
            ("Breast and ovarian cancer", "CompositeMention", "D001943|D010051"),
            ("TP53", "Gene", "7157"),
            ("bark cloth disease", "DiseaseClass", "-1"),
        ),
        NLP.make_doc,
        labels=Labels({"Gene": "Gene", "*": "Disease"}),
    )
    assert doc.text == "Breast and ovarian cancer.  TP53 in bark cloth disease."
    assert ents(doc) == [
        ("Breast and ovarian cancer", "Disease", "MESH:D001943|MESH:D010051"),
        ("TP53", "Gene", "NCBIGene:7157"),
        ("bark cloth disease", "Disease", "NIL"),
    ]
    assert doc.user_data[USER_DATA_KEY]["unaligned"] == []


def test_documents_without_mentions_say_so():
    doc = document_to_doc(document("A title.", ""), NLP.make_doc)
    assert doc.text == "A title. "
    assert doc.has_annotation("ENT_IOB")
    assert len(doc.spans[SPANS_KEY]) == 0


def test_longest_mentions_in_ents_and_all_in_spans():
    doc = document_to_doc(
        document(
            "Familial breast cancer gene",
            "",
            ("breast cancer", "Disease", "D001943"),
            ("Familial breast cancer", "Disease", "D001943"),
            ("cancer gene", "Gene", "1"),
            ("breast cancer", "Disease", "D009369"),
        ),
        NLP.make_doc,
    )
    assert ents(doc) == [("Familial breast cancer", "Disease", "MESH:D001943")]
    assert [(span.text, span.label_, span.kb_id_) for span in doc.spans[SPANS_KEY]] == [
        ("breast cancer", "Disease", "MESH:D001943|MESH:D009369"),  # Annotated twice.
        ("Familial breast cancer", "Disease", "MESH:D001943"),
        ("cancer gene", "Gene", "NCBIGene:1"),
    ]


def test_labels():
    source = document("A B C", "", ("A", "X", None), ("B", "Y", None), ("C", "Z", None))
    for labels, expected in (
        (Labels(), "XYZ"),
        (Labels({"X": "Q"}), "QYZ"),
        (Labels({"*": "Q", "Y": ""}), "QQ"),
        (Labels({"X": "Q"}, frozenset("QZ")), "QZ"),
        (Labels(keep=frozenset()), ""),
    ):
        assert "".join(ent.label_ for ent in document_to_doc(source, NLP.make_doc, labels=labels).ents) == expected


def test_numbers_are_read_by_the_type_of_the_file():
    """Whatever label it becomes."""
    source = document("TP53 in mice", "", ("TP53", "Gene", "7157"), ("mice", "Species", "10090"))
    for labels, label in ((Labels({"Gene": "GENE"}), "GENE"), (Labels({"Gene": "Species"}), "Species")):
        assert ents(document_to_doc(source, NLP.make_doc, labels=labels)) == [
            ("TP53", label, "NCBIGene:7157"),
            ("mice", "Species", "NCBITaxon:10090"),
        ]


def test_an_id_that_is_written_twice_is_one():
    source = document("Wilson disease", "", ("Wilson disease", "X", "MESH:D1|MESH:D1"), ("Wilson disease", "X", "D2"))
    source = AnnotatedDocument("1", source.passages, (*source.mentions, *source.mentions))
    assert ents(document_to_doc(source, NLP.make_doc)) == [("Wilson disease", "X", "MESH:D1|D2")]


def test_mentions_inside_tokens_cut_the_gold_tokens():
    source = document("Blocks 5-HT6 receptors.", "", ("5-HT", "Chemical", "D012701"), ("receptors", "Gene", None))
    doc = document_to_doc(source, NLP.make_doc)
    assert doc.text == source.text
    assert [token.text for token in doc] == ["Blocks", "5", "-", "HT", "6", "receptors", "."]
    assert ents(doc) == [("5-HT", "Chemical", "MESH:D012701"), ("receptors", "Gene", "")]
    assert doc.user_data[USER_DATA_KEY]["unaligned"] == [(7, 11)]
    example = Example(NLP.make_doc(source.text), doc)
    # The tokens of a mention that the pipeline cannot express teach it nothing; the other mention does.
    assert example.get_aligned_ner() == ["O", None, None, None, "U-Gene", "O"]


def test_white_space_is_no_part_of_a_mention():
    source = AnnotatedDocument("1", (Passage("t", "A  plus  sign"),), (Mention(1, 9, "  plus  ", "X"),))
    assert ents(document_to_doc(source, NLP.make_doc)) == [("plus", "X", "")]


def test_sentences_start_at_passages_and_never_inside_mentions():
    source = document(
        "A title without a stop", "It begins. Vitamin K. Therapy ends. Last", ("Vitamin K. Therapy", "Chemical", None)
    )
    assert not document_to_doc(source, NLP.make_doc).has_annotation("SENT_START")
    doc = document_to_doc(source, NLP.make_doc, split_sentences=True)
    assert [sent.text for sent in doc.sents] == [
        "A title without a stop",
        "It begins.",
        "Vitamin K. Therapy ends.",
        "Last",
    ]


def test_survives_a_doc_bin():
    source = document(
        "Familial breast cancer",
        "and TP53.",
        ("breast cancer", "Disease", "D001943"),
        ("Familial breast cancer", "Disease", "D001943+D030342"),
        relations=[Relation("CID", ("D000001", "D001943"))],
    )
    doc = document_to_doc(source, NLP.make_doc, split_sentences=True)
    bytes_data = DocBin(store_user_data=True, docs=[doc]).to_bytes()
    [stored] = DocBin().from_bytes(bytes_data).get_docs(Vocab())
    for each in (doc, stored):
        data = each.user_data[USER_DATA_KEY]
        assert (data["id"], [tuple(passage) for passage in data["passages"]]) == (source.id, [("t", 22), ("a", 9)])
        assert [tuple(relation) for relation in data["relations"]] == [("CID", "D000001", "D001943")]
        assert [(span.text, span.kb_id_) for span in each.spans[SPANS_KEY]] == [
            ("breast cancer", "MESH:D001943"),
            ("Familial breast cancer", "MESH:D001943|MESH:D030342"),
        ]
        assert [len(sent) for sent in each.sents] == [3, 3]
    assert stored.ents[0].kb_id_ == "MESH:D001943|MESH:D030342"


def test_entities_take_the_place_of_annotations():
    source = document(
        "Wilson disease",
        "and c|1 of TP53",
        ("disease", "X", "D1"),
        relations=[Relation("CID", ("D1", "D2"))],
    )
    doc = NLP(source.text)
    places = [(0, 6, ""), (7, 14, "NIL"), (19, 22, join_concept_ids(["c|1", "MESH:D2"]))]
    doc.set_ents([doc.char_span(*place, label="Y", kb_id=ids, alignment_mode="expand") for *place, ids in places])
    found = with_entities(source, doc)
    assert (found.id, found.passages, found.relations) == (source.id, source.passages, ())
    assert found.mentions == (
        Mention(0, 6, "Wilson", "Y"),
        Mention(7, 14, "disease", "Y", "-1"),
        Mention(19, 22, "c|1", "Y", "c|1|MESH:D2"),
    )


@given(st.data())
def test_every_mention_is_found_where_it_was(data):
    passages = tuple(Passage(kind, data.draw(st.text(st.sampled_from("ab1-. (\n"), max_size=15))) for kind in "ta")
    text = AnnotatedDocument("1", passages).text
    offsets = st.integers(0, len(text))
    pairs = [
        (min(pair), max(pair))
        for pair in data.draw(st.lists(st.tuples(offsets, offsets), max_size=5))
        if text[min(pair) : max(pair)].strip()
    ]
    mentions = tuple(Mention(start, end, text[start:end], "X", "D000001") for start, end in pairs)
    doc = document_to_doc(
        AnnotatedDocument("1", passages, mentions), NLP.make_doc, split_sentences=data.draw(st.booleans())
    )
    assert doc.text == text
    spans = {(span.start_char, span.text) for span in doc.spans[SPANS_KEY]}
    for mention in mentions:
        indent = len(mention.text) - len(mention.text.lstrip())
        assert (mention.start + indent, mention.text.strip()) in spans
    # The longest by tokens is among the entities, whatever overlaps it.
    assert max(map(len, doc.ents), default=0) == max(map(len, doc.spans[SPANS_KEY]), default=0)


def test_sentences_become_one_doc():
    sentences = [Sentence(("Wilson", "disease"), ((0, 2, "X"),)), Sentence(("No", "TP53"), ((1, 2, "Y"),))]
    doc = sentences_to_doc(Vocab(), sentences, labels=Labels({"X": "Disease"}))
    assert [sent.text for sent in doc.sents] == ["Wilson disease", "No TP53"]
    assert ents(doc) == [("Wilson disease", "Disease", ""), ("TP53", "Y", "")]
    assert doc.has_unknown_spaces
    assert sentences_to_doc(Vocab(), [Sentence(("None",))]).has_annotation("ENT_IOB")


@pytest.mark.parametrize(
    ("n_sents", "expected"),
    [(1, ["a", "b", "c", "d", "e"]), (2, ["ab", "c", "de"]), (3, ["abc", "de"]), (0, ["abc", "de"])],
)
def test_groups_of_sentences_end_with_the_document(n_sents, expected):
    sentences = [Sentence((word,), starts_document=word in "ad") for word in "abcde"]
    groups = [[sentence.words[0] for sentence in group] for group in grouped(sentences, n_sents)]
    assert ["".join(group) for group in groups] == expected
