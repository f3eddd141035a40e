"""Messages spell commands in one way, `jira-sync apply`, bare, so that what they advise can be pasted."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer

from jira_sync.__main__ import app

REPO = Path(__file__).parents[4]
PACKAGES = ("jira_sync", "generator", "sync_model", "sync_worker", "health_monitor", "supervisor_plugin")
MARKDOWN = {"generator/running/settings/variables.py"}
"""Its texts go into the table in README.md."""
COMMANDS = "|".join(sorted(typer.main.get_group(app).commands))
WRONG = {
    "a command in quotes of any kind": rf"[`‘“](?:jira-sync )?(?:{COMMANDS})[`’” ]",
    "a command without jira-sync": rf"(?<!jira-sync )(?<![\w-])(?:{COMMANDS}) --\w",
    "a command to be typed without jira-sync": rf"(?:type|run|by|say|with): ?(?:{COMMANDS})\b",
    "another program's way to steer a sync": r"supervisorctl (?:start|stop|restart|update|reread)",
    "one path of the command": r"\.venv/bin/jira-sync|\./jira-sync",
}


def messages(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the texts of a module that are no docstrings; of a command's module, the help, too."""
    tree = ast.parse(path.read_text())
    in_expressions = {
        id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in in_expressions:
            yield node.lineno, node.value
        if path.parent.name == "commands" and isinstance(node, ast.FunctionDef) and node.name == path.stem:
            yield node.lineno, ast.get_docstring(node) or ""


def texts() -> Iterator[tuple[str, str]]:
    for package in PACKAGES:
        for path in (REPO / package).rglob("*.py"):
            name = str(path.relative_to(REPO))
            if name not in MARKDOWN:
                yield from ((f"{name}:{line}", text) for line, text in messages(path))
        for path in (REPO / package).rglob("*.j2"):
            yield str(path.relative_to(REPO)), path.read_text()
    for path in (REPO / "templates").glob("*.j2"):
        yield str(path.relative_to(REPO)), path.read_text()


@pytest.mark.parametrize("what", WRONG)
def test_no_message_spells_a_command_in_another_way(what):
    assert [(where, text[:120]) for where, text in texts() if re.search(WRONG[what], text)] == []


@pytest.mark.parametrize(
    "said", ["jira-sync apply sync-ab", "jira-sync apply --allow-empty", "to end it: jira-sync stop"]
)
def test_the_one_spelling_is_allowed(said):
    assert not any(re.search(wrong, said) for wrong in WRONG.values())


@pytest.mark.parametrize(
    "said", ["`apply`", "say `jira-sync apply`", "apply --all", "supervisorctl stop x", "by: apply"]
)
def test_other_spellings_are_found(said):
    assert any(re.search(wrong, said) for wrong in WRONG.values())


def test_every_command_that_a_message_tells_to_type_exists():
    told = re.compile(r"(?:: |type )jira-sync ([a-z][a-z-]+)")
    names = {name for _, text in texts() for name in told.findall(text)}
    prose = {"reads", "works", "goes"}
    assert names - prose
    assert names - prose <= set(COMMANDS.split("|"))
