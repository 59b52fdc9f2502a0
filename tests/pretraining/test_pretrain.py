"""Pretraining learns, goes on where it was interrupted, and makes what other tools can read."""

import gzip
import json

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from spacy_biobert.encoder.checkpoints import load_checkpoint
from spacy_biobert.pretraining.head import HEAD_FILE, load_head, make_head
from spacy_biobert.pretraining.masking import Vocabulary, mask_words
from spacy_biobert.pretraining.model import MaskedPieceHead
from spacy_biobert.pretraining.pieces import PieceFolder
from spacy_biobert.pretraining.pretrain import pretrain
from spacy_biobert.pretraining.pretrainer import Settings
from spacy_biobert.pretraining.schedule import Schedule
from spacy_biobert.pretraining.teacher import Teacher
from spacy_biobert.pretraining.text import read_documents, text_files

SENTENCES = [
    "the patient with colon cancer",
    "a mutation in the gene of the patient",
    "colitis is in the colon",
    "the gene and the mutation",
]
SETTINGS = Settings(learn_rate=3e-3, step_pieces=200, batch_pieces=100, passes=2, bfloat16=False, mask_rate=0.3)


@pytest.fixture
def text(tmp_path):
    path = tmp_path / "text.txt"
    path.write_text("\n".join(sentence for _ in range(100) for sentence in SENTENCES) + "\n", encoding="utf8")
    return path


@pytest.fixture
def encoder(hf_models):
    return hf_models["bert"][1]


def weights(folder):
    return load_file(folder / "encoder" / "model.safetensors") | load_file(folder / "encoder" / HEAD_FILE)


def equal(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def test_hidden_words_are_guessed_better_afterwards(encoder, text, tmp_path):
    result = pretrain(encoder, [text], tmp_path / "out", SETTINGS, window=32)
    assert result.after < result.before - 1
    assert load_checkpoint(tmp_path / "out" / "encoder").bert.config == load_checkpoint(encoder).bert.config


class Interrupted(Exception):
    pass


@pytest.mark.parametrize("at", [3, 7])
@pytest.mark.parametrize("dropout", [0.0, 0.1])
def test_interrupted_training_ends_as_it_would_have(encoder, text, tmp_path, at, dropout):
    settings = Settings(**{**SETTINGS.__dict__, "dropout": dropout, "passes": 1})

    def interrupt(report):
        if report.step == at:
            raise Interrupted

    whole = pretrain(encoder, [text], tmp_path / "whole", settings, window=32, save_every=2)
    with pytest.raises(Interrupted):
        pretrain(encoder, [text], tmp_path / "out", settings, window=32, save_every=2, report_every=1, report=interrupt)
    resumed = pretrain(encoder, [text], tmp_path / "out", settings, window=32, save_every=2)
    assert equal(weights(tmp_path / "whole"), weights(tmp_path / "out"))
    assert (whole.before, whole.after) == (resumed.before, resumed.after)


def test_finished_training_is_not_repeated(encoder, text, tmp_path):
    first = pretrain(encoder, [text], tmp_path / "out", SETTINGS, window=32)
    reports = []
    again = pretrain(encoder, [text], tmp_path / "out", SETTINGS, window=32, report=reports.append)
    assert not reports
    assert (again.before, again.after) == (first.before, first.after)


def test_other_settings_or_text_are_refused(encoder, text, tmp_path):
    pretrain(encoder, [text], tmp_path / "out", SETTINGS, window=32)
    other = Settings(**{**SETTINGS.__dict__, "learn_rate": 1e-3})
    with pytest.raises(ValueError, match=r"B455.*learn_rate was 0\.003, is 0\.001"):
        pretrain(encoder, [text], tmp_path / "out", other, window=32)
    with pytest.raises(ValueError, match=r"B455.*encoder"):
        pretrain(tmp_path / "out" / "encoder", [text], tmp_path / "out", SETTINGS, window=32)
    # As long as before.
    text.write_text(text.read_text(encoding="utf8").replace("colon", "nocol"), encoding="utf8")
    with pytest.raises(ValueError, match=r"B455.*text"):
        pretrain(encoder, [text], tmp_path / "out", SETTINGS, window=32)


def test_damaged_state_is_told(encoder, text, tmp_path):
    pretrain(encoder, [text], tmp_path / "out", SETTINGS, window=32)
    state = tmp_path / "out" / "state.safetensors"
    state.write_bytes(state.read_bytes()[:1000])
    with pytest.raises(ValueError, match="B454"):
        pretrain(encoder, [text], tmp_path / "out", SETTINGS, window=32)


@pytest.mark.parametrize("family", ["bert", "bert-cased", "roberta", "distilbert", "electra"])
def test_every_family_can_be_pretrained(hf_models, text, tmp_path, family):
    settings = Settings(step_pieces=2000, passes=1, bfloat16=True)
    result = pretrain(hf_models[family][1], [text], tmp_path / "out", settings, window=32, save_dtype="float16")
    assert np.isfinite(result.after)


@pytest.mark.parametrize("family", ["bert", "old bert", "roberta", "distilbert", "electra"])
def test_heads_are_those_of_hugging_face(hf_models, tmp_path, family):
    is_old, family = family.startswith("old"), family.removeprefix("old ")
    transformers = pytest.importorskip("transformers")
    folder = hf_models[family][1]
    config = transformers.AutoConfig.from_pretrained(folder)
    torch.manual_seed(1)
    model = transformers.AutoModelForMaskedLM.from_config(config).eval()
    torch.nn.init.normal_(model.get_output_embeddings().bias)
    model.save_pretrained(tmp_path)
    for name in ("vocab.txt", "vocab.json", "merges.txt"):
        if (folder / name).exists():
            (tmp_path / name).write_bytes((folder / name).read_bytes())
    if is_old:
        # What LayerNorm's weights are called in bert-base-uncased, and in what was made of it.
        renamed = {"LayerNorm.weight": "LayerNorm.gamma", "LayerNorm.bias": "LayerNorm.beta"}
        tensors = load_file(tmp_path / "model.safetensors")
        for new, old in renamed.items():
            tensors = {name.replace(new, old): tensor for name, tensor in tensors.items()}
        save_file(tensors, tmp_path / "model.safetensors", metadata={"format": "pt"})
    checkpoint = load_checkpoint(tmp_path)
    head = make_head(checkpoint, seed=0)
    assert load_head(head, checkpoint, tmp_path)
    ids = torch.tensor([[5, 6, 7, 8, 9]])
    with torch.no_grad():
        base = getattr(model, model.base_model_prefix)
        hidden = base(ids).last_hidden_state[0]
        ours = head(hidden, checkpoint.bert.embeddings.word.weight)
        theirs = model(ids).logits[0]
    assert torch.allclose(ours, theirs, atol=1e-5)


def test_a_trained_head_is_gone_on_with(encoder, text, tmp_path):
    first = pretrain(encoder, [text], tmp_path / "one", SETTINGS, window=32)
    second = pretrain(tmp_path / "one" / "encoder", [text], tmp_path / "two", SETTINGS, window=32)
    assert second.before == pytest.approx(first.after)


def test_the_fused_loss_is_cross_entropy(encoder):
    checkpoint = load_checkpoint(encoder)
    head = make_head(checkpoint, seed=0)
    hidden = torch.randn(20, checkpoint.bert.config.width)
    pieces = torch.randint(0, checkpoint.bert.config.vocab_size, (20,))

    def gradients(loss_of):
        x = hidden.clone().requires_grad_()
        table = checkpoint.bert.embeddings.word.weight.detach().clone().requires_grad_()
        head.zero_grad()
        loss = loss_of(x, table)
        loss.backward()
        return loss.detach(), [x.grad, table.grad, *(weights.grad.clone() for weights in head.parameters())]

    fused, ours = gradients(lambda x, table: head.loss(x, table, pieces, dtype=torch.float32))
    plain, theirs = gradients(
        lambda x, table: torch.nn.functional.cross_entropy(head(x, table), pieces, reduction="sum")
    )
    assert torch.allclose(fused, plain)
    for mine, other in zip(ours, theirs, strict=True):
        assert torch.allclose(mine, other, atol=1e-4)


def test_a_student_nears_its_teacher(hf_models, encoder, text, tmp_path):
    pretrain(encoder, [text], tmp_path / "teacher", SETTINGS, window=32)
    settings = Settings(**{**SETTINGS.__dict__, "teaching": 1.0})
    # The truth plays no part in the loss here: all that is learned comes from the teacher.
    result = pretrain(encoder, [text], tmp_path / "out", settings, window=32, teacher=tmp_path / "teacher" / "encoder")
    assert result.after < result.before - 1


def test_a_teacher_must_know_the_pieces(hf_models, text, tmp_path):
    with pytest.raises(ValueError, match=r"B456.*56 word pieces"):
        pretrain(
            hf_models["bert-cased"][1], [text], tmp_path / "out", SETTINGS, window=32, teacher=hf_models["bert"][1]
        )


def test_a_teacher_must_read_as_much(hf_models):
    teacher = hf_models["bert"][1]
    checkpoint = load_checkpoint(teacher)
    longest = checkpoint.max_pieces
    with pytest.raises(ValueError, match=rf"B457.*window = {longest + 1}.*{longest} or less"):
        Teacher(checkpoint, teacher, checkpoint, window=longest + 1)


def test_the_vocabulary_is_fitted(encoder, text, tmp_path):
    before = load_checkpoint(encoder).bert.config.vocab_size
    settings = Settings(step_pieces=2000, bfloat16=False)
    pretrain(encoder, [text], tmp_path / "less", settings, window=32, vocabulary_size=before - 5)
    pretrain(encoder, [text], tmp_path / "more", settings, window=32, vocabulary_size=before + 1)
    assert load_checkpoint(tmp_path / "less" / "encoder").bert.config.vocab_size == before - 5
    more = load_checkpoint(tmp_path / "more" / "encoder")
    assert more.bert.config.vocab_size == before + 1
    assert len(more.tokenizer.pieces("a", after_space=True)) == 1
    # A head that was taught stays, but for what it knows of each piece's frequency.
    taught = tmp_path / "more" / "encoder"
    again = pretrain(taught, [text], tmp_path / "again", settings, window=32, vocabulary_size=before)
    assert again.head_was_there


@pytest.mark.parametrize(
    ("field", "value"), [("passes", 0), ("mask_rate", 1.0), ("learn_rate", -1), ("dropout", 1), ("warmup", 1)]
)
def test_nonsense_is_refused_at_once(encoder, text, tmp_path, field, value):
    with pytest.raises(ValueError, match=f"B457.*{field} = {value}"):
        pretrain(encoder, [text], tmp_path / "out", Settings(**{field: value}))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", r"\[B458\] The text has no words.*text\.txt"),
        (" \n\n", r"\[B458\]"),
        ("the patient with colon cancer\n", r"\[B459\] The text in .*text\.txt fits into one window of 32 word pieces"),
    ],
)
def test_too_little_text_is_told(encoder, text, tmp_path, content, message):
    text.write_text(content, encoding="utf8")
    with pytest.raises(ValueError, match=message):
        pretrain(encoder, [text], tmp_path / "out", SETTINGS, window=32)


def test_two_windows_are_enough(encoder, text, tmp_path):
    text.write_text("the patient with colon cancer\nthe gene\n", encoding="utf8")
    assert pretrain(encoder, [text], tmp_path / "out", SETTINGS, window=32).n_steps == 2


def test_log_has_a_line_for_each_report(encoder, text, tmp_path):
    pretrain(encoder, [text], tmp_path / "out", SETTINGS, window=32, report_every=5)
    lines = [json.loads(line) for line in (tmp_path / "out" / "log.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines[:2]] == [5, 10]
    assert lines[-1]["held_out"] < 5


# --- Text ---


def test_folders_and_compressed_files_are_read(tmp_path):
    (tmp_path / "a.txt").write_text("one\n\ntwo\n")
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "b.txt.gz").write_bytes(gzip.compress(b"three\n"))
    (tmp_path / "c.md").write_text("not this\n")
    assert list(read_documents(text_files([tmp_path]))) == ["one", "two", "three"]


def test_what_cannot_be_read_is_told(tmp_path):
    with pytest.raises(FileNotFoundError, match="B450"):
        text_files([tmp_path / "nowhere"])
    with pytest.raises(FileNotFoundError, match="B451"):
        text_files([tmp_path])


# --- Pieces, masking, schedule ---


@given(texts=st.lists(st.text(max_size=200), max_size=10))
def test_every_piece_lies_in_one_window(hf_models, tmp_path_factory, texts):
    folder = tmp_path_factory.mktemp("pieces")
    path = folder / "text.txt"
    path.write_bytes("\n".join(" ".join(text.split()) for text in texts).encode("utf8", "ignore"))
    tokenizer = load_checkpoint(hf_models["bert"][1]).tokenizer
    pieces = PieceFolder.prepare([path], tokenizer, folder / "pieces", window=16)
    expected = [
        piece
        for text in read_documents([path])
        for piece in tokenizer.tokenizer.encode(text, add_special_tokens=False).ids
    ]
    assert pieces.ids.tolist() == expected
    assert pieces.lengths.sum() == len(expected)
    assert ((pieces.lengths > 0) & (pieces.lengths <= 14)).all()
    if len(pieces.ends):
        some = pieces.gather(np.arange(len(pieces.ends)))
        assert some.ids.tolist() == expected
        assert some.token_lengths.sum() == len(expected)
        assert some.doc_lengths.sum() == len(some.token_lengths)


@given(
    word_lengths=st.lists(st.integers(1, 5), max_size=50),
    rate=st.floats(0.05, 0.95),
    seed=st.integers(0, 1000),
)
def test_words_are_hidden_whole(word_lengths, rate, seed):
    vocabulary = Vocabulary(4, np.arange(5, 100))
    lengths = np.array(word_lengths, dtype=np.int64)
    ids = np.arange(1000, 1000 + lengths.sum())
    seen, drawn = mask_words(ids, lengths, vocabulary, rate=rate, rng=np.random.default_rng(seed))
    word_of = np.repeat(np.arange(len(lengths)), lengths)
    assert set(drawn) == set(np.flatnonzero(np.isin(word_of, word_of[drawn])))
    untouched = np.setdiff1d(np.arange(len(ids)), drawn)
    assert (seen[untouched] == ids[untouched]).all()
    for piece in drawn:
        assert seen[piece] == 4 or seen[piece] == ids[piece] or 5 <= seen[piece] < 100


def test_shares_are_as_published():
    lengths = np.ones(100_000, dtype=np.int64)
    ids = np.full(100_000, 999)
    seen, drawn = mask_words(ids, lengths, Vocabulary(4, np.arange(5, 100)), rate=0.15, rng=np.random.default_rng(0))
    assert len(drawn) / len(ids) == pytest.approx(0.15, abs=0.005)
    assert (seen[drawn] == 4).mean() == pytest.approx(0.8, abs=0.02)
    assert (seen[drawn] == 999).mean() == pytest.approx(0.1, abs=0.02)


@given(
    costs=st.lists(st.integers(3, 128), min_size=1, max_size=400), step=st.integers(10, 2000), passes=st.integers(1, 3)
)
def test_each_pass_sees_each_window_once(costs, step, passes):
    schedule = Schedule(np.array(costs), step, passes, seed=1)
    assert len(schedule.held_out) or len(costs) == 1  # or nothing could be said of what was learned
    for number in range(passes):
        steps = range(number * schedule.steps_per_pass, (number + 1) * schedule.steps_per_pass)
        seen = np.concatenate([schedule.windows(at) for at in steps])
        assert sorted([*seen, *schedule.held_out]) == list(range(len(costs)))


def test_the_learning_rate_rises_and_falls():
    schedule = Schedule(np.full(1000, 100), 1000, 1, seed=0)
    rates = [schedule.learn_rate(step, peak=1.0, warmup=0.1) for step in range(schedule.n_steps)]
    top = int(np.argmax(rates))
    assert max(rates) == 1.0
    assert top == pytest.approx(0.1 * schedule.n_steps, abs=1)
    assert np.all(np.diff(rates[top:]) < 0)
    assert 0 < rates[-1] < 0.02


def test_a_head_has_no_table_of_its_own(encoder):
    head = MaskedPieceHead(load_checkpoint(encoder).bert)
    assert sorted(head.state_dict()) == ["bias", "dense.bias", "dense.weight", "norm.bias", "norm.weight"]
