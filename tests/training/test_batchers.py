"""Batches by what was annotated: none is mixed, none is lost, and kinds alternate."""

import random
from itertools import pairwise

import spacy
from spacy.training import Example
from spacy.util import registry

from spacy_biobert.corpora.annotated_labels import get_annotated_labels, set_annotated_labels

KINDS = (["Disease"], ["Chemical", "Disease"], ["Gene"], None)


def make_examples(n_of_each: int) -> list[Example]:
    nlp = spacy.blank("en")
    examples = []
    for i in range(n_of_each):
        for labels in KINDS:
            example = Example(nlp.make_doc("a b c"), nlp.make_doc(f"{i} b c"))
            set_annotated_labels(example.reference, labels)
            examples.append(example)
    return examples


def test_batches_are_of_one_kind():
    batcher = registry.resolve(
        {
            "batcher": {
                "@batchers": "spacy_biobert.batch_by_annotation.v1",
                "batcher": {
                    "@batchers": "spacy.batch_by_words.v1", "size": 30, "tolerance": 0.0, "discard_oversize": False
                },
            }
        }
    )["batcher"]  # fmt: skip
    examples = make_examples(50)
    random.seed(0)
    batches = list(batcher(iter(examples)))
    kinds = [{get_annotated_labels(example.reference) for example in batch} for batch in batches]
    assert all(len(kind) == 1 for kind in kinds)
    assert sorted(id(example) for batch in batches for example in batch) == sorted(map(id, examples))
    assert max(len(batch) for batch in batches) == 10
    changes = sum(kind != following for kind, following in pairwise(kinds))
    assert changes > len(KINDS)
    random.seed(0)
    assert [[id(example) for example in batch] for batch in batcher(examples)] == [
        [id(example) for example in batch] for batch in batches
    ]


def test_no_examples_no_batches():
    batcher = registry.get("batchers", "spacy_biobert.batch_by_annotation.v1")(lambda examples: [list(examples)])
    assert list(batcher([])) == []
