"""Gradients reach the encoder from every head, and its weights move when they should and only then."""

import copy
import pickle

import numpy as np
import pytest
import spacy
import torch
from spacy.training import Example
from thinc.api import Adam
from tiny import SENTENCES, add_head, make_examples

from spacy_biobert.encoder.backward import BackwardPass
from spacy_biobert.training.optimizer import AdamW


def encoder_of(nlp):
    return nlp.get_pipe("biobert")._shim.checkpoint.bert


def weights_of(nlp):
    nlp.get_pipe("biobert").to_bytes()  # settles what is owed
    return {name: weights.detach().clone() for name, weights in encoder_of(nlp).named_parameters()}


def gradients_of(nlp):
    return {
        name: weights.grad.clone() for name, weights in encoder_of(nlp).named_parameters() if weights.grad is not None
    }


def moved(before, after):
    """Whether the weights that can move have all moved."""
    return all(not torch.equal(weights, after[name]) for name, weights in before.items() if "layers" in name)


def assert_equal(before, after, atol=0.0):
    assert before.keys() == after.keys()
    for name, value in before.items():
        torch.testing.assert_close(value, after[name], rtol=0, atol=atol, msg=name)


def randomize_heads(nlp):
    """Give heads weights that are not zero: those that start from zeros send no gradient at first."""
    rng = np.random.default_rng(0)
    for name, pipe in nlp.pipeline:
        if name == "biobert":
            continue
        for node in pipe.model.walk():
            for param in node.param_names:
                if node.has_param(param):
                    value = node.get_param(param)
                    node.set_param(param, rng.normal(0, 0.2, value.shape).astype("f"))
    return nlp


def step(nlp, optimizer, examples, *, in_loop, exclude=(), annotates=()):
    """One step, either by `nlp.update` alone or in the order of the training loop."""
    if not in_loop:
        return nlp.update(examples, sgd=optimizer, exclude=exclude, annotates=annotates)
    losses = nlp.update(examples, sgd=False, exclude=exclude, annotates=annotates)
    for name, pipe in nlp.pipeline:
        if name not in exclude:
            pipe.finish_update(optimizer)
    return losses


def make_optimizer(kind):
    return AdamW(0.01) if kind == "AdamW" else Adam(0.01, use_averages=False)


# --- gradients ---


def gradient_through(nlp, exclude):
    examples = make_examples(nlp)
    nlp.update(examples, sgd=False, exclude=exclude)
    nlp.get_pipe("biobert")._shim.finish_pass()
    found = gradients_of(nlp)
    encoder_of(nlp).zero_grad(set_to_none=True)
    return found


@pytest.mark.parametrize("heads", [("tagger", "textcat"), ("textcat", "tagger"), ("spancat", "tagger", "senter")])
def test_gradients_of_all_heads_add_up(make_nlp, heads):
    nlp = randomize_heads(make_nlp(*heads))
    alone = [gradient_through(nlp, [other for other in heads if other != head]) for head in heads]
    for one in alone:
        assert all(gradient.abs().max() > 0 for name, gradient in one.items() if name.startswith("layers.0.up"))
    together = gradient_through(nlp, [])
    summed = {name: sum(one[name] for one in alone) for name in together}
    assert_equal(together, summed, atol=2e-4)  # of gradients of about 20


def test_gradient_equals_plain_pytorch(make_nlp, hf_models):
    """The sum of all token vectors, differentiated through Hugging Face's model and through ours."""
    nlp = make_nlp()
    model = copy.deepcopy(hf_models["bert"][0]).eval()
    doc = nlp.make_doc("BRCA1 patient \n colitis")
    shim = nlp.get_pipe("biobert")._shim
    vectors, backprop = nlp.get_pipe("biobert").model.begin_update([doc])
    weights = np.random.default_rng(0).normal(size=vectors[0].shape).astype("f")
    backprop([weights])
    words = [shim.checkpoint.tokenizer.pieces(token.text, after_space=True) for token in doc]
    hidden = model(torch.tensor([[2, *(piece for word in words for piece in word), 3]])).last_hidden_state[0]
    total, at = torch.tensor(0.0), 1
    for weight, word in zip(torch.from_numpy(weights), words, strict=True):
        if word:
            total = total + (weight * hidden[at : at + len(word)].mean(dim=0)).sum()
        at += len(word)
    total.backward()
    theirs = dict(model.named_parameters())
    ours = gradients_of(nlp)
    for name, other in [
        ("embeddings.word.weight", "embeddings.word_embeddings.weight"),
        ("layers.0.up.weight", "encoder.layer.0.intermediate.dense.weight"),
        ("layers.1.norm.bias", "encoder.layer.1.output.LayerNorm.bias"),
    ]:
        torch.testing.assert_close(ours[name], theirs[other].grad, rtol=1e-3, atol=1e-5)
    query = theirs["encoder.layer.1.attention.self.query.weight"].grad
    torch.testing.assert_close(ours["layers.1.qkv.weight"][:32], query, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("setting", [{"gradient_checkpointing": True}, {"window": 16, "overlap": 0}])
def test_gradient_does_not_depend_on_how_it_is_computed(make_nlp, setting):
    short = [Example(eg.predicted, eg.reference) for eg in make_examples(make_nlp())[1:]]
    found = []
    for settings in ({}, setting):
        nlp = randomize_heads(make_nlp("tagger", **settings))
        examples = [Example(nlp.make_doc(eg.text), eg.reference) for eg in short if len(eg.text) < 40]
        nlp.update(examples, sgd=False)
        found.append(gradients_of(nlp))
    assert found[0]
    assert_equal(*found, atol=1e-5)


def test_gradient_of_a_batch_is_that_of_its_parts(make_nlp):
    """Accumulated over sub-batches, with a budget that splits them further."""
    found = []
    for budget, parts in ((2048, 1), (2048, 4), (20, 2)):
        nlp = randomize_heads(make_nlp("biobert_ner", run={"max_batch_pieces": budget}))
        examples = make_examples(nlp)
        size = len(examples) // parts
        for start in range(0, len(examples), size):
            some = examples[start : start + size]
            vectors, backprop = nlp.get_pipe("biobert").model.begin_update([eg.predicted for eg in some])
            backprop([np.ones_like(array) for array in vectors])
        found.append(gradients_of(nlp))
    assert_equal(found[0], found[1], atol=1e-4)
    assert_equal(found[0], found[2], atol=1e-4)


def test_gradient_of_windows_that_fill_their_rows(make_nlp):
    """A batch of exactly as many pieces as there are rows, and the same docs in two batches."""
    found = []
    for budget in (128, 127):
        nlp = make_nlp(window=64, run={"max_batch_pieces": budget})
        docs = [nlp.make_doc("the " * n) for n in (62, 43, 17)]
        batches = nlp.get_pipe("biobert")._shim.plan(docs).batches
        assert [batch.lengths.tolist() for batch in batches] == ([[64, 45, 19]] if budget == 128 else [[64, 45], [19]])
        vectors, backprop = nlp.get_pipe("biobert").model.begin_update(docs)
        random = np.random.default_rng(0)
        backprop([random.normal(size=array.shape).astype("f") for array in vectors])
        found.append(gradients_of(nlp))
    assert_equal(*found, atol=1e-4)


def test_loss_is_the_square_of_the_gradient(make_nlp, monkeypatch):
    nlp = randomize_heads(make_nlp("tagger"))
    sent = []
    finish = BackwardPass.finish

    def spy(self):
        sent.append(sum((array**2).sum() for array in self._sum))
        finish(self)

    monkeypatch.setattr(BackwardPass, "finish", spy)
    losses = nlp.update(make_examples(nlp), sgd=False)
    assert len(sent) == 1
    assert losses["biobert"] == pytest.approx(float(sent[0]) ** 0.5, rel=1e-5)
    assert losses["biobert"] > 0


# --- steps ---


@pytest.mark.parametrize("kind", ["AdamW", "Adam"])
@pytest.mark.parametrize(
    ("heads", "exclude"),
    [
        (("tagger",), ()),
        (("tagger", "textcat"), ()),
        (("tagger", "textcat"), ("tagger",)),
        (("tagger", "textcat"), ("textcat",)),
    ],
)
def test_both_orders_make_the_same_steps(make_nlp, kind, heads, exclude):
    found = []
    for in_loop in (False, True):
        nlp = randomize_heads(make_nlp(*heads))
        optimizer = make_optimizer(kind)
        start = weights_of(nlp)
        for _ in range(2):
            losses = step(nlp, optimizer, make_examples(nlp), in_loop=in_loop, exclude=exclude)
        assert (
            losses["biobert"] > 0 or exclude
        )  # with a silent head, the gradient is known only when the next batch comes
        found.append(weights_of(nlp))
        assert moved(start, found[-1])
    assert_equal(*found, atol=1e-6)


@pytest.mark.parametrize("in_loop", [True, False])
def test_a_step_that_was_owed_is_made_before_the_weights_are_used(make_nlp, in_loop):
    """The last head is frozen and never answers, and no batch follows."""
    results = []
    for exclude in ((), ("textcat",)):
        nlp = randomize_heads(make_nlp("tagger", *exclude))
        before = {name: weights.detach().clone() for name, weights in encoder_of(nlp).named_parameters()}
        step(nlp, AdamW(0.01), make_examples(nlp), in_loop=in_loop, exclude=exclude)
        doc = nlp(SENTENCES[0])
        assert moved(before, dict(encoder_of(nlp).named_parameters()))
        results.append(doc._.trf_data.model_output.last_hidden_state)
    assert np.allclose(results[0], results[1], atol=1e-5)


def with_a_pass_that_is_not_finished(make_nlp, *, exclude):
    nlp = randomize_heads(make_nlp("tagger", "textcat"))
    start = {name: weights.detach().clone() for name, weights in encoder_of(nlp).named_parameters()}
    nlp.update(make_examples(nlp), sgd=AdamW(0.01), exclude=exclude)
    return nlp, start


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda nlp: pickle.loads(pickle.dumps(nlp))])
@pytest.mark.parametrize("exclude", [("textcat",), ("tagger", "textcat")])
def test_a_copy_has_the_step_that_was_owed_and_leaves_the_original_alone(make_nlp, copied, exclude):
    nlp, start = with_a_pass_that_is_not_finished(make_nlp, exclude=exclude)
    twin = copied(nlp)
    assert moved(start, weights_of(twin)) is (exclude == ("textcat",))
    assert_equal(weights_of(nlp), weights_of(twin))
    optimizer = AdamW(0.01)
    twin.update(make_examples(twin), sgd=optimizer)
    assert moved(weights_of(nlp), weights_of(twin))
    nlp.update(make_examples(nlp), sgd=AdamW(0.01))
    assert nlp(SENTENCES[0])._.trf_data is not None


def test_a_head_of_its_own_encoder_has_the_step_that_was_owed(make_nlp):
    nlp, _ = with_a_pass_that_is_not_finished(make_nlp, exclude=("textcat",))
    nlp.replace_listeners("biobert", "tagger", ["model.tok2vec"])
    own = nlp.get_pipe("tagger").model.get_ref("tok2vec").predict([nlp.make_doc(SENTENCES[0])])[0]
    shared = nlp.get_pipe("biobert").predict([nlp.make_doc(SENTENCES[0])])[0]
    assert np.allclose(own, shared, atol=1e-6)


@pytest.mark.parametrize("in_loop", [True, False])
def test_a_head_without_gold_does_not_hold_up_the_others(make_nlp, in_loop):
    nlp = randomize_heads(make_nlp("tagger", "ner"))
    start, optimizer = weights_of(nlp), AdamW(0.01)
    for _ in range(2):
        examples = []
        for eg in make_examples(nlp):
            bare = eg.reference.copy()
            bare.set_ents([], missing=[bare[:]])
            examples.append(Example(eg.predicted, bare))
        step(nlp, optimizer, examples, in_loop=in_loop)
    assert moved(start, weights_of(nlp))


@pytest.mark.parametrize("in_loop", [True, False])
@pytest.mark.parametrize("annotates", [(), ("biobert",)])
def test_annotating_encoder_learns_too(make_nlp, in_loop, annotates):
    nlp = randomize_heads(make_nlp("tagger"))
    start = weights_of(nlp)
    step(nlp, AdamW(0.01), make_examples(nlp), in_loop=in_loop, annotates=annotates)
    assert moved(start, weights_of(nlp))


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_annotating_encoder_with_gradient_checkpointing(make_nlp, precision):
    """It predicts between its forward and its backward pass, which computes the forward pass again."""
    nlp = randomize_heads(make_nlp("tagger", gradient_checkpointing=True, run={"precision": precision}))
    start = weights_of(nlp)
    nlp.update(make_examples(nlp), sgd=AdamW(0.01), drop=0.3, annotates=["biobert"])
    assert moved(start, weights_of(nlp))


@pytest.mark.parametrize("in_loop", [True, False])
def test_frozen_annotating_encoder_stays_as_it_is(make_nlp, in_loop):
    nlp = randomize_heads(make_nlp("tagger"))
    start = weights_of(nlp)
    head = nlp.get_pipe("tagger").model.to_bytes()
    for _ in range(2):
        losses = step(nlp, AdamW(0.01), make_examples(nlp), in_loop=in_loop, exclude=["biobert"], annotates=["biobert"])
    assert losses["tagger"] > 0
    assert_equal(start, weights_of(nlp))
    assert nlp.get_pipe("tagger").model.to_bytes() != head


@pytest.mark.parametrize("in_loop", [True, False])
@pytest.mark.parametrize("kind", ["AdamW", "Adam"])
@pytest.mark.parametrize("replaced", [True, False])
def test_no_gradient_no_step(bert_folder, make_nlp, in_loop, kind, replaced):
    """grad_factor = 0: neither weight decay nor momentum may move the encoder."""
    nlp = make_nlp()
    add_head(nlp, "tagger", grad_factor=0.0)
    nlp.get_pipe("tagger").initialize(lambda: make_examples(nlp), nlp=nlp)
    randomize_heads(nlp)
    if replaced:
        nlp.replace_listeners("biobert", "tagger", ["model.tok2vec"])
        assert nlp.config["components"]["tagger"]["model"]["tok2vec"]["grad_factor"] == 0.0
    start = nlp.get_pipe("biobert").model.predict([nlp.make_doc(SENTENCES[0])])
    optimizer = make_optimizer(kind)
    for _ in range(2):
        losses = step(nlp, optimizer, make_examples(nlp), in_loop=in_loop, exclude=["biobert"] if replaced else [])
    assert losses["tagger"] > 0
    model = nlp.get_pipe("tagger").model.get_ref("tok2vec").layers[0] if replaced else nlp.get_pipe("biobert").model
    after = model.predict([nlp.make_doc(SENTENCES[0])])
    first = after[0].model_output.last_hidden_state[0] if replaced else after[0]
    assert np.array_equal(start[0], first)


def test_training_lowers_the_loss(make_nlp):
    nlp = make_nlp("tagger", "biobert_ner")
    optimizer = AdamW(0.005)
    losses = [nlp.update(make_examples(nlp), sgd=optimizer) for _ in range(50)]
    for head in ("tagger", "biobert_ner"):
        assert losses[-1][head] < 0.5 * losses[0][head]


@pytest.mark.parametrize("train_precision", ["float32", "bfloat16"])
def test_mixed_precision_keeps_float32_weights(make_nlp, train_precision):
    nlp = randomize_heads(make_nlp("tagger", run={"train_precision": train_precision}))
    start = weights_of(nlp)
    nlp.update(make_examples(nlp), sgd=AdamW(0.01))
    after = weights_of(nlp)
    assert moved(start, after)
    assert all(weights.dtype == torch.float32 and weights.isfinite().all() for weights in after.values())


def test_training_in_bfloat16_rounds_and_in_float32_does_not(make_nlp):
    found = {}
    for precision in ("float32", "bfloat16"):
        nlp = make_nlp(run={"train_precision": precision})
        doc = nlp.make_doc(SENTENCES[1])
        exact = nlp.get_pipe("biobert").model.predict([doc])[0]
        found[precision] = np.abs(nlp.get_pipe("biobert").model.begin_update([doc])[0][0] - exact).max()
    assert found["float32"] < 1e-5
    assert 1e-3 < found["bfloat16"] < 0.2


def test_prediction_follows_training_in_every_precision(make_nlp):
    """What inference runs on is made anew from the trained weights."""
    nlp = randomize_heads(make_nlp("tagger", run={"precision": "bfloat16"}))
    before = nlp(SENTENCES[0])._.trf_data.model_output.last_hidden_state
    nlp.update(make_examples(nlp), sgd=AdamW(0.05))
    after = nlp(SENTENCES[0])._.trf_data.model_output.last_hidden_state
    assert np.abs(before - after).max() > 0.1


def test_dropout_is_for_training_alone(make_nlp):
    nlp = make_nlp("tagger", attention_dropout=0.2)
    doc = nlp.make_doc(SENTENCES[1])
    model = nlp.get_pipe("biobert").model
    before = model.predict([doc])[0]
    assert np.allclose(model.begin_update([doc])[0][0], before, atol=1e-5)
    nlp.update(make_examples(nlp), sgd=False, drop=0.5)
    assert np.array_equal(model.predict([doc])[0], before)
    assert not np.allclose(model.begin_update([doc])[0][0], before, atol=1e-2)
    nlp.update(make_examples(nlp), sgd=False, drop=0.0)
    assert np.allclose(model.begin_update([doc])[0][0], before, atol=1e-5)


def test_averaged_weights_are_used_and_put_back(make_nlp):
    nlp = randomize_heads(make_nlp("tagger"))
    optimizer = Adam(0.05, use_averages=True)
    for _ in range(3):
        nlp.update(make_examples(nlp), sgd=optimizer)
    current = nlp(SENTENCES[0])._.trf_data.model_output.last_hidden_state
    with nlp.use_params(optimizer.averages):
        averaged = nlp(SENTENCES[0])._.trf_data.model_output.last_hidden_state
    assert not np.allclose(current, averaged, atol=1e-4)
    assert np.array_equal(nlp(SENTENCES[0])._.trf_data.model_output.last_hidden_state, current)
    with pytest.raises(RuntimeError), nlp.get_pipe("biobert").model.use_params(optimizer.averages):
        raise RuntimeError
    assert np.array_equal(nlp(SENTENCES[0])._.trf_data.model_output.last_hidden_state, current)


# --- odd docs ---

ODD = {
    "longer than 512 pieces": ["colon cancer of the patient with colitis " * 40],
    "empty among others": ["", SENTENCES[0], "", SENTENCES[1], ""],
    "empty alone": [""],
    "nothing but empty": ["", ""],
    "spaces": ["   ", "\n\n", " \t"],
    "spaces among others": ["  ", SENTENCES[0], "\n"],
    "a token of 2,000 characters": ["x" * 2000, "the " + "a,b" * 667],
    "control characters": ["\x00 \x01\x02", "the \x7f"],
}


@pytest.mark.parametrize("texts", ODD.values(), ids=ODD)
@pytest.mark.parametrize("heads", [("biobert_ner",), ("tagger", "textcat")])
def test_odd_docs_in_training_and_prediction(make_nlp, texts, heads):
    nlp = randomize_heads(make_nlp(*heads))
    optimizer = AdamW(0.001)
    for _ in range(2):
        examples = []
        for text in texts:
            doc = nlp.make_doc(text)
            tags = ["X"] * len(doc)
            gold = spacy.tokens.Doc(
                nlp.vocab, [t.text for t in doc], [bool(t.whitespace_) for t in doc], tags=tags or None
            )
            gold.cats = {"good": 1.0, "bad": 0.0}
            gold.set_ents([spacy.tokens.Span(gold, 0, 1, label="Disease")] if len(gold) else [])
            examples.append(Example(doc, gold))
        losses = nlp.update(examples, sgd=optimizer)
    assert all(np.isfinite(loss) for loss in losses.values())
    assert all(weights.isfinite().all() for weights in encoder_of(nlp).parameters())
    for doc, text in zip(nlp.pipe(texts), texts, strict=True):
        assert doc.text == text
        if len(doc):
            hidden = doc._.trf_data.model_output.last_hidden_state
            assert hidden.shape == (1, len(doc), 32)
            assert np.isfinite(hidden).all()
    # And the next, ordinary batch is learned from as ever.
    start = weights_of(nlp)
    nlp.update(make_examples(nlp), sgd=optimizer)
    assert moved(start, weights_of(nlp))


def test_examples_may_come_one_by_one(make_nlp):
    nlp = make_nlp("tagger")
    nlp.get_pipe("biobert").update(iter(make_examples(nlp)))
    assert nlp.get_pipe("biobert")._shim.pending is not None
