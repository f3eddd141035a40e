"""Jira is the witness: an empty database finds what an earlier one has created, and creates nothing twice."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime

import pytest

from decisions import decide, lose_database, on_another_server, refusal, with_empty_database
from jira_simulator.client import Person
from simulated_sites import A_DAY_LATER, CREATE, HOUR, LONG_ENOUGH
from sync_worker.core.errors import LeaseLost, Unavailable
from worker_bench import EITHER_FLAVOR, EVERY_FLAVOR, TAKE_ON, rule_that_comments


def assert_each_once(bench, keys: list[str]) -> None:
    """Each issue has one counterpart, one comment about it, and one link."""
    counterparts = {issue["summary"]: issue for issue in bench.devs()}
    assert len(bench.devs()) == len(counterparts) == len(keys)
    for key in keys:
        issue = bench.issue(key)
        counterpart = counterparts[issue["summary"]]
        assert bench.comments(key) == [f"followed as {counterpart['key']}"]
        assert [len(each["links"]) for each in (issue, counterpart)] == [1, 1]
    assert bench.failures() == []


def forget_owner(bench) -> None:
    """Let all marks be as the version before wrote them."""
    for site in ("one", bench.dev_site):
        bench.control.keep_in_properties(site, "site", "issue", "sync", "cause")


@EVERY_FLAVOR
def test_what_carries_our_mark_is_not_created_again_when_the_database_was_lost(bench):
    keys = [bench.taken_on(f"issue {number}") for number in range(3)]
    bench.cycle()
    with_empty_database(bench)
    for _ in range(3):
        bench.cycle()
    assert_each_once(bench, keys)
    bench.dev.move(bench.devs()[1]["key"], "Closed")
    bench.cycle()
    assert bench.status(keys[1]) == "Resolved"


@EITHER_FLAVOR
def test_a_lost_database_of_a_sync_that_only_takes_note_at_its_start_knows_its_pairs_again(bench):
    bench.start(initialSyncEnabled=False)
    bench.cycle()
    bench.pass_time(10)
    key, counterpart = bench.pair()
    bench.cycle()
    with_empty_database(bench)
    bench.cycle()
    bench.dev.move(counterpart, "In Progress")
    bench.cycle()
    assert (bench.status(key), len(bench.devs())) == ("In Progress", 1)


def test_what_people_did_while_the_database_was_lost_is_carried_over_once(bench):
    key, counterpart = bench.pair()
    bench.cycle()
    bench.stop()
    bench.dev.move(counterpart, "Closed")
    other = bench.taken_on("while it was lost")
    with_empty_database(bench)
    bench.cycle()
    bench.pass_time(LONG_ENOUGH)
    for _ in range(2):
        bench.cycle()
    assert bench.status(key) == "Resolved"
    assert bench.comments(key) == [f"followed as {counterpart}", f"finished {counterpart}"]
    assert len(bench.comments(other)) == 1
    with_empty_database(bench)
    bench.pass_time(LONG_ENOUGH)
    for _ in range(2):
        bench.cycle()
    assert bench.comments(key) == [f"followed as {counterpart}", f"finished {counterpart}"]
    assert len(bench.devs()) == 2


def test_a_counterpart_that_search_does_not_show_yet_is_not_created_again_after_the_loss(bench):
    bench.start(searchLagMinutes=5)
    seen = bench.taken_on("search shows it")
    bench.cycle()
    bench.control.index("two", hold=True)
    hidden = bench.taken_on("search hides it")
    bench.cycle()
    with_empty_database(bench)
    bench.cycle()
    assert "before the database was lost" in bench.failures()[0]
    assert len(bench.devs()) == 2
    bench.control.index("two", hold=False)
    bench.pass_time(LONG_ENOUGH)
    for _ in range(2):
        bench.cycle()
    assert_each_once(bench, [seen, hidden])


@EITHER_FLAVOR
def test_a_database_that_is_emptied_while_its_worker_runs_knows_its_pairs_again(bench):
    keys = [bench.taken_on(f"issue {number}") for number in range(3)]
    bench.cycle()
    bench._client.drop_database(bench.database_name)
    keys.append(bench.taken_on("later"))
    bench.try_cycle()
    bench.settle()
    assert_each_once(bench, keys)
    indexes = bench.database["pairs"].index_information()
    assert any(index["key"] == [("dev_id", 1)] and index.get("unique") for index in indexes.values())


@pytest.mark.parametrize(("requests", "is_killed"), [*((number, False) for number in range(12)), (3, True), (7, True)])
def test_a_database_that_is_emptied_at_any_request_makes_nothing_twice(bench, requests, is_killed):
    keys = [bench.taken_on("before")]
    bench.cycle()
    keys += [bench.taken_on(f"during {number}") for number in range(2)]
    left = iter(range(requests))

    def empty() -> None:
        if next(left, None) is None:
            bench.before_request = lambda: None
            bench._client.drop_database(bench.database_name)

    bench.before_request = empty
    for _ in range(1 if is_killed else 4):
        with suppress(LeaseLost):  # the lease is a document, too
            bench.try_cycle()
        bench.pass_time(LONG_ENOUGH)
    bench.start()
    for _ in range(3):
        bench.try_cycle()
        bench.pass_time(LONG_ENOUGH)
    bench.cycle()
    assert_each_once(bench, keys)


@EITHER_FLAVOR
def test_another_mongodb_server_stops_a_sync_that_has_pairs_on_the_first_one(bench, new_mongo_server, tmp_path):
    key, counterpart = bench.pair()
    bench.stop()
    before, bench.mongo_url = bench.mongo_url, new_mongo_server(tmp_path / "server").url
    bench.taken_on("later")
    said = refusal(bench)
    assert f"{counterpart} was created for this pair of projects by another installation (database " in said
    assert len(bench.devs()) == 1
    bench.stop()
    bench.mongo_url = before
    bench.cycle()
    assert (len(bench.devs()), bench.comments(key)) == (2, [f"followed as {counterpart}"])


def test_a_database_that_has_lost_its_pairs_finds_them_again(bench):
    keys = [bench.taken_on(f"issue {number}") for number in range(2)]
    for _ in range(2):
        bench.cycle()
    bench.database["pairs"].drop()
    bench.user.edit(keys[0], summary="edited")
    for _ in range(2):
        bench.cycle()
    assert bench.database["pairs"].count_documents({}) == 2
    assert len(bench.devs()) == 2
    assert bench.logged("pairs are missing from the database")


@EITHER_FLAVOR
def test_what_the_version_before_has_created_is_taken_over_without_a_word(bench):
    keys = [bench.taken_on(f"issue {number}") for number in range(3)]
    bench.cycle()
    forget_owner(bench)
    on_another_server(bench)
    for _ in range(2):
        bench.cycle()
    assert_each_once(bench, keys)


@EVERY_FLAVOR
def test_a_second_installation_with_a_database_of_its_own_is_refused(bench):
    key, _ = bench.pair()
    on_another_server(bench)
    bench.user.edit(key, summary="edited")
    for _ in range(2):
        said = refusal(bench)
    assert "DEV-1 was created for this pair of projects by another installation (database " in said
    assert "--take-over" in said
    assert len(bench.devs()) == 1


@EITHER_FLAVOR
def test_a_person_may_have_the_pairs_of_another_database_taken_over(bench):
    keys = [bench.taken_on(f"issue {number}") for number in range(3)]
    bench.cycle()
    on_another_server(bench)
    refusal(bench)
    assert decide(bench, "take-over")[0] == ("done", "3 pairs taken over")
    bench.cycle()
    assert_each_once(bench, keys)


def test_a_person_may_have_a_sync_begin_beside_what_another_database_has_created(bench):
    keys = [bench.taken_on(f"issue {number}") for number in range(2)]
    bench.cycle()
    on_another_server(bench)
    refusal(bench)
    assert decide(bench, "new")[0][0] == "done"
    bench.cycle()
    assert len(bench.devs()) == 4
    assert [len(bench.comments(key)) for key in keys] == [2, 2]


def test_a_sync_that_was_renamed_is_told_where_its_database_is(bench):
    key, _ = bench.pair()
    before = bench.database_name
    bench.definition["name"] = "support"
    with_empty_database(bench, f"{before}_renamed")
    said = refusal(bench)
    bench._client.drop_database(f"{before}_renamed")
    assert f'write "databaseName": "{before}" into its file' in said
    with_empty_database(bench, before)
    bench.cycle()
    assert (len(bench.devs()), bench.comments(key)) == (1, [f"followed as {bench.devs()[0]['key']}"])


def test_a_creation_whose_answer_was_lost_is_found_after_the_sync_was_renamed(bench):
    bench.taken_on()
    bench.control.fault("two", "drop_after", times=1, **CREATE)
    bench.cycle()
    bench.start(name="support")
    bench.pass_time(LONG_ENOUGH)
    bench.cycle()
    assert (len(bench.devs()), bench.failures()) == (1, [])


@EITHER_FLAVOR
def test_what_another_account_has_created_is_found_too(bench):
    """On Cloud by its mark, which search shows; on Data Center by the links of the issue in question."""
    keys = [bench.taken_on(f"issue {number}") for number in range(2)]
    bench.cycle()
    is_bearer = "authType" in bench.definition["jira"]
    for block in ("jira", "devJira"):
        deputy = {"apiToken": "s3cr3t-deputy-token"} | ({} if is_bearer else {"email": "deputy@example.com"})
        bench.definition[block] |= deputy
    on_another_server(bench)
    said = refusal(bench)
    assert "by another installation" in said
    assert len(bench.devs()) == 2
    decide(bench, "take-over")
    bench.cycle()
    assert_each_once(bench, keys)


def test_what_another_sync_has_created_in_the_same_project_is_no_matter(bench):
    """Two syncs whose developers share a project: the marks of each name the project that its customers use."""
    bench.on_one_site()
    bench.pair()
    bench.cycle()
    bench.stop()
    first = bench.definition
    bench.definition = {
        **first,
        "name": "sync-cb",
        "databaseName": f"{bench.database_name}_cb",
        "userProjectKey": "OTHER",
    }
    bench.start()
    bench.cycle()
    key = bench.user.create("OTHER", "of other customers")
    bench.user.move(key, "Will Do")
    bench.cycle()
    bench._client.drop_database(f"{bench.database_name}_cb")
    assert [issue["summary"] for issue in bench.devs()] == ["It is broken", "of other customers"]


@pytest.mark.parametrize("bench", ["dc-dc"], indirect=True)
def test_a_look_that_was_interrupted_goes_on_where_it_was(bench):
    """On Data Center, each mark takes a request."""
    keys = [bench.taken_on(f"issue {number}") for number in range(5)]
    bench.cycle()
    last = "|".join(issue["id"] for issue in bench.devs()[2:])
    with_empty_database(bench)
    fault = bench.control.fault("two", "status", status=503, path=f"/issue/({last})/properties")
    assert isinstance(bench.try_cycle(), Unavailable)
    bench.control.heal("two", fault)
    bench.start()
    for _ in range(2):
        bench.cycle()
    assert_each_once(bench, keys)


@pytest.mark.parametrize("bench", ["dc-dc"], indirect=True)
def test_a_mark_that_cannot_be_read_stops_only_its_own_issue_from_being_created(bench):
    keys = [bench.taken_on(f"issue {number}") for number in range(3)]
    bench.cycle()
    hidden = bench.devs()[1]
    with_empty_database(bench)
    fault = bench.control.fault("two", "status", status=403, path=f"/issue/{hidden['id']}/properties")
    for _ in range(3):
        bench.try_cycle()
        bench.pass_time(LONG_ENOUGH)
    new = bench.taken_on("new")
    bench.cycle()
    assert len(bench.devs()) == 4
    bench.control.heal("two", fault)
    for _ in range(3):
        bench.pass_time(A_DAY_LATER)
        bench.cycle()
    assert_each_once(bench, [*keys, new])


def test_a_new_sync_costs_one_search_more_on_each_side(bench):
    bench.cycle()
    searches = [len(bench.calls(site, "/search/jql")) for site in ("one", "two")]
    assert searches == [2, 2]


@EITHER_FLAVOR
def test_a_clone_of_a_counterpart_is_not_taken_for_one(bench):
    key, counterpart = bench.pair()
    mark = bench.issue(counterpart)["properties"]["jira-sync"]
    clone = bench.dev.create("DEV", "It is broken")
    bench.control.set_property("two", clone, "jira-sync", mark)
    for _ in range(2):
        bench.cycle()
    with_empty_database(bench)
    for _ in range(2):
        bench.cycle()
    assert bench.pair_document()["dev_key"] == counterpart
    bench.dev.move(clone, "Closed")
    bench.cycle()
    assert bench.status(key) == "Will Do"


def test_a_second_look_after_hours_finds_nothing_to_do(bench):
    bench.pair()
    with_empty_database(bench)
    bench.cycle()
    bench.pass_time(HOUR)
    bench.cycle()
    assert bench.database["progress"].find_one()["restored"]["is_reunited"]


def test_a_person_who_works_beside_it_is_left_alone(bench):
    """Our account is somebody's own, too."""
    with Person(f"{bench.url}/two", "sync@example.com", "s3cr3t-sync-token") as us:
        us.create("DEV", "made by hand")
    bench.pair()
    with_empty_database(bench)
    for _ in range(2):
        bench.cycle()
    assert len(bench.devs()) == 2


@EITHER_FLAVOR
def test_a_counterpart_that_is_hidden_when_the_database_is_lost_gets_no_twin(bench):
    key, counterpart = bench.pair()
    bench.cycle()
    bench.control.hide("two", counterpart)
    with_empty_database(bench)
    for _ in range(3):
        bench.try_cycle()
        bench.pass_time(LONG_ENOUGH)
    assert [dev["key"] for dev in bench.devs()] == [counterpart]
    (why,) = bench.dead_letters()
    assert f"{key} has a link by a jira-sync to an issue that is gone, or not visible to us" in why


REOPEN_OR_CREATE = {
    "sourceStatus": "Reopened",
    "syncDirection": "user_to_dev",
    "actions": {"createIssue": True, "syncStatus": True, "addCrossLink": True},
}


@EITHER_FLAVOR
@pytest.mark.parametrize("then", ["Closed", "Closed, unanswered", "Cancelled", None])
@pytest.mark.parametrize("project", ["OTHER", "DEV"])
def test_a_status_that_people_gave_a_counterpart_before_the_loss_stays(bench, then, project):
    """A first look after the loss does not see a counterpart in another project. Its issue's link leads there."""
    bench.on_one_site()
    bench.start(rules=[REOPEN_OR_CREATE, *(rule for rule in bench.definition["rules"] if rule["id"] != "reopen")])
    key, counterpart = bench.pair()
    bench.dev.move(counterpart, "Closed")
    bench.cycle()
    bench.user.move(key, "Reopened")
    bench.cycle()
    assert bench.status(counterpart) == "Reopened"
    if then:
        bench.pass_time(10)
        bench.dev.move(counterpart, then.split(",")[0])
    if then == "Closed, unanswered":
        before = "Resolved", "Closed"
    else:
        bench.cycle()
        before = bench.status(key), bench.status(counterpart)
    if project == "OTHER":
        counterpart = bench.control.move("one", counterpart, "OTHER")
    lose_database(bench)
    assert (bench.status(key), bench.control.issue("one", counterpart)["status"]) == before
    assert bench.failures() == []
    assert len(bench.devs()) == (project == "DEV")


@EITHER_FLAVOR
@pytest.mark.parametrize("is_moved", ["issue", "counterpart"])
def test_a_key_that_changed_while_the_database_was_lost_is_brought_to_the_link(bench, is_moved):
    bench.on_one_site()
    key, counterpart = bench.pair()
    bench.cycle()
    moved = bench.control.move("one", key if is_moved == "issue" else counterpart, "OTHER")
    bench.cycle()
    bench.stop()
    bench.pass_time(2 * A_DAY_LATER)
    back = bench.control.move("one", moved, "SUP" if is_moved == "issue" else "DEV")
    lose_database(bench)
    assert bench.link_on("one", counterpart if is_moved == "issue" else key)[0] == back
    assert bench.failures() == []


@EITHER_FLAVOR
@pytest.mark.parametrize("project", ["OTHER", "DEV"])
def test_a_status_that_a_creation_called_for_is_not_restored_after_the_loss(bench, project):
    """The counterpart began in that status, so that no move of ours led there. Then a person moved it on."""
    bench.on_one_site()
    actions = {"createIssue": True, "addCrossLink": True, "syncStatus": True, "targetStatus": "To Do"}
    bench.start(rules=[{**TAKE_ON, "actions": actions}])
    key, counterpart = bench.pair()
    bench.cycle()
    assert bench.status(counterpart) == "To Do"
    bench.pass_time(10)
    bench.dev.move(counterpart, "In Progress")
    bench.cycle()
    bench.user.edit(key, summary="edited")
    if project == "OTHER":
        counterpart = bench.control.move("one", counterpart, "OTHER")
    lose_database(bench)
    assert bench.control.issue("one", counterpart)["status"] == "In Progress"
    assert bench.failures() == []


@EITHER_FLAVOR
def test_pairs_that_are_missing_after_a_restore_are_found_and_what_was_done_meanwhile_is_looked_for(bench):
    """A backup was taken while pairs came; and the database had been restored once before."""
    key, _ = bench.pair()
    bench.cycle()
    before = datetime(2026, 1, 1, tzinfo=UTC)
    once = {"since": {}, "until": {"user": before, "dev": before}, "is_reunited": True, "is_lost": True}
    for restored in ({"since": {}}, once):
        bench.stop()
        bench.database["progress"].update_one({}, {"$set": {"restored": restored, "identity.pairs": 99}})
        for _ in range(3):
            bench.try_cycle()
            bench.pass_time(LONG_ENOUGH)
        bench.cycle()
        found = bench.database["progress"].find_one()["restored"]
        assert found["until"]["user"] > before
        assert_each_once(bench, [key])


@EITHER_FLAVOR
def test_what_happens_to_a_counterpart_before_it_is_found_again_is_carried_over_once(bench):
    """The lost database's successor sees the counterpart while the issue that it was created for is hidden."""
    key, counterpart = bench.pair()
    bench.cycle()
    bench.control.hide("one", key)
    with_empty_database(bench)
    bench.cycle()
    bench.dev.move(counterpart, "In Progress")
    bench.pass_time(LONG_ENOUGH)
    bench.cycle()
    assert bench.database["issues"].count_documents({"_id": {"$regex": "^dev:"}}) == 1
    bench.control.show("one", key)
    bench.user.edit(key, summary="edited")
    bench.settle()
    assert (bench.status(key), len(bench.devs())) == ("In Progress", 1)
    assert bench.statuses_since_taken_on(key) == ["In Progress"]
    assert bench.comments(key) == [f"followed as {counterpart}"]


@EITHER_FLAVOR
def test_a_comment_that_a_counterpart_got_before_it_was_found_again_is_not_posted_twice(bench):
    actions = {"addComment": True, "commentTemplate": "begun", "commentOn": "dev"}
    rule = {"sourceStatus": "In Progress", "syncDirection": "dev_to_user", "actions": actions}
    bench.start(rules=[TAKE_ON, {**rule, "conditions": {"requireMapping": False}}])
    key, counterpart = bench.pair()
    bench.control.hide("one", key)
    with_empty_database(bench)
    bench.cycle()
    bench.pass_time(LONG_ENOUGH)
    bench.dev.move(counterpart, "In Progress")
    bench.cycle()
    assert bench.comments(counterpart) == ["begun"]
    bench.control.show("one", key)
    bench.user.edit(key, summary="edited")
    bench.settle()
    assert bench.database["pairs"].count_documents({}) == 1
    assert (bench.comments(counterpart), bench.failures()) == (["begun"], [])


@EITHER_FLAVOR
def test_pairs_that_were_lost_alone_and_are_found_by_their_links_repeat_nothing(bench):
    """The counterparts were moved elsewhere, so that no look at the projects finds them."""
    bench.on_one_site()
    key, counterpart = bench.pair()
    bench.dev.move(counterpart, "Closed")
    bench.cycle()
    moved = bench.control.move("one", counterpart, "OTHER")
    bench.cycle()
    bench.database["pairs"].drop()
    bench.user.move(key, "Reopened")
    bench.user.move(key, "Will Do")
    bench.settle()
    assert (bench.devs(), bench.database["pairs"].count_documents({})) == ([], 1)
    assert bench.comments(key).count(f"finished {counterpart}") == 1
    assert f"finished {moved}" not in bench.comments(key)


@EITHER_FLAVOR
def test_what_an_issue_went_through_after_its_creation_was_given_up_is_carried_over_when_its_pair_is_found(bench):
    bench.start(rules=[TAKE_ON, rule_that_comments("back", "Reopened", "it is back", "dev")])
    key, counterpart = bench.pair()
    bench.control.hide("two", counterpart)
    with_empty_database(bench)
    bench.settle()
    (said,) = bench.dead_letters()
    assert "may be its counterpart" in said
    bench.user.move(key, "Cancelled")
    bench.user.move(key, "Reopened")
    bench.settle(1)
    bench.control.show("two", counterpart)
    bench.dev.edit(counterpart, summary="edited")
    bench.settle()
    assert (bench.comments(counterpart), len(bench.devs())) == (["it is back"], 1)
    assert bench.comments(key) == [f"followed as {counterpart}"]


def test_a_counterpart_that_was_moved_among_the_issues_it_is_made_for_gets_none_itself(bench):
    bench.on_one_site()
    _, counterpart = bench.pair()
    moved = bench.control.move("one", counterpart, "SUP")
    bench.dev.move(moved, "Will Do")
    bench.settle()
    assert (bench.devs(), bench.database["pairs"].count_documents({})) == ([], 1)
