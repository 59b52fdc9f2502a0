"""Every family computes what Hugging Face's own forward pass computes, from every form its weights come in."""

import copy
import json

import pytest
import torch
from safetensors.torch import load_file
from tiny import FAMILIES, encode, plan_of

from spacy_biobert.encoder.bert import Dropout
from spacy_biobert.encoder.checkpoints import load_checkpoint
from spacy_biobert.encoder.families import tensor_names
from spacy_biobert.encoder.runtime import Runtime

LENGTHS = (62, 15, 1, 15)
CLS, SEP = 2, 3  # any will do, as long as both sides take the same


def some_texts(model, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return [torch.randint(5, model.config.vocab_size, (n,), generator=generator).tolist() for n in LENGTHS]


def hidden_states(model, texts):
    """Hugging Face's hidden states of each piece, from one padded batch."""
    longest = max(map(len, texts)) + 2
    padding = model.config.pad_token_id
    rows = [[CLS, *text, SEP] + [padding] * (longest - 2 - len(text)) for text in texts]
    mask = [[1] * (len(text) + 2) + [0] * (longest - 2 - len(text)) for text in texts]
    with torch.inference_mode():
        hidden = model(input_ids=torch.tensor(rows), attention_mask=torch.tensor(mask)).last_hidden_state
    return torch.cat([row[1 : 1 + len(text)] for row, text in zip(hidden, texts, strict=True)])


def largest_difference(bert, model):
    """Compare on windows of several lengths."""
    texts = some_texts(model)
    ours = encode(bert, texts, cls=CLS, sep=SEP, pad=model.config.pad_token_id)
    return (ours - hidden_states(model, texts)).abs().max().item()


def without_weights(folder, tmp_path):
    """Copy everything but the weights."""
    for file in folder.iterdir():
        if file.suffix != ".safetensors":
            (tmp_path / file.name).write_bytes(file.read_bytes())
    return tmp_path


@pytest.mark.parametrize("family", FAMILIES)
def test_hidden_states_equal_hugging_face(hf_models, family):
    model, folder = hf_models[family]
    assert largest_difference(load_checkpoint(folder).bert, model) <= 1e-5


@pytest.mark.parametrize("activation", ["gelu_new", "gelu_pytorch_tanh", "relu"])
def test_activations_equal_hugging_face(hf_models, broken_folder, activation):
    import transformers

    settings = json.loads((broken_folder / "config.json").read_text())
    (broken_folder / "config.json").write_text(json.dumps(settings | {"hidden_act": activation}))
    model = transformers.BertModel.from_pretrained(broken_folder).eval()
    assert largest_difference(load_checkpoint(broken_folder).bert, model) <= 1e-5
    assert largest_difference(load_checkpoint(broken_folder).bert, hf_models["bert"][0]) > 1e-4


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("form", ["sharded", "bin", "legacy bin", "half"])
def test_every_form_of_weights_is_read(hf_models, tmp_path, family, form):
    model, folder = hf_models[family]
    target = without_weights(folder, tmp_path)
    if form == "sharded":
        model.save_pretrained(target, max_shard_size="20KB")
        assert len(list(target.glob("*.safetensors"))) > 1
    elif form == "half":
        model = copy.deepcopy(model).half()
        model.save_pretrained(target)
        model = model.float()
    else:
        # PyTorch before 1.6 wrote another format, and many BioBERTs are that old.
        zipped = form == "bin"
        torch.save(model.state_dict(), target / "pytorch_model.bin", _use_new_zipfile_serialization=zipped)
    assert largest_difference(load_checkpoint(target).bert, model) <= 1e-5


def test_old_names_of_normalisations(hf_models, tmp_path):
    model, folder = hf_models["bert"]
    target = without_weights(folder, tmp_path)
    old = {
        "bert." + name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta"): value
        for name, value in model.state_dict().items()
    }
    assert any("gamma" in name for name in old)
    torch.save(old, target / "pytorch_model.bin")
    assert largest_difference(load_checkpoint(target).bert, model) <= 1e-5


@pytest.mark.parametrize(
    ("family", "task", "inner"),
    [
        ("bert", "BertForMaskedLM", "bert"),
        ("bert-cased", "BertForTokenClassification", "bert"),
        ("roberta", "RobertaForMaskedLM", "roberta"),
        ("distilbert", "DistilBertForMaskedLM", "distilbert"),
        ("electra", "ElectraForPreTraining", "electra"),
    ],
)
def test_task_models_are_read(hf_models, tmp_path, family, task, inner):
    import transformers

    model, folder = hf_models[family]
    whole = getattr(transformers, task)(model.config).eval()
    target = without_weights(folder, tmp_path)
    whole.save_pretrained(target)
    assert largest_difference(load_checkpoint(target).bert, getattr(whole, inner)) <= 1e-5


@pytest.mark.parametrize("family", FAMILIES)
def test_saved_folder_opens_in_hugging_face(hf_models, tmp_path, family):
    import transformers

    model, folder = hf_models[family]
    load_checkpoint(folder).save(tmp_path)
    again = transformers.AutoModel.from_pretrained(tmp_path).eval()
    assert type(again) is type(model)
    assert largest_difference(load_checkpoint(folder).bert, again) <= 1e-5
    names = set(model.state_dict()) - {name for name in model.state_dict() if "pooler" in name}
    assert set(load_file(tmp_path / "model.safetensors")) == names  # each tensor has its place, and none is left out


def test_no_pooler_is_kept(bert_folder):
    assert not [name for name, _ in load_checkpoint(bert_folder).bert.named_parameters() if "pool" in name]


def test_settings_that_old_configs_leave_out(hf_models, broken_folder):
    settings = json.loads((broken_folder / "config.json").read_text())
    for name in ("model_type", "type_vocab_size", "layer_norm_eps", "position_embedding_type", "hidden_act"):
        settings.pop(name, None)
    settings["pad_token_id"] = None
    (broken_folder / "config.json").write_text(json.dumps(settings))
    assert largest_difference(load_checkpoint(broken_folder).bert, hf_models["bert"][0]) <= 1e-5


@pytest.mark.parametrize("checkpointing", [True, False])
@pytest.mark.parametrize("family", FAMILIES)
def test_training_computes_the_same_but_for_dropout(hf_models, family, checkpointing):
    model, folder = hf_models[family]
    bert = load_checkpoint(folder).bert
    bert.gradient_checkpointing = checkpointing
    texts = some_texts(model)
    expected = hidden_states(model, texts)
    runtime = Runtime(bert, device="cpu", precision="float32")
    plan = plan_of(texts, cls=CLS, sep=SEP, pad=model.config.pad_token_id)
    torch.testing.assert_close(runtime.train(plan, "first", autocast=False), expected, rtol=0, atol=1e-5)
    for rates in ((0.3, 0.0), (0.0, 0.3)):
        bert.set_dropout(*rates)
        assert (runtime.train(plan, "first", autocast=False) - expected).abs().max() > 1e-2
        torch.testing.assert_close(runtime.predict(plan, "first"), expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("family", FAMILIES)
def test_gradients_equal_hugging_face(hf_models, family):
    """Of every parameter, for a batch of windows of several lengths."""
    model, folder = hf_models[family]
    model = copy.deepcopy(model)
    texts = some_texts(model)
    weights = torch.randn(sum(LENGTHS), 32, generator=torch.Generator().manual_seed(1))
    total = torch.tensor(0.0)
    for text, part in zip(texts, weights.split(list(LENGTHS)), strict=True):
        hidden = model(input_ids=torch.tensor([[CLS, *text, SEP]])).last_hidden_state[0, 1:-1]
        total = total + (hidden * part).sum()
    total.backward()
    checkpoint = load_checkpoint(folder)
    plan = plan_of(texts, cls=CLS, sep=SEP, pad=model.config.pad_token_id)
    Runtime(checkpoint.bert, device="cpu", precision="float32").train(plan, "first", autocast=False).backward(weights)
    ours = {name: weights.grad for name, weights in checkpoint.bert.named_parameters()}
    theirs = {name: weights.grad for name, weights in model.named_parameters()}
    for name, parts in tensor_names(checkpoint.family, checkpoint.bert.config):
        expected = torch.cat([theirs[part] for part in parts])
        torch.testing.assert_close(ours[name], expected, rtol=1e-4, atol=1e-4, msg=name)


def test_dropout_drops_its_share_and_keeps_the_mean():
    torch.manual_seed(0)
    dropout = Dropout().train()
    ones = torch.ones(300, 333)
    for rate in (0.1, 0.5):
        dropout.p = rate
        dropped = dropout(ones)
        assert (dropped == 0).float().mean().item() == pytest.approx(rate, abs=0.01)
        assert dropped.mean().item() == pytest.approx(1.0, abs=0.01)
        assert dropped.unique().numel() == 2
    dropout.eval()
    assert dropout(ones) is ones
