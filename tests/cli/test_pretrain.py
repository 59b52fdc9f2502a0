from spacy_biobert.encoder.checkpoints import load_checkpoint


def test_pretrain_and_go_on(invoke, bert_folder, tmp_path):
    text = tmp_path / "text.txt"
    text.write_text("the patient with colon cancer\nthe mutation in the gene\n" * 150, encoding="utf8")
    arguments = ["pretrain", bert_folder, text, "--out", tmp_path / "out"]
    arguments += ["--step-pieces", 200, "--learn-rate", 0.003, "--precision", "float32", "--save-dtype", "float16"]
    status, output = invoke(*arguments)
    assert status == 0
    assert "A hidden word piece of held-out text costs" in output
    assert load_checkpoint(tmp_path / "out" / "encoder").bert.config.width == 32
    status, output = invoke(*arguments, "--passes", 2)
    assert status == 1
    assert "[B455]" in output
    assert "passes was 1, is 2" in output


def test_what_is_wrong_is_said_without_a_traceback(invoke, bert_folder, tmp_path):
    status, output = invoke("pretrain", bert_folder, tmp_path / "nowhere", "--out", tmp_path / "out")
    assert status == 1
    assert "[B450]" in output
    status, output = invoke("pretrain", bert_folder, tmp_path, "--out", tmp_path / "out", "--save-dtype", "int4")
    assert status == 1
    assert "[B022]" in output
    for option in ("--seed", "--save-every"):
        status, output = invoke("pretrain", bert_folder, tmp_path, "--out", tmp_path / "out", option, -1)
        assert status in (1, 2)
        assert option.strip("-").replace("-", "_") in output.replace("-", "_")
