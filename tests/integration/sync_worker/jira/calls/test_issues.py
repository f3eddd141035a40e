"""Issues that are read directly."""

from __future__ import annotations


def test_the_whole_of_a_long_history_is_read_where_it_is_needed(simulator, connect):
    with simulator.control.person("site", "sync@example.com", "t") as person:
        key = person.create("SUP", "x")
        person.move(key, "Will Do")
        for number in range(130):
            person.edit(key, summary=f"edit {number}")
    jira = connect(simulator.url)
    identity = simulator.control.issue("site", key)["id"]
    (issue,) = jira.read([identity]).issues
    assert issue.changes == ()
    assert issue.history_from is not None
    assert [change.to_status for change in jira.with_history(issue).changes] == ["Will Do"]
    whole = jira.issue(identity)
    assert whole is not None
    assert [change.to_status for change in whole.changes] == ["Will Do"]
