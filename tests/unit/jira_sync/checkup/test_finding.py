"""How names are joined in findings."""

from __future__ import annotations

from jira_sync.checkup.finding import listed


def test_listed_joins_names_with_commas_and_a_conjunction():
    assert [listed([]), listed("a"), listed("ab"), listed("abc", "or")] == ["nothing", "a", "a and b", "a, b or c"]
