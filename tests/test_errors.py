"""The list of messages itself; that each can be met is for the tests of what gives it."""

import ast
from pathlib import Path

import pytest

from spacy_biobert import errors

TREE = ast.parse(Path(errors.__file__).read_text(encoding="utf8"))


def codes(name):
    [found] = [node for node in TREE.body if isinstance(node, ast.ClassDef) and node.name == name]
    return [statement.targets[0].id for statement in found.body if isinstance(statement, ast.Assign)]


@pytest.mark.parametrize(("name", "letter"), [("Errors", "B"), ("Warnings", "W")])
def test_codes_ascend_and_each_stands_once(name, letter):
    found = codes(name)
    assert all(code[0] == letter and code[1:].isdigit() and len(code) == 4 for code in found)
    assert found == sorted(set(found))
    assert getattr(errors, name).__dict__[found[0]].startswith(f"[{found[0]}] ")


def test_each_message_is_given_somewhere():
    package = Path(errors.__file__).parent
    given = {
        node.attr
        for path in package.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf8")))
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id in ("Errors", "Warnings")
    }
    assert given == {*codes("Errors"), *codes("Warnings")}
