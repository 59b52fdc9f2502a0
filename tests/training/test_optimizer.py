"""The optimizer does what BERT's recipe says, for PyTorch modules and for thinc's arrays."""

import copy
import warnings

import numpy as np
import pytest
import torch
from spacy import registry
from thinc.api import Config, Model
from torch import nn

from spacy_biobert.encoder.bert import Bert, BertConfig
from spacy_biobert.training.optimizer import AdamW, layer_shares, make_adamw

CONFIG = """
[optimizer]
@optimizers = "spacy_biobert.AdamW.v1"
weight_decay = 0.1

[optimizer.learn_rate]
@schedules = "warmup_linear.v1"
warmup_steps = 3
total_steps = 10
initial_rate = 0.05
"""


def make_module():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(5, 7), nn.LayerNorm(7), nn.Tanh(), nn.Linear(7, 3))


def set_gradients(module, step, scale=1.0):
    generator = torch.Generator().manual_seed(step)
    for weights in module.parameters():
        weights.grad = scale * torch.randn(weights.shape, generator=generator)


def reference_of(module, rate, decay):
    matrices = [weights for weights in module.parameters() if weights.ndim > 1]
    vectors = [weights for weights in module.parameters() if weights.ndim == 1]
    groups = [{"params": matrices, "weight_decay": decay}, {"params": vectors, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=rate, betas=(0.9, 0.98), eps=1e-6)


def assert_equal(module, other):
    for ours, theirs in zip(module.parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize(("clip", "scale"), [(1.0, 1.0), (1.0, 1e-3), (0.0, 1.0), (5.0, 100.0)])
def test_module_steps_equal_torch(clip, scale):
    ours = make_module()
    theirs = copy.deepcopy(ours)
    optimizer = AdamW(0.01, weight_decay=0.1, beta2=0.98, eps=1e-6, max_grad_norm=clip)
    reference = reference_of(theirs, 0.01, 0.1)
    for step in range(5):
        set_gradients(ours, step, scale)
        set_gradients(theirs, step, scale)
        optimizer.step_module(1, ours)
        if clip:
            torch.nn.utils.clip_grad_norm_(theirs.parameters(), clip)
        reference.step()
        assert_equal(ours, theirs)


def test_only_matrices_decay():
    module = make_module()
    for weights in module.parameters():
        weights.data.fill_(1.0)
        weights.grad = torch.zeros_like(weights)
    AdamW(0.1, weight_decay=0.5).step_module(1, module)
    for weights in module.parameters():
        expected = 0.95 if weights.ndim > 1 else 1.0
        torch.testing.assert_close(weights.data, torch.full_like(weights, expected))


def test_parameters_without_gradient_stay():
    module = make_module()
    set_gradients(module, 0)
    module[3].weight.grad = None
    before = module[3].weight.detach().clone()
    AdamW(0.1).step_module(1, module)
    assert torch.equal(module[3].weight, before)


def test_modules_have_states_of_their_own():
    shared, alone = AdamW(0.01), AdamW(0.01)
    other, module = make_module(), make_module()
    twin = copy.deepcopy(module)
    for step in range(3):
        set_gradients(other, step, 50.0)
        shared.step_module(1, other)
    for step in range(2):
        for some, optimizer in ((module, shared), (twin, alone)):
            set_gradients(some, step)
            optimizer.step_module(2, some)
    assert_equal(module, twin)


@pytest.mark.parametrize("head_factor", [1.0, 3.0])
def test_arrays_of_thinc_layers(head_factor):
    """A matrix is stepped as PyTorch steps it; clipping aside, which sees one array at a time."""
    module = nn.Linear(4, 3)
    reference = torch.optim.AdamW(module.parameters(), lr=0.01 * head_factor, betas=(0.9, 0.999), weight_decay=0.1)
    optimizer = AdamW(0.01, weight_decay=0.1, max_grad_norm=0.0, head_factor=head_factor)
    array = module.weight.detach().numpy().copy()
    for step in range(5):
        set_gradients(module, step)
        gradient = module.weight.grad.numpy().copy()
        array, cleared = optimizer((1, "W"), array, gradient)
        assert not cleared.any()
        module.bias.grad = None
        reference.step()
        np.testing.assert_allclose(array, module.weight.detach().numpy(), rtol=1e-3, atol=2e-5)


def test_vectors_of_thinc_layers_do_not_decay():
    optimizer = AdamW(0.1, weight_decay=0.5)
    vector, matrix = np.ones(4, dtype="f"), np.ones((4, 4), dtype="f")
    vector, _ = optimizer((1, "b"), vector, np.zeros(4, dtype="f"))
    matrix, _ = optimizer((1, "W"), matrix, np.zeros((4, 4), dtype="f"))
    assert (vector == 1.0).all()
    np.testing.assert_allclose(matrix, 0.95)


def test_thinc_arrays_are_clipped():
    taken = []
    for scale in (10.0, 1000.0):
        optimizer = AdamW(0.1, weight_decay=0.0, max_grad_norm=1.0, eps=1.0)
        stepped, _ = optimizer((1, "W"), np.zeros((4, 4), dtype="f"), np.full((4, 4), scale, dtype="f"))
        taken.append(stepped)
    np.testing.assert_allclose(taken[0], taken[1], rtol=1e-4)


def test_schedules_are_followed():
    optimizer = registry.resolve(Config().from_str(CONFIG))["optimizer"]
    assert isinstance(optimizer, AdamW)
    ours = make_module()
    theirs = copy.deepcopy(ours)
    reference = reference_of(theirs, 1.0, 0.1)
    for group in reference.param_groups:
        group.update(betas=(0.9, 0.999), eps=1e-8)
    rates = []
    for step in range(10):
        # Linear from 0 over 3 steps, then linear to 0 at step 10.
        rate = 0.05 * (step / 3 if step < 3 else (10 - step) / 7)
        rates.append(float(optimizer.learn_rate))
        assert rates[-1] == pytest.approx(rate, abs=1e-7)
        for group in reference.param_groups:
            group["lr"] = rate
        set_gradients(ours, step)
        set_gradients(theirs, step)
        optimizer.step_module(1, ours)
        torch.nn.utils.clip_grad_norm_(theirs.parameters(), 1.0)
        reference.step()
        optimizer.step_schedules()
        assert_equal(ours, theirs)
    assert max(rates) == pytest.approx(0.05)


def test_averages_are_off():
    """spaCy evaluates with averaged weights where an optimizer keeps them; this one does so only when it is told to."""
    optimizer = make_adamw()
    module = make_module()
    set_gradients(module, 0)
    optimizer.step_module(1, module)
    assert not optimizer.averages


def test_the_rate_is_small_where_none_is_given():
    """It suits an encoder that has learned already."""
    assert make_adamw().learn_rate == 5e-5


def make_bert():
    torch.manual_seed(0)
    return Bert(BertConfig(vocab_size=11, width=8, n_layers=3, n_heads=2, hidden_width=8, n_positions=8))


def test_lower_layers_learn_at_lower_rates():
    shares = layer_shares(make_bert(), 0.5)
    assert shares["embeddings.word.weight"] == shares["embeddings.norm.bias"] == 0.125
    assert [shares[f"layers.{i}.qkv.weight"] for i in range(3)] == [0.25, 0.5, 1.0]
    assert set(layer_shares(make_bert(), 1.0).values()) == {1.0}
    assert set(layer_shares(make_module(), 0.5).values()) == {1.0}, "a module without layers learns as a whole"


def test_layer_decay_scales_steps():
    """Adam's first step is as long as the learning rate, whatever the gradient."""
    bert = make_bert()
    before = copy.deepcopy(bert)
    for weights in bert.parameters():
        weights.grad = torch.ones_like(weights)
    AdamW(0.01, weight_decay=0.0, layer_decay=0.5).step_module(1, bert)
    shares = layer_shares(bert, 0.5)
    for (name, weights), old in zip(bert.named_parameters(), before.parameters(), strict=True):
        torch.testing.assert_close(old - weights, torch.full_like(weights, 0.01 * shares[name]), rtol=1e-3, atol=1e-6)


def test_layer_decay_of_one_changes_nothing():
    """A module whose layers learn alike is stepped exactly as one that has no layers."""
    ours = make_bert()
    theirs = copy.deepcopy(ours)
    optimizer, reference = AdamW(0.01, beta2=0.98, eps=1e-6, layer_decay=1.0), reference_of(theirs, 0.01, 0.01)
    for step in range(3):
        set_gradients(ours, step)
        set_gradients(theirs, step)
        optimizer.step_module(1, ours)
        torch.nn.utils.clip_grad_norm_(theirs.parameters(), 1.0)
        reference.step()
    assert_equal(ours, theirs)


@pytest.mark.parametrize("layer_decay", [0.0, -0.5, 1.5])
def test_layer_decay_must_make_sense(layer_decay):
    with pytest.raises(ValueError, match="B420"):
        make_adamw(layer_decay=layer_decay)


@pytest.mark.parametrize("option", ["weight_decay", "eps", "max_grad_norm", "head_factor", "beta1", "beta2"])
@pytest.mark.parametrize("value", [-1.0, float("nan"), float("inf")])
def test_numbers_must_make_sense(option, value):
    with pytest.raises(ValueError, match=f"B431.*{option}"):
        make_adamw(**{option: value})


@pytest.mark.parametrize("option", ["beta1", "beta2"])
def test_heads_need_moments(option):
    with pytest.raises(ValueError, match=f"B431.*{option}"):
        make_adamw(**{option: 0.0})


def test_modules_and_arrays_are_averaged_alike():
    """The averages begin with the weights themselves, and follow Shamir and Zhang's weights."""
    module = nn.Linear(4, 3, bias=False)
    optimizer = make_adamw(0.05, use_averages=True)
    array = module.weight.detach().numpy().copy()
    expected = array.astype("f8")
    for step in range(1, 30):
        set_gradients(module, step, scale=0.1)
        gradient = module.weight.grad.numpy().copy()
        optimizer.step_module(1, module)
        array, _ = optimizer((2, "W"), array, gradient)
        decay = (1 + step) / (10 + step)
        expected = decay * expected + (1 - decay) * module.weight.detach().numpy()
        np.testing.assert_allclose(optimizer.averages[1, "weight"], expected, atol=1e-5)
        np.testing.assert_allclose(optimizer.averages[2, "W"], expected, atol=1e-3)
    assert not np.allclose(expected, array, atol=1e-2), "weights have moved"


def test_all_parameters_are_averaged():
    """Those too that no gradient reaches."""
    module = make_module()
    set_gradients(module, 0)
    module[3].weight.grad = None
    optimizer = make_adamw(0.1, use_averages=True)
    optimizer.step_module(1, module)
    assert {name for _, name in optimizer.averages} == {name for name, _ in module.named_parameters()}
    assert torch.equal(optimizer.averages[1, "3.weight"], module[3].weight)


def test_layers_of_thinc_step_with_it():
    model = Model("toy", lambda model, x, is_train: (x, lambda d: d), params={"W": np.ones((2, 2), dtype="f")})
    model.set_grad("W", np.ones((2, 2), dtype="f"))
    model.finish_update(make_adamw(0.1))
    assert (model.get_param("W") < 1.0).all()


def test_a_module_whose_weights_were_loaded_anew_is_stepped():
    """As after going back to the best weights: the same key, another module."""
    optimizer = AdamW(0.01, use_averages=True)
    first = make_module()
    for step in range(3):
        set_gradients(first, step)
        optimizer.step_module(1, first)
    second = make_module()
    expected = copy.deepcopy(second)
    other = AdamW(0.01, use_averages=True)
    for module, some in ((second, optimizer), (expected, other)):
        for step in range(2):
            set_gradients(module, step)
            some.step_module(1, module)
    assert_equal(second, expected)
    for name, _ in second.named_parameters():
        torch.testing.assert_close(optimizer.averages[1, name], other.averages[1, name])


def test_a_schedule_that_stands_still_is_said():
    optimizer = registry.resolve(Config().from_str(CONFIG))["optimizer"]
    one, two = make_module(), make_module()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for step in range(3):
            for key, module in enumerate((one, two)):
                set_gradients(module, step)
                optimizer.step_module(key, module)
            optimizer.step_schedules()
    still = registry.resolve(Config().from_str(CONFIG))["optimizer"]
    set_gradients(one, 0)
    still.step_module(1, one)
    with pytest.warns(UserWarning, match=r"\[W421\].*step_schedules"):
        still.step_module(1, one)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        still.step_module(1, one)


def test_a_rate_of_zero_that_schedules_move_on_from_is_not_said():
    optimizer, module = AdamW(0.0), make_module()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for step in range(3):
            set_gradients(module, step)
            optimizer.step_module(1, module)
            optimizer.step_schedules()
