"""Imports run downwards only, as CONTRIBUTING.md says: what each folder may import is stated here."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import spacy_biobert

ROOT = Path(spacy_biobert.__file__).parent
GROUND = {path.stem for path in ROOT.glob("*.py")} - {"__init__"}
"""Modules that stand beside the folders: all may import them."""

BELOW = {
    "corpora": set(),
    "encoder": set(),
    "ner": {"corpora", "encoder"},
    "linking": {"corpora", "encoder"},
    "pretraining": {"encoder"},
    "training": {"corpora", "encoder"},
    "project": {"corpora"},
    "reports": {"corpora", "ner", "linking"},
    "cli": {"corpora", "encoder", "ner", "linking", "pretraining", "training", "project", "reports"},
}
"""The folders that the modules of a folder may import, besides their own."""

FACE = {
    f"encoder.{name}"
    for name in (
        "checkpoints", "pieces", "precision", "runtime", "storage", "tokenization", "vectors", "windows",
    )
}  # fmt: skip
"""The encoder's public face: what heads may import of it. Its pipe and its shim are not there."""

EXCEPTIONS = {
    "extensions": {"ner.extension", "linking.extension"},  # registers both without a pipeline
    "ner.from_hf": {"encoder.component", "encoder.shim"},  # makes a whole pipeline, its encoder too
}
MODULES = sorted(path.relative_to(ROOT).with_suffix("") for path in ROOT.rglob("*.py"))


def imports(module: Path) -> Iterator[str]:
    """Yield what a module imports of the package, wherever it does: "errors", "encoder.checkpoints"."""
    for node in ast.walk(ast.parse((ROOT / module).with_suffix(".py").read_text(encoding="utf8"))):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import | ast.ImportFrom) else []
        if isinstance(node, ast.ImportFrom) and node.level:
            above = module.parts[: len(module.parts) - node.level]
            for name in [node.module] if node.module else names:
                yield ".".join((*above, name))
        elif isinstance(node, ast.ImportFrom):
            names = [str(node.module)]
        assert not any(name.split(".")[0] == "spacy_biobert" for name in names), "imports within it are relative"


def is_allowed(module: Path, imported: str) -> bool:
    name, room, target = ".".join(module.parts), module.parts[0], imported.partition(".")[0]
    if target in GROUND or imported == "__version__" or imported in EXCEPTIONS.get(name, ()):
        return True
    if room in ("ner", "linking") and target == "encoder":
        return imported in FACE
    return target == room or target in BELOW.get(room, ())


@pytest.mark.parametrize("module", MODULES, ids=str)
def test_imports_run_downwards(module):
    assert [imported for imported in imports(module) if not is_allowed(module, imported)] == []


def test_nothing_is_stated_in_vain():
    used = {module: set(imports(module)) for module in MODULES}
    assert BELOW.keys() == {module.parts[0] for module in MODULES if len(module.parts) > 1}
    for room, below in BELOW.items():
        found = {name.partition(".")[0] for module, names in used.items() if module.parts[0] == room for name in names}
        assert below <= found, room
    heads = set().union(*(names for module, names in used.items() if module.parts[0] in ("ner", "linking")))
    assert heads >= FACE
    for name, excepted in EXCEPTIONS.items():
        assert excepted <= used[Path(*name.split("."))], name
