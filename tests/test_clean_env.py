"""The script that makes the second environment, as far as no package index is needed."""

import json
import shutil
import sys
import zipfile
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture
def clean_env(monkeypatch, tmp_path):
    """The script, working on a copy of the package's sources."""
    spec = spec_from_file_location("clean_env", ROOT / "scripts" / "clean_env.py")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    root = tmp_path / "root"
    ignore = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "spacy_biobert", root / "spacy_biobert", ignore=ignore)
    for name in ("setup.cfg", "pyproject.toml", "LICENSE", "NOTICE", "README.md"):
        if (ROOT / name).exists():
            shutil.copy(ROOT / name, root)
    monkeypatch.setattr(module, "ROOT", root)
    return module


@pytest.fixture
def wheel(tmp_path):
    path = tmp_path / "en_x-0.1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("en_x/__init__.py", "")
    return path


def test_own_wheel_is_whole_and_holds_nothing_old(clean_env, tmp_path):
    stale = clean_env.ROOT / "build" / "lib" / "spacy_biobert" / "removed_long_ago.py"
    stale.parent.mkdir(parents=True)
    stale.write_text("")
    (tmp_path / "wheels").mkdir()
    built = clean_env.build_own_wheel(tmp_path / "wheels")
    with zipfile.ZipFile(built) as archive:
        names = set(archive.namelist())
        (entry_points,) = (name for name in names if name.endswith("entry_points.txt"))
        assert b"biobert_ner = spacy_biobert.ner.component:make_biobert_ner" in archive.read(entry_points)
    modules = {path.relative_to(clean_env.ROOT).as_posix() for path in clean_env.ROOT.glob("spacy_biobert/**/*.py")}
    assert {name for name in names if name.endswith(".py")} == modules
    assert "spacy_biobert/py.typed" in names


def test_fingerprint_counts_contents_not_dates(clean_env, wheel, tmp_path):
    constraints = tmp_path / "constraints.txt"
    constraints.write_text("spacy==3.8\n")
    before = clean_env.fingerprint(wheel, wheel, constraints, False)
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr(zipfile.ZipInfo("en_x/__init__.py", (1999, 1, 1, 0, 0, 0)), "")
    assert clean_env.fingerprint(wheel, wheel, constraints, False) == before
    assert clean_env.fingerprint(wheel, wheel, constraints, True) != before
    constraints.write_text("spacy==3.9\n")
    assert clean_env.fingerprint(wheel, wheel, constraints, False) != before
    constraints.write_text("spacy==3.8\n")
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("en_x/__init__.py", "changed")
    assert clean_env.fingerprint(wheel, wheel, constraints, False) != before


def test_the_environment_is_made_once_and_made_clean(clean_env, wheel, tmp_path, monkeypatch, capsys):
    env, constraints = tmp_path / ".env-x", tmp_path / "constraints.txt"
    constraints.write_text("")
    installed: list[list[str]] = []
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setattr(clean_env, "build_own_wheel", lambda folder: shutil.copy(wheel, folder / "own.whl"))
    monkeypatch.setattr(clean_env, "pip_install", lambda python, packages, constraints: installed.append(packages))
    monkeypatch.setattr(sys, "argv", ["clean_env.py", str(env), str(wheel), "--constraints", str(constraints)])
    env.mkdir()
    (env / "left_over").write_text("")
    clean_env.main()
    assert not (env / "left_over").exists()
    assert [Path(package).name for package in installed[0]] == ["own.whl", wheel.name]
    assert [package["name"] for package in json.loads((env / "installed.json").read_text())["packages"]]
    # It sees nothing of this one.
    code = """if True:
        from importlib.util import find_spec
        import os
        print(find_spec("spacy"), find_spec("torch"), os.environ.get("PYTHONPATH"))
    """
    assert clean_env.run([str(env / "bin" / "python"), "-c", code], capture=True).split() == ["None"] * 3
    clean_env.main()
    assert len(installed) == 1
    assert "already has" in capsys.readouterr().out
    # Another environment is wanted; that it is made anew was seen above.
    monkeypatch.setattr(clean_env, "make_env", lambda env: env / "bin" / "python")
    monkeypatch.setattr(sys, "argv", [*sys.argv, "--gpu", "0"])
    clean_env.main()
    assert installed[1][0].endswith("own.whl[cuda]")


def test_a_failing_step_ends_it(clean_env):
    with pytest.raises(SystemExit, match="failed with status 3"):
        clean_env.run([sys.executable, "-c", "raise SystemExit(3)"])
