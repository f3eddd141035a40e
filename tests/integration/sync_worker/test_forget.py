"""`jira-sync forget`: nothing that names the two issues is left, and nothing is done about them any more."""

from __future__ import annotations

import json

import pytest

from decisions import add_third_site
from simulated_sites import ATTACH
from sync_worker.database.documents.kept_format import OF_A_FORMAT, kept_name
from sync_worker.database.journal import Journal
from worker_bench import EITHER_FLAVOR, EVERY_FLAVOR
from worker_values import NOON

SUMMARY = "Anna Muster cannot sign in"
FILE = "passport-of-anna.pdf"
WRITING = ("POST", "PUT", "DELETE")


def told_pair(bench) -> tuple[str, str]:
    """Return the keys of a pair of which much is remembered: files, failures, letters, what it holds, requests."""
    before = {issue["key"] for issue in bench.devs()}
    key = bench.user.create("SUP", SUMMARY)
    bench.user.attach(key, FILE, b"passport")
    bench.user.move(key, "Will Do")
    bench.cycle()
    (counterpart,) = {issue["key"] for issue in bench.devs()} - before
    bench.dev.move(counterpart, "Closed")
    bench.refuse_moves()
    bench.cycle()
    bench.dev.move(counterpart, "Reopened")
    bench.dev.move(counterpart, "In Progress")
    bench.fail_moves(times=1)
    bench.cycle()
    return key, counterpart


def everything(bench) -> str:
    """Return all that the database holds, but for what a worker says of itself, as one text."""
    names = sorted(set(bench.database.list_collection_names()) - {"lease"})
    return "\n".join(f"{name}: {document}" for name in names for document in bench.database[name].find())


def left_of(bench, *texts: str) -> list[str]:
    return [line for line in everything(bench).splitlines() if any(text in line for text in texts)]


def writes(bench) -> list[str]:
    """Return what our account has asked the sites to change."""
    calls = [call for site in ("one", "two") for call in bench.control.calls(site)]
    ours = (call for call in calls if call["user"] == "sync" and call["method"] in WRITING)
    return [
        f"{call['method']} {call['path']}"
        for call in ours
        if "bulkfetch" not in call["path"] and "search" not in call["path"]
    ]


def on_the_sites(bench) -> list[tuple[str, str, int, int, int]]:
    return [
        (issue["key"], issue["status"], *(len(issue[kind]) for kind in ("comments", "attachments", "links")))
        for issue in (*bench.users(), *bench.devs())
    ]


@pytest.fixture
def forget(front):
    return lambda *arguments: front("forget", "sync-ab", *arguments)


@EITHER_FLAVOR
def test_after_forget_the_database_names_neither_issue_and_says_only_that_one_was_forgotten(bench, forget):
    key, counterpart = told_pair(bench)
    other, _ = bench.pair()
    assert len(left_of(bench, key, counterpart, SUMMARY, FILE)) > 5
    bench.stop()
    ran = forget(key, "--yes")
    assert (ran.code, ran.out) == (0, f"{key} and {counterpart}: forgotten\n")
    assert left_of(bench, key, counterpart, SUMMARY, FILE) == []
    assert other in everything(bench)
    entries = [entry for entry in Journal(bench._client, bench.database_name).actions(100) if entry.what == "forget"]
    assert [(entry.text, entry.issue, entry.result) for entry in entries] == [("an issue was forgotten", None, "done")]
    assert "@" in entries[0].who
    tombstones = {document["_id"]: document["counterpart"] for document in bench.database["forgotten"].find()}
    ids = f"user:{bench.issue(key)['id']}", f"dev:{bench.issue(counterpart)['id']}"
    assert tombstones == {ids[0]: ids[1], ids[1]: ids[0]}
    assert bench.database["requests"].count_documents({}) == 0


def test_what_was_refused_of_another_issue_does_not_name_a_forgotten_one(bench, forget):
    bench.start(attachments=True)
    key, _ = bench.pair()
    other, _ = bench.pair()
    bench.user.attach(other, "a.txt", b"a")
    message = f"it is the same as on {key}"
    bench.control.fault("two", "status", status=403, message=message, times=1, **ATTACH)
    bench.cycle()
    assert key in str(bench.database["issues"].find_one({"key": other})["dead"][0]["marks"])
    bench.stop()
    assert forget(key, "--yes").code == 0
    assert left_of(bench, f"{key}") == []


@EVERY_FLAVOR
def test_what_was_forgotten_is_left_alone_whatever_happens_to_it(bench, front, forget):
    key, counterpart = told_pair(bench)
    bench.stop()
    assert forget(key, "--yes").code == 0
    bench.start()
    bench.user.move(key, "Cancelled")
    bench.user.move(key, "Reopened")
    bench.dev.move(counterpart, "Closed")
    bench.user.attach(key, "later.txt", b"later")
    bench.user.comment(key, "is anybody there?")
    before, written = on_the_sites(bench), writes(bench)
    bench.cycle()
    bench.cycle()
    bench.census()
    bench.census()
    bench.stop()
    ran = front("resync", "sync-ab", key)
    assert (ran.code, ran.out) == (1, "")
    assert ran.err == (
        f"error: {key} was forgotten, and is left alone; to have it taken up again: "
        f"jira-sync resync sync-ab user:{bench.issue(key)['id']} --remember\n"
    )
    bench.start()
    bench.store.ask("resync", [f"user:{bench.issue(key)['id']}", f"dev:{bench.issue(counterpart)['id']}"], "ann")
    bench.cycle()
    assert (on_the_sites(bench), writes(bench)) == (before, written)
    assert left_of(bench, key, counterpart, SUMMARY, FILE) == []


def test_the_key_of_the_counterpart_or_an_id_will_do(bench, forget):
    key, counterpart = told_pair(bench)
    other, others_counterpart = told_pair(bench)
    bench.stop()
    assert forget(counterpart.lower(), "--yes").code == 0
    assert forget(f"user:{bench.issue(other)['id']}", "--yes").code == 0
    assert left_of(bench, key, counterpart, other, others_counterpart, SUMMARY) == []


def test_a_past_key_will_do_and_no_key_is_left(bench, forget):
    key, counterpart = told_pair(bench)
    moved = bench.control.move("one", key, "OTHER")
    bench.census()
    bench.census()
    assert bench.pair_document()["user_key"] == moved
    bench.stop()
    assert forget(key, "--yes").code == 0
    assert left_of(bench, key, moved, counterpart, SUMMARY) == []


def test_an_unknown_issue_is_an_error_and_so_is_one_that_was_forgotten(bench, forget):
    key, counterpart = bench.pair()
    bench.stop()
    ran = forget("SUP-99", "--yes")
    said = "error: sync-ab knows nothing of SUP-99: it never did, or SUP-99 was forgotten\n"
    assert (ran.code, ran.out, ran.err) == (1, "", said)
    assert forget("nothing", "--yes").err == "error: nothing is no issue; say its key, or user:ID or dev:ID\n"
    assert bench.database["pairs"].count_documents({}) == 1
    assert forget(key, "--yes").code == 0
    assert forget(counterpart, "--yes").code == 1


def test_forget_asks_first_and_tells_scripts_what_it_did(bench, forget, front):
    key, counterpart = bench.pair()
    bench.stop()
    ran = forget(key)
    assert (ran.code, ran.err) == (1, "error: nobody is there to be asked: say --yes if that is what you want\n")
    assert (forget(key, "--json").code, bench.database["pairs"].count_documents({})) == (2, 1)
    assert bench.database["requests"].count_documents({}) == 0
    document = json.loads(forget(key, "--json", "--yes").out)
    ids = [f"user:{bench.issue(key)['id']}", f"dev:{bench.issue(counterpart)['id']}"]
    assert document == {"sync": "sync-ab", "forgotten": [{"issues": ids, "isDone": True, "text": "forgotten"}]}


def test_the_question_names_both_issues(bench, forget, monkeypatch):
    key, counterpart = bench.pair()
    bench.stop()
    asked: list[str] = []
    monkeypatch.setattr("jira_sync.commands.forget.agrees", lambda question: bool(asked.append(question)))
    assert forget(counterpart).code == 1
    assert asked == [f"Erase for good all that sync-ab remembers of {key} and {counterpart}?"]
    assert bench.database["requests"].count_documents({}) == 0


def test_a_running_worker_forgets_and_names_the_issue_in_no_heartbeat_any_more(
    bench, command, forget, wait_until, tmp_path
):
    """The worker would not look again for an hour by itself."""
    key, counterpart = bench.pair()
    bench.dev.move(counterpart, "In Progress")
    bench.fail_moves()
    bench.cycle()
    bench.stop()
    bench.definition.update(syncIntervalMinutes=60)
    (bench.folder / "sync-ab.json").write_text(json.dumps(bench.definition))
    worker = command.start(run_dir=tmp_path / "worker")

    def said_of_itself() -> str:
        return str(bench.database["lease"].find_one())

    wait_until(lambda: counterpart in said_of_itself(), "the heartbeat to name the issue that fails")
    ran = forget(key, "--yes")
    assert (ran.code, ran.out) == (0, f"{key} and {counterpart}: forgotten\n")
    assert bench.database["lease"].find_one()["process"]["pid"] == worker.pid
    assert left_of(bench, f"'{key}'", f"'{counterpart}'") == []
    wait_until(lambda: counterpart not in said_of_itself(), "a heartbeat that does not name it")


def test_forget_needs_no_answer_of_jira(bench, forget):
    key, counterpart = told_pair(bench)
    bench.stop()
    for site in ("one", "two"):
        bench.control.fault(site, "status", status=503)
    assert forget(key, "--yes").code == 0
    assert left_of(bench, key, counterpart, SUMMARY) == []


def test_a_paused_sync_forgets_when_it_is_resumed(bench, front, forget):
    key, counterpart = bench.pair()
    bench.stop()
    front("pause", "sync-ab", "--reason", f"{key} is wrong")
    ran = forget(key, "--yes")
    assert (ran.code, "noted, but not done: sync-ab is paused by" in ran.err) == (1, True)
    front("resume", "sync-ab")
    bench.start()
    bench.cycle()
    assert left_of(bench, key, counterpart) == []


class Killed(RuntimeError):
    """Ends a cycle as a kill does."""


def test_what_was_interrupted_at_any_step_is_done_again_and_ends_the_same(bench, monkeypatch):
    """The worker ends before each write in turn."""
    step, is_over, left_by_kill = 0, False, []
    while not is_over:
        step += 1
        key, counterpart = bench.pair()
        bench.dev.move(counterpart, "Closed")
        bench.refuse_moves()
        moved = bench.control.move("one", key, "OTHER")
        bench.cycle()
        bench.store.ask("forget", [f"dev:{bench.issue(counterpart)['id']}"], "ann")
        with monkeypatch.context() as patch:
            die_at_write(patch, bench.store, step)
            is_over = bench.try_cycle() is None
        left_by_kill.append(left_of(bench, f"'{key}'", f"'{moved}'", f"'{counterpart}'"))
        bench.stop()
        bench.start()
        before = writes(bench)
        bench.cycle()
        assert left_of(bench, f"'{key}'", f"'{moved}'", f"'{counterpart}'") == []
        assert bench.database["actions"].count_documents({"what": "forget"}) == step
        bench.cycle()
        assert writes(bench) == before
    assert step > 10
    assert left_by_kill[-1] == []
    assert all(left_by_kill[:5])
    before = writes(bench)
    bench.census()
    assert writes(bench) == before
    assert bench.logged("pairs are missing from the database") == []


def test_a_journal_that_was_half_erased_is_erased_under_past_keys_too(bench, monkeypatch):
    key, counterpart = bench.pair()
    moved = bench.control.move("one", key, "OTHER")
    bench.census()
    bench.census()
    assert bench.pair_document()["user_key"] == moved
    bench.store.ask("forget", [f"dev:{bench.issue(counterpart)['id']}"], "ann")
    with monkeypatch.context() as patch:
        die_at_write(patch, bench.store, 2)
        assert isinstance(bench.try_cycle(), Killed)
    journal = bench.database["actions"]
    line = journal.find_one({"issue": key})
    journal.delete_many({})
    journal.insert_one({**line, "counterpart": None})
    bench.stop()
    bench.start()
    bench.cycle()
    assert left_of(bench, f"'{key}'", f"'{counterpart}'") == []


def test_a_key_that_is_another_issue_s_by_now_does_not_draw_that_one_in(bench, forget):
    """The journal may be older than what the sync began anew with: the keys of that time are others' now."""
    key, counterpart = bench.pair()
    other, others_counterpart = bench.pair()
    journal = bench.database["actions"]
    entry = {"at": journal.find_one({})["at"], "who": "worker", "what": "link", "result": "done", "text": ""}
    journal.insert_one({**entry, "side": "user", "issue": key, "counterpart": others_counterpart})
    bench.stop()
    ran = forget(key, "--yes")
    assert ran.out == f"{key} and {counterpart}: forgotten\n"
    assert bench.pair_document()["user_key"] == other
    assert journal.count_documents({"issue": other, "counterpart": others_counterpart}) > 1
    assert left_of(bench, f"'{key}'", f"'{counterpart}'") == []


def test_the_journal_says_it_once_although_the_worker_ends_before_it_has_answered(bench, monkeypatch):
    key, _ = bench.pair()
    bench.store.ask("forget", [f"user:{bench.issue(key)['id']}"], "ann")
    with monkeypatch.context() as patch:
        patch.setattr(bench.store, "answer", lambda _request: (_ for _ in ()).throw(Killed()))
        assert isinstance(bench.try_cycle(), Killed)
    bench.cycle()
    assert bench.database["actions"].count_documents({"what": "forget"}) == 1


def test_other_requests_lose_what_was_forgotten_and_never_mean_all_issues_thereby(bench):
    key, counterpart = bench.pair()
    other, _ = bench.pair()
    ids = {each: f"user:{bench.issue(each)['id']}" for each in (key, other)}
    of_all, mixed = bench.store.ask("retry", [], "ann"), bench.store.ask("retry", list(ids.values()), "ann")
    bench.store.ask("retry", [ids[key], f"dev:{bench.issue(counterpart)['id']}"], "ann")
    forget = bench.store.ask("forget", [ids[key]], "ann")
    *_, request = bench.store.requests()
    bench.store.erase(request)
    left = {each.id: each.issues for each in bench.store.requests() if each.id != forget}
    assert left == {of_all: (), mixed: (ids[other],)}


def die_at_write(patch, store, number: int) -> None:
    """Let the erasure end before its write with this number."""
    writes, erase, check = [], store.erase, store._lease.check

    def counted_check() -> None:
        writes.append("write")
        if len(writes) == number:
            raise Killed
        check()

    def erase_and_die(request) -> None:
        with pytest.MonkeyPatch.context() as within:
            within.setattr(store._lease, "check", counted_check)
            erase(request)

    patch.setattr(store, "erase", erase_and_die)


def test_what_is_about_others_and_what_was_set_aside_loses_the_names_too(bench):
    key, counterpart = told_pair(bench)
    other, _ = bench.pair()
    database, at = bench.database, bench.database["actions"].find_one({})["at"]
    database["aside_20250101000000_issues"].insert_many(
        [
            {"_id": "user:7", "side": "user", "id": "7", "key": key},
            {"_id": "dev:8", "side": "dev", "id": "8", "key": "DEV-777"},
        ]
    )
    database["aside_20250101000000_pairs"].insert_one(
        {"_id": "7", "dev_id": "8", "user_key": key, "dev_key": "DEV-777"}
    )
    database["cycles"].insert_one({"started": at, "duration": 1.0, "counts": {}, "error": f"{key} cannot be read"})
    database["actions"].insert_one(
        {
            "at": at,
            "who": "ann",
            "what": "confirm",
            "result": "done",
            "side": None,
            "text": f"held: {key}1, {key}, {other}",
        }
    )
    hold = {"number": 2, "since": at, "first": [key, other], "allowed": 1}
    database["progress"].update_one({}, {"$set": {"brakes.gone.user": hold}})
    state = database["issues"].find_one({"key": other})["_id"]
    bench.store.ask("retry", [f"user:{bench.issue(key)['id']}"], "ann")
    bench.store.ask("forget", [f"user:{bench.issue(key)['id']}"], "ann")
    bench.cycle()
    assert left_of(bench, f"'{key}'", f"{key} ", f"{key},", counterpart, "DEV-777", SUMMARY) == []
    assert database["actions"].find_one({"what": "confirm"})["text"] == f"held: {key}1, a forgotten issue, {other}"
    assert database["cycles"].find_one({"error": {"$ne": None}})["error"] == "a forgotten issue cannot be read"
    assert database["issues"].find_one({"_id": state})["key"] == other
    assert database["requests"].count_documents({}) == 0
    assert database["actions"].count_documents({"what": "retry"}) == 0


def test_what_is_kept_of_the_format_before_is_erased_too(bench):
    key, counterpart = told_pair(bench)
    other, _ = bench.pair()
    bench.cycle()
    for name in OF_A_FORMAT:
        kept = bench.database[kept_name(1, name)]
        if documents := list(bench.database[name].find()):
            kept.insert_many({**document, "kept_at": NOON} for document in documents)
    assert bench.database[kept_name(1, "progress")].find_one()["identity"]["pairs"] == 2
    bench.store.ask("forget", [f"user:{bench.issue(key)['id']}"], "ann")
    bench.cycle()
    assert left_of(bench, f"'{key}'", f"'{counterpart}'", SUMMARY) == []
    assert bench.database[kept_name(1, "pairs")].find_one()["user_key"] == other
    assert bench.database[kept_name(1, "progress")].find_one()["identity"]["pairs"] == 1


def test_a_marked_issue_beside_the_counterpart_is_left_alone_with_the_two(bench, forget):
    """Somebody has cloned the counterpart: the clone must not become the forgotten issue's counterpart."""
    key, counterpart = bench.pair()
    bench.store.ask("forget", [f"user:{bench.issue(key)['id']}"], "ann")
    bench.cycle()
    bench.database["forgotten"].delete_one({"_id": f"dev:{bench.issue(counterpart)['id']}"})
    bench.dev.move(counterpart, "Closed")
    before = writes(bench)
    bench.cycle()
    bench.census()
    assert writes(bench) == before
    assert left_of(bench, key, counterpart) == []


@EVERY_FLAVOR
def test_what_was_forgotten_is_taken_up_again_with_its_counterpart(bench, front, forget):
    key, counterpart = told_pair(bench)
    bench.stop()
    assert forget(key, "--yes").code == 0
    bench.pass_time(60)
    said = bench.comments(key), bench.comments(counterpart)
    ran = front("resync", "sync-ab", counterpart, "--remember")
    assert ran.code == 0
    assert bench.database["forgotten"].count_documents({}) == 0
    assert [issue["key"] for issue in bench.devs()] == [counterpart]
    assert bench.pair_document()["user_key"] == key
    bench.start()
    bench.cycle()
    assert (bench.comments(key), bench.comments(counterpart)) == said
    bench.dev.move(counterpart, "Done")
    bench.cycle()
    assert bench.status(key) == "Resolved"


def test_what_happened_while_an_issue_was_forgotten_is_only_noted(bench, front, forget):
    key, counterpart = told_pair(bench)
    bench.stop()
    assert forget(key, "--yes").code == 0
    bench.user.move(key, "Cancelled")
    bench.user.move(key, "Reopened")
    bench.dev.move(counterpart, "Closed")
    assert front("resync", "sync-ab", key, "--remember").code == 0
    assert (bench.status(key), bench.status(counterpart)) == ("Reopened", "Reopened")
    assert (bench.comments(key), bench.comments(counterpart)) == ([f"followed as {counterpart}"], [])
    assert [file["filename"] for file in bench.issue(counterpart)["attachments"]] == [FILE]


def test_an_empty_memory_of_all_else_makes_no_pair_of_what_was_forgotten(bench, forget):
    """Somebody has deleted documents by hand: the pairs are looked for by their marks."""
    key, counterpart = bench.pair()
    other, _ = bench.pair()
    bench.stop()
    assert forget(key, "--yes").code == 0
    for name in ("issues", "pairs"):
        bench.database[name].delete_many({})
    before = writes(bench)
    bench.start()
    bench.cycle()
    bench.pass_time(3600)
    bench.cycle()
    assert bench.pair_document()["user_key"] == other
    assert left_of(bench, f"'{key}'", f"'{counterpart}'") == []
    assert len([call for call in writes(bench)[len(before) :] if "comment" in call]) == 0


@pytest.mark.parametrize("decision", ["moved", "new"])
def test_on_another_site_the_ids_of_what_was_forgotten_are_other_issues(bench, decision):
    key, _ = bench.pair()
    bench.pair()
    bench.store.ask("forget", [f"user:{bench.issue(key)['id']}"], "ann")
    bench.cycle()
    add_third_site(bench)
    bench.start()
    bench.store.ask("adopt", [decision], "ann")
    bench.cycle()
    assert [document["_id"] for document in bench.database["forgotten"].find()] == [f"user:{bench.issue(key)['id']}"]


def test_a_takeover_leaves_out_what_was_forgotten(bench, legacy):
    user, dev = legacy.pair()
    other, _ = legacy.pair()
    for name, key in (("user", user), ("dev", dev)):
        bench.database["forgotten"].insert_one({"_id": f"{name}:{bench.issue(key)['id']}"})
    bench.dev.move(dev, "Closed")
    bench.try_cycle()
    bench.pass_time(3600)
    bench.cycle()
    assert bench.pair_document()["user_key"] == other
    assert left_of(bench, f"'{user}'", f"'{dev}'") == []
    assert bench.status(user) != "Resolved"


def test_a_backup_from_before_brings_nothing_back(bench, front, forget, tmp_path):
    key, counterpart = told_pair(bench)
    bench.stop()
    file = str(tmp_path / "sync-ab.backup")
    assert front("backup", "sync-ab", file, "--own-format").code == 0
    assert forget(key, "--yes").code == 0
    assert front("restore", "sync-ab", file, "--replace").code == 0
    assert left_of(bench, key) != []
    before = writes(bench)
    bench.start()
    bench.try_cycle()  # it waits for search after that, but what was forgotten is erased at once
    assert left_of(bench, key, counterpart, SUMMARY) == []
    bench.pass_time(3600)
    bench.cycle()
    bench.census()
    assert writes(bench) == before


def test_backfill_leaves_out_what_was_forgotten(bench, front, forget):
    key, _ = bench.pair()
    bench.stop()
    assert forget(key, "--yes").code == 0
    ran = front("backfill", "sync-ab", "--since", "2020-01-01", "--dry-run")
    assert ran.out.splitlines()[0].startswith("0 issues")


def test_a_database_of_the_format_before_is_left_as_it_is(bench, forget):
    key, _ = bench.pair()
    bench.store.format = 1
    bench.database["progress"].update_one({}, {"$set": {"format": 1}})
    bench.runner._fleet = OlderFleet()
    bench.store.ask("forget", [f"user:{bench.issue(key)['id']}"], "ann")
    bench.cycle()
    entry = bench.database["actions"].find_one({"what": "forget"})
    assert (entry["result"], "does not know of forgotten issues" in entry["text"]) == ("skipped", True)
    assert bench.database["pairs"].count_documents({}) == 1


class OlderFleet:
    """A fleet with a container that reads the first format alone."""

    def newest_format(self, _oldest: int) -> int:
        return 1


def test_plan_says_what_would_be_forgotten_and_forgets_nothing(bench, front):
    key, _ = bench.pair()
    bench.user.move(key, "Cancelled")
    bench.user.move(key, "Reopened")
    bench.store.ask("forget", [f"user:{bench.issue(key)['id']}"], "ann")
    bench.stop()
    ran = front("plan", "sync-ab")
    assert "forget an issue was forgotten" in ran.out or "asked for by ann" in ran.out
    assert bench.database["pairs"].count_documents({}) == 1
