"""A site's limits: what one worker runs into, all workers on that site respect; nobody else does."""

from __future__ import annotations

import io
import json
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from pymongo import MongoClient

from benchmarks import shared_limits
from jira_simulator.seed import Seed
from jira_simulator.server import RunningSimulator
from sync_model.accounts.connection import Connection, site_of
from sync_worker.core.decisions.rate_limit import call_of
from sync_worker.core.errors import SiteThrottled, Unavailable
from sync_worker.core.issues.issue import Draft
from sync_worker.database.shared.rate_limits import SiteLimits
from sync_worker.jira import JiraClient
from sync_worker.runtime import logs

TOKEN = "s3cr3t-token"
USER = {"name": "sync", "email": "sync@example.com", "token": TOKEN}
SEARCH = call_of("POST", "/rest/api/2/search/jql")
MYSELF = call_of("GET", "/rest/api/2/myself")
LONGEST_WAIT = 900.0


class Shared:
    """One MongoDB, and workers' limits that are kept in it."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.client: MongoClient[dict[str, Any]] = MongoClient(url, tz_aware=True)
        self.log = io.StringIO()
        self._clients = [self.client]

    def limits(self, site: str, budget: float | None = None, client: MongoClient | None = None) -> SiteLimits:
        """Return the limits as a worker of its own knows them."""
        if client is None:
            client = MongoClient(self.url, tz_aware=True)
            self._clients.append(client)
        return SiteLimits(client, site, budget, logs.configure("sync-ab", "debug", self.log))

    def documents(self) -> list[dict[str, Any]]:
        return list(self.client["jira_sync"]["limits"].find())

    def logged(self, event: str) -> list[dict[str, Any]]:
        lines = (json.loads(line) for line in self.log.getvalue().splitlines())
        return [line for line in lines if line["event"] == event]

    def close(self) -> None:
        self.client["jira_sync"]["limits"].delete_many({})
        for each in self._clients:
            each.close()


@pytest.fixture
def shared(mongo_server) -> Iterator[Shared]:
    shared = Shared(mongo_server.url)
    yield shared
    shared.close()


@pytest.fixture
def site() -> str:
    return f"{uuid.uuid4().hex}.example.com"


class Site:
    """A simulated site with two issues, and workers' clients there, which share what they find out."""

    def __init__(self, simulator: RunningSimulator, shared: Shared, *, is_cloud: bool) -> None:
        self.control, self.shared, self.is_cloud = simulator.control, shared, is_cloud
        url = f"{simulator.url}/site"
        self.connection = Connection(url, url, SecretStr(TOKEN), USER["email"] if is_cloud else None)
        self.name = site_of(url)
        self.control.create_many("site", "SUP", 2)
        self.issues = [each["id"] for each in self.control.issues("site")]
        self.clients: list[JiraClient] = []

    def worker(self, pause: Callable[[float], None] = time.sleep) -> JiraClient:
        def limits_of(_connection: Connection) -> SiteLimits:
            return self.shared.limits(self.name)

        self.clients.append(JiraClient(lambda: self.connection, pause, limits_of=limits_of))
        return self.clients[-1]

    def statuses(self) -> list[int]:
        return [each["status"] for each in self.control.calls("site")]


@pytest.fixture(params=["cloud"])
def on_site(request: pytest.FixtureRequest, shared: Shared) -> Iterator[Site]:
    seed = {"name": "site", "flavor": request.param, "users": [USER], "projects": [{"key": "SUP"}]}
    with RunningSimulator(Seed.model_validate({"sites": [seed]})) as simulator:
        site = Site(simulator, shared, is_cloud=request.param == "cloud")
        yield site
        for each in site.clients:
            each.close()


DATA_CENTER = pytest.mark.parametrize("on_site", ["data_center"], indirect=True)


class Impatient(Exception):
    """Raised instead of waiting."""


def impatient(seconds: float) -> None:
    if seconds > 0.05:
        raise Impatient


class TestWhatIsClosed:
    """A 429 says by its reason what it is about; what another worker may go on with follows from that."""

    def test_an_exceeded_quota_stops_every_call_of_another_worker_until_it_is_over(self, on_site):
        quota = {"status": 429, "reason": "jira-quota-tenant-based", "retryAfter": "1"}
        on_site.control.fault("site", "status", times=1, path="/myself", **quota)
        with pytest.raises(Impatient):
            on_site.worker(impatient).account()
        other = on_site.worker(impatient)
        for call in (other.account, lambda: other.comment(on_site.issues[0], "x", "m")):
            with pytest.raises(Impatient):
                call()
        assert on_site.statuses() == [429]
        assert on_site.worker().account()
        assert on_site.statuses() == [429, 200]

    def test_a_long_wait_for_a_quota_ends_the_cycle_instead_of_waiting_in_place(self, on_site):
        quota = {"status": 429, "reason": "jira-quota-tenant-based", "retryAfter": "60"}
        on_site.control.fault("site", "status", times=1, path="/myself", **quota)
        with pytest.raises(Unavailable) as first:
            on_site.worker(impatient).account()
        with pytest.raises(SiteThrottled) as error:
            on_site.worker(impatient).comment(on_site.issues[0], "x", "m")
        assert 58 < error.value.retry_after <= 60
        assert first.value.retry_after == 60
        assert len(on_site.statuses()) == 1

    def test_a_burst_limit_stops_only_its_endpoint(self, on_site):
        burst = {"status": 429, "reason": "jira-burst-based", "retryAfter": "60"}
        on_site.control.fault("site", "status", times=1, path="/comment$", **burst)
        first, second = on_site.issues
        with pytest.raises(Unavailable):
            on_site.worker(impatient).comment(first, "x", "m")
        other = on_site.worker(impatient)
        assert other.account()
        assert other.issue(first)
        with pytest.raises(Unavailable) as error:
            other.comment(second, "x", "m")
        assert not isinstance(error.value, SiteThrottled)
        assert on_site.statuses().count(429) == 1

    def test_a_limit_of_one_issue_stops_only_writes_to_that_issue(self, on_site):
        limited = {"status": 429, "reason": "jira-per-issue-on-write", "retryAfter": "60"}
        on_site.control.fault("site", "status", times=1, path="/comment$", **limited)
        first, second = on_site.issues
        with pytest.raises(Unavailable):
            on_site.worker(impatient).comment(first, "x", "m")
        other = on_site.worker(impatient)
        other.comment(second, "x", "m")
        assert other.issue(first)
        for write in (lambda: other.comment(first, "x", "m"), lambda: other.link(first, "g", "http://a", "t", "")):
            with pytest.raises(Unavailable, match="jira-per-issue-on-write"):
                write()
        assert on_site.statuses().count(429) == 1

    def test_a_503_with_an_end_closes_the_site(self, on_site):
        on_site.control.fault("site", "status", status=503, retryAfter="120", times=1, path="/comment$")
        with pytest.raises(Unavailable):
            on_site.worker(impatient).comment(on_site.issues[0], "x", "m")
        with pytest.raises(SiteThrottled):
            on_site.worker(impatient).account()
        assert len(on_site.statuses()) == 1

    def test_a_503_without_an_end_closes_nothing(self, on_site):
        on_site.control.fault("site", "status", status=503, times=1, path="/comment$")
        with pytest.raises(Unavailable):
            on_site.worker(impatient).comment(on_site.issues[0], "x", "m")
        assert on_site.worker(impatient).account()
        assert on_site.shared.documents() == []

    def test_the_limits_of_one_site_do_not_hold_for_another(self, shared, site):
        one, other = shared.limits(site), shared.limits(f"{site}/jira")
        one.answered(MYSELF, 429, {"RateLimit-Reason": "jira-quota-global-based", "Retry-After": "60"})
        assert shared.limits(site).before(SEARCH).whole_site
        assert other.before(SEARCH).seconds == 0

    def test_a_limit_that_another_worker_finds_out_is_known_soon(self, shared, site, wait_until):
        one, other = shared.limits(site), shared.limits(site)
        assert other.before(MYSELF).seconds == 0
        one.answered(MYSELF, 429, {"RateLimit-Reason": "jira-quota-tenant-based", "Retry-After": "60"})
        wait_until(lambda: other.before(MYSELF).seconds > 50, "the news", 5)

    @pytest.mark.parametrize(
        # what Jira asks for        what it gets   an operator is told
        ("asked", "waiting", "alarming"),
        [
            ("9223372036854775807", LONGEST_WAIT, True),
            ("901", LONGEST_WAIT, True),
            ("900", LONGEST_WAIT, False),
            ("5", 5.0, False),
            ("0", 1.0, False),
            ("-7", 1.0, False),
            ("soon", 1.0, False),
        ],
    )
    def test_an_absurd_retry_after_is_cut_short_and_logged_as_an_error(self, shared, site, asked, waiting, alarming):
        limits = shared.limits(site)
        limits.answered(MYSELF, 429, {"Retry-After": asked})
        for each in (limits, shared.limits(site)):
            assert waiting - 0.9 < each.before(MYSELF).seconds <= waiting
        alarms = shared.logged("Jira asks for an absurd wait")
        assert [(each["level"], each["waiting"]) for each in alarms] == [("error", waiting)] * alarming

    def test_a_shorter_pause_does_not_end_a_longer_one(self, shared, site):
        limits = shared.limits(site)
        limits.before(MYSELF)  # so that it does not look what the others know for the next second
        for asked in ("60", "5"):
            limits.answered(MYSELF, 429, {"Retry-After": asked})
        for each in (limits, shared.limits(site)):
            assert each.before(MYSELF).seconds > 50


class TestPace:
    def test_after_a_burst_limit_all_workers_keep_to_half_of_the_limit_that_the_refusal_names(
        self, shared, site, wait_until
    ):
        """The pace has to be found out only once. However long the calls themselves take, each is granted a time."""
        one, other = shared.limits(site), shared.limits(site)
        burst = {"RateLimit-Reason": "jira-burst-based", "Retry-After": "0", "X-RateLimit-Limit": "10"}
        for _ in range(3):  # all that was under way is refused
            one.answered(MYSELF, 429, burst)
        (bucket,) = shared.documents()
        assert bucket["rate"] == 5.0
        wait_until(lambda: other.before(MYSELF).is_turn, "the end of the pause")
        began, (bucket,) = time.monotonic(), shared.documents()  # the pace has grown a little during the pause
        waits = [worker.before(MYSELF) for worker in (one, other) * 50]
        granted = time.monotonic() - began + waits[-1].seconds
        assert all(wait.is_turn for wait in waits)
        assert granted == pytest.approx(100 / bucket["rate"], rel=0.05)
        assert other.before(SEARCH).seconds == 0

    @DATA_CENTER
    def test_what_data_center_says_of_its_bucket_keeps_workers_from_emptying_it(self, on_site):
        on_site.control.fault("site", "burst", rate=5, size=12)
        one, other = on_site.worker(), on_site.worker()
        for worker in (one,) * 7 + (other,):
            worker.account()
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda worker: worker.account(), (one, other) * 5))
        assert on_site.statuses() == [200] * 18

    def test_a_budget_holds_over_two_workers_together(self, shared, site):
        """Each call is granted a time: within any second no more than the budget, plus a full bucket at first."""
        began = time.monotonic()
        workers = [shared.limits(site, budget=10.0) for _ in range(2)]
        granted = []
        for number in range(300):
            pause = workers[number % 2].before(MYSELF)
            assert pause.is_turn
            granted.append(time.monotonic() - began + pause.seconds)
        granted.sort()
        assert sum(at <= 1 for at in granted) <= 21
        for start in range(1, 29):
            assert sum(start < at <= start + 1 for at in granted) <= 11
        assert granted[-1] == pytest.approx((300 - 10) / 10, abs=0.3)

    def test_a_call_that_is_not_made_after_all_costs_no_budget(self, shared, site):
        limits = shared.limits(site, budget=1.0)
        waits = []
        for _ in range(5):
            waits.append(limits.before(MYSELF).seconds)
            limits.return_token(MYSELF)
        assert max(waits) == 0
        assert limits.before(MYSELF).seconds == 0
        assert limits.before(MYSELF).seconds > 0.5

    def test_writes_to_one_issue_are_spaced_and_other_calls_are_not(self, shared, site):
        limits = shared.limits(site)
        write = [call_of("PUT", f"/rest/api/2/issue/{number}") for number in (1, 2)]
        assert [limits.before(write[0]).seconds for _ in range(18)] == [0] * 18
        assert 1 < limits.before(write[0]).seconds <= 2
        assert limits.before(write[1]).seconds == 0
        assert limits.before(call_of("GET", "/rest/api/2/issue/1")).seconds == 0

    def test_jira_s_own_limit_of_writes_to_one_issue_is_never_met(self, on_site):
        on_site.control.fault("site", "per_issue_burst", size=20, seconds=2)
        worker = on_site.worker()
        for number in range(22):
            worker.link(on_site.issues[0], f"g{number}", "http://a", "t", "")
        assert set(on_site.statuses()) <= {200, 201}


class TestWhatIsKept:
    @pytest.mark.parametrize("on_site", ["cloud", "data_center"], indirect=True)
    def test_the_shared_limits_contain_nothing_secret(self, on_site):
        on_site.control.fault("site", "burst", rate=100, size=100)
        limited = {
            "/comment$": "jira-burst-based",
            "/remotelink$": "jira-per-issue-on-write",
            "/issue/bulk$": "jira-quota-tenant-based",
        }
        for path, reason in limited.items():
            on_site.control.fault("site", "status", status=429, reason=reason, retryAfter="60", path=path)
        worker, issue = on_site.worker(), on_site.issues[0]
        draft = Draft("10000", "1", {}, {})
        worker.account()
        for call in (
            lambda: worker.comment(issue, "x", "m"),
            lambda: worker.link(issue, "g", "http://a", "t", ""),
            lambda: worker.create_many([draft]),
        ):
            with pytest.raises(Unavailable):
                call()
        kept = on_site.shared.documents()
        scopes = {each["_id"].removeprefix(on_site.name) for each in kept}
        assert scopes >= {"", " POST /issue/{}/comment", f" issue {issue}"}
        assert (" user sync" in scopes) is (not on_site.is_cloud)
        for secret in (TOKEN, USER["email"], "Basic", "Bearer"):
            assert secret not in json.dumps(kept, default=str) + on_site.shared.log.getvalue()


def test_without_mongodb_a_worker_keeps_only_to_the_limits_that_it_knows_itself(shared, site, free_port):
    dead: MongoClient[dict[str, Any]] = MongoClient(
        f"mongodb://127.0.0.1:{free_port()}", serverSelectionTimeoutMS=20, tz_aware=True
    )
    limits = shared.limits(site, budget=1.0, client=dead)
    assert limits.before(MYSELF).seconds == 0
    limits.answered(SEARCH, 429, {"Retry-After": "60", "RateLimit-Reason": "jira-burst-based"})
    assert limits.before(SEARCH).seconds > 50
    dead.close()


def test_many_syncs_on_one_limited_site_get_everything_done_and_none_is_refused(tmp_path: Path):
    figures = shared_limits.run(
        tmp_path, workers=4, issues=3, rate=25.0, size=30, latency=0.0, interval=3.0, deadline=40.0
    )
    assert (figures.unfinished, figures.refused, figures.backed_off) == ((), (), ())
    assert figures.later_share < 0.2


def test_a_worker_that_joins_in_takes_its_first_token_from_the_bucket_that_all_share(shared, site):
    """Whose bucket it is, Data Center tells with the first answer; that call has taken a token, too."""

    def told(left: int) -> dict[str, str]:
        return {
            "X-RateLimit-Limit": "10",
            "X-RateLimit-Remaining": str(left),
            "X-RateLimit-FillRate": "0.01",
            "X-RateLimit-Interval-Seconds": "1",
            "X-AUSERNAME": "sync",
        }

    for number in range(4):
        worker = shared.limits(site)
        assert worker.before(MYSELF).seconds == 0
        worker.answered(MYSELF, 200, told(9 - number))
    (bucket,) = shared.documents()
    assert bucket["tokens"] <= 6.5


@pytest.mark.parametrize("asked", ["nan", "soon", ""])
def test_a_retry_after_that_is_no_number_is_a_short_pause(shared, site, asked):
    worker = shared.limits(site)
    worker.answered(MYSELF, 429, {"Retry-After": asked})
    assert 0 < worker.before(MYSELF).seconds <= 1


def test_a_retry_after_that_is_a_date_is_respected(shared, site):
    worker = shared.limits(site)
    dates = {"Date": "Sun, 01 Mar 2026 12:00:00 GMT", "Retry-After": "Sun, 01 Mar 2026 12:02:00 GMT"}
    worker.answered(MYSELF, 429, dates)
    assert 110 < worker.before(MYSELF).seconds <= 120


def test_a_limit_that_is_over_is_forgotten(shared, site):
    """A worker lives for months, and a limit on one issue is over in a moment."""
    worker = shared.limits(site)
    for number in range(50):
        call = call_of("POST", f"/rest/api/2/issue/{number}/comment")
        worker.answered(call, 429, {"RateLimit-Reason": "jira-per-issue-on-write", "Retry-After": "1"})
    for known in worker._known.values():
        known.until -= 2
    shared.client["jira_sync"]["limits"].delete_many({})
    worker._refreshed_at -= 2
    worker.before(MYSELF)
    assert worker._known == {}


def test_a_pace_recovers_however_often_jira_has_refused_a_call(shared, site):
    """A refusal now and then, whatever its cause, must not slow a site down for good."""
    worker = shared.limits(site)
    bucket = {"_id": f"{site} {MYSELF.endpoint}"}
    limits = shared.client["jira_sync"]["limits"]
    for _ in range(30):
        worker.answered(MYSELF, 429, {})
        limits.update_one(bucket, [{"$set": {"until": "$$NOW"}}])
    slowest = limits.find_one(bucket)["rate"]
    assert slowest >= 2
    for _ in range(10):
        # A minute passes between any two calls.
        limits.update_one(bucket, [{"$set": {"filled": {"$subtract": ["$$NOW", 60_000]}}}])
        for known in worker._known.values():
            known.until = 0.0
        worker.before(MYSELF)
    assert limits.find_one(bucket)["rate"] > 10 * slowest


class TestClocks:
    """MongoDB's clock was set back, by more than any site asks for: what is kept lies far ahead of it."""

    FAR_AHEAD = timedelta(hours=24)

    def test_a_pause_is_no_longer_than_any_site_asks_for(self, shared, site):
        until = datetime.now(UTC) + self.FAR_AHEAD
        document = {"_id": site, "site": site, "until": until, "reason": "Jira asked for a pause"}
        shared.client["jira_sync"]["limits"].insert_one({**document, "touched": until})
        assert 0 < shared.limits(site).before(SEARCH).seconds <= LONGEST_WAIT

    def test_a_pause_that_is_longer_than_any_site_asks_for_ends_in_time_however_often_it_is_looked_at(
        self, shared, site
    ):
        limits = shared.client["jira_sync"]["limits"]
        until = datetime.now(UTC) + self.FAR_AHEAD
        limits.insert_one({"_id": site, "site": site, "until": until, "touched": until})
        shared.limits(site).before(SEARCH)
        assert limits.find_one({"_id": site})["until"] <= datetime.now(UTC) + timedelta(seconds=LONGEST_WAIT)

    def test_a_new_pause_replaces_one_that_lies_too_far_ahead(self, shared, site):
        until = datetime.now(UTC) + self.FAR_AHEAD
        shared.client["jira_sync"]["limits"].insert_one({"_id": site, "site": site, "until": until, "touched": until})
        shared.limits(site).answered(SEARCH, 503, {"Retry-After": "30"})
        assert shared.limits(site).before(SEARCH).seconds <= 30

    def test_a_bucket_takes_nobody_s_turn_away(self, shared, site):
        filled = datetime.now(UTC) + self.FAR_AHEAD
        bucket = {"_id": f"{site} budget", "site": site, "rate": 5.0, "size": 5.0, "tokens": 5.0}
        shared.client["jira_sync"]["limits"].insert_one({**bucket, "filled": filled, "touched": filled})
        worker = shared.limits(site, budget=5.0)
        assert [worker.before(MYSELF).seconds for _ in range(3)] == [0, 0, 0]
