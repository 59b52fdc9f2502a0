"""Stored weights come back as they were, as far as their form allows."""

import pytest
import torch
from safetensors.torch import load_file

from spacy_biobert.encoder.checkpoints import load_checkpoint
from spacy_biobert.encoder.storage import pack, unpack


@pytest.mark.parametrize("family", ["bert", "roberta", "distilbert", "electra"])
@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 0.0), ("float16", 2e-3), ("int8", 0.02)])
def test_checkpoint_round_trip(hf_models, tmp_path, family, dtype, tolerance):
    before = load_checkpoint(hf_models[family][1])
    before.save(tmp_path, dtype)
    after = load_checkpoint(tmp_path, settled=True)
    assert after.bert.config == before.bert.config
    assert after.max_pieces == before.max_pieces
    assert after.tokenizer.to_json() == before.tokenizer.to_json()
    for (name, ours), (other, theirs) in zip(
        before.bert.named_parameters(), after.bert.named_parameters(), strict=True
    ):
        assert name == other
        assert theirs.dtype == torch.float32
        assert (ours - theirs).abs().max() <= tolerance


@pytest.mark.parametrize("n_columns", [64, 100, 128, 129])
def test_int8_rounds_each_part_of_a_row_to_half_a_step(n_columns):
    torch.manual_seed(0)
    # Rows of very different size, each with a far weight: one scale for all, or for a row, would lose the small ones.
    matrix = torch.randn(64, n_columns) * torch.logspace(-6, 3, 64)[:, None]
    matrix[7] = 0.0
    matrix[:, -1] *= 50
    packed = pack([("m", matrix)], "int8")
    assert packed["m"].dtype == torch.int8
    assert packed["m"].shape == matrix.shape
    n_parts = packed["m.row_scale"].shape[1]
    assert n_parts == -(-n_columns // 64)
    for part, rounded in zip(matrix.chunk(n_parts, dim=1), unpack(packed, "m").chunk(n_parts, dim=1), strict=True):
        step = part.abs().amax(dim=1, keepdim=True) / 127
        assert ((rounded - part).abs() <= 0.501 * step).all()
    # Storing what was stored before loses nothing more.
    again = pack([("m", unpack(packed, "m"))], "int8")
    assert torch.equal(again["m"], packed["m"])
    torch.testing.assert_close(unpack(again, "m"), unpack(packed, "m"), rtol=1e-6, atol=0)


def test_rows_with_one_scale_each_are_read():
    stored = {
        "m": torch.tensor([[1, -2, 127], [0, 5, -127]], dtype=torch.int8),
        "m.row_scale": torch.tensor([0.5, 2.0]),
    }
    assert unpack(stored, "m").tolist() == [[0.5, -1.0, 63.5], [0.0, 10.0, -254.0]]


def test_vectors_and_small_tables_stay_float32_in_int8():
    packed = pack([("bias", torch.ones(8192)), ("types", torch.ones(2, 64))], "int8")
    assert {name: tensor.dtype for name, tensor in packed.items()} == dict.fromkeys(("bias", "types"), torch.float32)


def test_sizes_on_disk(hf_models, tmp_path):
    checkpoint = load_checkpoint(hf_models["bert"][1])
    sizes = {}
    for dtype in ("float32", "float16", "int8"):
        checkpoint.save(tmp_path / dtype, dtype)
        stored = load_file(tmp_path / dtype / "model.safetensors")
        sizes[dtype] = stored["encoder.layer.0.intermediate.dense.weight"].nbytes
    assert sizes["float32"] == 2 * sizes["float16"] == 4 * sizes["int8"]


def test_missing_tensor_is_a_key_error():
    with pytest.raises(KeyError, match="absent"):
        unpack({}, "absent")


def test_what_was_rounded_by_rows_is_not_rounded_again():
    matrix = torch.randn(40, 200, generator=torch.Generator().manual_seed(0))
    scale = matrix.abs().amax(dim=1) / 127
    stored = {"m": (matrix / scale[:, None]).round().to(torch.int8), "m.row_scale": scale}
    loaded = unpack(stored, "m")
    again = pack([("m", loaded)], "int8")
    assert torch.equal(again["m"], stored["m"])
    assert torch.equal(unpack(again, "m"), loaded)
    assert pack([("m", matrix)], "int8")["m.row_scale"].shape == (40, 4)
