"""Commands print by `terminal` alone, so that nothing that a site says steers a terminal or looks like another line."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from rich.text import Text

from jira_sync.output import terminal

REPO = Path(__file__).parents[4]
THE_PLACE = {"jira_sync/output/terminal.py", "generator/running/terminal.py"}
HOSTILE = "a\x1b]52;c;aGk=\x07\x1b[2J\u202eb\n+ sync-z started\r\x9b31m[red]"


def prints(path: Path) -> list[str]:
    """Return the calls by which a module prints."""
    calls = [ast.unparse(node.func) for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
    ways = ("print", "out.print", "notes.print", "console.print", "Console", "typer.echo", "typer.confirm")
    more = ("typer.prompt", "typer.secho", "click.echo", "sys.stdout.write", "sys.stderr.write", "input")
    return [call for call in calls if call in (*ways, *more)]


@pytest.mark.parametrize("folder", ["jira_sync", "generator"])
def test_nothing_prints_but_the_one_place_for_output(folder):
    found = {str(path.relative_to(REPO)): prints(path) for path in (REPO / folder).rglob("*.py")}
    assert {name for name, calls in found.items() if calls} <= THE_PLACE


@pytest.mark.parametrize(
    "say",
    [
        terminal.print_line,
        terminal.complain,
        terminal.warn,
        terminal.note,
        lambda text: terminal.print_line(Text(text, "red")),
        lambda text: terminal.print_line(Text("").append(text, "bold")),
        lambda text: terminal.print_rendered(terminal.table(["A", "B"], [[text, Text(text)]])),
        lambda text: terminal.print_rendered(text, Text(text)),
        lambda text: terminal.out.print(terminal.show(text, terminal.table(["A"], [[text]]))),
        lambda text: terminal.print_json({text: [text]}),
        terminal.print_json_text,
    ],
)
def test_no_way_to_print_lets_a_text_steer_the_terminal_or_begin_a_line(capsys, say):
    say(HOSTILE)
    shown = "".join(capsys.readouterr())
    assert "sync-z" in shown
    assert [character for character in shown if not character.isprintable() and character != "\n"] == []
    if say is not terminal.print_json_text:  # which prints lines that are JSON
        assert not any(line.startswith("+ sync-z") for line in shown.splitlines())


def test_a_default_that_cannot_be_shown_is_not_offered(monkeypatch):
    offered = []
    monkeypatch.setattr(
        terminal.typer, "prompt", lambda question, **options: offered.append((question, options)) or "x"
    )
    terminal.ask(f"Which{HOSTILE}", default=HOSTILE)
    ((question, options),) = offered
    assert question.isprintable()
    assert options["default"] is None
