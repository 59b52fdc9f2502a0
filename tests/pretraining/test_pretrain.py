"""Pretraining learns, goes on where it was interrupted, and makes what other tools can read."""

import copy
import gzip
import json
from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file
from tiny import SPECIAL, plan_of

from spacy_biobert.encoder.checkpoints import load_checkpoint
from spacy_biobert.encoder.runtime import to_device
from spacy_biobert.pretraining.head import HEAD_FILE, load_head, make_head, save_head
from spacy_biobert.pretraining.masking import Vocabulary, mask_words
from spacy_biobert.pretraining.model import NO_PIECE, MaskedPieceHead
from spacy_biobert.pretraining.pieces import PieceFolder
from spacy_biobert.pretraining.pretrain import pretrain
from spacy_biobert.pretraining.pretrainer import Pretrainer, Settings
from spacy_biobert.pretraining.schedule import Schedule
from spacy_biobert.pretraining.teacher import Lesson, Teacher
from spacy_biobert.pretraining.text import read_documents, text_files
from spacy_biobert.pretraining.vocabulary import trim_vocabulary

SENTENCES = [
    "the patient with colon cancer",
    "a mutation in the gene of the patient",
    "colitis is in the colon",
    "the gene and the mutation",
]
SETTINGS = Settings(learn_rate=3e-3, step_pieces=200, batch_pieces=100, passes=2, bfloat16=False, mask_rate=0.3)
CPU = torch.device("cpu")


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


def make_pretrainer(encoder, text, folder, *, teacher=None, **settings):
    """All that makes steps, on a CPU, with a random head."""
    checkpoint = load_checkpoint(encoder)
    pieces = PieceFolder.prepare([text], checkpoint.tokenizer, folder, window=32)
    head = make_head(checkpoint, seed=0)
    tutor = None if teacher is None else Teacher(load_checkpoint(teacher), teacher, checkpoint, window=32)
    return Pretrainer(
        checkpoint, head, pieces, Settings(**{**SETTINGS.__dict__, **settings}), device="cpu", teacher=tutor
    )


def hidden_in(pretrainer, windows):
    """What `Pretrainer` hides of some windows: batches, rows and pieces."""
    return pretrainer._hide(windows, np.random.default_rng(0))


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


def told_by(folder, windows):
    """The log-probabilities that a pretrained encoder gives the pieces hidden in windows, (n_hidden, vocabulary)."""
    checkpoint = load_checkpoint(folder)
    head = make_head(checkpoint, seed=0)
    assert load_head(head, checkpoint, folder)
    told = []
    with torch.no_grad():
        for batch, rows, pieces in windows:
            hidden = checkpoint.bert(*to_device(batch, CPU))[torch.from_numpy(rows[pieces != NO_PIECE])]
            told.append(head(hidden, checkpoint.bert.embeddings.word.weight).log_softmax(-1))
    return torch.cat(told)


def test_a_student_nears_its_teacher(encoder, text, tmp_path):
    """And not the truth: the teacher knows another text, and foretells what does not stand in this one."""
    other = tmp_path / "other.txt"
    other.write_text("the patient is in pain\ncolitis and cancer of the patient\n" * 200, encoding="utf8")
    teacher = tmp_path / "teacher" / "encoder"
    pretrain(encoder, [other], tmp_path / "teacher", SETTINGS, window=32)
    for teaching in (0.0, 1.0):
        settings = Settings(**{**SETTINGS.__dict__, "teaching": teaching})
        pretrain(encoder, [text], tmp_path / f"{teaching}", settings, window=32, teacher=teacher)
    pretrainer = make_pretrainer(encoder, text, tmp_path / "pieces")
    windows = list(hidden_in(pretrainer, np.arange(40)))
    theirs = told_by(teacher, windows)
    far, near = (
        float(torch.nn.functional.kl_div(ours, theirs, reduction="batchmean", log_target=True))
        for ours in (told_by(tmp_path / f"{teaching}" / "encoder", windows) for teaching in (0.0, 1.0))
    )
    assert near < 0.3 * far


@pytest.mark.parametrize("teaching", [0.0, 0.25, 1.0])
def test_the_lesson_has_its_share_in_the_loss(encoder, text, tmp_path, monkeypatch, teaching):
    monkeypatch.setattr(Teacher, "loss", lambda *args: torch.tensor(1000.0))
    pretrainer = make_pretrainer(encoder, text, tmp_path / "pieces", teacher=encoder, teaching=teaching)
    surprise, loss = pretrainer._loss(*next(hidden_in(pretrainer, np.arange(4))))
    assert 0 < surprise.item() < 900
    assert loss.item() == pytest.approx((1 - teaching) * surprise.item() + teaching * 1000, rel=1e-5)


def test_a_teacher_reads_the_pieces_of_a_smaller_vocabulary(encoder, tmp_path):
    """The same piece has another id there."""
    checkpoint = load_checkpoint(encoder)
    head = make_head(checkpoint, seed=1)
    torch.nn.init.normal_(head.bias)
    checkpoint.save(tmp_path)
    save_head(head, checkpoint, tmp_path)
    vocab = checkpoint.tokenizer.tokenizer.get_vocab()
    student = trim_vocabulary(checkpoint, Counter({"gene": 2, "is": 1}), len(vocab) - 10)
    ours = student.tokenizer.tokenizer.get_vocab()
    names, rows = ["gene", "q", "is", "##x"], torch.tensor([1, 3])
    assert ours["gene"] != vocab["gene"]

    def batch(ids):
        return to_device(plan_of([[ids[name] for name in names]]).batches[0], CPU)

    lesson = Teacher(load_checkpoint(tmp_path), tmp_path, student, window=32).teach(*batch(ours), rows)
    theirs = [vocab[piece] for piece in sorted(ours, key=ours.__getitem__)]
    with torch.no_grad():
        hidden = checkpoint.bert(*batch(vocab))
        scores = head(hidden[rows], checkpoint.bert.embeddings.word.weight)[:, theirs]
    torch.testing.assert_close(lesson.hidden, hidden)
    torch.testing.assert_close(lesson.log_probs, scores.log_softmax(-1))


@pytest.mark.parametrize("has_head", [False, True])
def test_the_loss_of_a_lesson_by_hand(encoder, has_head):
    """Of four rows one is a filler; of three scores one does not count."""
    checkpoint = load_checkpoint(encoder)
    teacher = Teacher(checkpoint, encoder, checkpoint, window=32)
    width = checkpoint.bert.config.width
    with torch.no_grad():
        teacher.project.weight.copy_(torch.eye(width))
        teacher.project.bias.zero_()
    random = np.random.default_rng(0)
    said, hidden = random.normal(size=(2, 4, width))
    probs, guesses = random.dirichlet(np.ones(5), size=(2, 3))
    lesson = Lesson(torch.tensor(said).float(), torch.tensor(probs).log().float() if has_head else None)
    loss = teacher.loss(
        lesson,
        torch.tensor(hidden).float(),
        torch.tensor(np.log(guesses) + 3).float(),
        torch.arange(3),
        torch.tensor([True, False, True]),
    )
    norms = np.linalg.norm(said, axis=1) * np.linalg.norm(hidden, axis=1)
    angles = 1 - (said * hidden).sum(axis=1) / norms
    distances = (probs * np.log(probs / guesses)).sum(axis=1)
    expected = 2 * angles[:3].mean() + has_head * (distances[0] + distances[2])
    assert loss.item() == pytest.approx(expected, rel=1e-4)


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


# --- Steps ---


@pytest.mark.parametrize("flat", [False, True])
def test_a_step_goes_by_the_mean_gradient_of_a_hidden_piece(encoder, text, tmp_path, flat):
    """Cut down to a norm of 1 where it is longer, and left as it is where it is not."""
    pretrainer = make_pretrainer(encoder, text, tmp_path / "pieces")
    if flat:
        with torch.no_grad():
            pretrainer.head.norm.weight.mul_(0.01)
            pretrainer.bert.embeddings.word.weight.mul_(0.1)
    bert, head = copy.deepcopy(pretrainer.bert), copy.deepcopy(pretrainer.head)
    taken = []
    parameters = [weights for module in pretrainer.modules().values() for weights in module.parameters()]
    pretrainer.optimizer.step = lambda: taken.extend(weights.grad.clone() for weights in parameters)
    hide, batches = pretrainer._hide, []
    pretrainer._hide = lambda *args: batches.extend(hide(*args)) or batches
    told = pretrainer.step(1)

    hidden = [bert(*to_device(batch, CPU))[torch.from_numpy(rows)] for batch, rows, _ in batches]
    pieces = torch.cat([torch.from_numpy(pieces) for *_, pieces in batches])
    assert len(batches) > 1
    loss = torch.nn.functional.cross_entropy(head(torch.cat(hidden), bert.embeddings.word.weight), pieces)
    loss.backward()
    plain = [weights for module in (bert, head) for weights in module.parameters()]
    norm = torch.nn.utils.clip_grad_norm_(plain, 1.0)
    assert (norm < 0.9) if flat else (norm > 1.1)
    assert float(told) == pytest.approx(loss.item(), rel=1e-4)
    for ours, theirs in zip(taken, plain, strict=True):
        torch.testing.assert_close(ours, theirs.grad, rtol=1e-3, atol=1e-5)


def test_only_matrices_decay(encoder, text, tmp_path):
    pretrainer = make_pretrainer(encoder, text, tmp_path / "pieces", weight_decay=0.5)
    for group in pretrainer.optimizer.param_groups:
        group["lr"] = 0.1
    parameters = [weights for module in pretrainer.modules().values() for weights in module.parameters()]
    for weights in parameters:
        weights.data.fill_(1.0)
        weights.grad = torch.zeros_like(weights)
    pretrainer.optimizer.step()
    assert {weights.ndim for weights in parameters} == {1, 2}
    for weights in parameters:
        torch.testing.assert_close(weights.data, torch.full_like(weights, 0.95 if weights.ndim > 1 else 1.0))


def test_validation_drops_no_connections(encoder, text, tmp_path):
    pretrainer = make_pretrainer(encoder, text, tmp_path / "pieces", dropout=0.5)
    without = make_pretrainer(encoder, text, tmp_path / "pieces")
    assert pretrainer.validate() == without.validate()
    pretrainer.step(0)
    assert pretrainer.validate() == pretrainer.validate()


@pytest.mark.parametrize("family", ["bert", "roberta"])
def test_no_special_piece_stands_in_for_a_word(hf_models, text, tmp_path, family):
    pretrainer = make_pretrainer(hf_models[family][1], text, tmp_path / "pieces")
    tokenizer = pretrainer.checkpoint.tokenizer.tokenizer
    special = SPECIAL if family == "bert" else ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    ordinary = [tokenizer.id_to_token(index) for index in pretrainer._vocabulary.ordinary.tolist()]
    assert sorted(ordinary) == sorted(tokenizer.get_vocab().keys() - special)
    assert tokenizer.id_to_token(pretrainer._vocabulary.mask) == special[-1]


def test_windows_are_no_longer_than_the_encoder_reads(encoder, tmp_path):
    text = tmp_path / "long.txt"
    text.write_text(("the gene of the patient " * 100 + "\n") * 3, encoding="utf8")
    settings = Settings(step_pieces=2000, bfloat16=False)
    assert np.isfinite(pretrain(encoder, [text], tmp_path / "out", settings, window=128).after)
    described = json.loads((tmp_path / "out" / "pieces" / "pieces.json").read_text(encoding="utf8"))
    assert described["window"] == load_checkpoint(encoder).max_pieces == 64


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


def test_a_word_longer_than_a_window_begins_anew_in_each(encoder, tmp_path):
    path = tmp_path / "text.txt"
    path.write_text("the " + "x" * 40 + " gene\n", encoding="utf8")
    pieces = PieceFolder.prepare([path], load_checkpoint(encoder).tokenizer, tmp_path / "pieces", window=16)
    assert pieces.lengths.tolist() == [1, 14, 14, 13]
    for window, word_lengths in enumerate([[1], [14], [14], [12, 1]]):
        some = pieces.gather(np.array([window]))
        assert some.token_lengths.tolist() == word_lengths
        assert some.doc_lengths.tolist() == [len(word_lengths)]
        assert some.token_lengths.sum() == len(some.ids)
    assert pieces.gather(np.array([2, 0])).token_lengths.tolist() == [14, 1]


def test_pieces_whose_making_was_interrupted_are_made_anew(encoder, text, tmp_path):
    """The text that was there before is asked for again: what lies there is no longer of it."""
    tokenizer = load_checkpoint(encoder).tokenizer
    other = tmp_path / "other.txt"
    other.write_text("colitis\n" * 1000, encoding="utf8")

    def interrupt(documents):
        for i, document in enumerate(documents):
            if i == 600:
                raise Interrupted
            yield document

    def prepare(path, progress=iter):
        return PieceFolder.prepare([path], tokenizer, tmp_path / "pieces", window=16, progress=progress)

    expected = prepare(text).ids.tolist()
    with pytest.raises(Interrupted):
        prepare(other, interrupt)
    assert prepare(text).ids.tolist() == expected


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
    for word in np.unique(word_of[drawn]):
        inside = word_of == word
        # A word has one fate: all of it is masked, or stays, or becomes random pieces.
        fates = [seen[inside] == 4, seen[inside] == ids[inside], (seen[inside] >= 5) & (seen[inside] < 100)]
        assert [fate.all() for fate in fates].count(True) == 1
        assert [fate.any() for fate in fates].count(True) == 1


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
