"""The project around the package: what its files say of one another is true."""

import ast
import os
import re
import shlex
import shutil
import subprocess
import sys
from configparser import ConfigParser
from importlib.metadata import EntryPoint
from pathlib import Path
from urllib.error import URLError

import pytest
import srsly
import typer
from packaging.requirements import Requirement
from spacy.cli._util import app as spacy_app
from spacy.util import load_config
from weasel.cli.run import project_run
from weasel.util import load_project_config

import spacy_biobert
import spacy_biobert.cli
from spacy_biobert.project.assets import fetch_dataset, read_assets
from spacy_biobert.project.datasets import DATASETS, read_dataset

ROOT = Path(__file__).parents[1]
PYTHONS = ("3.10", "3.11", "3.12", "3.13")
NAMES = sorted(path.stem for path in (ROOT / DATASETS).glob("*.yml"))


@pytest.fixture
def project(tmp_path):
    """The project's files without what it makes: weasel makes folders where it finds a project."""
    for name in ("project.yml", "configs"):
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, tmp_path / name)
    (tmp_path / "assets").mkdir()
    for name in ("sample", "encoder"):
        (tmp_path / "assets" / name).symlink_to(ROOT / "assets" / name)
    return tmp_path


@pytest.fixture
def load(project):
    """Read project.yml as `spacy project run` does, with variables set."""
    return lambda **values: load_project_config(project, overrides={f"vars.{key}": values[key] for key in values})


@pytest.fixture
def warm_commands(monkeypatch, warm_python):
    """Let `spacy project run` fork its processes instead of starting them."""

    def run_command(command, capture):
        assert command[0] == sys.executable
        done = warm_python(*command[1:], cwd=Path.cwd())
        assert done.returncode == 0, done.stdout + done.stderr

    monkeypatch.setattr("weasel.cli.run.run_command", run_command)


@pytest.fixture(scope="module")
def setup_cfg():
    config = ConfigParser(interpolation=None)
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    return config


def outputs(config):
    """All that the commands of a project write."""
    return [path for command in config["commands"] for path in command.get("outputs", [])]


# --- project.yml ---


@pytest.mark.parametrize("dataset", NAMES)
def test_variables_reach_every_command(load, dataset):
    config = load(dataset=dataset, encoder="someone/some-bert", gpu=3, precision="bfloat16", seed=5)
    commands = {command["name"]: " ".join(command["script"]) for command in config["commands"]}
    assert "${" not in srsly.json_dumps(config)
    assert "--paths.encoder someone/some-bert" in commands["train"]
    assert "--components.biobert.precision bfloat16" in commands["train"]
    assert "--system.seed 5 " in commands["train"]
    assert all("3" in commands[name].split() for name in ("train", "evaluate", "install", "annotate"))


@pytest.mark.parametrize("dataset", NAMES)
def test_every_dependency_is_there_or_made_before(load, dataset):
    config = load(dataset=dataset)
    commands = {command["name"]: command for command in config["commands"]}
    made: set[str] = set()
    for name in [*config["workflows"]["all"], "evaluate_installed"]:
        for dep in commands[name].get("deps", []):
            assert dep in made or (ROOT / dep).exists(), f"{name} needs {dep}"
        made.update(commands[name].get("outputs", []))


def test_no_two_commands_or_datasets_write_the_same(load):
    written = [path for name in NAMES for path in outputs(load(dataset=name))]
    shared = {path for path in written if written.count(path) > 1}
    # What the last run found, whatever the dataset; and what has no dataset.
    assert shared - {"output/report.html", "output/annotations.jsonl"} == {
        "output/ready.html",
        "pretraining/encoder/encoder",
    }


def test_outputs_are_ignored_by_git(load):
    if not (ROOT / ".git").exists():
        pytest.skip("This is not a git checkout.")
    made = [path for name in NAMES for path in outputs(load(dataset=name))]
    dests = [path.as_posix() for path in read_assets(ROOT)]
    paths = [*made, *dests, "project.lock", ".venv/any"]
    command = ["git", "-c", "core.quotePath=false", "check-ignore", "--stdin"]
    done = subprocess.run(command, cwd=ROOT, input="\n".join(paths), capture_output=True, text=True, check=True)
    assert set(done.stdout.splitlines()) == set(paths)


def test_scripts_call_what_exists(load):
    for command in load()["commands"]:
        for line in command["script"]:
            words = shlex.split(line)
            if words[:4] == ["python", "-m", "pip", "install"]:
                assert (ROOT / words[-1]).exists()
                continue
            program = words[0] if words[0] != "python" else words[1]
            if program.startswith("scripts/"):
                options = re.findall(r"(?<=\s)--[\w-]+", line)
                source = (ROOT / program).read_text(encoding="utf-8")
                assert [option for option in options if f'"{option}"' not in source] == []
            else:
                assert words[:3] == ["python", "-m", "spacy"] or program.endswith("/bin/spacy"), line
                check_spacy_command(words[3:] if words[0] == "python" else words[1:])


def check_spacy_command(words):
    """Find the command and look for each of its options."""
    command = typer.main.get_command(spacy_app)
    while hasattr(command, "commands"):
        command = command.commands[words.pop(0)]
    known = {name for parameter in command.params for name in parameter.opts}
    given = [word.partition("=")[0] for word in words if word.startswith("--")]
    assert [option for option in given if option not in known and "." not in option] == []
    required = [p for p in command.params if p.required and p.param_type_name == "argument"]
    assert len([word for word in words if not word.startswith("--")]) >= len(required)


def test_training_overrides_are_in_the_config(load):
    config = load()
    recipe = load_config(ROOT / config["vars"]["config"])
    (train,) = (command for command in config["commands"] if command["name"] == "train")
    # A recipe without a linker takes the path of a knowledge base, and does nothing with it.
    ner = load_config(ROOT / config["vars"]["ner_config"], overrides={"paths.kb": "kb"})
    assert ner["paths"]["kb"] == "kb"
    overrides = re.findall(r"--(\w+(?:\.\w+)+)", " ".join(train["script"]))
    assert "paths.encoder" in overrides
    for name in overrides:
        section = recipe
        for part in name.split("."):
            assert part in section, name
            section = section[part]


@pytest.mark.parametrize("name", NAMES)
def test_dataset_settings_are_in_the_config(load, name):
    dataset = read_dataset(name, ROOT)
    for variable in ("config", "ner_config") if dataset.kb else ("ner_config",):
        recipe = load_config(ROOT / load()["vars"][variable])
        for setting in dataset.settings:
            if variable == "ner_config" and setting.startswith("components.biobert_linker."):
                continue  # `prepare` leaves it out
            section = recipe
            for part in setting.split("."):
                assert part in section, setting
                section = section[part]


def test_assets_are_pinned():
    listed = srsly.read_yaml(ROOT / "project.yml")["assets"]
    assert len(read_assets(ROOT)) == len(listed) == len({asset["dest"] for asset in listed})
    for asset in listed:
        assert re.fullmatch(r"[0-9a-f]{32}", asset.get("checksum", "0" * 32))
        # Who cannot compare a file is told so.
        assert ("checksum" in asset) != asset["description"].endswith("; checksum not yet known")
        # A commit, or a version.
        assert re.match(r"https://\S+/([0-9a-f]{40}/|[\w-]+-\d+\.\d+\.tar\.gz$)", asset["url"])
        assert asset["url"].rpartition("/")[2] == asset["dest"].rpartition("/")[2]
        # `spacy project assets` without --extra does not fail where there is no connection.
        assert asset["extra"] is True


@pytest.mark.parametrize("name", NAMES)
def test_every_file_of_a_dataset_ships_or_has_an_address(name):
    assets = set(read_assets(ROOT))
    shipped = ROOT / "assets" / "sample"
    files = read_dataset(name, ROOT).files()
    assert [path for path in files if path not in assets and shipped not in (ROOT / path).parents] == []
    assert [path for path in files if path not in assets and not (ROOT / path).is_file()] == []


def test_every_asset_is_of_a_dataset():
    used = {path for name in NAMES for path in read_dataset(name, ROOT).files()}
    assert set(read_assets(ROOT)) <= used


def test_every_public_corpus_has_its_recipe():
    corpora = (
        "ncbi_disease bc5cdr bc5cdr_disease bc5cdr_chem bc2gm bc4chemd jnlpba linnaeus s800 anatem bionlp13cg craft"
    )
    assert set(corpora.split()) <= set(NAMES)


@pytest.mark.parametrize("name", [name for name in NAMES if name != "sample"])
def test_absent_files_are_named_with_their_addresses(project, monkeypatch, name):
    monkeypatch.setattr("spacy_biobert.project.assets._receive", out_of_reach)
    with pytest.raises(FileNotFoundError, match=r"^\[B501\]") as error:
        fetch_dataset(read_dataset(name, project), project)
    assets = read_assets(project)
    absent = [path for path in read_dataset(name, project).files() if path in assets]
    assert absent
    for path in absent:
        assert f"  {path}\n    from {assets[path].url}\n" in str(error.value)


def out_of_reach(url, path):
    raise URLError("no connection")


@pytest.mark.parametrize(("name", "files"), [("ncbi_disease", 6), ("bc5cdr", 5), ("bc2gm", 3)])
def test_the_public_corpora_have_the_checksums(tmp_path, name, files):
    if "SPACY_BIOBERT_DATA" not in os.environ:
        pytest.skip("SPACY_BIOBERT_DATA names no folder with the public corpora.")
    shutil.copy(ROOT / "project.yml", tmp_path)
    dataset = read_dataset(name, ROOT)
    assert all(read_assets(ROOT)[path].checksum for path in dataset.files())
    assert len(fetch_dataset(dataset, tmp_path, mirror=Path(os.environ["SPACY_BIOBERT_DATA"]))) == files


def test_the_command_for_entities_alone_passes_every_variable_on():
    config = srsly.read_yaml(ROOT / "project.yml")
    commands = {command["name"]: command for command in config["commands"]}
    run = config["workflows"]["train_and_evaluate"]
    used = set(re.findall(r"\$\{vars\.(\w+)\}", srsly.json_dumps([commands[name] for name in run])))
    assert used >= {"dataset", "train", "train_on", "encoder", "seed"}
    (script,) = commands["ner"]["script"]
    assert used == set(re.findall(r"--vars\.(\w+)", script))
    assert "--vars.config ${vars.ner_config}" in script


def test_own_files_of_any_format(project, warm_commands):
    """Own files, without a description: what the command `ner` does with them, up to training."""
    shutil.copy(ROOT / "assets" / "sample" / "train.pubtator", project / "train.pubtator")
    (project / "dev.tsv").write_text("Aspirin\tB-Chemical\n", encoding="utf-8")
    (project / "brat").mkdir()
    (project / "brat" / "1.txt").write_text("Aspirin", encoding="utf-8")
    (project / "brat" / "1.ann").write_text("T1\tChemical 0 7\tAspirin\n", encoding="utf-8")
    own = {"vars.train": "train.pubtator", "vars.dev": "dev.tsv", "vars.test": "brat"}
    overrides = {"vars.dataset": "mine", "vars.config": "configs/ner.cfg", **own}
    for command in ("fetch", "prepare"):
        project_run(project, command, overrides=overrides)
    made = sorted(str(path.relative_to(project / "corpus")) for path in (project / "corpus").rglob("*.spacy"))
    assert made == ["mine/dev/dev.spacy", "mine/test/brat.spacy", "mine/train/train.spacy"]
    assert not (project / "kb" / "mine").exists()
    # Training finds all that it needs.
    project_run(project, "train", overrides=overrides, dry=True)


def test_nothing_runs_twice(project, warm_commands, capsys):
    overrides = {"vars.dataset": "sample"}
    for command in ("fetch", "prepare", "fetch", "prepare"):
        project_run(project, command, overrides=overrides)
    assert capsys.readouterr().out.count("Skipping 'prepare'") == 1
    # Another sentence in the corpus, and it runs again.
    (project / "assets" / "sample").unlink()
    shutil.copytree(ROOT / "assets" / "sample", project / "assets" / "sample")
    with (project / "assets" / "sample" / "dev.pubtator").open("a", encoding="utf-8") as file:
        file.write("\n999999|t|One more.\n999999|a|\n")
    for command in ("fetch", "prepare"):
        project_run(project, command, overrides=overrides)
    assert "Skipping" not in capsys.readouterr().out


# --- Makefile and CI ---


def make(*arguments):
    return subprocess.run(["make", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
@pytest.mark.parametrize("target", ["help", "run", "test", "lint", "clean"])
def test_make_knows_its_targets(target, tmp_path):
    done = make("-n", target, f"VENV={tmp_path}/env")
    assert done.returncode == 0, done.stderr
    assert done.stdout


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
def test_make_says_what_it_knows():
    said = make().stdout
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for setting in re.findall(r"\$\(if \$\((\w+)\),--vars", makefile):
        assert f"{setting}=" in said
    for target in ("run", "test", "lint", "clean"):
        assert f"make {target} " in said


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
def test_make_passes_settings_on(tmp_path):
    lines = make("-n", "run", f"VENV={tmp_path}", "DATASET=mine", "ENCODER=a/b", "GPU=0", "PRECISION=int8").stdout
    assert "--vars.dataset mine --vars.encoder a/b --vars.gpu 0 --vars.precision int8" in " ".join(lines.split())
    assert "--vars.learn_rate 5e-5" in lines
    assert '-e ".[cuda]"' in lines
    plain = make("-n", "run", f"VENV={tmp_path}", "GPU=-1").stdout
    assert "cuda" not in plain
    assert "learn_rate" not in plain
    assert "--vars.gpu -1" in plain


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
def test_make_refuses_a_python_that_will_not_do(tmp_path):
    python = tmp_path / "python"
    python.write_text('#!/bin/sh\n[ "$1" = --version ] && echo "Python 3.9.1" && exit 0\nexit 1\n')
    python.chmod(0o755)
    done = make("run", f"VENV={tmp_path}/env", f"PYTHON={python}")
    assert done.returncode != 0
    assert "Python 3.10 to 3.13 is needed" in done.stdout
    assert "Python 3.9.1" in done.stdout


def test_ci_runs_what_there_is():
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert subprocess.run(["bash", "-n", ROOT / ".ci" / "run"], check=False).returncode == 0
    assert "set -euo pipefail" in script
    targets = re.findall(r"^make (\w+)$", script, re.MULTILINE)
    assert {"run", "test"} <= set(targets) <= set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def test_the_workflow_runs_the_same_on_every_python(setup_cfg):
    workflow = srsly.read_yaml(ROOT / ".github" / "workflows" / "ci.yml")
    (job,) = workflow["jobs"].values()
    assert [step["run"] for step in job["steps"] if "run" in step] == ["bash .ci/run"]
    assert tuple(job["strategy"]["matrix"]["python"]) == PYTHONS
    classifiers = re.findall(r"Python :: (3\.\d+)", setup_cfg["metadata"]["classifiers"])
    assert tuple(classifiers) == PYTHONS


# --- The package ---


def test_versions_agree(setup_cfg, load):
    versions = {spacy_biobert.__version__, setup_cfg["metadata"]["version"], load()["vars"]["version"]}
    assert len(versions) == 1
    assert f"## {versions.pop()}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_entry_points_import(setup_cfg):
    for group, lines in setup_cfg["options.entry_points"].items():
        for line in lines.strip().splitlines():
            name, value = (part.strip() for part in line.split("=", 1))
            assert EntryPoint(name, value, group).load() is not None


def test_importing_the_package_loads_no_torch():
    code = "import sys, spacy_biobert; print([m for m in ('torch', 'transformers', 'spacy') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ast.literal_eval(done.stdout) == []


def test_constraints_pin_what_the_package_needs_once_for_every_python(setup_cfg):
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = [Requirement(line) for line in lines if line and not line.startswith("#")]
    extras = setup_cfg["options.extras_require"]
    test = extras["test"].replace("%(ann)s", "")
    lists = [setup_cfg["options"]["install_requires"], extras["ann"], test, extras["dev"].replace("%(test)s", "")]
    needed = [line for text in lists for line in text.splitlines() if line]
    for python in PYTHONS:
        environment = {"python_version": python}
        here = {pin.name: pin for pin in pins if pin.marker is None or pin.marker.evaluate(environment)}
        count = sum(pin.marker is None or pin.marker.evaluate(environment) for pin in pins)
        assert len(here) == count, f"Python {python} has two pins for one package"
        for line in needed:
            requirement = Requirement(line)
            (pin,) = here[requirement.name].specifier
            assert pin.operator == "=="
            assert requirement.specifier.contains(pin.version), line
