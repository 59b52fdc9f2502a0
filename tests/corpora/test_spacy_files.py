import gzip
import zlib

import pytest
import spacy
import srsly
from spacy.tokens import Doc

from spacy_biobert.corpora.spacy_files import read_docs, write_docs


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: b"",
        lambda data: data[: len(data) // 2],
        lambda data: b"B-Disease\tWilson\n",
        lambda data: gzip.compress(data),
        lambda data: zlib.compress(srsly.msgpack_dumps({"docs": []})),
    ],
    ids=["empty", "half", "text", "gzipped", "other data"],
)
def test_a_file_that_holds_no_docs(tmp_path, damage):
    output = tmp_path / "corpus.spacy"
    vocab = spacy.blank("en").vocab
    write_docs([Doc(vocab, words=["Wilson", "disease"]), Doc(vocab, words=["None"])], output)
    assert [len(doc) for doc in read_docs(output, vocab)] == [2, 1]
    output.write_bytes(damage(output.read_bytes()))
    with pytest.raises(ValueError, match=r"\[B368\] .*corpus\.spacy cannot be read"):
        read_docs(output, vocab)
