"""What `jira-sync doctor` finds about a Jira site."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from pymongo import MongoClient

from jira_sync.__main__ import main
from relay import Authority, Relay, server_side


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
def test_each_fault_of_a_site_has_its_own_finding_and_the_other_site_is_checked(doctor, fault, says, advice):
    doctor.control.fault("one", fault, location="https://new.example/jira/rest/api/2/serverInfo?a=b")
    found = doctor.problems()
    assert len(doctor.matching(found, "failed", says, advice)) == len(found) == 1
    assert any(finding.says.startswith("DEV is there") for finding in doctor.findings())


def test_each_kind_of_wrong_address_has_its_own_finding(doctor, free_port):
    port = free_port()
    secure = doctor.url.replace("http:", "https:")
    for name, base_url in {
        "closed": f"http://127.0.0.1:{port}",
        "nobody": "https://nobody.invalid",
        "plain": f"{secure}/one",
        "wrong": f"{doctor.url}/none",
    }.items():
        account = {"baseUrl": base_url, "email": "a@b.example", "apiToken": "${SYNC_TOKEN}"}
        doctor.write(name, jira=account, databaseName=name, enabled=True, userProjectKey=name.upper())
    said = {finding.sync: finding.says for finding in doctor.findings() if finding.level == "failed"}
    assert set(said) == {"closed", "nobody", "plain", "wrong"}
    assert f"127.0.0.1:{port} refuses the connection" in said["closed"]
    assert "nobody knows the name nobody.invalid here (DNS" in said["nobody"]
    assert "does not speak TLS" in said["plain"]
    assert "there is no Jira at this path (404)" in said["wrong"]


def test_a_site_that_hangs_does_not_delay_the_others(doctor, wait_until):
    doctor.control.fault("one", "hang", path="/serverInfo$")
    looking = threading.Thread(target=main, args=(["doctor", "--json"],))
    looking.start()
    try:
        wait_until(lambda: doctor.control.calls("two"), "a call to the other site")
        assert doctor.control.calls("one") == []
    finally:
        doctor.control.heal("one")
        looking.join()
    assert doctor.control.calls("one")


@pytest.mark.parametrize("offset", [600, -600])
def test_a_wrong_clock_of_a_site_is_a_warning(doctor, offset):
    doctor.control.clock("two", offset)
    direction = "ahead of" if offset > 0 else "behind"
    [(level, says, advice)] = doctor.problems()
    assert level == "warning"
    assert says.startswith(f"its clock is 10 min {direction} ours")
    assert "jira-sync goes by Jira's clock" in advice


def test_a_proxy_that_dates_the_answers_is_a_warning_and_nothing_is_said_against_jira_s_clock(doctor):
    doctor.control.fault("two", "wrong_date", offset=600)
    [(level, says, advice)] = doctor.problems()
    assert level == "warning"
    assert says == "its answers are dated 10 min ahead of the time that Jira itself tells"
    assert "goes by what Jira tells" in advice


def test_rate_limits_of_a_site_are_reported_and_its_retry_after_is_respected(doctor):
    doctor.write(jira={"baseUrl": f"{doctor.url}/one", "email": "sync@example.com", "apiToken": "${SYNC_TOKEN}",
                       "callsPerSecond": 500})  # fmt: skip
    doctor.control.fault("two", "burst", rate=1000, size=500)
    says = [finding.says for finding in doctor.findings()]
    assert "it names no limit of calls; callsPerSecond keeps all syncs together at 500 a second" in says
    assert any(text.startswith("it takes 500 calls at once, 1000 more every 1 s") for text in says)
    doctor.control.fault("one", "status", status=429, retryAfter="900", path="/project/SUP$")
    assert len(doctor.matching(doctor.problems(), "failed", "429", "ask again in 900 s")) == 1
    doctor.control.heal("one")
    # What one was told, all workers and the next look respect.
    before = len(doctor.control.calls("one"))
    assert doctor.matching(doctor.problems(), "failed", "/project/SUP: not before", "ask again in")
    assert "/rest/api/2/project/SUP" not in {call["path"] for call in doctor.control.calls("one")[before:]}


@pytest.mark.parametrize(
    # version   says
    ("version", "says"),
    [
        ("8.3.4", "Jira Data Center 8.3.4 is too old: jira-sync works with 8.4 and newer"),
        ("8.13.27", "Jira Data Center 8.13.27 knows no personal access tokens, which exist from 8.14 on"),
    ],
)
def test_a_jira_that_is_too_old_is_reported_and_the_other_site_is_checked(doctor, version, says):
    doctor.control.settings("two", version=version)
    found = doctor.problems()
    assert len(doctor.matching(found, "failed", says, "no worker does anything with it until then")) == len(found) == 1
    assert any(finding.says.startswith("SUP is there") for finding in doctor.findings())


def test_a_file_of_tls_that_cannot_be_used_is_reported_and_the_other_site_is_checked(doctor, tmp_path):
    authorities = tmp_path / "ca.pem"
    authorities.write_text("nothing")
    account = {"baseUrl": f"{doctor.url}/one", "email": "sync@example.com", "apiToken": "${SYNC_TOKEN}"}
    doctor.write(jira={**account, "caFile": str(authorities)})
    found = doctor.problems()
    assert doctor.matching(found, "failed", f"caFile: {authorities} cannot be used", "until then no worker")
    assert any(finding.says.startswith("DEV is there") for finding in doctor.findings())


def test_the_doctor_tries_a_secret_that_the_workers_leave_alone_and_sets_it_free(doctor, mongo_server):
    """A person asks because they have just mended it."""
    doctor.control.fault("one", "unauthorized", user="sync")
    for _ in range(5):
        assert doctor.matching(doctor.problems(), "failed", "credentials", "")
    doctor.control.heal("one")
    assert doctor.problems() == []
    with MongoClient[dict[str, Any]](mongo_server.url) as client:
        assert client["jira_sync"]["limits"].count_documents({"refusals": {"$gt": 0}}) == 0


def test_a_site_that_asks_for_a_certificate_is_told_from_one_that_does_not_speak_tls(doctor, tmp_path):
    company = Authority(tmp_path / "company", "Company CA")
    tls = server_side(*company.sign("jira"), clients=company.certificate)
    with Relay(f"{doctor.url}/one", path="/jira", tls=tls) as relay:
        account = {"baseUrl": relay.url, "email": "sync@example.com", "apiToken": "${SYNC_TOKEN}"}
        doctor.write(jira=account)
        [(_, says, advice)] = doctor.problems()
        assert "is not trusted" in says
        assert "name its authority's file in caFile" in advice
        account["caFile"] = str(company.certificate)
        doctor.write(jira=account)
        [(_, says, advice)] = doctor.problems()
        assert "wants another certificate of ours, or one at all" in says
        assert advice.startswith("name one in clientCertificate")
        certificate, key = company.sign("sync")
        doctor.write(jira={**account, "clientCertificate": str(certificate), "clientKey": str(key)})
        assert doctor.problems() == []
