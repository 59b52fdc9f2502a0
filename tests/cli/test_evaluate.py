"""``spacy biobert evaluate``: several corpora, each scored for what it is."""

import spacy
import srsly

from spacy_biobert.corpora.spacy_files import record_annotated_labels

FEVER = (["A", "fever"], [(1, 2, "Disease")])
MISSED = (["Some", "cough"], [(1, 2, "Disease")])


def test_scores_every_corpus(invoke, ruler, make_corpus, tmp_path):
    make_corpus(tmp_path / "test" / "one.spacy", FEVER)
    make_corpus(tmp_path / "test" / "two.spacy", FEVER, MISSED)
    status, output = invoke("evaluate", ruler, tmp_path / "test", "--output", tmp_path / "o" / "scores.json")
    assert status == 0
    assert "one ents all 100.00 100.00 100.00" in output
    assert "two ents all 100.00 50.00 66.67" in output
    scores = srsly.read_json(tmp_path / "o" / "scores.json")
    assert list(scores) == ["one", "two"]
    assert (scores["two"]["docs"], scores["two"]["words"], scores["two"]["ents_r"]) == (2, 4, 0.5)


def test_several_labels_are_shown_one_by_one(invoke, ruler, make_corpus, tmp_path):
    both = (["fever", "after", "aspirin"], [(0, 1, "Disease"), (2, 3, "Gene")])
    _, output = invoke("evaluate", ruler, make_corpus(tmp_path / "x.spacy", both))
    assert "x ents Disease 100.00 100.00 100.00" in output
    assert "x ents Gene 0.00 0.00 0.00" in output


def test_unknown_spaces_mean_gold_tokens(invoke, ruler, make_corpus, tmp_path):
    # As raw text, "un-fever" is three tokens, of which the rule would find one.
    tokens = (["un-fever", "fever"], [(1, 2, "Disease")])
    _, as_tokens = invoke("evaluate", ruler, make_corpus(tmp_path / "a.spacy", tokens))
    _, as_text = invoke("evaluate", ruler, make_corpus(tmp_path / "b.spacy", tokens, spaces=[True, False]))
    assert "a ents all 100.00 100.00 100.00" in as_tokens
    assert "b ents all 50.00 100.00 66.67" in as_text


def test_corpora_of_one_name_are_kept_apart(invoke, ruler, make_corpus, tmp_path):
    paths = [make_corpus(tmp_path / name / "test.spacy", FEVER) for name in ("a", "b")]
    invoke("evaluate", ruler, *paths, "--output", tmp_path / "scores.json")
    assert list(srsly.read_json(tmp_path / "scores.json")) == [str(tmp_path / name / "test") for name in ("a", "b")]


def test_a_corpus_that_is_none(invoke, ruler, tmp_path):
    (tmp_path / "text.spacy").write_text("no docs", encoding="utf8")
    status, output = invoke("evaluate", ruler, tmp_path / "text.spacy")
    assert (status, "[B368]" in output) == (1, True)


def test_hidden_files_are_left_alone(invoke, ruler, make_corpus, tmp_path):
    """As by spaCy's reader: other systems leave some beside what they copy."""
    make_corpus(tmp_path / "test" / "one.spacy", FEVER)
    (tmp_path / "test" / "._one.spacy").write_bytes(b"no docs")
    status, output = invoke("evaluate", ruler, tmp_path / "test")
    assert status == 0, output


def test_labels_that_are_called_otherwise(invoke, ruler, make_corpus, tmp_path):
    make_corpus(tmp_path / "other.spacy", (["A", "fever", "."], [(1, 2, "DISEASE")]))
    status, output = invoke("evaluate", ruler, tmp_path / "other.spacy")
    assert status == 0
    assert "[W522]" in output
    assert "DISEASE, and the pipeline found Disease" in output


def test_nothing_to_score(invoke, ruler, tmp_path):
    (tmp_path / "empty").mkdir()
    status, output = invoke("evaluate", ruler, tmp_path / "empty")
    assert status == 1
    assert "[B508]" in output


def test_writes_a_report_and_all_that_is_behind_it(invoke, ruler, make_corpus, tmp_path):
    make_corpus(tmp_path / "test" / "one.spacy", FEVER)
    make_corpus(tmp_path / "test" / "two.spacy", FEVER, MISSED)
    report, scores = tmp_path / "o" / "report.html", tmp_path / "o" / "scores.json"
    status, output = invoke("evaluate", ruler, tmp_path / "test", "--report", report, "--json", scores)
    assert status == 0
    assert f"Page to look at: {report}" in output.replace("\n", "")
    html = report.read_text(encoding="utf-8")
    assert all(name in html for name in ("one", "two", "<q>cough</q>"))
    found = srsly.read_json(scores)["two"]
    assert found["entities"]["micro"]["f"] == found["ents_f"]
    assert found["entities"]["outcomes"]["missed"] == 1
    low, high = found["entities"]["micro"]["f_95"]
    assert low <= found["ents_f"] <= high


def test_nothing_to_report_on(invoke, ruler, make_corpus, tmp_path):
    corpus = make_corpus(tmp_path / "x.spacy", (["Well"], []))
    status, output = invoke("evaluate", ruler, corpus, "--report", tmp_path / "report.html")
    assert status == 1
    assert "[B521]" in output
    assert invoke("evaluate", ruler, corpus)[0] == 0


def test_labels_that_the_corpus_does_not_have(invoke, ruler, make_corpus, tmp_path):
    """Of what the annotators did not look for, nothing that is found can be right."""
    make_corpus(tmp_path / "c.spacy", (["fever", "aspirin"], [(0, 1, "Disease")]))
    status, output = invoke("evaluate", ruler, tmp_path / "c.spacy")
    assert status == 0
    assert "[W524]" in output
    assert "labelled Chemical" in output
    assert "--annotates Disease" in output
    record_annotated_labels(tmp_path / "c.spacy", ["Disease"], vocab=spacy.blank("en").vocab)
    assert "[W524]" not in invoke("evaluate", ruler, tmp_path / "c.spacy")[1]


def test_an_output_that_cannot_be_written(invoke, ruler, make_corpus, tmp_path):
    path = make_corpus(tmp_path / "c.spacy", (["fever"], [(0, 1, "Disease")])) or tmp_path / "c.spacy"
    for option in ("--output", "--report"):
        status, output = invoke("evaluate", ruler, path, option, path / "below")
        assert status == 1
        assert "[B511]" in output
