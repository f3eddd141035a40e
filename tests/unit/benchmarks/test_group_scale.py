"""The options of group_scale: what does not go together is refused before anything is measured."""

from __future__ import annotations

import pytest

from benchmarks.group_scale import parse


def _refusal(capsys, *arguments: str) -> str:
    with pytest.raises(SystemExit) as ended:
        parse(arguments)
    assert ended.value.code == 2
    return capsys.readouterr().err


def test_servers_that_no_group_can_be_compared_with_are_refused(capsys):
    refusal = _refusal(capsys, "--syncs", "1,2", "--detail", "2", "--servers", "7")
    assert "argument --servers: 7 servers are compared with the one server of a group of 7 syncs" in refusal
    assert "add 7 to --syncs, or choose one of the sizes that are measured: 1, 2" in refusal


def test_servers_of_a_size_that_is_left_out_are_refused(capsys):
    options = ("--syncs", "1,2", "--detail", "2", "--without", "fork:1", "--servers", "1")
    assert "the sizes that are measured: 2\n" in _refusal(capsys, *options)


@pytest.mark.parametrize(
    ("options", "servers"),
    [
        ([], 50),
        (["--syncs", "100", "--designs", "fork"], 0),
        (["--syncs", "50,100", "--without", "fork:50"], 0),
        (["--syncs", "2", "--servers", "2"], 2),
        (["--designs", "node", "--servers", "50"], 50),
    ],
)
def test_the_usual_number_of_servers_is_compared_when_a_group_of_that_size_is_measured(options, servers):
    assert parse(options).servers == servers
