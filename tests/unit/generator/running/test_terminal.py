"""No text that comes from outside steers the terminal."""

from __future__ import annotations

import json

import pytest

from generator.running.terminal import complain, one_line, print_json, printable, warn

CLEAR_SCREEN, CSI, LINE_SEPARATOR, RIGHT_TO_LEFT, NOT_UTF8 = "\x1b[2J", "\x9b2J", "\u2028", "\u202e", "\udc80"


@pytest.mark.parametrize("steering", [CLEAR_SCREEN, CSI, LINE_SEPARATOR, RIGHT_TO_LEFT, NOT_UTF8, "\r", "\x7f", "\a"])
def test_characters_that_steer_a_terminal_are_replaced(steering):
    shown = f"a{steering}b".replace(steering[0], "\N{REPLACEMENT CHARACTER}")
    assert (printable(f"a{steering}b"), one_line(f"a{steering}b")) == (shown, shown)


def test_only_printable_keeps_lines():
    assert (printable("ä ↔ 1\n2"), one_line("ä ↔ 1\n2")) == ("ä ↔ 1\n2", "ä ↔ 1\N{REPLACEMENT CHARACTER}2")


@pytest.mark.parametrize(("say", "begin"), [(complain, "error: "), (warn, "warning: ")])
def test_a_sentence_to_standard_error_is_one_line(capsys, say, begin):
    say(f"a.json\nerror: all is lost{CLEAR_SCREEN}")
    out, err = capsys.readouterr()
    assert (out, err) == ("", f"{begin}a.json\N{REPLACEMENT CHARACTER}error: all is lost\N{REPLACEMENT CHARACTER}[2J\n")


def test_json_reads_back_as_it_was_without_steering_the_terminal(capsys):
    value = {"file": f"ä{CLEAR_SCREEN}{CSI}{RIGHT_TO_LEFT}{NOT_UTF8}\U000e0001\n.json", "count": 1}
    print_json(value)
    out = capsys.readouterr().out
    assert [character for character in out if not character.isprintable() and character != "\n"] == []
    assert json.loads(out) == value
    assert out.count("\n") == 4
    assert "ä" in out


def test_json_has_the_strings_of_values_that_json_does_not_know(capsys, tmp_path):
    print_json({"path": tmp_path})
    assert json.loads(capsys.readouterr().out) == {"path": str(tmp_path)}
