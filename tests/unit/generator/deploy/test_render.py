"""The conf: its text, and that supervisord reads the plan in it."""

from __future__ import annotations

import shlex
from pathlib import Path
from tempfile import NamedTemporaryFile

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from supervisor.options import ServerOptions

from generator.deploy.render import ConfMismatch, command_line, comment, environment_line, render, verify

GOLDEN = Path(__file__).parent / "golden" / "supervisord.conf"
TOKEN = "s3cr3t-literal-token"


def test_the_conf_equals_the_golden_file_that_people_have_reviewed(folder, tmp_path, monkeypatch):
    """After a deliberate change: read the difference, then copy what the test shows into the golden file."""
    monkeypatch.setattr("os.getuid", lambda: 10001)
    monkeypatch.setattr("resource.getrlimit", lambda _limit: (1024, 1_048_576))
    folder.write("sync-ab.json", name="sync-ab")
    folder.write("sync-cd.json", name="sync-cd")
    wanted = folder.settings(project_dir=Path("/app"), run_dir=Path("/run/jira-sync"))
    text = render(folder.plan(wanted=wanted), wanted).replace(str(tmp_path), "/app/configs")
    assert text == GOLDEN.read_text()


@pytest.mark.parametrize("to_files", [False, True])
def test_supervisord_reads_in_the_conf_what_was_planned(folder, tmp_path, to_files):
    log_dir = tmp_path / "logs with space" if to_files else None
    if log_dir:
        log_dir.mkdir()
    for number in range(5):
        folder.write(f"sync-{number}.json", databaseName=f"d{number}")
    run_dir = tmp_path / "run with space"
    run_dir.mkdir()
    wanted = folder.settings(log_dir=log_dir, simulator_port=8090, run_dir=run_dir)
    planned = folder.plan(wanted=wanted)
    verify(render(planned, wanted), planned, wanted)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("priority=100", "priority=101"),
        ("[program:sync-a]", "[program:sync-x]"),
        ("stopasgroup=true", "stopasgroup=false"),
        ("SYNC_DIGEST=", "SYNC_DIGESTS="),
        ("--config", "--confg"),
        ("startsecs=3", "startsecs=x"),
        ("stdout_logfile=/dev/fd/1", "stdout_logfile=/dev/fd/2"),
    ],
)
def test_a_conf_that_supervisord_would_misread_is_refused(folder, before, after):
    folder.write("sync-a.json")
    planned = folder.plan()
    text = render(planned, folder.settings())
    assert before in text
    with pytest.raises(ConfMismatch):
        verify(text.replace(before, after), planned, folder.settings())


def test_no_secret_and_no_text_of_a_file_reaches_the_conf(folder):
    folder.write("sync-a.json", description="a ; [program:evil] %(x)s")
    text = render(folder.plan(), folder.settings())
    assert [word for word in (TOKEN, "evil", "atlassian", "a@b.c", "UA") if word in text] == []


def test_a_file_name_with_line_breaks_cannot_break_out_of_its_comment(folder):
    folder.write("x\n[program:evil]\ncommand=y .json", name="sync-a")
    planned = folder.plan()
    text = render(planned, folder.settings())
    verify(text, planned, folder.settings())
    assert "\n[program:evil]" not in text


ARGUMENT = st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"]), min_size=1)


@hypothesis_settings(deadline=None)  # a loaded machine is no failure
@given(st.lists(ARGUMENT, min_size=1, max_size=5))
def test_supervisord_reads_any_command_back_as_it_was(arguments):
    text = f"[supervisord]\n[program:x]\ncommand={command_line(('run', *arguments))}\n"
    options = ServerOptions()
    with NamedTemporaryFile("w", suffix=".conf", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        options.configfile = file.name
        options.process_config(do_usage=False)
    (process,) = options.process_group_configs[0].process_configs
    assert shlex.split(process.command) == ["run", *arguments]


def test_a_value_that_the_environment_line_cannot_hold_is_refused():
    with pytest.raises(ConfMismatch):
        environment_line({"A": 'a"b'})


def test_a_comment_in_the_conf_stays_on_one_line():
    assert comment("a\nb\x1bc\u2028d") == "a?b?c?d"
