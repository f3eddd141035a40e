"""One site: whether it is there, what it is, whether it knows us, what its clock says."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from jira_sync.checkup.finding import Finding, failed, passed, warning
from sync_model.connection import Connection
from sync_model.judgement import spell
from sync_worker.core.errors import NeedsOperator, SyncError
from sync_worker.core.rate_limit import API_PATH
from sync_worker.jira.limits import Limits
from sync_worker.jira.probe import Obstacle, Reachable, patient_client, probe
from sync_worker.jira.survey import Survey

SLOW = 3.0
"""Seconds after which an answer counts as slow."""
CLOCK_GRAIN = 1.0
LARGEST_SKEW = 60.0

LimitsOf = Callable[[Connection], Limits]


@dataclass(frozen=True)
class Visit:
    """A visit to one site. `survey` asks it more; None when there is nobody to ask."""

    findings: tuple[Finding, ...]
    survey: Survey | None = None

    def close(self) -> None:
        if self.survey:
            self.survey.close()


def visit(connection: Connection, limits_of: LimitsOf, budget: float | None, token_from: str) -> Visit:
    """Look a site up. `budget` is what the file says of calls per second, `token_from` where it says the token is."""
    with patient_client() as http:
        reached = probe(http, connection.base_url)
    if isinstance(reached, Obstacle):
        return Visit((failed(f"{connection.base_url}: {reached.what}", reached.advice),))
    survey = Survey(connection, limits_of, server=reached.server)
    try:
        known = list(_known(survey, reached, budget))
    except SyncError as error:
        survey.close()
        return Visit((_answers(reached, connection.base_url), _unknown(error, connection, token_from)))
    return Visit((_answers(reached, connection.base_url, str(survey.server)), *known), survey)


def _answers(reached: Reachable, base_url: str, server: str = "") -> Finding:
    kind = server or (str(reached.server) if reached.server else "it does not tell strangers what it is")
    says = f"{base_url} answers in {reached.seconds * 1000:.0f} ms: {kind}"
    if reached.seconds > SLOW:
        return warning(says, "that is slow: cycles will take long, and requests may time out; ask its administrators")
    return passed(says)


def _unknown(error: SyncError, connection: Connection, token_from: str) -> Finding:
    if not isinstance(error, NeedsOperator):
        return failed(f"it does not say who we are: {error}", "ask Jira's administrators what stands in the way")
    why = str(error).removeprefix(f"GET {API_PATH}/myself: ")
    if "captcha" in why:
        return failed(why, f"sign in at {connection.site_url} in a browser as this account, once")
    what = f"the token of {connection.email}" if connection.email else "the personal access token"
    return failed(why, f"{what} is wrong or has expired; make a new one. It is read from {token_from}")


def _known(survey: Survey, reached: Reachable, budget: float | None) -> Iterator[Finding]:
    profile = survey.profile()
    _ = survey.server  # where strangers are told nothing, it is asked for here
    yield passed(f"it knows us as {profile.name}" + (f" ({profile.email})" if profile.email else ""))
    yield _clock(reached.ahead, profile.time_zone)
    yield _limits(survey.limits, budget)


def _clock(ahead: float | None, time_zone: str | None) -> Finding:
    zone = f"; our account's time zone there is {time_zone}" if time_zone else ""
    if ahead is None:
        advice = "something between us and Jira takes the Date header away; times are then read off our own clock"
        return warning("it does not tell its time", advice)
    if abs(ahead) <= CLOCK_GRAIN:
        return passed(f"its clock agrees with ours{zone}")
    direction = "ahead of" if ahead > 0 else "behind"
    says = f"its clock is {spell(abs(ahead))} {direction} ours{zone}"
    if abs(ahead) <= LARGEST_SKEW:
        return passed(says)
    advice = "no change is lost by that: jira-sync goes by Jira's clock; but times here and there do not match: use NTP"
    return warning(says, advice)


def _limits(told: Mapping[str, str], budget: float | None) -> Finding:
    """Say what answers told of limits. Data Center tells the whole of its bucket, Cloud how much is left of it."""
    headers = {name.lower().removeprefix("x-ratelimit-"): value for name, value in told.items()}
    own = f"; callsPerSecond keeps all syncs together at {budget:g} a second" if budget else ""
    if headers.get("nearlimit") == "true":
        return warning(f"its limit of calls is nearly used up{own}", "set callsPerSecond, or spread the syncs out")
    if "limit" not in headers:
        return passed(f"it names no limit of calls{own}")
    rate = (
        f", {headers['fillrate']} more every {headers.get('interval-seconds', '1')} s" if "fillrate" in headers else ""
    )
    left = headers.get("remaining", "?")
    return passed(f"it takes {headers['limit']} calls at once{rate}; {left} are left{own}")
