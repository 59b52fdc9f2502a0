"""Products in int8: near to float32, saturating where text goes beyond the sample, never without one."""

from __future__ import annotations

import time

import pytest
import torch
from tiny import plan_of

from spacy_biobert.encoder.bert import ACTIVATIONS
from spacy_biobert.encoder.checkpoints import load_checkpoint
from spacy_biobert.encoder.int8 import ROUNDED, Int8Down, Int8Linear, Int8Up, Reach, measure_reach, quantise
from spacy_biobert.encoder.precision import int8_available
from spacy_biobert.encoder.runtime import Runtime, to_device, twin

CPU = torch.device("cpu")
pytestmark = pytest.mark.skipif(not int8_available(CPU), reason="this build of PyTorch has no products in int8")
TEXTS = [[5, 6, 7, 8, 9], list(range(5, 55)), [10]]


@pytest.fixture
def linear():
    torch.manual_seed(0)
    return torch.nn.Linear(64, 144)


@pytest.fixture(params=[torch.float32, torch.bfloat16], ids=str)
def dtype(request):
    """What lies between products: bfloat16 only where the processor multiplies in it."""
    return request.param


@pytest.fixture
def rows():
    """Rows as encoders have them: one channel reaches far beyond the rest."""
    torch.manual_seed(1)
    rows = torch.randn(40, 64)
    rows[:, 3] *= 20
    return rows


@pytest.mark.parametrize("activation", [None, *ACTIVATIONS])
@torch.inference_mode()
def test_products_are_near_to_those_of_float32(linear, rows, dtype, activation):
    expected = linear(rows) if activation is None else ACTIVATIONS[activation](linear(rows))
    found = Int8Linear(linear, rows.abs().amax(dim=0), dtype, activation)(rows.to(dtype)).float()
    assert (found - expected).norm() < 0.02 * expected.norm()


@torch.inference_mode()
def test_one_scale_for_all_channels_would_be_worse(linear, rows, dtype):
    """What the balance between channels is for."""
    expected = linear(rows)
    largest = rows.abs().amax(dim=0)
    errors = [
        (Int8Linear(linear, seen, dtype)(rows.to(dtype)).float() - expected).norm()
        for seen in (largest, largest.max().expand(64))
    ]
    assert errors[0] < 0.7 * errors[1]


@torch.inference_mode()
def test_values_beyond_the_sample_count_as_its_largest(linear, rows, dtype):
    layer = Int8Linear(linear, rows.abs().amax(dim=0), dtype)
    beyond = layer.to_uint8((rows * 1000).to(dtype)).int() - 128
    assert torch.equal(beyond[rows != 0].sign().float(), rows[rows != 0].sign())
    assert beyond.abs().max() == 127


@torch.inference_mode()
def test_products_run_on_instructions_of_the_processor():
    """Signed rows took 25 s here where AMX was missing: oneDNN's reference code, which is no faster by less."""
    torch.manual_seed(0)
    linear, rows = torch.nn.Linear(384, 384), torch.randn(256, 384)
    layer = Int8Linear(linear, rows.abs().amax(dim=0), torch.float32)
    layer(rows)
    started = time.perf_counter()
    layer(rows)
    assert time.perf_counter() - started < 0.2


@torch.inference_mode()
def test_channels_that_are_never_used_do_no_harm(linear, rows, dtype):
    rows[:, 7] = 0
    found = Int8Linear(linear, rows.abs().amax(dim=0), dtype)(rows.to(dtype))
    assert torch.isfinite(found).all()


@pytest.mark.parametrize("activation", ACTIVATIONS)
@torch.inference_mode()
def test_far_values_inside_the_feed_forward_part_are_kept(linear, rows, dtype, activation):
    """A channel that reaches fifty times as far as the rest costs the rest nothing, and is not cut off."""
    linear.weight[5] *= 50
    down = torch.nn.Linear(144, 64)
    inner = ACTIVATIONS[activation](linear(rows))
    expected = down(inner)
    reach = Reach({"up": rows.abs().amax(dim=0)}, inner.amax(dim=0), min(inner.min().item(), 0.0))
    channels, end = reach.far()
    assert 5 in channels
    assert end < 0.1 * inner[:, 5].max()
    found = Int8Down(down, dtype, reach)(Int8Up(linear, dtype, activation, reach)(rows.to(dtype))).float()
    assert (found - expected).norm() < 0.02 * expected.norm()


@pytest.mark.parametrize("activation", ACTIVATIONS)
@torch.inference_mode()
def test_far_values_that_are_small_are_kept_too(linear, rows, dtype, activation):
    """Near zero an activation is not the identity, and a network of small values has its far ones there."""
    linear.weight *= 0.05
    inner = ACTIVATIONS[activation](linear(rows))
    reach = Reach({"up": rows.abs().amax(dim=0)}, inner.amax(dim=0), min(inner.min().item(), 0.0))
    channels, end = reach.far()
    _, beyond = Int8Up(linear, dtype, activation, reach)(rows.to(dtype))
    expected = (inner[:, channels] - end).clamp_min(0)
    torch.testing.assert_close(beyond.float(), expected, atol=0.02, rtol=0.02)


@torch.inference_mode()
def test_fillers_are_not_measured(bert_folder):
    """What a batch is filled up with is no text, and must not widen the steps."""
    bert = twin(load_checkpoint(bert_folder).bert, torch.bfloat16).eval()
    alike = [plan_of([TEXTS[1]], pad=pad).batches for pad in (0, 7)]
    found = [measure_reach(bert, [to_device(batch, CPU) for batch in batches]) for batches in alike]
    for one, other in zip(*found, strict=True):
        assert set(one.largest) == set(ROUNDED)
        assert all(torch.equal(one.largest[name], other.largest[name]) for name in ROUNDED)
        assert torch.equal(one.inner, other.inner)
        assert one.least == other.least


def test_scales_follow_the_weights(bert_folder):
    bert = load_checkpoint(bert_folder).bert
    runtime = Runtime(bert, device="cpu", precision="int8", sample=lambda: plan_of(TEXTS))
    before = runtime.predict(plan_of(TEXTS), "mean")
    with torch.no_grad():
        bert.layers[0].up.weight.mul_(3)
        bert.embeddings.norm.weight.mul_(3)
    runtime.weights_changed()
    exact = Runtime(bert, device="cpu", precision="float32").predict(plan_of(TEXTS), "mean")
    found = runtime.predict(plan_of(TEXTS), "mean")
    assert (found - exact).norm() < 0.1 * exact.norm()
    assert not torch.equal(found, before)


@pytest.mark.parametrize("keep_narrow", [False, True])
@torch.inference_mode()
def test_whole_layers_are_near_to_those_of_float32(bert_folder, dtype, keep_narrow):
    bert = load_checkpoint(bert_folder).bert
    plan = plan_of(TEXTS)
    exact = Runtime(bert, device="cpu", precision="float32").predict(plan, "mean")
    if keep_narrow and dtype != torch.bfloat16:
        pytest.skip("only where the processor multiplies in bfloat16")
    reach = measure_reach(twin(bert, dtype).eval(), [to_device(batch, CPU) for batch in plan.batches])
    runtime = Runtime(bert, device="cpu", precision="int8", sample=lambda: plan)
    runtime._ready = quantise(twin(bert, dtype), bert, reach, dtype=dtype, keep_narrow=keep_narrow)
    found = runtime.predict(plan, "mean")
    assert (found - exact).norm() < 0.1 * exact.norm()


def test_without_a_sample_it_says_so(bert_folder):
    runtime = Runtime(load_checkpoint(bert_folder).bert, device="cpu", precision="int8")
    with pytest.raises(ValueError, match=r"\[B033\].*sample"):
        runtime.predict(plan_of(TEXTS), "mean")
