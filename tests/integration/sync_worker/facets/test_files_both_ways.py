"""Files both ways: `attachments` in a sync's file."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from decisions import lose_database, resync
from simulated_sites import ATTACH, LONG_ENOUGH
from sync_model.definition.sync import Sync
from worker_bench import EITHER_FLAVOR, FINISH, REOPEN, START, TAKE_ON

DELETES = {"deletes": "delete"}
NOTHING = '{"startAt": 0, "maxResults": 100, "total": 0, "isLast": true, "values": []}'
REFUSED = [{"kind": "status", "status": status} for status in (403, 404, 500)]
RETRIED_FOR = Sync.model_fields["retry_for_hours"].default * 3600.0


def names(bench, side: str) -> list[str]:
    return [name for name, _ in bench.files(side)]


def deletions_told(bench) -> list[str]:
    return [entry["text"] for entry in bench.database["actions"].find() if entry["text"].startswith("delete: ")]


@EITHER_FLAVOR
def test_files_of_either_side_arrive_once_and_no_copy_comes_back(bench):
    bench.start(attachments=True)
    key, counterpart = bench.pair()
    bench.user.attach(key, "theirs.txt", b"theirs")
    bench.dev.attach(counterpart, "ours.txt", b"ours")
    for _ in range(10):
        bench.cycle()
    assert names(bench, "user") == names(bench, "dev") == ["ours.txt", "theirs.txt"]
    assert bench.files("user") == bench.files("dev")


@pytest.mark.parametrize(
    # the direction       the files of the customer's issue, and of its counterpart
    ("direction", "user", "dev"),
    [
        ("user_to_dev", ["a"], ["a", "b"]),
        ("dev_to_user", ["a", "b"], ["b"]),
        (False, ["a"], ["b"]),
    ],
)
def test_files_follow_in_the_direction_that_the_file_names(bench, direction, user, dev):
    bench.start(attachments=direction, defaultBehavior={"syncAttachments": True})
    key, counterpart = bench.pair()
    bench.user.attach(key, "a", b"a")
    bench.dev.attach(counterpart, "b", b"b")
    for _ in range(2):
        bench.cycle()
    assert (names(bench, "user"), names(bench, "dev")) == (user, dev)


def test_a_new_pair_has_all_files_of_its_issue(bench):
    bench.start(attachments=True)
    bench.taken_on_with({"before.txt": b"before"})
    bench.cycle()
    assert names(bench, "dev") == ["before.txt"]


def test_files_that_were_there_before_stay_until_a_person_asks(bench):
    _key, counterpart = bench.pair()
    bench.dev.attach(counterpart, "secret.txt", b"secret")
    bench.cycle()
    bench.pass_time(60)
    bench.start(attachments=True)
    bench.cycle()
    bench.dev.attach(counterpart, "new.txt", b"new")
    bench.cycle()
    assert names(bench, "user") == ["new.txt"]
    resync(bench, counterpart)
    assert names(bench, "user") == ["new.txt", "secret.txt"]


def test_files_that_were_there_before_stay_although_the_database_is_lost(bench):
    _key, counterpart = bench.pair()
    bench.dev.attach(counterpart, "secret.txt", b"secret")
    bench.cycle()
    bench.pass_time(60)
    bench.start(attachments=True)
    bench.cycle()
    bench.pass_time(RETRIED_FOR)
    bench.dev.attach(counterpart, "new.txt", b"new")
    lose_database(bench)
    assert names(bench, "user") == ["new.txt"]


@pytest.mark.parametrize("is_held_up", [True, False], ids=["tried in vain", "not seen yet"])
def test_resync_loses_no_deletion_that_is_due(bench, is_held_up):
    bench.start(attachments=DELETES)
    key, _ = bench.pair()
    original = bench.user.attach(key, "a.txt", b"a")
    bench.cycle()
    bench.cycle()
    bench.user.remove_file(original)
    if is_held_up:
        fault = bench.control.fault("two", "status", status=403, method="DELETE", path="/attachment/", user="sync")
        bench.cycle()
        bench.control.heal("two", fault)
        assert names(bench, "dev") == ["a.txt"]
    resync(bench, key)
    assert (names(bench, "dev"), bench.dead_letters()) == ([], [])


def test_a_file_that_was_added_while_the_sync_was_being_edited_is_carried_over(bench):
    _key, counterpart = bench.pair()
    bench.cycle()
    bench.stop()
    bench.pass_time(60)
    bench.dev.attach(counterpart, "new.txt", b"new")
    bench.start(attachments=True)
    bench.cycle()
    assert names(bench, "user") == ["new.txt"]


@pytest.mark.parametrize("deletes", ["keep", "delete"])
def test_our_copy_is_deleted_with_its_original_where_the_file_says_so(bench, deletes):
    bench.start(attachments={"deletes": deletes})
    key, counterpart = bench.pair()
    original = bench.user.attach(key, "a.txt", b"a")
    bench.dev.attach(counterpart, "b.txt", b"b")
    bench.cycle()
    bench.user.remove_file(original)
    for _ in range(3):
        bench.cycle()
    assert names(bench, "dev") == (["b.txt"] if deletes == "delete" else ["a.txt", "b.txt"])
    assert names(bench, "user") == ["b.txt"]


@EITHER_FLAVOR
def test_a_copy_that_a_person_deletes_is_not_made_again_and_its_original_stays(bench):
    bench.start(attachments=DELETES)
    key, counterpart = bench.pair()
    bench.user.attach(key, "a.txt", b"a")
    bench.cycle()
    (copy,) = bench.issue(counterpart)["attachments"]
    bench.dev.remove_file(copy["id"])
    for _ in range(3):
        bench.cycle()
    assert (names(bench, "user"), names(bench, "dev")) == (["a.txt"], [])


def test_a_file_that_a_person_has_put_there_is_never_deleted(bench):
    """It has the same content as the customer's, so that it counts as the copy of that one."""
    bench.start(attachments=DELETES)
    key, counterpart = bench.pair()
    original = bench.user.attach(key, "a.txt", b"a")
    bench.dev.attach(counterpart, "a.txt", b"a")
    bench.cycle()
    bench.user.remove_file(original)
    for _ in range(3):
        bench.cycle()
    assert names(bench, "dev") == ["a.txt"]
    assert deletions_told(bench) == []


def test_nothing_is_deleted_when_files_are_switched_off(bench):
    bench.start(attachments=DELETES)
    key, _counterpart = bench.pair()
    bench.user.attach(key, "a.txt", b"a")
    bench.cycle()
    bench.control.settings("one", attachments=False)
    bench.user.edit(key, summary="Something else")
    for _ in range(2):
        bench.cycle()
    assert names(bench, "dev") == ["a.txt"]
    assert deletions_told(bench) == []


def test_deletes_that_are_switched_on_later_delete_nothing_for_what_was_gone_before(bench):
    bench.start(attachments=True)
    key, _ = bench.pair()
    original = bench.user.attach(key, "a.txt", b"a")
    bench.cycle()
    bench.user.remove_file(original)
    bench.cycle()
    bench.start(attachments=DELETES)
    bench.user.edit(key, summary="Something else")
    for _ in range(2):
        bench.cycle()
    assert names(bench, "dev") == ["a.txt"]


@pytest.mark.parametrize(("site_limit", "own_limit"), [(10, None), (None, 10 / 1024 / 1024)])
def test_a_file_that_is_too_large_becomes_a_link_and_no_error(bench, site_limit, own_limit):
    if site_limit:
        bench.control.settings("two", uploadLimit=site_limit)
    bench.start(attachments={"maxMegabytes": own_limit} if own_limit else True)
    key, counterpart = bench.pair()
    file = bench.user.attach(key, "big.bin", b"x" * 100)
    bench.user.attach(key, "small.bin", b"x")
    for _ in range(3):
        assert bench.cycle().failed == 0
    assert names(bench, "dev") == ["small.bin"]
    links = [link for link in bench.issue(counterpart)["links"] if str(link["globalId"]).endswith(f":{file}")]
    assert [(link["globalId"].split(":")[0], link["object"]["url"].rsplit("/", 1)[1]) for link in links] == [
        ("jira-sync-file", key)
    ]
    assert "big.bin" in links[0]["object"]["title"]
    assert len(bench.calls("two", path="/remotelink$")) == 2, "one of them leads to the counterpart"


def test_a_file_becomes_a_link_where_the_site_only_says_as_it_is_sent_that_it_is_too_large(bench):
    bench.start(attachments=True)
    key, counterpart = bench.pair()
    bench.control.fault("two", "status", status=413, user="sync", **ATTACH)
    bench.user.attach(key, "a.bin", b"large")
    for _ in range(3):
        bench.cycle()
        bench.pass_time(LONG_ENOUGH)
    titles = [link["object"]["title"] for link in bench.issue(counterpart)["links"]]
    assert [title for title in titles if "a.bin" in title] == [f"a.bin (0.0 kB), on {key}"]
    assert (len(bench.calls("two", **ATTACH)), bench.failures(), bench.dead_letters()) == (1, [], [])
    said = [entry["text"] for entry in bench.database["actions"].find({"what": "attachments"})]
    assert said == ["link: a.bin, 5"]


def test_files_that_the_patterns_leave_out_stay(bench):
    bench.start(attachments={"except": ["*.EXE", "image/*"]})
    key, _ = bench.pair()
    bench.user.attach(key, "virus.exe", b"1")
    bench.user.attach(key, "picture.png", b"2", mime_type="image/png")
    bench.user.attach(key, "log.txt", b"3")
    bench.cycle()
    assert names(bench, "dev") == ["log.txt"]


@EITHER_FLAVOR
def test_a_file_of_an_internal_comment_stays_until_a_public_text_shows_it(bench):
    bench.control.change_project("one", "SUP", "service_desk")
    bench.start(attachments=True)
    key, _ = bench.pair()
    bench.user.attach(key, "internal.png", b"internal")
    bench.user.comment(key, "Not for everybody: !internal.png!", internal=True)
    bench.user.attach(key, "public.png", b"public")
    for _ in range(2):
        assert bench.cycle().failed == 0
    assert names(bench, "dev") == ["public.png"]
    bench.user.comment(key, "Here it is: !internal.png!")
    bench.user.edit(key, summary="Something else")
    bench.cycle()
    assert names(bench, "dev") == ["internal.png", "public.png"]


def test_a_file_of_a_restricted_comment_stays(bench):
    bench.start(attachments=True)
    _key, counterpart = bench.pair()
    bench.dev.attach(counterpart, "salaries.txt", b"1")
    bench.dev.comment(counterpart, "[^salaries.txt]", visibility={"type": "role", "value": "Developers"})
    bench.cycle()
    assert names(bench, "user") == []


def test_an_older_file_that_comes_late_gets_another_name_and_is_known_by_it(bench):
    """A text that shows it by its name shows the newest of that name."""
    bench.start(attachments=True)
    key, counterpart = bench.pair()
    bench.control.fault("two", "status", status=400, message="not this one", times=1, user="sync", **ATTACH)
    bench.user.attach(key, "a.tar.gz", b"old")
    bench.user.attach(key, "a.tar.gz", b"new!")
    bench.cycle()
    bench.store.ask("retry", [], by="ann")
    bench.cycle()
    files = [(file["filename"], file["size"]) for file in bench.issue(counterpart)["attachments"]]
    assert files == [("a.tar.gz", 4), ("a.tar (2).gz", 3)]
    lose_database(bench)
    resync(bench, key)
    assert [(file["filename"], file["size"]) for file in bench.issue(counterpart)["attachments"]] == files
    assert len(bench.issue(key)["attachments"]) == 2


def test_a_file_is_not_taken_for_the_copy_of_another_one_that_has_a_number_in_its_name(bench):
    bench.start(attachments=True)
    key, counterpart = bench.pair()
    for name in ("a.txt", "a (2).txt"):
        bench.user.attach(key, name, b"the same")
    bench.cycle()
    copies = {file["filename"]: file["id"] for file in bench.issue(counterpart)["attachments"]}
    bench.dev.remove_file(copies["a.txt"])
    lose_database(bench)
    resync(bench, key)
    assert names(bench, "dev") == ["a (2).txt", "a.txt"]


def test_a_copy_whose_upload_has_no_answer_does_not_come_back_as_a_new_file(bench):
    """Each side's copy arrives, and nobody has taken note of it when both issues are looked at again."""
    bench.start(attachments=True)
    key, counterpart = bench.pair()
    for site in ("one", "two"):
        bench.control.fault(site, "drop_after", times=1, user="sync", **ATTACH)
    bench.user.attach(key, "a.txt", b"a")
    bench.dev.attach(counterpart, "b.txt", b"b")
    for _ in range(4):
        bench.cycle()
        bench.pass_time(LONG_ENOUGH)
    assert bench.files("user") == bench.files("dev")
    assert names(bench, "dev") == ["a.txt", "b.txt"]


@EITHER_FLAVOR
@pytest.mark.parametrize("deletes", ["keep", "delete"])
@pytest.mark.parametrize("kind", ["drop_after", "drop_before"])
def test_a_file_that_is_deleted_after_its_upload_had_no_answer_does_not_come_back(bench, deletes, kind):
    bench.start(attachments={"deletes": deletes})
    key, _counterpart = bench.pair()
    bench.control.fault("two", kind, times=1, user="sync", **ATTACH)
    original = bench.user.attach(key, "a.txt", b"a")
    bench.cycle()
    bench.user.remove_file(original)
    for _ in range(4):
        bench.cycle()
        bench.pass_time(LONG_ENOUGH)
    arrives_and_stays = (kind, deletes) == ("drop_after", "keep")
    assert (names(bench, "user"), names(bench, "dev")) == ([], ["a.txt"] if arrives_and_stays else [])
    assert bench.failures() == []


def test_a_crash_between_the_two_notes_of_a_copy_does_not_keep_it_from_being_deleted(bench):
    """The copy is known as the file's; of the file it is known that it was being sent, and it is gone."""
    bench.start(attachments=DELETES)
    key, _counterpart = bench.pair()
    original = bench.user.attach(key, "a.txt", b"a")
    bench.cycle()
    bench.stop()
    states, source = bench.database["issues"], {"_id": f"user:{bench.issue(key)['id']}"}
    (copied,) = states.find_one(source)["handled"]["attachments"].values()
    begun = {"version": copied["version"], "attempt": {"at": datetime.now(UTC)}}
    states.update_one(source, {"$set": {f"handled.attachments.{original}": begun}})
    bench.user.remove_file(original)
    bench.start(attachments=DELETES)
    for _ in range(4):
        bench.cycle()
        bench.pass_time(LONG_ENOUGH)
    assert (names(bench, "user"), names(bench, "dev")) == ([], [])


@EITHER_FLAVOR
def test_a_copy_of_a_deleted_file_does_not_come_back_after_the_database_was_lost(bench):
    bench.start(attachments=True)
    key, counterpart = bench.pair()
    original = bench.user.attach(key, "a.txt", b"a")
    bench.cycle()
    bench.user.remove_file(original)
    bench.stop()
    bench._client.drop_database(bench.database_name)
    bench.start(attachments=True)
    bench.cycle()
    bench.dev.attach(counterpart, "new.txt", b"new")
    for _ in range(3):
        bench.cycle()
        bench.pass_time(LONG_ENOUGH)
    assert (names(bench, "user"), names(bench, "dev")) == (["new.txt"], ["a.txt", "new.txt"])


def test_what_is_too_much_at_once_waits_for_a_person(bench):
    bench.start(attachments=DELETES, mostWritesAtOnce=10)
    keys = [bench.pair()[0] for _ in range(3)]
    originals = [bench.user.attach(keys[0], f"{number}.txt", b"x") for number in range(5)]
    bench.cycle()
    for key in keys[1:]:
        for number in range(5):
            bench.user.attach(key, f"{number}.txt", b"x")
    for original in originals:
        bench.user.remove_file(original)
    bench.cycle()
    sent, deleted = bench.calls("two", **ATTACH), bench.calls("two", "/attachment/", "DELETE")
    assert len(sent) + len(deleted) == 5 + 10
    (said,) = set(bench.dead_letters())
    assert "more than mostWritesAtOnce (10) writes" in said
    bench.user.edit(keys[0], summary="Something else")
    bench.cycle()
    bench.store.ask("retry", [], by="ann")
    bench.cycle()
    assert sorted(len(issue["attachments"]) for issue in bench.devs()) == [0, 5, 5]
    assert bench.dead_letters() == []


def test_what_is_too_much_at_once_is_so_over_cycles_that_each_go_on_with_what_is_left(bench, monkeypatch):
    monkeypatch.setattr("sync_worker.engine.delivery.outbox.READ_AT_ONCE", 2)
    bench.start(attachments=True, mostWritesAtOnce=10)
    keys = list(bench.take_on_many(14))
    bench.cycle()
    bench.cycle()
    for key in keys:
        bench.user.attach(key, "a.txt", b"a")
    bench.worker.interval = 0.0
    while bench.cycle().left:
        pass
    assert sum(len(issue["attachments"]) for issue in bench.devs()) == 10
    assert len(bench.dead_letters()) == 4
    bench.user.attach(keys[0], "b.txt", b"b")
    bench.cycle()
    assert sum(len(issue["attachments"]) for issue in bench.devs()) == 11


def test_what_waits_for_a_person_does_not_go_on_with_what_is_tried_again_beside_it(bench):
    bench.start(attachments=True, mostWritesAtOnce=10)
    key, _ = bench.pair()
    for number in range(12):
        bench.user.attach(key, f"{number}.txt", b"x")
    bench.control.fault("two", "status", status=500, times=1, **ATTACH)
    for _ in range(3):
        bench.cycle()
        bench.pass_time(LONG_ENOUGH)
    assert len(names(bench, "dev")) == 10
    (said,) = bench.dead_letters()
    assert said.endswith(f"to carry it over all the same: jira-sync retry sync-ab {key}")
    bench.store.ask("retry", [], by="ann")
    for _ in range(3):
        bench.cycle()
        bench.pass_time(LONG_ENOUGH)
    assert len(names(bench, "dev")) == 12


def test_files_that_wait_for_a_person_are_told_of_although_a_move_beside_them_is_tried_again(bench):
    bench.start(attachments=True, mostWritesAtOnce=10)
    _, counterpart = bench.pair()
    for number in range(12):
        bench.dev.attach(counterpart, f"{number}.txt", b"x")
    bench.dev.move(counterpart, "In Progress")
    bench.fail_moves(times=1)
    for _ in range(4):
        bench.cycle()
        bench.pass_time(LONG_ENOUGH)
    assert bench.users()[0]["status"] == "In Progress"
    (said,) = bench.dead_letters()
    assert "more than mostWritesAtOnce (10)" in said
    bench.store.ask("retry", [], by="ann")
    bench.cycle()
    assert (len(names(bench, "user")), bench.dead_letters()) == (12, [])


def test_what_could_not_be_sent_does_not_count_as_written(bench):
    bench.start(attachments=True, mostWritesAtOnce=10)
    keys = [bench.pair()[0] for _ in range(5)]
    for key in keys:
        bench.user.attach(key, "a.txt", b"a")
    fault = bench.control.fault("one", "status", status=500, method="GET", path="/attachment/content", user="sync")
    for _ in range(4):
        bench.try_cycle()
        bench.pass_time(LONG_ENOUGH)
    bench.control.heal("one", fault)
    for _ in range(3):
        bench.try_cycle()
        bench.pass_time(LONG_ENOUGH)
    assert ([len(issue["attachments"]) for issue in bench.devs()], bench.dead_letters()) == ([1] * 5, [])


@pytest.mark.parametrize("answer", REFUSED)
def test_a_deletion_waits_for_a_history_that_cannot_be_read_for_a_while(bench, carried, answer):
    _, file = carried
    bench.user.remove_file(file)
    fault = bench.control.fault("one", **answer, method="GET", path="/changelog$", user="sync")
    for _ in range(4):
        bench.try_cycle()
        bench.pass_time(LONG_ENOUGH)
    assert names(bench, "dev") == ["a.txt"]
    bench.control.heal("one", fault)
    bench.try_cycle()
    assert (names(bench, "dev"), bench.dead_letters()) == ([], [])


def test_the_files_of_a_new_pair_do_not_wait(bench):
    bench.start(attachments=True, mostWritesAtOnce=10, mostWritesPerHour=10)
    key = bench.taken_on_with({f"{number}.txt": b"x" for number in range(25)})
    bench.cycle()
    assert len(names(bench, "dev")) == 25
    bench.user.attach(key, "one more.txt", b"x")
    bench.cycle()
    assert len(names(bench, "dev")) == 26


def test_a_pair_that_is_written_to_too_often_waits_for_a_person(bench):
    bench.start(attachments=True, mostWritesPerHour=10)
    key, _ = bench.pair()
    for number in range(10):
        bench.user.attach(key, f"{number}.txt", b"x")
    bench.cycle()
    bench.user.attach(key, "one more.txt", b"x")
    bench.cycle()
    (said,) = bench.dead_letters()
    assert "written to 10 times within an hour" in said
    assert len(names(bench, "dev")) == 10
    for number in range(3):
        bench.user.attach(key, f"again {number}.txt", b"x")
    bench.cycle()
    assert len(names(bench, "dev")) == 10
    bench.store.ask("retry", [], by="ann")
    bench.cycle()
    assert len(names(bench, "dev")) == 14


def test_a_pair_gets_no_more_than_is_left_of_its_hour(bench):
    bench.start(attachments=True, mostWritesPerHour=10)
    key, _ = bench.pair()
    for number in range(8):
        bench.user.attach(key, f"{number}.txt", b"x")
    bench.cycle()
    for number in range(5):
        bench.user.attach(key, f"later {number}.txt", b"x")
    bench.cycle()
    assert len(names(bench, "dev")) == 10
    assert "written to 10 times within an hour" in bench.dead_letters()[0]


def test_a_link_to_a_file_is_put_once_though_its_site_got_another_address_and_the_database_was_lost(bench):
    bench.start(attachments={"maxMegabytes": 10 / 1024 / 1024})
    key, counterpart = bench.pair()
    file = bench.user.attach(key, "big.bin", b"x" * 100)
    bench.cycle()
    bench.stop()
    bench._client.drop_database(bench.database_name)
    bench.control.add_name("one", "renamed")
    account = bench.definition["jira"]
    renamed = {**account, "baseUrl": account["baseUrl"].replace("/one", "/renamed")}
    bench.start(attachments={"maxMegabytes": 10 / 1024 / 1024}, jira=renamed)
    for _ in range(2):
        bench.cycle()
        bench.user.edit(key, summary="Something else")
        bench.pass_time(LONG_ENOUGH)
    links = [link["globalId"] for link in bench.issue(counterpart)["links"]]
    assert len([link for link in links if link.startswith("jira-sync-file:") and link.endswith(f":{file}")]) == 1


def test_a_file_does_not_wait_behind_a_status_that_cannot_be_carried_over(bench):
    bench.start(attachments=True)
    key, counterpart = bench.pair()
    fault = bench.fail_moves()
    bench.dev.move(counterpart, "In Progress")
    bench.cycle()
    assert bench.failures() != []
    bench.dev.attach(counterpart, "late.txt", b"late")
    bench.cycle()
    assert names(bench, "user") == ["late.txt"]
    bench.control.heal("one", fault)
    bench.pass_time(LONG_ENOUGH)
    bench.cycle()
    assert bench.status(key) == "In Progress"


def test_a_file_that_comes_with_a_closing_for_which_there_is_no_rule_is_carried_over_with_it(bench):
    bench.start(attachments=True, rules=[TAKE_ON], defaultBehavior={"fallbackBehavior": "sync_to_resolved"})
    key, counterpart = bench.pair()
    bench.dev.attach(counterpart, "why.txt", b"why")
    bench.dev.move(counterpart, "Closed")
    bench.cycle()
    assert (names(bench, "user"), bench.status(key)) == (["why.txt"], "Resolved")


def test_files_that_stay_anyway_do_not_count_as_writes(bench):
    bench.start(attachments={"except": ["*.exe"]}, mostWritesAtOnce=10)
    key, _ = bench.pair()
    bench.cycle()
    for number in range(12):
        bench.user.attach(key, f"{number}.exe", b"%d" % number)
    bench.user.attach(key, "z.txt", b"z")
    summary = bench.cycle()
    assert (names(bench, "dev"), summary.failed) == (["z.txt"], 0)


def test_a_file_that_stays_anyway_does_not_hold_a_pair_that_was_written_to_often(bench):
    bench.start(attachments={"except": ["*.exe"]}, mostWritesPerHour=10)
    key, _ = bench.pair()
    for number in range(10):
        bench.user.attach(key, f"{number}.txt", b"x")
    bench.cycle()
    bench.user.attach(key, "one more.exe", b"x")
    bench.cycle()
    assert bench.dead_letters() == []


@pytest.mark.parametrize(
    # the file        the comment that mentions it                        why it stays
    ("name", "comment", "why"),
    [
        ("setup.exe", None, "attachments leaves it out"),
        ("notes.txt", "see notes.txt", "only comments that not everybody may see mention it"),
    ],
)
def test_it_is_said_once_of_a_file_that_stays_why_it_does(bench, name, comment, why):
    bench.start(attachments={"except": ["*.exe"]})
    key, _ = bench.pair()
    bench.cycle()
    bench.user.attach(key, name, b"x")
    if comment:
        bench.user.comment(key, comment, visibility={"type": "role", "value": "Administrators"})
    bench.cycle()
    bench.user.edit(key, summary="edited")
    bench.cycle()
    said = [entry for entry in bench.store.journal.actions(100) if entry.what == "attachments"]
    assert [(entry.result, entry.issue, entry.text) for entry in said] == [("skipped", key, f"{name} stays: {why}")]
    assert names(bench, "dev") == []


@pytest.mark.parametrize(
    ("name", "before"), [("x.exe", {"except": ["*.exe"]}), ("notes.txt", True)], ids=["left out", "private"]
)
def test_a_file_that_stayed_is_one_from_before_once_attachments_was_off(bench, name, before):
    bench.start(attachments=before)
    key, _ = bench.pair()
    bench.cycle()
    bench.user.attach(key, name, b"x")
    if before is True:
        bench.user.comment(key, f"see {name}", visibility={"type": "role", "value": "Administrators"})
    bench.cycle()
    bench.pass_time(60)
    bench.start(attachments=False)
    bench.cycle()
    bench.pass_time(60)
    bench.start(attachments=True)
    bench.cycle()
    bench.user.comment(key, f"[^{name}]")
    bench.cycle()
    assert names(bench, "dev") == []


@pytest.fixture(name="carried")
def _carried(bench) -> tuple[str, str]:
    """The key of an issue and the id of its file, which has a copy."""
    bench.start(attachments=DELETES)
    key, _ = bench.pair()
    file = bench.user.attach(key, "a.txt", b"a")
    bench.cycle()
    bench.cycle()
    assert names(bench, "dev") == ["a.txt"]
    return key, file


@pytest.mark.parametrize("answer", [*REFUSED, {"kind": "answer_after", "status": 200, "body": NOTHING}])
def test_a_copy_goes_also_when_its_original_is_gone_before_the_history_tells(bench, carried, answer):
    _, file = carried
    bench.user.remove_file(file)
    bench.control.fault("one", **answer, times=1, method="GET", path="/changelog$", user="sync")
    bench.settle(4)
    assert (names(bench, "dev"), bench.failures(), bench.dead_letters()) == ([], [], [])


def test_resync_carries_over_a_removal_that_the_site_told_of_only_later(bench, carried):
    key, file = carried
    bench.user.remove_file(file)
    silent = {"status": 200, "body": NOTHING, "method": "GET", "path": "/changelog$", "user": "sync"}
    fault = bench.control.fault("one", "answer_after", **silent)
    for _ in range(3):
        bench.cycle()
        bench.pass_time(LONG_ENOUGH)
    bench.control.heal("one", fault)
    bench.user.edit(key, summary="edited")
    bench.cycle()
    assert names(bench, "dev") == ["a.txt"]
    resync(bench, key)
    assert names(bench, "dev") == []


def test_a_file_is_not_given_up_by_a_site_that_does_not_know_us(bench):
    bench.start(attachments=True)
    key, _ = bench.pair()
    for name in ("a.txt", "b.txt"):
        bench.user.attach(key, name, b"x")
    bench.control.fault("two", "status", status=403, times=1, **ATTACH)
    bench.control.fault("two", "status", status=500, times=1, skip=1, **ATTACH)
    anonymous = bench.control.fault("two", "status", status=401, skip=1, method="GET", path="/myself$", user="sync")
    bench.try_cycle()
    bench.control.heal("two", anonymous)
    for _ in range(4):
        bench.try_cycle()
        bench.pass_time(LONG_ENOUGH)
    assert (names(bench, "dev"), bench.dead_letters()) == (["a.txt", "b.txt"], [])


def test_a_new_file_does_not_wait_for_a_history_that_cannot_be_read(bench, carried):
    key, file = carried
    bench.user.remove_file(file)
    bench.user.attach(key, "b.txt", b"b")
    bench.control.fault("one", "status", status=500, method="GET", path="/changelog$", user="sync")
    bench.cycle()
    assert names(bench, "dev") == ["a.txt", "b.txt"]


@EITHER_FLAVOR
def test_a_removal_is_found_in_a_history_of_several_pages(bench, carried):
    key, file = carried
    bench.user.remove_file(file)
    for number in range(130):
        bench.user.edit(key, summary=f"edited {number}")
    bench.cycle()
    assert names(bench, "dev") == []


def test_retry_carries_files_that_were_held_although_an_earlier_update_was_given_up_after_its_own(bench):
    start = {**START, "conditions": {"onStatusChange": False}}
    bench.start(rules=[TAKE_ON, REOPEN, start, FINISH], attachments=True, mostWritesAtOnce=10)
    key, counterpart = bench.pair()
    bench.dev.move(counterpart, "In Progress")
    bench.cycle()
    bench.user.move(key, "Resolved")
    bench.cycle()
    bench.refuse_moves(1)
    bench.dev.edit(counterpart, summary="edited")
    bench.cycle()
    assert bench.dead_letters()
    for number in range(12):
        bench.dev.attach(counterpart, f"{number}.txt", b"x")
    bench.cycle()
    assert len(names(bench, "user")) == 10
    bench.store.ask("retry", [], by="ann")
    bench.cycle()
    assert len(names(bench, "user")) == 12
