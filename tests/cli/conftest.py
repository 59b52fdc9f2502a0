"""A pipeline that needs no training, and the command line without a subprocess."""

import pytest
import spacy
from spacy.tokens import DocBin, Span
from typer.testing import CliRunner

from spacy_biobert.cli import app


@pytest.fixture
def invoke():
    """Run ``spacy biobert …`` and return (status, output with white space made even)."""

    def run(*arguments, **options):
        result = CliRunner().invoke(app, [str(argument) for argument in arguments], **options)
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result.exit_code, " ".join(result.output.split())

    return run


@pytest.fixture
def ruler(tmp_path):
    """The folder of a pipeline that finds fever and aspirin."""
    nlp = spacy.blank("en")
    patterns = [{"label": "Disease", "pattern": "fever"}, {"label": "Chemical", "pattern": "aspirin"}]
    nlp.add_pipe("entity_ruler").add_patterns(patterns)
    nlp.to_disk(tmp_path / "ruler")
    return tmp_path / "ruler"


@pytest.fixture
def make_corpus():
    """Write a ``.spacy`` file from (words, [(start, end, label)]) pairs."""

    def make(path, *sentences, **options):
        nlp = spacy.blank("en")
        docs = []
        for words, ents in sentences:
            doc = spacy.tokens.Doc(nlp.vocab, words=words, **options)
            doc.ents = [Span(doc, start, end, label=label) for start, end, label in ents]
            docs.append(doc)
        path.parent.mkdir(parents=True, exist_ok=True)
        DocBin(docs=docs).to_disk(path)
        return path

    return make
