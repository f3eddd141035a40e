"""A sync knows its sites, its projects and its accounts. When one is another one, it stops, and says what to type."""

from __future__ import annotations

import pytest

from decisions import add_third_site, decide, refusal, resync, use_other_name
from simulated_sites import CREATE, LONG_ENOUGH, TOKEN
from worker_bench import EITHER_FLAVOR, EVERY_FLAVOR


def changes_on(bench, site: str) -> list[object]:
    """Return what the sync has done to issues of a site that it does not know."""
    found = [issue for issue in bench.control.issues(site) if issue["creator"] != "sync"]
    by_sync = [
        [entry for entry in issue[name] if entry.get("author") == "sync"]
        for issue in found
        for name in ("comments", "attachments", "history")
    ]
    return [entry for entries in by_sync for entry in entries] + [link for issue in found for link in issue["links"]]


@EVERY_FLAVOR
def test_a_site_at_another_address_is_another_one_until_a_person_says_that_it_is_the_same(bench):
    key, counterpart = bench.pair()
    use_other_name(bench)
    said = refusal(bench)
    assert "user side: its site is at another address: 127.0.0.1" in said
    assert "jira-sync adopt sync-ab --same-site" in said
    assert decide(bench, "same-site") == [("done", "the sync goes on with its pairs as they are")]
    bench.dev.move(counterpart, "Closed")
    bench.cycle()
    assert bench.status(key) == "Resolved"
    bench.start()
    bench.cycle()


@EITHER_FLAVOR
def test_an_issue_of_another_site_with_the_id_of_a_counterpart_is_left_alone(bench):
    bench.start(defaultBehavior={"syncAttachments": True})
    key, _ = bench.pair()
    add_third_site(bench, "data_center" if bench.definition["devJira"].get("authType") else "cloud")
    bearer = bench.sites.person("three", *("ann", "ann-token")) if "authType" in bench.definition["devJira"] else None
    ann = bearer or bench.sites.person("three", "ann@example.com", "ann-token")
    for number in range(8):
        ann.create("DEV", f"somebody else's {number}")
    ids = {issue["id"] for issue in bench.control.issues("three")}
    (pair,) = bench.database["pairs"].find()
    assert pair["dev_id"] in ids
    bench.start()
    bench.user.attach(key, "contract.pdf", b"secret")
    bench.user.move(key, "Cancelled")
    bench.user.move(key, "Reopened")
    for _ in range(3):
        assert "dev side: its site is another one" in refusal(bench)
    assert changes_on(bench, "three") == []
    assert len(bench.control.issues("three")) == 8


def test_pairs_are_found_again_on_the_site_that_their_issues_were_moved_to(bench):
    """The issues have other ids there, and each id is that of another counterpart's before."""
    pairs = [bench.pair() for _ in range(3)]
    bench.cycle()
    before = {issue["key"]: issue for issue in bench.devs()}
    bench.control.clone("two", "three", identity="another-site", renumber=True)
    bench.definition["devJira"]["baseUrl"] = f"{bench.url}/three"
    bench.dev_site = "three"
    after = {issue["key"]: issue for issue in bench.devs()}
    assert {issue["id"] for issue in before.values()} == {issue["id"] for issue in after.values()}
    assert [before[key]["id"] for key in before] != [after[key]["id"] for key in before]
    bench.start()
    assert "--moved" in refusal(bench)
    assert decide(bench, "moved")[0] == ("done", "0 pairs as they were, 3 found again, 0 not found")
    ann = bench.sites.person("three", "ann@example.com", "ann-token")
    ann.move(pairs[1][1], "Closed")
    bench.cycle()
    assert [bench.status(key) for key, _ in pairs] == ["Will Do", "Resolved", "Will Do"]
    assert len(bench.devs()) == 3


@pytest.mark.parametrize("bench", ["dc-dc"], indirect=True)
@pytest.mark.parametrize("keeps_marks", [True, False])
def test_a_move_from_server_to_cloud_stops_the_sync_until_its_pairs_are_found_again(bench, keeps_marks):
    """Keys and creation dates stay, ids change; marks may get lost."""
    pairs = [bench.pair() for _ in range(3)]
    bench.cycle()
    bench.control.clone("two", "three", identity="another-site", renumber=True, flavor="cloud")
    if not keeps_marks:
        bench.control.keep_in_properties("three", "nothing")
    bench.definition["devJira"] = {"baseUrl": f"{bench.url}/three", "email": "sync@example.com", "apiToken": TOKEN}
    bench.dev_site = "three"
    bench.dev = bench.sites.person("three", "ann@example.com", "ann-token")
    bench.dev.move(pairs[1][1], "Closed")
    bench.start()
    for _ in range(2):
        assert "dev side: its site is another one" in refusal(bench)
    assert [bench.status(key) for key, _ in pairs] == ["Will Do"] * 3
    assert decide(bench, "moved")[0] == ("done", "0 pairs as they were, 3 found again, 0 not found")
    assert set(bench.database["progress"].find_one()["highest"]) == {"user"}  # the other one was an id of the old site
    for _ in range(3):
        bench.cycle()
    bench.dev.move(pairs[2][1], "In Progress")
    bench.cycle()
    assert [bench.status(key) for key, _ in pairs] == ["Will Do", "Resolved", "In Progress"]
    assert len(bench.devs()) == 3
    assert [len(bench.issue(key)["links"]) for key, _ in pairs] == [1, 1, 1]


@EITHER_FLAVOR
def test_another_project_is_refused(bench):
    key, _ = bench.pair()
    bench.start(userProjectKey="OTHER")
    said = refusal(bench)
    assert "user side: its project is another one: id " in said
    assert "--moved" in said
    bench.start(userProjectKey="SUP")
    bench.cycle()
    assert bench.comments(key) == [f"followed as {bench.devs()[0]['key']}"]


def test_swapped_projects_are_refused(bench):
    bench.on_one_site()
    key, counterpart = bench.pair()
    bench.dev.move(counterpart, "In Progress")
    bench.cycle()
    bench.start(userProjectKey="DEV", devProjectKey="SUP")
    assert "user side: its project is another one" in refusal(bench)
    assert (bench.status(key), bench.status(counterpart)) == ("In Progress", "In Progress")


def test_a_project_that_was_made_again_under_the_same_key_is_refused(bench):
    bench.pair()
    bench.control.delete_project("one", "SUP")
    bench.control.add_project("one", key="SUP")
    bench.start()
    assert "user side: its project is another one" in refusal(bench)


def test_another_account_is_refused_until_a_person_says_that_it_is_the_same_site(bench):
    bench.environ = {"TOKEN": "s3cr3t-sync-token", "EMAIL": "sync@example.com"}
    for block in ("jira", "devJira"):
        bench.definition[block] |= {"email": "${EMAIL}", "apiToken": "${TOKEN}"}
    key, counterpart = bench.pair()
    bench.environ |= {"TOKEN": "s3cr3t-deputy-token", "EMAIL": "deputy@example.com"}
    bench.start()
    said = refusal(bench)
    assert "user side: our account is another one: 70121:one-sync before, 70121:one-deputy now" in said
    assert "--same-site" in said
    decide(bench, "same-site")
    bench.dev.move(counterpart, "Closed")
    bench.cycle()
    assert (bench.status(key), len(bench.devs())) == ("Resolved", 1)


@EITHER_FLAVOR
def test_what_the_account_before_has_created_without_an_answer_is_found_by_the_one_after_it(bench):
    is_bearer = "authType" in bench.definition["jira"]
    bench.environ = {"TOKEN": "s3cr3t-sync-token", "EMAIL": "sync@example.com"}
    for block in ("jira", "devJira"):
        bench.definition[block] |= {"apiToken": "${TOKEN}"} | ({} if is_bearer else {"email": "${EMAIL}"})
    bench.taken_on()
    bench.start()
    bench.control.fault("two", "drop_after", times=1, **CREATE)
    bench.cycle()
    bench.environ |= {"TOKEN": "s3cr3t-deputy-token", "EMAIL": "deputy@example.com"}
    bench.start()
    refusal(bench)
    decide(bench, "same-site")
    bench.pass_time(LONG_ENOUGH)
    bench.cycle()
    assert (len(bench.devs()), bench.failures()) == (1, [])


@EITHER_FLAVOR
def test_a_creation_whose_answer_was_lost_is_found_when_the_site_has_another_name(bench):
    bench.taken_on()
    bench.control.fault("two", "drop_after", times=1, **CREATE)
    bench.cycle()
    use_other_name(bench)
    refusal(bench)
    decide(bench, "same-site")
    bench.pass_time(LONG_ENOUGH)
    bench.cycle()
    assert (len(bench.devs()), bench.failures()) == (1, [])


@EITHER_FLAVOR
def test_there_is_one_link_when_the_site_has_another_name(bench):
    key, counterpart = bench.pair()
    before = [bench.issue(each)["links"][0]["globalId"] for each in (key, counterpart)]
    use_other_name(bench)
    decide(bench, "same-site")
    resync(bench, key)
    after = [bench.issue(each)["links"] for each in (key, counterpart)]
    assert [[link["globalId"] for link in links] for links in after] == [[each] for each in before]
    assert all("localhost" in link["object"]["url"] for links in after for link in links)


@pytest.mark.parametrize("bench", ["dc-dc"], indirect=True)
@pytest.mark.parametrize("shown", ["serverInfo", "nowhere"])
def test_a_site_that_tells_in_another_way_or_not_what_it_is_goes_on_without_a_word(bench, shown):
    key, counterpart = bench.pair()
    for site in ("one", "two"):
        bench.control.settings(site, showsIdentity=shown)
    bench.start()
    bench.dev.move(counterpart, "Closed")
    bench.cycle()
    assert bench.status(key) == "Resolved"


@EITHER_FLAVOR
def test_a_site_that_does_not_tell_what_it_is_is_known_by_the_issues_of_its_pairs(bench):
    """At the same address stands another site by now: its issues have the same ids and keys, but other dates."""
    for site in ("one", "two"):
        bench.control.settings(site, showsIdentity="nowhere")
    empty = bench.control.back_up("two")
    bench.pair()
    bench.pair()
    bench.control.restore("two", empty)
    bench.pass_time(60)
    for number in range(2):
        bench.dev.create("DEV", f"somebody else's {number}")
    bench.start()
    said = refusal(bench)
    assert "dev side: its site is another one" in said
    assert changes_on(bench, "two") == []


def test_an_address_at_the_gateway_is_known_by_the_id_in_it(bench):
    bench.pair()
    identity = "2457acca-0ba9-5ca1-ad95-b2c2b2e9ca9e"
    bench.control.settings("two", identity=identity)
    bench.database["progress"].update_one({}, {"$set": {"identity.sides.dev.site": identity}})
    bench.definition["devJira"] |= {"baseUrl": f"{bench.url}/ex/jira/{identity}", "siteUrl": f"{bench.url}/two"}
    bench.start()
    said = refusal(bench)
    assert f"dev side: its site is at another address: {bench.url.removeprefix('http://')}/two ({identity})" in said
    decide(bench, "same-site")
    bench.taken_on()
    bench.cycle()
    assert len(bench.devs()) == 2


def test_a_sync_that_has_no_pair_yet_follows_its_file_to_another_site(bench):
    """A person is still looking for the right address."""
    bench.user.create("SUP", "not yet")
    bench.cycle()
    add_third_site(bench)
    bench.dev_site = "three"
    bench.start()
    bench.taken_on()
    bench.cycle()
    assert len(bench.devs()) == 1


def test_identity_costs_nothing_in_idle_cycles(bench):
    bench.pair()
    bench.cycle()
    for site in ("one", "two"):
        bench.control.forget_calls(site)
    bench.cycle()
    calls = [sorted(call["endpoint"] for call in bench.control.calls(site)) for site in ("one", "two")]
    assert calls == [["/rest/api/2/myself", "/rest/api/2/search/jql"]] * 2


def test_the_sites_are_asked_again_with_each_deep_scan(bench):
    """The address of the developers' site leads to another one by now, and nobody has edited the file."""
    bench.pair()
    bench.cycle()
    bench.control.settings("two", identity="another-site")
    bench.cycle()
    bench.pass_time(3601)
    bench.cycle()
    assert "dev side: its site is another one" in refusal(bench)
