"""A cycle whose account, token or project is not what it should be loses no change."""

from __future__ import annotations

import pytest

from simulated_sites import LONG_ENOUGH
from sync_worker.core.errors import NeedsOperator
from worker_bench import EITHER_FLAVOR


@EITHER_FLAVOR
@pytest.mark.parametrize(
    "fault", [{"kind": "anonymous"}, {"kind": "anonymous", "silent": True}, {"kind": "unauthorized"}]
)
def test_an_expired_token_loses_no_change(bench, fault):
    """The site answers 200, with empty projects, as to anybody."""
    bench.pair()
    key = bench.taken_on("while the token was expired")
    options = dict(fault)
    for site in ("one", "two"):
        bench.control.fault(site, options["kind"], user="sync", **{k: v for k, v in options.items() if k != "kind"})
    for _ in range(2):
        assert isinstance(bench.try_cycle(), NeedsOperator)
    for site in ("one", "two"):
        bench.control.heal(site)
    bench.pass_time(LONG_ENOUGH)
    bench.cycle()
    assert len(bench.devs()) == 2
    assert len(bench.comments(key)) == 1


def test_a_token_that_expires_between_the_searches_and_the_reading_loses_no_change(bench):
    bench.pair()
    bench.taken_on("while the token expired")
    bench.control.forget_calls("one")

    def expire() -> None:
        """Just before the first bulk read: from now on we are nobody, and are not told."""
        if any(call["endpoint"].endswith("/myself") for call in bench.control.calls("one")):
            bench.before_request = lambda: None
            bench.control.fault("one", "anonymous", silent=True, user="sync")

    bench.before_request = expire
    assert isinstance(bench.try_cycle(), NeedsOperator)
    bench.control.heal("one")
    bench.pass_time(LONG_ENOUGH)
    bench.cycle()
    assert len(bench.devs()) == 2


def test_a_login_page_instead_of_an_answer_needs_an_operator(bench):
    bench.start()
    bench.control.fault("one", "html_login")
    assert isinstance(bench.try_cycle(), NeedsOperator)


def test_a_rotated_secret_file_is_picked_up_without_a_restart(bench, tmp_path):
    secret = tmp_path / "token"
    secret.write_text("s3cr3t-sync-token\n")
    bench.start(jira={**bench.definition["jira"], "apiToken": f"${{file:{secret}}}"})
    bench.pair()
    bench.control.rotate_token("one", "sync", "s3cr3t-new-token")
    assert isinstance(bench.try_cycle(), NeedsOperator)
    secret.write_text("s3cr3t-new-token\n")
    bench.taken_on("with the new token")
    bench.cycle()
    assert len(bench.devs()) == 2


def test_a_secret_that_cannot_be_looked_up_is_waited_for(bench, tmp_path):
    secret = tmp_path / "token"
    bench.start(jira={**bench.definition["jira"], "apiToken": f"${{file:{secret}}}"})
    error = bench.try_cycle()
    assert isinstance(error, NeedsOperator)
    assert f"jira.apiToken: {secret} cannot be read" in str(error)
    secret.write_text("s3cr3t-sync-token")
    bench.pair()


def test_a_project_that_is_not_there_needs_an_operator(bench):
    bench.start(devProjectKey="NOPE")
    error = bench.try_cycle()
    assert isinstance(error, NeedsOperator)
    assert "project NOPE is not there, or our account may not see it" in str(error)


@pytest.mark.defect(21)
def test_no_token_is_ever_logged(bench, tmp_path):
    bench.pair()
    bench.control.fault("one", "unauthorized", times=1)
    bench.try_cycle()
    bench.control.fault("one", "drop_before", times=9)
    bench.try_cycle()
    written = bench.log.getvalue() + (tmp_path / "heartbeats/sync-ab.json").read_text()
    assert "cycle failed" in written
    assert "s3cr3t" not in written


@pytest.mark.parametrize("bench", ["cloud-dc"], indirect=True)
@pytest.mark.parametrize(
    # version   sign in     said
    ("version", "auth_type", "said"),
    [
        ("8.3.4", "basic", "Jira Data Center 8.3.4 is too old: jira-sync works with 8.4 and newer"),
        ("8.3.4", "pat", "Jira Data Center 8.3.4 is too old: jira-sync works with 8.4 and newer"),
        ("8.13.27", "pat", "Jira Data Center 8.13.27 knows no personal access tokens, which exist from 8.14 on"),
        ("8.4.0", "basic", None),
        ("8.14.0", "pat", None),
    ],
)
def test_a_worker_says_which_jira_is_too_old_for_it_and_works_with_the_others(bench, version, auth_type, said):
    bench.control.settings("two", version=version)
    signing_in = {"authType": auth_type} | ({"email": "sync"} if auth_type == "basic" else {})
    bench.start(devJira={**bench.definition["devJira"], **signing_in})
    if said is None:
        bench.pair()
        return
    for _ in range(5):  # it is no refused secret: that would be said in its place
        error = bench.try_cycle()
        assert isinstance(error, NeedsOperator)
        assert str(error).startswith(said)
    assert bench.devs() == []
