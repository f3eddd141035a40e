"""`jira-sync doctor` on simulated sites and a real MongoDB: what it finds out, and that it changes nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient

from jira_simulator.seed import Seed
from jira_simulator.server import RunningSimulator
from jira_sync.__main__ import main

REPO = Path(__file__).parents[3]
TOKEN = "s3cr3t-sync-token"
USERS = [{"name": "sync", "email": "sync@example.com", "token": TOKEN, "displayName": "Sync", "timeZone": "Asia/Tokyo"}]
TAKE_ON = {
    "id": "take-on",
    "sourceStatus": "Will Do",
    "syncDirection": "user_to_dev",
    "actions": {"createIssue": True, "syncAttachments": True, "addCrossLink": True, "addComment": True},
}
FINISH = {
    "id": "finish",
    "sourceStatus": ["Done", "Closed"],
    "syncDirection": "dev_to_user",
    "actions": {"syncStatus": True, "targetStatus": "Resolved"},
}
REOPEN = {"id": "reopen", "sourceStatus": "Reopened", "syncDirection": "user_to_dev", "actions": {"syncStatus": True}}
OFFERED = (
    "our account is offered Cancelled, In Progress, Resolved and Will Do: "
    "add a transition, or change the target of rule finish"
)
FREE = {"initial": "New", "transitions": [{"name": f"Be {each}", "target": each} for each in ("New", "Done", "Closed")]}


def issue(status: str, **rest: Any) -> dict[str, Any]:
    return {"summary": status, "status": status, **rest}


def seed() -> Seed:
    customers = {"key": "SUP", "name": "Support", "issues": [issue("Open"), issue("Will Do")]}
    developers = {"key": "DEV", "workflow": "development", "issues": [issue("Done"), issue("In Progress")]}
    sites = [
        {"name": "one", "users": USERS, "projects": [customers, {"key": "EMPTY", "workflow": "development"}]},
        {"name": "two", "flavor": "data_center", "users": USERS, "projects": [developers]},
    ]
    return Seed.model_validate({"sites": sites})


@dataclass(frozen=True)
class Told:
    """One finding of a report."""

    sync: str
    about: str
    level: str
    says: str
    advice: str | None


class Clinic:
    """A folder of syncs on two simulated sites, and the command."""

    def __init__(self, simulator: RunningSimulator, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.control, self.url, self._capsys = simulator.control, simulator.url, capsys
        self.configs = folder / "configs"
        self.configs.mkdir()

    def write(self, name: str = "sync-ab", **changes: Any) -> None:
        definition = {
            "name": name,
            "databaseName": os.environ["TEST_DATABASE"],
            "jira": {"baseUrl": f"{self.url}/one", "email": "sync@example.com", "apiToken": "${SYNC_TOKEN}"},
            "devJira": {"baseUrl": f"{self.url}/two", "apiToken": "${SYNC_TOKEN}", "authType": "pat"},
            "userProjectKey": "SUP",
            "devProjectKey": "DEV",
            "rules": [TAKE_ON, REOPEN, FINISH],
        }
        (self.configs / f"{name}.json").write_text(json.dumps({**definition, **changes}))

    def on_one_site(self, **changes: Any) -> None:
        self.write(devJira=None, **changes)

    def run(self, *arguments: str) -> tuple[int, str, str]:
        code = main(["doctor", *arguments])
        out, err = self._capsys.readouterr()
        assert TOKEN not in out + err
        return code, out, err

    def look(self, *arguments: str) -> list[Told]:
        """Return everything that is found out; the exit code follows from it."""
        code, out, err = self.run("--json", *arguments)
        assert err == ""
        report = json.loads(out)
        found = [Told(sync["name"], **finding) for sync in report["syncs"] for finding in sync["findings"]]
        assert code == int(not report["passed"]) == int(any(each.level == "failed" for each in found))
        return found

    def bad(self, *arguments: str) -> list[tuple[str, str, str | None]]:
        """Return what has not passed."""
        return [(each.level, each.says, each.advice) for each in self.look(*arguments) if each.level != "passed"]


@pytest.fixture
def simulator() -> Iterator[RunningSimulator]:
    with RunningSimulator(seed()) as running:
        yield running


@pytest.fixture
def clinic(
    simulator, tmp_path, capsys, plain_environment, monkeypatch, mongo_server, database_name
) -> Iterator[Clinic]:
    clinic = Clinic(simulator, tmp_path, capsys)
    monkeypatch.setenv("CONFIG_DIR", str(clinic.configs))
    monkeypatch.setenv("RUN_DIR", str(tmp_path / "run"))
    monkeypatch.setenv("DATABASE_URL", mongo_server.url)
    monkeypatch.setenv("TEST_DATABASE", database_name)
    monkeypatch.setenv("SYNC_TOKEN", TOKEN)
    clinic.write()
    yield clinic
    with MongoClient[dict[str, Any]](mongo_server.url) as client:
        client.drop_database(database_name)
        # The next simulator may be given the same port.
        client["jira_sync"]["limits"].delete_many({})


def matching(found: list[tuple[str, str, str | None]], level: str, says: str, advice: str) -> list[str]:
    return [words for kind, words, hint in found if kind == level and says in words and advice in (hint or "")]


# A sync with which all is well


def test_a_sync_that_can_work_passes_and_is_told_of_in_full(clinic, database_name):
    found = clinic.look("sync-ab")
    assert {each.level for each in found} == {"passed"}
    site = clinic.url.removeprefix("http://")
    told = {about: [each.says for each in found if each.about == about] for about in {each.about for each in found}}
    assert set(told) == {"its file", f"{site}/one, for SUP", f"{site}/two, for DEV", "MongoDB"}
    user, dev = told[f"{site}/one, for SUP"], told[f"{site}/two, for DEV"]
    assert "Jira Cloud 1001.0.0" in user[0]
    assert "Jira Data Center 10.3.19" in dev[0]
    assert user[1:] == [
        "it knows us as Sync (sync@example.com)",
        "its clock agrees with ours; our account's time zone there is Asia/Tokyo",
        "it names no limit of calls",
        "SUP is there: Support",
        "our account may see issues, move issues, comment and link issues in SUP",
        "SUP has the statuses that rules answer: Will Do, Reopened",
        "SUP: Resolved can be reached from Open and Will Do",
    ]
    assert dev[4:] == [
        "DEV is there: DEV",
        "our account may see issues, create issues, move issues, link issues and attach files in DEV",
        "DEV has the statuses that rules answer: Done, Closed",
        "DEV has the types of new issues: Task or Sub-task becomes Task, Bug becomes Bug, Story becomes Story",
        "DEV demands no more of a new Task, Bug or Story than jira-sync fills in",
        "DEV: Reopened can be reached from Done and In Progress",
        "it takes attachments of up to 10 MB",
    ]
    assert told["MongoDB"][1] == f"it takes writes to {database_name}, and has them on disk when it says so"
    assert told["MongoDB"][2] == "no worker runs this sync"


def test_nothing_is_changed_on_jira_and_nothing_stays_in_the_database(clinic, mongo_server, database_name):
    before = {site: clinic.control.issues(site) for site in ("one", "two")}
    clinic.look()
    for site in ("one", "two"):
        calls = clinic.control.calls(site)
        assert calls
        assert {each["method"] for each in calls} == {"GET"}
        assert clinic.control.issues(site) == before[site]
    with MongoClient[dict[str, Any]](mongo_server.url) as client:
        assert database_name not in client.list_database_names()
        assert "doctor" not in client["jira_sync"].list_collection_names()


def test_a_person_reads_marks_and_advice_and_quiet_leaves_out_what_passed(clinic):
    clinic.write("well", userProjectKey="SUP", devProjectKey="DEV")
    clinic.on_one_site(devProjectKey="EMPTY", rules=[TAKE_ON], databaseName="elsewhere", issueType="Epic")
    code, out, _ = clinic.run()
    assert code == 1
    assert "\x1b" not in out
    assert "    ✓ SUP is there: Support\n" in out
    _, quiet, _ = clinic.run("-q")
    assert quiet.splitlines() == [
        "sync-ab",
        f"  {clinic.url.removeprefix('http://')}/one, for SUP and EMPTY",
        "    ✗ EMPTY has no issue type 'Epic'; it has Task, Bug, Story, Sub-task",
        "      → mend issueType in the file, or let our account create that type",
        "",
        quiet.splitlines()[-1],
    ]
    assert quiet.splitlines()[-1].startswith("2 syncs: ")
    assert quiet.splitlines()[-1].endswith(" passed, 1 failed: sync-ab")


def test_what_jira_says_can_do_nothing_to_a_terminal(clinic):
    projects = [{"key": "EVIL", "name": "Red\x1b[31m alert", "workflow": "development"}]
    clinic.control.add_site(name="more", users=USERS, projects=projects)
    account = {"baseUrl": f"{clinic.url}/more", "email": "sync@example.com", "apiToken": "${SYNC_TOKEN}"}
    clinic.write(devJira=account, devProjectKey="EVIL")
    _, out, _ = clinic.run()
    assert "EVIL is there: Red\N{REPLACEMENT CHARACTER}[31m alert\n" in out
    assert "\x1b" not in out


# The file and its secrets


def test_a_file_that_does_not_load_is_told_of_beside_the_others(clinic):
    clinic.write("typo", colour="red")
    (clinic.configs / "half.json").write_text("{")
    clinic.write("off", enabled=False)
    found = clinic.look()
    assert {each.sync for each in found} == {"half", "off", "sync-ab", "typo"}
    failed = [(each.sync, each.says) for each in found if each.level == "failed"]
    assert [name for name, _ in failed] == ["half", "typo"]
    assert failed[0][1].startswith("half.json: line 1, column 2: is not valid JSON")
    assert failed[1][1].startswith("typo.json: colour: is not a known key")
    assert [each.says for each in found if each.sync == "off"] == ["off.json says enabled: false: it is not run"]
    assert clinic.bad("typo")[0][1] == failed[1][1]
    assert any(each.says.startswith("SUP is there") for each in clinic.look("off"))


def test_secrets_that_cannot_be_looked_up_are_named_with_where_to_put_them(clinic, monkeypatch, tmp_path):
    missing = tmp_path / "no-such-file"
    clinic.write(devJira={"baseUrl": f"{clinic.url}/two", "apiToken": f"${{file:{missing}}}", "authType": "pat"})
    monkeypatch.delenv("SYNC_TOKEN")
    assert clinic.bad() == [
        (
            "failed",
            f"devJira.apiToken: {missing} cannot be read: No such file or directory",
            "put it right; it is looked up again without a restart",
        ),
        (
            "failed",
            "jira.apiToken: environment variable SYNC_TOKEN is not set",
            "set it where the group is started: export it, or write it into .env for the container",
        ),
    ]
    assert clinic.control.calls("one") == []


def test_an_unknown_sync_and_an_empty_folder_are_one_line_each(clinic):
    code, out, err = clinic.run("sync-ac")
    assert (code, out, err) == (1, "", "error: no sync is called sync-ac; did you mean sync-ab?\n")
    (clinic.configs / "sync-ab.json").unlink()
    code, out, err = clinic.run()
    assert (code, out) == (1, "")
    assert err == f"error: there is no sync in {clinic.configs}; jira-sync init writes one\n"


# A site


@pytest.mark.parametrize(
    # fault          says                                                   advice
    ("fault", "says", "advice"),
    [
        ("unauthorized", "does not accept our credentials", "the token of sync@example.com is wrong or has expired"),
        ("anonymous", "does not accept our credentials", "It is read from ${SYNC_TOKEN}"),
        ("captcha", "must sign in on the site and solve its captcha", "sign in at http://127.0.0.1:"),
        ("html_login", "it answers, but not as Jira does (text/html)", "a login page"),
        ("redirect", "it redirects to https://new.example/jira", "if https://new.example/jira is your Jira"),
        ("status", "it answers 503 Service Unavailable", "Jira is down or being maintained"),
        ("drop_before", "closed the connection without an answer", "look at baseUrl"),
    ],
)
def test_what_is_wrong_with_a_site_is_told_apart_and_the_other_site_is_looked_into(clinic, fault, says, advice):
    clinic.control.fault("one", fault, location="https://new.example/jira/rest/api/2/serverInfo?a=b")
    found = clinic.bad()
    assert len(matching(found, "failed", says, advice)) == len(found) == 1
    assert any(each.says.startswith("DEV is there") for each in clinic.look())


def test_addresses_that_lead_nowhere_are_told_apart(clinic, free_port):
    port = free_port()
    secure = clinic.url.replace("http:", "https:")
    for name, base_url in {
        "closed": f"http://127.0.0.1:{port}",
        "nobody": "https://nobody.invalid",
        "plain": f"{secure}/one",
        "wrong": f"{clinic.url}/none",
    }.items():
        account = {"baseUrl": base_url, "email": "a@b.example", "apiToken": "${SYNC_TOKEN}"}
        clinic.write(name, jira=account, databaseName=name, enabled=True, userProjectKey=name.upper())
    said = {each.sync: each.says for each in clinic.look() if each.level == "failed"}
    assert set(said) == {"closed", "nobody", "plain", "wrong"}
    assert f"127.0.0.1:{port} refuses the connection" in said["closed"]
    assert "nobody knows the name nobody.invalid here (DNS" in said["nobody"]
    assert "does not speak TLS" in said["plain"]
    assert "there is no Jira at this path (404)" in said["wrong"]


def test_a_site_that_hangs_keeps_no_other_waiting(clinic, wait_until):
    clinic.control.fault("one", "hang", path="/serverInfo$")
    looking = threading.Thread(target=main, args=(["doctor", "--json"],))
    looking.start()
    try:
        wait_until(lambda: clinic.control.calls("two"), "a call to the other site")
        assert clinic.control.calls("one") == []
    finally:
        clinic.control.heal("one")
        looking.join()
    assert clinic.control.calls("one")


@pytest.mark.parametrize("offset", [600, -600])
def test_a_clock_that_is_wrong_is_told_of_and_does_no_harm(clinic, offset):
    clinic.control.clock("two", offset)
    direction = "ahead of" if offset > 0 else "behind"
    [(level, says, advice)] = clinic.bad()
    assert level == "warning"
    assert says.startswith(f"its clock is 10 min {direction} ours")
    assert "jira-sync goes by Jira's clock" in advice


def test_what_a_site_says_of_its_limits_is_told_and_its_wish_to_be_spared_is_respected(clinic):
    clinic.write(jira={"baseUrl": f"{clinic.url}/one", "email": "sync@example.com", "apiToken": "${SYNC_TOKEN}",
                       "callsPerSecond": 500})  # fmt: skip
    clinic.control.fault("two", "burst", rate=1000, size=500)
    says = [each.says for each in clinic.look()]
    assert "it names no limit of calls; callsPerSecond keeps all syncs together at 500 a second" in says
    assert any(each.startswith("it takes 500 calls at once, 1000 more every 1 s") for each in says)
    clinic.control.fault("one", "status", status=429, retryAfter="900", path="/project/SUP$")
    assert len(matching(clinic.bad(), "failed", "429", "ask again in 900 s")) == 1
    clinic.control.heal("one")
    # What one was told, all workers and the next look respect.
    before = len(clinic.control.calls("one"))
    assert matching(clinic.bad(), "failed", "/project/SUP: not before", "ask again in")
    assert "/rest/api/2/project/SUP" not in {each["path"] for each in clinic.control.calls("one")[before:]}


# The projects


def test_a_project_that_is_not_there_is_named_with_the_nearest_one(clinic):
    clinic.write(userProjectKey="SPU", devProjectKey="XY")
    found = clinic.bad()
    assert matching(found, "failed", "there is no project SPU, or our account may not see it", "did you mean SUP?")
    assert matching(found, "failed", "there is no project XY, or our account may not see it", "it sees DEV")
    assert len(found) == 2


def test_each_permission_that_the_rules_need_is_asked_for_and_no_other(clinic):
    clinic.control.permissions("one", "sync", "SUP", revoke=["ADD_COMMENTS", "CREATE_ISSUES"])
    clinic.control.permissions(
        "two", "sync", "DEV", revoke=["TRANSITION_ISSUES", "CREATE_ATTACHMENTS", "CREATE_ISSUES"]
    )
    assert clinic.bad() == [
        (
            "failed",
            "our account may not comment in SUP, as take-on asks",
            "grant it ADD_COMMENTS in the permission scheme of SUP",
        ),
        (
            "failed",
            "our account may not attach files in DEV, as take-on asks",
            "grant it CREATE_ATTACHMENTS in the permission scheme of DEV",
        ),
        (
            "failed",
            "our account may not create issues in DEV, as take-on asks",
            "grant it CREATE_ISSUES in the permission scheme of DEV",
        ),
        (
            "failed",
            "our account may not move issues in DEV, as reopen asks",
            "grant it TRANSITION_ISSUES in the permission scheme of DEV",
        ),
    ]


def test_statuses_that_are_not_there_are_named_with_the_nearest_one(clinic):
    wrong = {**FINISH, "sourceStatus": ["Doen", "Closed"], "actions": {"syncStatus": True, "targetStatus": "Shipped"}}
    clinic.write(rules=[TAKE_ON, wrong])
    assert clinic.bad() == [
        (
            "failed",
            "SUP has no status Shipped, to which rule finish moves issues",
            "it has Open, Will Do, In Progress, Resolved, Closed, Reopened and Cancelled",
        ),
        ("failed", "DEV has no status Doen, which rule finish answers", "did you mean Done?"),
    ]


def test_whether_a_status_can_be_reached_is_tried_on_issues_that_are_there(clinic):
    clinic.control.create_many("two", "DEV", 1, status="To Do")
    follow = {"id": "follow", "sourceStatus": "Will Do", "syncDirection": "user_to_dev"}
    clinic.write(rules=[{**follow, "actions": {"syncStatus": True, "targetStatus": "In Review"}}, REOPEN])
    assert clinic.bad() == [
        (
            "warning",
            "DEV: In Review can be reached from In Progress, but not from Done (DEV-1) or To Do (DEV-3)",
            "what rule follow asks of an issue there is given up; add a transition, unless that is as it should be",
        ),
        (
            "warning",
            "DEV: Reopened can be reached from Done and In Progress, but not from To Do (DEV-3)",
            "what rule reopen asks of an issue there is given up; add a transition, unless that is as it should be",
        ),
    ]


def test_a_status_that_no_issue_reaches_and_an_empty_project_are_told_of(clinic):
    follow = {"id": "follow", "sourceStatus": "Will Do", "syncDirection": "user_to_dev"}
    clinic.on_one_site(
        devProjectKey="EMPTY",
        rules=[
            {**follow, "actions": {"syncStatus": True, "targetStatus": "Done"}},
            {**FINISH, "actions": {"syncStatus": True, "targetStatus": "Closed"}},
        ],
    )
    assert clinic.bad() == [
        (
            "failed",
            "SUP: Closed cannot be reached from Open (SUP-1) or Will Do (SUP-2)",
            OFFERED,
        ),
        (
            "warning",
            "EMPTY shows us no issue to try on whether one gets into Done",
            "ask again when there is one: create one there by hand, or let the sync do it",
        ),
    ]


def test_issues_in_statuses_that_the_latest_hundred_do_not_show_are_looked_for(clinic):
    clinic.control.create_many("two", "DEV", 1, status="In Review")
    clinic.control.create_many("two", "DEV", 101, status="In Progress")
    assert any("Reopened can be reached from Done, In Progress and In Review" in each.says for each in clinic.look())


def test_screens_that_demand_fields_are_told_of(clinic):
    resolved = {"name": "Finish", "target": "Done", "requiredFields": ["resolution"]}
    workflow = {"initial": "To Do", "transitions": [resolved, {"name": "Wait", "target": "Waiting"}]}
    strict = {"key": "RES", "workflow": workflow, "types": ["Task"], "screen": ["team", "description"],
              "required": ["team", "description"]}  # fmt: skip
    clinic.control.add_site(name="more", users=USERS, projects=[strict])
    clinic.control.create_many("more", "RES", 1, status="Waiting")
    account = {"baseUrl": f"{clinic.url}/more", "email": "sync@example.com", "apiToken": "${SYNC_TOKEN}"}
    done = {"id": "done", "sourceStatus": "Resolved", "syncDirection": "user_to_dev"}
    creates = {**TAKE_ON, "actions": {"createIssue": True}}
    moves = {**done, "actions": {"syncStatus": True, "targetStatus": "Done"}}
    clinic.write(devJira=account, devProjectKey="RES", rules=[creates, moves])
    found = clinic.bad()
    assert matching(found, "failed", "a new Task in RES must have Team (team), which jira-sync does not fill in", "")
    assert matching(found, "warning", "a new Task in RES must have Description, which is filled in only where", "")
    stuck = "RES: Done cannot be reached from Waiting (RES-1: “Finish” demands Resolution)"
    assert matching(found, "failed", stuck, "make the field optional there, or take it off")
    assert len(found) == 3


def test_what_holds_for_some_issue_types_only_is_told_of(clinic):
    bugs = {"key": "BUG", "types": ["Task", "Bug"], "workflow": "development", "workflows": {"Bug": FREE},
            "issues": [issue("Done", type="Bug"), issue("Done")]}  # fmt: skip
    clinic.control.add_site(name="more", users=USERS, projects=[bugs])
    account = {"baseUrl": f"{clinic.url}/more", "email": "sync@example.com", "apiToken": "${SYNC_TOKEN}"}
    clinic.write(devJira=account, devProjectKey="BUG", rules=[TAKE_ON, REOPEN])
    found = clinic.bad()
    assert matching(found, "warning", "Reopened is not in the workflow of Bug in BUG", "what rule reopen asks for them")
    assert matching(found, "warning", "BUG: Reopened can be reached from Done, but not from Done (BUG-1)", "")
    assert len(found) == 2


def test_a_rule_for_all_statuses_is_held_against_the_namesakes_that_are_there(clinic):
    clinic.write(
        rules=[{"id": "all", "sourceStatus": "*", "syncDirection": "user_to_dev", "actions": {"syncStatus": True}}]
    )
    says = "rule all moves issues of DEV to the status of the same name, but there is no Open, Will Do or Resolved"
    [(level, found, _)] = clinic.bad()
    assert (level, found) == ("warning", says)


def test_attachments_that_cannot_be_copied_are_told_of(clinic):
    clinic.control.settings("one", uploadLimit=20 * 1024 * 1024)
    assert matching(clinic.bad(), "warning", "attachments of up to 10 MB; SUP takes up to 20 MB", "larger files")
    clinic.control.settings("two", attachments=False)
    assert matching(clinic.bad(), "failed", "attachments are switched off on this site", "take syncAttachments out")


def test_a_question_that_is_not_answered_ends_the_questions_there_and_nowhere_else(clinic):
    clinic.control.fault("one", "status", status=503, path="/mypermissions$")
    found = clinic.bad()
    assert len(matching(found, "failed", "503", "the rest was not asked")) == len(found) == 1
    assert any(each.says.startswith("our account may see issues") for each in clinic.look())


# MongoDB


@pytest.mark.parametrize(
    # address                                  says                                                        advice
    ("url", "says", "advice"),
    [
        ("mongodb://u:pa55word@127.0.0.1:1/", "127.0.0.1:1: [Errno 111] Connection refused", "workers wait for it"),
        ("mongodb://u:pa55word@SERVER/", "does not accept the user or password in DATABASE_URL", "correct it"),
        ("mongodb://u:pa55word@[/", "DATABASE_URL is not a MongoDB address", "write it like mongodb://"),
        ("", "MongoDB was not asked: the embedded server runs only while the group does", "DATABASE_URL names"),
    ],
)
def test_a_database_that_is_not_there_is_told_of_and_jira_is_looked_into(
    clinic, monkeypatch, mongo_server, url, says, advice
):
    monkeypatch.setenv("DATABASE_URL", url.replace("SERVER", mongo_server.url.removeprefix("mongodb://")))
    found = clinic.look()
    [bad] = [each for each in found if each.level != "passed"]
    assert says in bad.says
    assert advice in bad.advice
    assert "pa55word" not in str(found)
    assert any(each.says.startswith("SUP is there") for each in found)


def test_a_user_who_may_not_write_is_told_what_to_be_granted(clinic, monkeypatch, new_mongo_server, tmp_path):
    (tmp_path / "guarded").mkdir()
    server = new_mongo_server(tmp_path / "guarded", "--auth")
    reads = [{"role": "read", "db": os.environ["TEST_DATABASE"]}]
    with MongoClient[dict[str, Any]](server.url) as client:
        client.admin.command("createUser", "root", pwd="pa55word", roles=["root"])
    with MongoClient[dict[str, Any]](server.url, username="root", password="pa55word") as client:
        client.admin.command("createUser", "reader", pwd="pa55word", roles=reads)
    monkeypatch.setenv("DATABASE_URL", server.url.replace("//", "//reader:pa55word@") + "/admin")
    name = os.environ["TEST_DATABASE"]
    shared = (
        "grant it the role readWrite on jira_sync; until then the syncs of a site do not tell each other of its limits"
    )
    assert clinic.bad() == [
        ("failed", f"our MongoDB user may not write to {name}", f"grant it the role readWrite on {name}"),
        ("warning", "our MongoDB user may not write to jira_sync", shared),
    ]


# A group that runs


@pytest.fixture
def group(clinic, monkeypatch, free_port) -> Iterator[Callable[[str], None]]:
    """Run `python -m generator COMMAND` on the group of the clinic."""

    monkeypatch.setenv("PORT", str(free_port()))

    def run(command: str) -> None:
        done = subprocess.run(
            [sys.executable, "-m", "generator", command], cwd=REPO, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done

    yield run
    run("stop")


def test_a_group_that_runs_is_looked_at_as_its_workers_see_it(clinic, group, monkeypatch, wait_until):
    clinic.write(initialSyncEnabled=False)
    group("start")
    monkeypatch.delenv("SYNC_TOKEN")  # which the group was started with
    wait_until(
        lambda: any("runs this sync since" in each.says for each in clinic.look()), "the worker to hold its sync"
    )
    assert clinic.bad() == []
    clinic.write(rules=[TAKE_ON, REOPEN])
    clinic.write("new", databaseName="elsewhere", devProjectKey="DEV", userProjectKey="EMPTY", rules=[])
    notes = {(each.sync, each.says, each.advice) for each in clinic.look() if each.about == "its file"}
    edited = "it was edited: what runs is what was applied last, not what is looked at here"
    assert ("sync-ab", edited, "jira-sync apply") in notes
    assert ("new", "the group that runs here does not know it yet", "jira-sync apply starts it") in notes
    (clinic.configs / "new.json").unlink()
    clinic.write(colour="red")
    found = clinic.look("sync-ab")
    assert next(each.says for each in found if each.level == "failed").startswith("sync-ab.json: colour")
    assert "it goes on running as it was applied last" in {each.says for each in found}
    assert any(each.says.startswith("DEV has the statuses that rules answer: Done, Closed") for each in found)
    (clinic.configs / "sync-ab.json").unlink()
    assert clinic.bad("sync-ab") == [
        ("warning", "its file is gone, but it runs as it was applied last", "jira-sync apply ends it")
    ]
