"""Which Jira is too old."""

from __future__ import annotations

import pytest

from sync_worker.core.site_info import Server

TOO_OLD = "Jira Data Center {} is too old: jira-sync works with 8.4 and newer"
NO_TOKENS = "Jira Data Center {} knows no personal access tokens, which exist from 8.14 on; sign in by authType basic"


@pytest.mark.parametrize(
    # version             with a token    with a password
    ("version", "by_token", "by_password"),
    [
        ("7.13.18", TOO_OLD, TOO_OLD),
        ("8.3.4", TOO_OLD, TOO_OLD),
        ("8.4.0", NO_TOKENS, None),
        ("8.13.27", NO_TOKENS, None),
        ("8.14.0", None, None),
        ("8.20.30", None, None),
        ("10.3.19", None, None),
        ("11.0", None, None),
        ("9.12.0-m0001", None, None),
        ("", None, None),  # it does not say
        ("unknown", None, None),
    ],
)
def test_an_old_jira_is_too_old_for_everything_or_for_tokens(version, by_token, by_password):
    server = Server(is_cloud=False, version=version)
    for with_token, expected in ((True, by_token), (False, by_password)):
        found = server.why_too_old(with_token=with_token)
        assert found == expected or (expected and found.startswith(expected.format(version)))


def test_cloud_is_never_too_old():
    assert Server(is_cloud=True, version="1.0").why_too_old(with_token=True) is None
