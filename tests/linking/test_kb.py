import json
import multiprocessing
import os
import pickle
import shutil
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacy_biobert.linking.concepts import Concept
from spacy_biobert.linking.folder import write_manifest
from spacy_biobert.linking.kb import KnowledgeBase

from .conftest import CONCEPTS


def ids(kb, mention, **settings):
    return [candidate.concept_id for candidate in kb.candidates([mention], **settings)[0]]


# --- What it holds ---


def test_contents(kb):
    assert len(kb) == len(CONCEPTS)
    assert kb.n_names == sum(len(concept.names) for concept in CONCEPTS)
    assert list(kb) == [concept.id for concept in CONCEPTS]
    assert [kb.get(concept.id) for concept in CONCEPTS] == list(CONCEPTS)
    assert list(kb.concepts()) == list(CONCEPTS)
    assert [kb.concept_in_row(row) for row in (2, -1, len(CONCEPTS))] == [CONCEPTS[2], None, None]
    assert kb.get("MESH:none") is None
    assert "MESH:D006527" in kb
    assert "OMIM:277900" not in kb
    assert kb.types == {"Disease", "Chemical", "Syndrome"}
    assert kb.meta["source"] == {"file": "by hand"}


def test_equivalent_ids(kb):
    assert kb.equivalent_ids("MESH:D006527") == {"MESH:D006527", "OMIM:277900"}
    assert kb.equivalent_ids("OMIM:277900") == {"MESH:D006527", "OMIM:277900"}
    assert kb.equivalent_ids("MESH:D009369") == {"MESH:D009369"}
    assert kb.equivalent_ids("NIL") == {"NIL"}


def test_blank_and_repeated_names_are_left_out(tmp_path):
    concept = Concept("X:1", " ", ("a", "", "b", "a"))
    kb = KnowledgeBase.build([concept], tmp_path / "kb")
    assert kb.get("X:1") == Concept("X:1", "a", ("b",))


# --- Look-up ---


@pytest.mark.parametrize(
    ("mention", "concept_id", "name"),
    [
        ("Wilson disease", "MESH:D006527", "Wilson Disease"),
        ("wilson's diseases", "MESH:D006527", "Wilson Disease"),
        ("degeneration, hepatolenticular", "MESH:D006527", "Hepatolenticular Degeneration"),
        ("Breast tumours", "MESH:D001943", "Tumors, Breast"),
        ("\N{GREEK SMALL LETTER ALPHA}-thalassaemia", "MESH:D017085", "alpha-Thalassemia"),
        # Among names of different concepts that are equal, the mention's own letters count first,
        ("Wilson", "MESH:D000001", "Wilson"),
        # then that the name is canonical.
        ("Storage, Copper", "MESH:D000003", "Copper Storage"),
    ],
)
def test_same_but_for_form(kb, mention, concept_id, name):
    best = kb.candidates([mention])[0][0]
    assert best == (concept_id, 1.0, name)


def test_similar(kb):
    first, second, *_ = kb.candidates(["hereditary breast cancer"])[0]
    assert first.concept_id == "MESH:D001943"
    assert 0.5 < first.score < 1
    assert second.score < first.score


def test_an_unknown_word_lowers_the_score(kb):
    exact, longer = kb.candidates(["Cancer", "Zzyzx cancer"])
    assert exact[0].concept_id == longer[0].concept_id == "MESH:D009369"
    assert longer[0].score < 0.8


def test_concepts_come_once_and_best_first(kb):
    for candidates in kb.candidates(["disease", "Wilson disease", "breast or ovarian cancer"], top_n=5):
        assert len({candidate.concept_id for candidate in candidates}) == len(candidates) <= 5
        scores = [candidate.score for candidate in candidates]
        assert scores == sorted(scores, reverse=True)


def test_a_concept_with_very_many_names_leaves_room_for_others(tmp_path):
    many = Concept("X:1", "copper disease", tuple(f"copper disease {i}" for i in range(300)))
    kb = KnowledgeBase.build([many, Concept("X:2", "iron disease"), Concept("X:3", "zinc disease")], tmp_path / "kb")
    assert ids(kb, "copper disease", top_n=3) == ["X:1", "X:2", "X:3"]


def test_more_names_win_a_tie(tmp_path):
    concepts = [Concept("X:1", "a", ("copper",)), Concept("X:2", "b", ("Copper", "Cu"))]
    assert ids(KnowledgeBase.build(concepts, tmp_path / "kb"), "COPPER") == ["X:2", "X:1"]


def test_types(kb):
    mentions = ["copper"] * 4
    everything, chemicals, diseases, unknown = kb.candidates(
        mentions, types=[None, ["Chemical"], {"Disease", "Syndrome"}, ["T000"]]
    )
    assert everything[0].concept_id == "MESH:D003300"
    assert [candidate.concept_id for candidate in chemicals] == ["MESH:D003300"]
    assert [candidate.concept_id for candidate in diseases[:2]] == ["MESH:D000003", "MESH:D000002"]
    assert all("Disease" in kb.get(candidate.concept_id).types for candidate in diseases)
    assert unknown == []
    # A concept without types may always be.
    assert ids(kb, "disease models", types=[["Chemical"]]) == ["MESH:D004195"]


def test_nothing_to_look_up(kb):
    assert kb.candidates([]) == []
    assert kb.candidates(["", " ", "???", "漢字"]) == [[], [], [], []]
    with pytest.raises(ValueError, match=r"\[B221\] top_n is 0"):
        kb.candidates(["x"], top_n=0)


@given(st.lists(st.text(max_size=50), max_size=5))
def test_any_mention(kb, mentions):
    found = kb.candidates(mentions, top_n=3)
    # What a mention gets does not depend on the others.
    assert found == [kb.candidates([mention], top_n=3)[0] for mention in mentions]
    for candidates in found:
        assert all(0 < candidate.score <= 1 and candidate.concept_id in kb for candidate in candidates)


@given(st.sampled_from([(concept.id, name) for concept in CONCEPTS for name in concept.names]), st.randoms())
def test_every_name_is_found_in_any_order(kb, known, random):
    concept_id, name = known
    words = name.replace(",", "").split()
    random.shuffle(words)
    exact = {candidate.concept_id for candidate in kb.candidates([" ".join(words).upper()])[0] if candidate.score == 1}
    assert concept_id in exact


def test_one_text_in_place_of_a_list(kb):
    with pytest.raises(TypeError, match=r"\[B223\].*\['aspirin'\]"):
        kb.candidates("aspirin")


def test_a_very_long_mention(kb):
    assert ids(kb, "Wilson disease " * 10_000)[0] == "MESH:D006527"


def test_scores_are_cosines(tmp_path):
    """Compared with the definition, on features counted by hand: "ab" has ' ab', 'ab ', and the word; "ac" likewise."""
    kb = KnowledgeBase.build([Concept("X:1", "ab"), Concept("X:2", "ab ac")], tmp_path / "kb")
    in_one, in_two = np.log(3 / 2) + 1, np.log(3 / 3) + 1
    lengths = np.sqrt([3 * in_two**2, 3 * in_two**2 + 3 * in_one**2])
    expected = 3 * in_one**2 / (lengths[1] * np.sqrt(3 * in_one**2))
    found = kb.candidates(["ac"])[0]
    assert [candidate.concept_id for candidate in found] == ["X:2"]
    assert found[0].score == pytest.approx(expected, abs=1e-4)


# --- Building ---


def test_equal_sources_make_equal_files(kb, tmp_path):
    again = KnowledgeBase.build(iter(CONCEPTS), tmp_path / "kb", source={"file": "by hand"})
    assert again.checksum == kb.checksum
    other = KnowledgeBase.build(CONCEPTS[:-1], tmp_path / "other")
    assert other.checksum != kb.checksum


@pytest.mark.parametrize(
    ("concepts", "message"),
    [
        ([], r"\[B215\]"),
        ([Concept("X:1", "???")], r"\[B215\]"),
        ([Concept("X:1", "")], r"\[B212\] The concept X:1"),
        ([Concept("", "a")], r"\[B211\]"),
        ([Concept("NIL", "a")], r"\[B211\]"),
        ([Concept("X:1|X:2", "a")], r"\[B211\]"),
        ([Concept("X: 1", "a")], r"\[B211\]"),
        ([Concept("X:1", "a"), Concept("X:1", "b")], r"\[B213\] Two concepts have the id X:1: 'a' and 'b'"),
        ([Concept("X:1", "a\ud800")], r"\[B214\] The concept X:1"),
        ([Concept("X:1", "a", ("b" * 1_000_000,))], r"\[B263\] A name of the concept X:1 has 1,000,000 characters"),
        (
            [
                Concept("X:1", "a", alternative_ids=("X:2",)),
                Concept("X:2", "b", alternative_ids=("X:9", "X:3")),
                Concept("X:3", "c", alternative_ids=("X:1",)),
            ],
            r"\[B264\].*X:1 → X:2 → X:3 → X:1",
        ),
    ],
)
def test_concepts_that_cannot_be(tmp_path, concepts, message):
    with pytest.raises(ValueError, match=message):
        KnowledgeBase.build(concepts, tmp_path / "kb")
    # Nothing is left behind, neither half a knowledge base nor a temporary folder.
    assert list(tmp_path.iterdir()) == []


def test_alternative_ids_that_are_concepts(tmp_path):
    """Odd but possible; an id of itself is nothing to speak of, and two ways to one concept are no circle."""
    concepts = [
        Concept("X:1", "a", alternative_ids=("X:1", "X:2", "X:3")),
        Concept("X:2", "b", alternative_ids=("X:3",)),
        Concept("X:3", "c", related_ids=("X:1",)),
    ]
    with pytest.warns(UserWarning, match=r"\[W260\] 2 concept.*X:1 has X:2"):
        kb = KnowledgeBase.build(concepts, tmp_path / "kb")
    assert kb.get("X:1").alternative_ids == ("X:2", "X:3")
    assert kb.get("X:3").related_ids == ("X:1",)
    # Near is not the same.
    assert kb.equivalent_ids("X:3") == {"X:1", "X:2", "X:3"}
    assert kb.equivalent_ids("X:1") == {"X:1", "X:2", "X:3"}


def test_a_long_chain_of_alternative_ids(tmp_path):
    concepts = [Concept(f"X:{i}", "a", alternative_ids=(f"X:{i + 1}",)) for i in range(5000)]
    with pytest.warns(UserWarning, match=r"\[W260\] 4999 concept"):
        KnowledgeBase.build(concepts, tmp_path / "kb")


def test_source_known_when_all_was_read(tmp_path):
    read = []

    def concepts():
        for concept in CONCEPTS:
            read.append(concept)
            yield concept

    kb = KnowledgeBase.build(concepts(), tmp_path / "kb", source=lambda: {"version": str(len(read)), "name": "n"})
    assert (kb.name, kb.version) == ("n", str(len(CONCEPTS)))


def test_a_failed_build_leaves_the_old_one(tmp_path):
    KnowledgeBase.build(CONCEPTS, tmp_path / "kb")
    with pytest.raises(ValueError, match=r"\[B215\]"):
        KnowledgeBase.build([], tmp_path / "kb", overwrite=True)
    assert len(KnowledgeBase.open(tmp_path / "kb")) == len(CONCEPTS)


def test_overwriting(tmp_path):
    old = KnowledgeBase.build(CONCEPTS, tmp_path / "kb")
    with pytest.raises(FileExistsError, match=r"\[B204\]"):
        KnowledgeBase.build(CONCEPTS[:1], tmp_path / "kb")
    new = KnowledgeBase.build(CONCEPTS[:1], tmp_path / "kb", overwrite=True)
    assert len(new) == 1
    # Who has the old one open keeps it, but cannot copy what is no longer there.
    assert ids(old, "aspirin", top_n=1) == ["MESH:D001241"]
    with pytest.raises(ValueError, match=r"\[B208\]"):
        old.copy_to(tmp_path / "copy")
    with pytest.raises(ValueError, match=r"\[B208\]"):
        old.to_bytes()


def test_what_is_no_knowledge_base_is_not_replaced(tmp_path):
    (tmp_path / "precious.txt").write_text("x")
    for path in (tmp_path, tmp_path / "precious.txt"):
        with pytest.raises(FileExistsError, match=r"\[B205\]"):
            KnowledgeBase.build(CONCEPTS, path, overwrite=True)
    assert (tmp_path / "precious.txt").read_text() == "x"
    (tmp_path / "empty").mkdir()
    assert KnowledgeBase.build(CONCEPTS, tmp_path / "empty").folder == tmp_path / "empty"


def test_what_came_there_while_it_was_built_is_not_replaced(tmp_path):
    def slowly():
        yield CONCEPTS[0]
        (tmp_path / "kb").mkdir()
        (tmp_path / "kb" / "precious.txt").write_text("x")

    with pytest.raises(FileExistsError, match=r"\[B205\]"):
        KnowledgeBase.build(slowly(), tmp_path / "kb")
    assert (tmp_path / "kb" / "precious.txt").read_text() == "x"
    assert [path.name for path in tmp_path.iterdir()] == ["kb"]


# --- Opening ---


@pytest.fixture
def copied(kb, tmp_path):
    kb.copy_to(tmp_path / "kb")
    return tmp_path / "kb"


def test_no_knowledge_base(tmp_path):
    for content in (None, "{}", "[]"):
        if content:
            (tmp_path / "meta.json").write_text(content)
        with pytest.raises(FileNotFoundError, match=r"\[B201\]"):
            KnowledgeBase.open(tmp_path)


def test_another_version(copied):
    meta = json.loads((copied / "meta.json").read_text())
    (copied / "meta.json").write_text(json.dumps(meta | {"format_version": 99}))
    with pytest.raises(ValueError, match=r"\[B202\].*version 99"):
        KnowledgeBase.open(copied)


@pytest.mark.parametrize("files", [None, {}, {"../x": {"size": 1, "sha256": ""}}, {"concepts.sqlite": {}}])
def test_a_manifest_without_the_files(copied, files):
    meta = json.loads((copied / "meta.json").read_text())
    (copied / "meta.json").write_text(json.dumps(meta | {"files": files}))
    with pytest.raises(ValueError, match=r"\[B203\].*meta.json"):
        KnowledgeBase.open(copied)


def test_a_manifest_that_lacks_something(copied):
    meta = json.loads((copied / "meta.json").read_text())
    del meta["n_names"]
    (copied / "meta.json").write_text(json.dumps(meta))
    with pytest.raises(ValueError, match=r"\[B203\].*lacks n_names"):
        KnowledgeBase.open(copied)


def test_no_json(copied):
    (copied / "meta.json").write_text("{")
    with pytest.raises(ValueError, match=r"\[B203\].*meta.json is not JSON"):
        KnowledgeBase.open(copied)


def test_every_missing_cut_or_changed_file_is_named(kb, tmp_path):
    for name in kb.meta["files"]:
        folder = tmp_path / name.replace(".", "_")
        kb.copy_to(folder)
        content = (folder / name).read_bytes()
        (folder / name).write_bytes(content[:-1])
        with pytest.raises(ValueError, match=rf"\[B203\].*{name} has"):
            KnowledgeBase.open(folder)
        (folder / name).unlink()
        with pytest.raises(ValueError, match=rf"\[B203\].*{name} is missing"):
            KnowledgeBase.open(folder)
        # As long as it was, but other bytes.
        (folder / name).write_bytes(bytes(len(content)))
        with pytest.raises(ValueError, match=rf"\[B203\].*{name} was changed, or belongs to another"):
            KnowledgeBase.open(folder)


def test_damage_in_the_middle_of_a_large_file(copied):
    """What opening does not read is noticed by `verify`."""
    path = copied / "extra.bin"
    path.write_bytes(bytes(300_000))
    meta = json.loads((copied / "meta.json").read_text())
    (copied / "meta.json").unlink()
    write_manifest(copied, {key: meta[key] for key in meta.keys() - {"files"}})
    # A file more than needed is carried along.
    assert "extra.bin" in KnowledgeBase.from_bytes(KnowledgeBase.open(copied).to_bytes()).meta["files"]
    path.write_bytes(bytes(150_000) + b"x" + bytes(149_999))
    kb = KnowledgeBase.open(copied)
    with pytest.raises(ValueError, match=r"\[B203\].*checksum of extra.bin"):
        kb.verify()


def test_a_foreign_database(copied):
    size = (copied / "concepts.sqlite").stat().st_size
    (copied / "concepts.sqlite").write_bytes(b"x" * size)
    with pytest.raises(ValueError, match=r"\[B203\].*concepts.sqlite"):
        KnowledgeBase.open(copied).get("X:1")


def test_a_read_only_folder_with_an_odd_name(kb, tmp_path):
    folder = tmp_path / "a b?c#d%20é"
    kb.copy_to(folder)
    folder.chmod(0o555)
    try:
        assert ids(KnowledgeBase.open(folder), "aspirin", top_n=1) == ["MESH:D001241"]
        assert sorted(os.listdir(folder)) == sorted(os.listdir(kb.folder))
    finally:
        folder.chmod(0o755)


# --- Copies, bytes, processes and threads ---


def test_copy(kb, copied):
    assert KnowledgeBase.open(copied).checksum == kb.checksum
    again = KnowledgeBase.open(copied)
    again.copy_to(copied)
    again.verify()
    kb.copy_to(copied)
    assert KnowledgeBase.open(copied).get("MESH:D006527") == CONCEPTS[0]


def test_bytes(kb):
    other = KnowledgeBase.from_bytes(kb.to_bytes())
    assert other.checksum == kb.checksum
    assert other.candidates(["wilson disease"]) == kb.candidates(["wilson disease"])
    folder = other.folder
    assert folder.exists()
    del other
    assert not folder.exists()


@pytest.mark.parametrize("data", [b"", b"x", b"\x80", b"\xc1"])
def test_bytes_that_are_no_knowledge_base(data):
    with pytest.raises(ValueError, match=r"\[B207\]"):
        KnowledgeBase.from_bytes(data)


def test_damaged_bytes(kb):
    data = kb.to_bytes().replace(b"Wilson Disease", b"Wilsom Disease")
    with pytest.raises(ValueError, match=r"\[B203\].*concepts.sqlite was changed"):
        KnowledgeBase.from_bytes(data)


def test_too_large_for_bytes(kb, monkeypatch):
    monkeypatch.setattr("spacy_biobert.linking.kb.MAX_BYTES", 1000)
    with pytest.raises(ValueError, match=r"\[B206\]"):
        kb.to_bytes()


def test_pickle(kb):
    assert len(pickle.dumps(kb)) < 1000
    assert pickle.loads(pickle.dumps(kb)).candidates(["aspirin"]) == kb.candidates(["aspirin"])


def test_pickle_of_one_that_is_gone(copied):
    data = pickle.dumps(KnowledgeBase.open(copied))
    shutil.rmtree(copied)
    with pytest.raises(FileNotFoundError, match=r"\[B201\]"):
        pickle.loads(data)


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="this system cannot fork")
def test_fork(kb):
    other = KnowledgeBase.from_bytes(kb.to_bytes())
    expected = other.candidates(["wilson disease"])
    receiver, sender = multiprocessing.Pipe(duplex=False)

    def child():
        sender.send(other.candidates(["wilson disease"]))

    process = multiprocessing.get_context("fork").Process(target=child)
    process.start()
    assert receiver.poll(60)
    assert receiver.recv() == expected
    process.join(60)
    assert process.exitcode == 0
    # The child did not remove the parent's temporary folder.
    assert other.candidates(["aspirin"])[0][0].concept_id == "MESH:D001241"


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="this system cannot fork")
def test_fork_after_a_replacement(tmp_path):
    kb = KnowledgeBase.build(CONCEPTS, tmp_path / "kb")
    KnowledgeBase.build(CONCEPTS[:1], tmp_path / "kb", overwrite=True)
    receiver, sender = multiprocessing.Pipe(duplex=False)

    def child():
        try:
            kb.candidates(["aspirin"])
        except ValueError as error:
            sender.send(str(error))

    process = multiprocessing.get_context("fork").Process(target=child)
    process.start()
    process.join(60)
    assert receiver.poll()
    assert receiver.recv().startswith("[B208]")


def test_threads(kb_folder):
    kb = KnowledgeBase.open(kb_folder)
    mentions = [name for concept in CONCEPTS for name in concept.names]
    expected = KnowledgeBase.open(kb_folder).candidates(mentions)

    def look_up(_):
        return [kb.candidates([mention])[0] for mention in mentions]

    with ThreadPoolExecutor(4) as executor:
        assert all(found == expected for found in executor.map(look_up, range(8)))
