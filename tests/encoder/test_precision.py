"""Which arithmetic `auto` takes, and what the others need."""

import numpy as np
import pytest
import spacy
import srsly
import torch
import torch.nn.functional as F
from spacy.tokens import DocBin, Span
from tiny import plan_of

from spacy_biobert.encoder import precision
from spacy_biobert.encoder.bert import ACTIVATIONS, BertConfig, Layer, Layout, attend_by_products
from spacy_biobert.encoder.checkpoints import load_checkpoint
from spacy_biobert.encoder.packed import PackedLinear, pack_weights, packing_available
from spacy_biobert.encoder.precision import fastest_first, int8_available, multiplies_bfloat16, resolve_precision
from spacy_biobert.encoder.runtime import Runtime, twin

CPU = torch.device("cpu")
needs_int8 = pytest.mark.skipif(not int8_available(CPU), reason="this build of PyTorch has no int8 operators")


@pytest.fixture
def fast(monkeypatch):
    """A processor that does everything well."""
    monkeypatch.setattr(precision, "fastest_first", lambda device: ("int8", "bfloat16", "float32"))


def test_auto_trusts_bfloat16_but_not_int8(fast):
    assert resolve_precision("auto", CPU) == "bfloat16"
    assert resolve_precision("auto", CPU, training=True) == "bfloat16"


@pytest.mark.parametrize(
    ("scores", "expected"),
    [
        ({"float32": 0.85, "bfloat16": 0.85, "int8": 0.849}, "int8"),
        ({"float32": 0.85, "bfloat16": 0.851, "int8": 0.84}, "bfloat16"),
        ({"float32": 0.85, "bfloat16": 0.84, "int8": 0.84}, "float32"),
        # 0.3 points are the most that either may cost.
        ({"float32": 0.85, "bfloat16": 0.85, "int8": 0.8471}, "int8"),
        ({"float32": 0.85, "bfloat16": 0.8471, "int8": 0.8469}, "bfloat16"),
        ({"float32": 0.85, "bfloat16": 0.8469, "int8": 0.8469}, "float32"),
        # What was not scored is trusted or not as in a pipeline without any score.
        ({"float32": 0.85}, "bfloat16"),
        ({"float32": 0.85, "int8": 0.84}, "bfloat16"),
        ({"float32": 0.85, "bfloat16": 0.84}, "float32"),
    ],
)
def test_auto_minds_what_was_scored(fast, scores, expected):
    assert resolve_precision("auto", CPU, scores=scores) == expected


def test_float32_always_works():
    assert fastest_first(CPU)[-1] == "float32"
    assert fastest_first(torch.device("mps")) == ("float32",)


@pytest.mark.parametrize(
    ("instructions", "expected"),
    [
        ({"amx_tile", "avx512_bf16", "vnni"}, ("bfloat16", "int8", "float32")),
        ({"avx512_bf16", "vnni"}, ("int8", "bfloat16", "float32")),
        ({"avx512_bf16"}, ("bfloat16", "float32")),
        ({"vnni"}, ("int8", "float32")),
        (set(), ("float32",)),
    ],
)
def test_each_processor_takes_what_it_does_well(monkeypatch, instructions, expected):
    for name in ("amx_tile", "avx512_bf16", "vnni"):
        monkeypatch.setattr(torch.cpu, f"_is_{name}_supported", lambda name=name: name in instructions, raising=False)
    monkeypatch.setattr(precision, "int8_available", lambda device: device.type == "cpu")
    assert fastest_first(CPU) == expected
    assert fastest_first(torch.device("mps")) == ("float32",)


@needs_int8
@pytest.mark.parametrize("training", [False, True])
def test_int8_is_for_prediction_on_a_cpu(training):
    if training:
        with pytest.raises(ValueError, match="B024"):
            resolve_precision("int8", CPU, training=True)
    else:
        assert resolve_precision("int8", CPU) == "int8"
    with pytest.raises(ValueError, match="B024"):
        resolve_precision("int8", torch.device("cuda"))


@needs_int8
def test_int8_is_close_and_minds_no_neighbour(make_nlp):
    nlp = make_nlp()
    texts = ["Wilson disease is rare.", "Copper " * 40, "BRCA1 and ATP7B"]

    def vectors(*texts):
        return [doc._.trf_data.model_output.last_hidden_state[0] for doc in nlp.pipe(texts)]

    exact = vectors(*texts)
    nlp.get_pipe("biobert").precision = "int8"
    together = vectors(*texts)
    for mine, theirs in zip(together, exact, strict=True):
        assert np.abs(mine - theirs).max() < 0.2
        assert not np.array_equal(mine, theirs)
    for text, vector in zip(texts, together, strict=True):
        np.testing.assert_allclose(vectors(text)[0], vector, atol=1e-6)


@pytest.mark.skipif(
    not (multiplies_bfloat16(CPU) and packing_available()), reason="this processor has no products in bfloat16"
)
def test_packed_weights_are_as_near_to_float32(bert_folder):
    """Products are the same; fused activations start from sums that have not been rounded, so that bits may differ."""
    bert = load_checkpoint(bert_folder).bert
    plan = plan_of([[5, 6, 7, 8, 9], list(range(5, 55)), [10]])
    exact = Runtime(bert, device="cpu", precision="float32").predict(plan, "mean")
    errors = []
    for prepare in (lambda rounded: rounded, pack_weights):
        runtime = Runtime(bert, device="cpu", precision="bfloat16")
        runtime._ready = prepare(twin(bert, torch.bfloat16))
        found = runtime.predict(plan, "mean")
        errors.append((found - exact).abs().mean().item())
    assert any(isinstance(module, PackedLinear) for module in runtime._ready.modules())
    assert errors[1] < 1.1 * errors[0] < 0.05
    assert torch.equal(Runtime(bert, device="cpu", precision="bfloat16").predict(plan, "mean"), found)


@pytest.mark.skipif(not packing_available(), reason="this build of PyTorch lacks the operators")
def test_float32_is_multiplied_where_it_lies(bert_folder):
    """By oneDNN, on the very tensors that training changes: no weight is in memory twice."""
    bert = load_checkpoint(bert_folder).bert.eval()
    plan = plan_of([[5, 6, 7, 8, 9], list(range(5, 55)), [10]])
    runtime = Runtime(bert, device="cpu", precision="float32")
    found = runtime.predict(plan, "mean")
    assert isinstance(runtime._ready.layers[0].up, PackedLinear)
    owned = {parameter.data_ptr() for parameter in bert.parameters()}
    used = {tensor.data_ptr() for tensor in runtime._ready.state_dict().values()}
    used |= {layer.weight.data_ptr() for layer in runtime._ready.modules() if isinstance(layer, PackedLinear)}
    assert used <= owned
    runtime._ready = bert
    torch.testing.assert_close(found, runtime.predict(plan, "mean"), atol=1e-5, rtol=0)


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-6), (torch.bfloat16, 0.02)])
@pytest.mark.parametrize("masked", [False, True])
def test_attention_by_products_is_attention(dtype, tolerance, masked):
    query, key, value = torch.randn(3, 5, 2, 7, 8).to(dtype)
    mask = (torch.arange(7) < torch.tensor([7, 1, 3, 6, 7])[:, None])[:, None, None, :] if masked else None
    expected = F.scaled_dot_product_attention(query, key, value, attn_mask=mask)
    torch.testing.assert_close(attend_by_products(query, key, value, mask), expected, atol=tolerance, rtol=0)


@pytest.mark.skipif(not packing_available(), reason="this build of PyTorch lacks the operators")
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_fused_activations_are_those_of_their_names(activation):
    torch.manual_seed(0)
    linear = torch.nn.Linear(32, 144).to(torch.bfloat16)
    rows = torch.randn(40, 32).to(torch.bfloat16)
    with torch.inference_mode():
        expected = ACTIVATIONS[activation](linear.float()(rows.float()))
        found = PackedLinear(linear.to(torch.bfloat16), activation)(rows)
    torch.testing.assert_close(found.float(), expected, atol=0.01, rtol=0.01)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_working_in_place_changes_nothing(activation):
    """Without gradients a layer works in place; its input, which others may hold, stays as it was."""
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=9, width=32, n_layers=1, n_heads=4, hidden_width=144, n_positions=8, activation=activation
    )
    layer = Layer(config).eval()
    layout = Layout.make(torch.arange(12).view(2, 6), torch.arange(12), torch.tensor([6, 6]))
    hidden = torch.randn(12, 32)
    before = hidden.clone()
    expected = layer(hidden, layout)
    with torch.no_grad():
        assert torch.equal(layer(hidden, layout), expected)
    assert torch.equal(hidden, before)


def test_a_bfloat16_twin_leaves_the_weights_alone(bert_folder):
    bert = load_checkpoint(bert_folder).bert
    before = {name: weights.clone() for name, weights in bert.state_dict().items()}
    rounded = twin(bert, torch.bfloat16)
    assert {weights.dtype for weights in rounded.state_dict().values()} == {torch.bfloat16}
    assert list(rounded.state_dict()) == list(before)
    for name, weights in bert.named_parameters():
        assert weights.requires_grad
        assert torch.equal(weights, before[name])


def test_scores_are_stored(make_nlp, tmp_path):
    nlp = make_nlp()
    nlp.get_pipe("biobert").precision_scores = {"float32": 0.9, "bfloat16": 0.5}
    nlp.get_pipe("biobert").precision = "auto"
    nlp.to_disk(tmp_path)
    config = {"components": {"biobert": {"precision": "auto"}}}
    for copied in (
        spacy.load(tmp_path, config=config),
        spacy.blank("en").from_config(nlp.config).from_bytes(nlp.to_bytes()),
    ):
        assert copied.get_pipe("biobert").precision_scores == {"float32": 0.9, "bfloat16": 0.5}
    assert spacy.load(tmp_path, config=config).get_pipe("biobert")._shim.runtime.arithmetic == "float32"


def test_command_records_what_each_scores(make_nlp, tmp_path):
    from typer.testing import CliRunner

    from spacy_biobert.cli import app

    nlp = make_nlp("biobert_ner")
    nlp.config["training"]["score_weights"] = {"ents_f": 1.0}
    ner = nlp.get_pipe("biobert_ner")
    output = ner.model.get_ref("output_layer")
    output.set_param("b", (np.array(ner.tag_scheme.tags) == f"U-{ner.labels[0]}").astype("f"))  # it finds every word
    nlp.to_disk(tmp_path / "model")
    doc = nlp.make_doc("Wilson disease is rare.")
    DocBin(docs=[doc]).to_disk(tmp_path / "bare.spacy")
    doc.ents = [Span(doc, i, i + 1, label=ner.labels[0]) for i in range(2)]
    DocBin(docs=[doc]).to_disk(tmp_path / "dev.spacy")
    done = CliRunner().invoke(app, ["precisions", str(tmp_path / "model"), str(tmp_path / "dev.spacy")])
    assert done.exit_code == 0, done.output
    recorded = srsly.read_json(tmp_path / "model" / "meta.json")["performance"]["precision_scores"]
    assert {"float32", "bfloat16"} <= set(recorded)
    assert spacy.load(tmp_path / "model").get_pipe("biobert").precision_scores == recorded
    (tmp_path / "dev.pubtator").write_text("1|t|Fever.\n1|a|\n")
    DocBin().to_disk(tmp_path / "empty.spacy")
    for nothing in ("dev.pubtator", "empty.spacy"):
        done = CliRunner().invoke(app, ["precisions", str(tmp_path / "model"), str(tmp_path / nothing)])
        assert done.exit_code == 1
        assert "[B508]" in done.output
    done = CliRunner().invoke(app, ["precisions", str(tmp_path / "model"), str(tmp_path / "bare.spacy")])
    assert done.exit_code == 1
    assert "[B517]" in done.output
    assert spacy.load(tmp_path / "model").get_pipe("biobert").precision_scores == recorded
