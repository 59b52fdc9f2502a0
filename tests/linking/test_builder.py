"""Building streams, and refuses alternative ids that lead in a circle."""

import tracemalloc

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spacy_biobert.linking import builder, storage
from spacy_biobert.linking.concepts import Concept
from spacy_biobert.linking.kb import KnowledgeBase


def generated(count):
    """Concepts like UMLS's: three names, a type, a code of another vocabulary."""
    for i in range(count):
        names = [f"{prefix} disease {i} of kind {i % 97}" for prefix in ("hereditary", "familial", "rare")]
        yield Concept(f"UMLS:C{i:07}", names[0], tuple(names[1:]), (f"T{i % 127:03}",), None, (f"MESH:D{i:06}",))


def test_memory_grows_by_a_few_bytes_a_name(tmp_path, monkeypatch):
    """Apart from the index, which has bars of its own: 8 million names within a gigabyte."""

    def drain(folder, *blocks):
        for block in blocks:
            for _ in block:
                pass

    monkeypatch.setattr(builder, "build_index", drain)
    # What is held of names at a time does not grow, and would hide here what does.
    monkeypatch.setattr(storage, "_NAME_BLOCK", 1000)
    peaks = []
    sizes = (6_000, 18_000)
    for size in sizes:
        folder = tmp_path / str(size)
        folder.mkdir()
        tracemalloc.start()
        builder.write_knowledge_base(generated(size // 3), folder)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert (peaks[1] - peaks[0]) / (sizes[1] - sizes[0]) < 125


def leads_back(links, start):
    reached, pending = set(), list(links.get(start, ()))
    while pending:
        node = pending.pop()
        if node not in reached:
            reached.add(node)
            pending.extend(links.get(node, ()))
    return start in reached


@pytest.mark.filterwarnings("ignore::UserWarning")
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    links=st.dictionaries(
        st.integers(0, 5).map("X:{}".format), st.lists(st.integers(0, 5).map("X:{}".format), unique=True, max_size=3)
    )
)
def test_circles(tmp_path_factory, links):
    links = {identifier: [other for other in others if other != identifier] for identifier, others in links.items()}
    concepts = [Concept(f"X:{i}", "x", alternative_ids=tuple(links.get(f"X:{i}", ()))) for i in range(6)]
    out = tmp_path_factory.mktemp("kb") / "kb"
    if any(leads_back(links, identifier) for identifier in links):
        with pytest.raises(ValueError, match=r"\[B264\]"):
            KnowledgeBase.build(concepts, out)
    else:
        assert len(KnowledgeBase.build(concepts, out)) == 6
