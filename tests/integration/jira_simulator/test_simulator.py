"""The simulator behaves as Jira does, in its odd ways too, and goes wrong when it is told to."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

REPO = Path(__file__).parents[3]


def found(person: Any, jql: str, **parameters: Any) -> list[str]:
    answer = person.http.get("/search/jql", params={"jql": jql, "fields": "updated,key", **parameters})
    answer.raise_for_status()
    return [each["key"] for each in answer.json()["issues"]]


class TestSearch:
    def test_pages_by_token_until_the_last(self, ann):
        for number in range(5):
            ann.create("SUP", f"issue {number}")
        keys, token, pages = [], None, 0
        while True:
            parameters = {"jql": "project = SUP ORDER BY key", "fields": "updated", "maxResults": 2}
            page = ann.http.get("/search/jql", params=parameters | ({"nextPageToken": token} if token else {})).json()
            keys += [each["key"] for each in page["issues"]]
            pages += 1
            token = page.get("nextPageToken")
            assert page["isLast"] is (token is None)
            assert "total" not in page
            if token is None:
                break
        assert (keys, pages) == ([f"SUP-{number}" for number in range(1, 7)], 3)

    @pytest.mark.defect(23)
    def test_the_removed_search_of_cloud_is_gone_and_data_center_has_no_other(self, ann, dc_ann):
        assert ann.http.get("/search?jql=project=SUP").status_code == 410
        assert dc_ann.http.get("/search/jql?jql=project=SUP").status_code == 404
        page = dc_ann.http.get("/search?jql=project=SUP").json()
        assert (page["total"], page["startAt"], len(page["issues"])) == (1, 0, 1)

    def test_only_ids_come_unless_fields_are_asked_for(self, ann):
        (issue,) = ann.http.get("/search/jql?jql=project=SUP").json()["issues"]
        assert list(issue) == ["id"]

    def test_an_unquoted_number_is_absolute_and_a_quoted_time_is_read_in_the_searcher_s_zone(self, ann, control):
        created = ann.http.get("/issue/SUP-1?fields=created").json()["fields"]["created"]
        minute = created[:16].replace("T", " ")
        quoted = f'project = SUP AND created >= "{minute}"'
        with control.person("cloud", "far@example.com", "far-token") as far:
            assert (found(ann, quoted), found(far, quoted)) == (["SUP-1"], ["SUP-1"])
            assert found(far, "project = SUP AND created < 4102444800000") == ["SUP-1"]
            # Auckland is ahead: this very minute is half a day away there.
            assert found(far, quoted.replace(">=", "<")) == []
            assert found(far, f'project = SUP AND created <= "{minute}"') == []

    def test_search_lags_behind_while_a_direct_read_tells_the_truth(self, ann, control):
        control.index("cloud", hold=True)
        key = ann.create("SUP", "new")
        assert found(ann, "project = SUP") == ["SUP-1"]
        assert ann.http.get(f"/issue/{key}").status_code == 200
        control.index("cloud", hold=False)
        assert found(ann, "project = SUP") == ["SUP-1", key]

    def test_an_issue_may_vanish_from_search_for_a_while(self, ann, control):
        control.index("cloud", hide=["SUP-1"])
        assert found(ann, "project = SUP") == []
        control.index("cloud", show=["SUP-1"])
        assert found(ann, "project = SUP") == ["SUP-1"]

    @pytest.mark.parametrize(
        ("jql", "keys"),
        [
            ("project = sup", ["SUP-1"]),
            ('project in (DEV, "SUP") AND NOT status = Open', ["SUP-1"]),
            ("status = 'will do' OR key = SUP-1", ["SUP-1"]),
            ("status != Open", ["SUP-1"]),
            ("status not in (Open, Resolved)", ["SUP-1"]),
            ("labels = a AND labels in (a, b) AND labels IS NOT EMPTY", ["SUP-1"]),
            ("labels is empty", []),
            ("creator = currentUser() AND updated >= -5m", ["SUP-1"]),
            ("key > SUP-1", []),
            ("key >= SUP-1 ORDER BY updated DESC, key ASC", ["SUP-1"]),
        ],
    )
    def test_jql(self, ann, jql, keys):
        assert found(ann, jql) == keys

    @pytest.mark.parametrize(
        "jql",
        [
            "project = NOPE",
            "status = Nope",
            "colour = red",
            "project ~ SUP",
            "project = SUP AND",
            "status > Open",
            "updated >= soon",
            "key > SUP-999",
            "project = SUP ORDER BY a",
            "project = SUP; DROP",
            "issue.property[x].y = 1",
        ],
    )
    def test_what_jira_refuses_is_refused(self, ann, jql):
        answer = ann.http.get("/search/jql", params={"jql": jql})
        assert answer.status_code == 400
        assert answer.json()["errorMessages"]


class TestIssues:
    def test_an_issue_that_moved_keeps_its_id_and_is_found_by_its_old_key(self, ann, control):
        before = ann.http.get("/issue/SUP-1").json()["id"]
        new = control.move("cloud", "SUP-1", "DEV")
        moved = ann.http.get("/issue/SUP-1").json()
        assert (moved["id"], moved["key"]) == (before, new)
        assert found(ann, "project = SUP") == []

    def test_a_bulk_read_leaves_out_what_is_not_there(self, ann, dc_ann):
        body = {"issueIdsOrKeys": ["SUP-1", "SUP-9", "424242"]}
        assert [each["key"] for each in ann.http.post("/issue/bulkfetch", json=body).json()["issues"]] == ["SUP-1"]
        assert ann.http.post("/issue/bulkfetch", json={"issueIdsOrKeys": ["SUP-1"] * 101}).status_code == 400
        assert dc_ann.http.post("/issue/bulkfetch", json=body).status_code == 404

    def test_a_bulk_read_shows_only_the_newest_of_a_long_history(self, ann):
        for number in range(45):
            ann.edit("SUP-1", summary=f"edit {number}")
        body = {"issueIdsOrKeys": ["SUP-1"], "expand": ["changelog"]}
        log = ann.http.post("/issue/bulkfetch", json=body).json()["issues"][0]["changelog"]
        assert (len(log["histories"]), log["total"] > 45) == (40, True)
        assert log["histories"][0]["items"][0]["toString"] == "edit 44"

    def test_a_remote_link_with_a_global_id_is_updated_not_doubled(self, ann):
        body = {"globalId": "g", "object": {"url": "https://x.example", "title": "one"}}
        assert ann.http.post("/issue/SUP-1/remotelink", json=body).status_code == 201
        body["object"]["title"] = "two"
        assert ann.http.post("/issue/SUP-1/remotelink", json=body).status_code == 200
        assert [each["object"]["title"] for each in ann.http.get("/issue/SUP-1/remotelink").json()] == ["two"]
        assert ann.http.get("/issue/SUP-1/remotelink?globalId=g").json()["globalId"] == "g"

    def test_only_the_transitions_of_the_present_status_can_be_made(self, ann):
        names = {each["to"]["name"] for each in ann.http.get("/issue/SUP-1/transitions").json()["transitions"]}
        assert names == {"In Progress", "Resolved", "Cancelled"}
        assert ann.http.post("/issue/SUP-1/transitions", json={"transition": {"id": "999"}}).status_code == 400
        ann.move("SUP-1", "Resolved")
        with pytest.raises(LookupError):
            ann.move("SUP-1", "Will Do")

    def test_properties_come_with_the_issue_that_is_created(self, ann):
        fields = {"project": {"key": "SUP"}, "issuetype": {"name": "Task"}, "summary": "x"}
        body = {"fields": fields, "properties": [{"key": "p", "value": {"a": 1}}]}
        key = ann.http.post("/issue", json=body).json()["key"]
        assert ann.http.get(f"/issue/{key}/properties/p").json()["value"] == {"a": 1}

    @pytest.mark.parametrize("person", ["ann", "dc_ann"])
    def test_files_go_up_and_come_down(self, request, person):
        who = request.getfixturevalue(person)
        who.attach("SUP-1", "blob.bin", b"\0\1" * 50_000)
        file = who.http.get("/issue/SUP-1").json()["fields"]["attachment"][-1]
        assert file["size"] == 100_000
        assert who.http.get(file["content"], follow_redirects=True).content == b"\0\1" * 50_000

    def test_an_upload_needs_its_header_and_must_not_be_too_large(self, ann, control):
        files = {"file": ("x", b"x" * 11)}
        assert ann.http.post("/issue/SUP-1/attachments", files=files).status_code == 403
        control.settings("cloud", uploadLimit=10)
        headers = {"X-Atlassian-Token": "no-check"}
        assert ann.http.post("/issue/SUP-1/attachments", files=files, headers=headers).status_code == 413

    def test_a_body_that_is_no_json_is_refused(self, ann):
        assert ann.http.post("/issue", content=b"x").status_code == 415
        assert ann.http.post("/issue", content=b"x", headers={"Content-Type": "application/json"}).status_code == 400


class TestWhoCalls:
    def test_nobody_sees_nothing_and_is_not_told_why(self, nobody):
        assert nobody.get("/cloud/rest/api/2/search/jql?jql=project=SUP").json()["issues"] == []
        assert nobody.get("/cloud/rest/api/2/issue/SUP-1").status_code == 404
        assert nobody.get("/cloud/rest/api/2/myself").status_code == 401
        assert nobody.get("/dc/rest/api/2/serverInfo").headers["X-AUSERNAME"] == "anonymous"

    @pytest.mark.parametrize(
        ("site", "headers", "status"),
        [
            ("cloud", {"Authorization": "Bearer ann-token"}, 401),
            ("cloud", {"Authorization": "Basic nonsense"}, 401),
            ("dc", {"Authorization": "Bearer ann-token"}, 200),
            ("dc", {"Authorization": "Bearer wrong"}, 401),
        ],
    )
    def test_credentials(self, nobody, site, headers, status):
        assert nobody.get(f"/{site}/rest/api/2/myself", headers=headers).status_code == status

    def test_a_token_that_was_rotated_does_not_work_any_more(self, ann, control):
        control.rotate_token("cloud", "ann", "new")
        assert ann.http.get("/myself").status_code == 401

    def test_an_expired_token_may_be_answered_as_nobody_would_be(self, ann, control):
        control.fault("cloud", "anonymous", user="ann")
        answer = ann.http.get("/search/jql?jql=project=SUP")
        assert (answer.status_code, answer.json()["issues"]) == (200, [])
        assert answer.headers["x-seraph-loginreason"] == "AUTHENTICATED_FAILED"
        control.heal("cloud")
        control.fault("cloud", "anonymous", user="ann", silent=True)
        assert "x-seraph-loginreason" not in ann.http.get("/search/jql?jql=project=SUP").headers


class TestFaults:
    def test_a_dropped_connection_after_a_create_leaves_the_issue_created(self, ann, control):
        control.fault("cloud", "drop_after", method="POST", path="/issue$", times=1)
        with pytest.raises(httpx.RemoteProtocolError):
            ann.create("SUP", "dropped")
        assert control.issues("cloud", "SUP")[-1]["summary"] == "dropped"
        assert control.calls("cloud")[-1]["status"] == 0

    def test_a_dropped_connection_before_a_create_leaves_nothing(self, ann, control):
        control.fault("cloud", "drop_before", method="POST", path="/issue$", times=1)
        with pytest.raises(httpx.RemoteProtocolError):
            ann.create("SUP", "dropped")
        assert len(control.issues("cloud", "SUP")) == 1
        assert ann.create("SUP", "again") == "SUP-2"

    @pytest.mark.parametrize("kind", ["status", "status_after"])
    def test_an_error_may_come_before_or_after_the_work(self, ann, control, kind):
        control.fault("cloud", kind, status=500, method="POST", path="/issue$", times=1)
        with pytest.raises(httpx.HTTPStatusError):
            ann.create("SUP", "failed")
        assert len(control.issues("cloud", "SUP")) == (2 if kind == "status_after" else 1)

    def test_too_many_calls(self, ann, control):
        control.fault("cloud", "status", status=429, retryAfter="7", reason="jira-burst-based", times=1)
        answer = ann.http.get("/myself")
        assert (answer.status_code, answer.headers["Retry-After"]) == (429, "7")
        assert answer.headers["RateLimit-Reason"] == "jira-burst-based"
        assert ann.http.get("/myself").status_code == 200

    def test_a_login_page_instead_of_an_answer(self, ann, control):
        control.fault("cloud", "html_login", times=1)
        answer = ann.http.get("/myself")
        assert (answer.status_code, answer.headers["Content-Type"][:9]) == (200, "text/html")

    def test_a_download_may_lead_to_another_host(self, ann, control):
        control.fault("cloud", "redirect_attachment", location="https://elsewhere.example/f")
        file = ann.http.get("/issue/SUP-1").json()["fields"]["attachment"][0]
        answer = ann.http.get(f"/attachment/content/{file['id']}?redirect=false")
        assert (answer.status_code, answer.headers["Location"]) == (303, "https://elsewhere.example/f")

    def test_the_site_s_clock_is_its_own(self, ann, control):
        control.clock("cloud", 3600 * 24 * 365 * 10)
        assert " 2036 " in ann.http.get("/myself").headers["Date"]

    @pytest.mark.parametrize(
        "fault", [{"kind": "nonsense"}, {"kind": "status", "tmies": 1}, {"kind": "drop_after", "times": 0}]
    )
    def test_a_fault_that_does_not_exist_is_refused(self, nobody, fault):
        assert nobody.post("/control/cloud/faults", json=fault).status_code == 400

    def test_an_unknown_site_is_said(self, nobody):
        answer = nobody.get("/control/nope/issues")
        assert (answer.status_code, answer.json()["errorMessages"]) == (
            404,
            ["There is no site nope; there are cloud, dc."],
        )


class TestPages:
    def test_what_people_write_is_shown_and_never_run(self, ann, nobody):
        ann.edit("SUP-1", summary="<script>alert(1)</script>", description="<b>x</b>")
        ann.comment("SUP-1", "<i>y</i>")
        link = {"object": {"url": "javascript:alert(1)", "title": "<u>z</u>"}}
        ann.http.post("/issue/SUP-1/remotelink", json=link).raise_for_status()
        for path in ("/", "/cloud/browse/SUP-1"):
            page = nobody.get(path)
            assert page.status_code == 200
            assert "&lt;script&gt;" in page.text
            assert not [tag for tag in ("<script", "<b>", "<i>", "<u>", "href='javascript") if tag in page.text]
            assert "default-src 'none'" in page.headers["Content-Security-Policy"]

    def test_a_person_can_move_an_issue_from_its_page(self, ann, nobody):
        ways = ann.http.get("/issue/SUP-1/transitions").json()["transitions"]
        way = next(each["id"] for each in ways if each["to"]["name"] == "In Progress")
        assert nobody.post("/cloud/browse/SUP-1", data={"transition": way}).status_code == 303
        assert "In Progress" in nobody.get("/cloud/browse/SUP-1").text

    def test_another_site_s_form_is_not_heard(self, nobody):
        answer = nobody.post(
            "/cloud/browse/SUP-1", data={"transition": "1"}, headers={"Origin": "https://evil.example"}
        )
        assert answer.status_code == 403


class TestCommand:
    def test_it_says_where_it_is_and_ends_when_told(self, free_port, wait_until):
        port = free_port()
        command = [sys.executable, "-m", "jira_simulator", "--demo", "--port", str(port)]
        process = subprocess.Popen(command, cwd=REPO, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        assert process.stdout.readline() == f"jira-simulator: http://127.0.0.1:{port} serves acme, globex, initech\n"
        process.terminate()
        assert process.wait(10) == 0
        process.stdout.close()

    def test_a_taken_port_is_one_line(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            command = [sys.executable, "-m", "jira_simulator", "--demo", "--port", str(taken.getsockname()[1])]
            done = subprocess.run(command, cwd=REPO, capture_output=True, text=True, check=False)
        assert done.returncode == 1
        assert len(done.stderr.splitlines()) == 1
