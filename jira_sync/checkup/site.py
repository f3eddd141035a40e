"""Checks one Jira site: whether it answers, its version, our account, its clock, its rate limits."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from jira_sync.checkup.finding import Finding, failed, listed, passed, warning
from sync_model.accounts.connection import Connection
from sync_model.health.judgement import format_duration
from sync_worker.core.decisions.rate_limit import API_PATH
from sync_worker.core.errors import CredentialsRefused, NeedsOperator, SyncError
from sync_worker.core.site_info import Clocks, Server
from sync_worker.jira.limits import Limits
from sync_worker.jira.probe import Obstacle, Reachable, patient_client, probe
from sync_worker.jira.scopes import LACKS_SCOPE, NEEDED, missing
from sync_worker.jira.survey import Survey
from sync_worker.jira.token_endpoint import name_of

SLOW = 3.0
"""Seconds after which an answer counts as slow."""
CLOCK_GRAIN = 1.0
"""Seconds. The Date header, from which the site's clock is read, has no finer resolution."""
MOST_SKEW = 60.0
"""Seconds by which the clocks may differ without a warning."""
MOST_DATED_OFF = 10.0
"""Seconds by which the `Date` of an answer may differ from the time that Jira itself tells."""

LimitsOf = Callable[[Connection], Limits]


@dataclass(frozen=True)
class SiteCheck:
    """The findings about one site. `survey` answers further questions; None if the site cannot be used."""

    findings: tuple[Finding, ...]
    survey: Survey | None = None

    def close(self) -> None:
        if self.survey:
            self.survey.close()


def check_site(connection: Connection, limits_of: LimitsOf, budget: float | None, token_from: str) -> SiteCheck:
    """Check one site. `budget` is the configured calls per second; `token_from` says where the token is read from."""
    try:
        with patient_client(connection.tls) as http:
            reached = probe(http, connection.base_url)
    except NeedsOperator as error:
        return SiteCheck((failed(str(error), "until then no worker can ask this site anything"),))
    if isinstance(reached, Obstacle):
        return SiteCheck((failed(f"{connection.base_url}: {reached.what}", reached.advice),))
    if too_old := _too_old(reached.server, connection):
        return SiteCheck((too_old,))
    survey = Survey(connection, limits_of, server=reached.server)
    try:
        findings = list(_check_as_our_account(survey, budget))
        if too_old := _too_old(survey.server, connection):
            findings = [too_old]
    except SyncError as error:
        survey.close()
        failure = _sign_in_failure(error, connection, token_from)
        return SiteCheck((_answer(reached, connection.base_url), *_access_token(survey), failure))
    answer = _answer(reached, connection.base_url, str(survey.server))
    return SiteCheck((answer, *_access_token(survey), *findings), survey)


def _answer(reached: Reachable, base_url: str, server: str = "") -> Finding:
    kind = server or (str(reached.server) if reached.server else "it does not tell strangers what it is")
    says = f"{base_url} answers in {reached.seconds * 1000:.0f} ms: {kind}"
    if reached.seconds > SLOW:
        return warning(says, "that is slow: cycles will take long, and requests may time out; ask its administrators")
    return passed(says)


def _access_token(survey: Survey) -> Iterator[Finding]:
    """Yield what there is to say of the token endpoint, and of the token that it gave."""
    client, token = survey.connection.client, survey.access_token
    if client is None or token is None:
        return
    scopes = f", for {' '.join(sorted(token.scopes))}" if token.scopes else ""
    yield passed(f"{name_of(client)} answers; its tokens are good for {format_duration(token.lifetime)}{scopes}")
    if lacking := missing(token.scopes):
        advice = f"make a credential with {listed(list(NEEDED))}, for clientId and clientSecret"
        yield failed(f"the credential of our service account lacks {listed(lacking)}", advice)


def _sign_in_failure(error: SyncError, connection: Connection, token_from: str) -> Finding:
    client = connection.client
    if client and name_of(client) in str(error):
        return _endpoint_failure(error, token_from)
    if not isinstance(error, NeedsOperator):
        return failed(f"it does not say who we are: {error}", "ask Jira's administrators what stands in the way")
    why = str(error).removeprefix(f"GET {API_PATH}/myself: ")
    if "captcha" in why:
        return failed(why, f"sign in at {connection.site_url} in a browser as this account, once")
    if LACKS_SCOPE in why:
        return failed(why, f"the scopes that a sync needs are {listed(list(NEEDED))}")
    if client:
        advice = (
            "it takes no token of our service account; may that work with this site, and is its cloud id in baseUrl?"
        )
        return failed(why, advice)
    token = f"the token of {connection.email}" if connection.email else "the personal access token"
    return failed(why, f"{token} is wrong or has expired; make a new one. It is read from {token_from}")


def _endpoint_failure(error: SyncError, secret_from: str) -> Finding:
    """Return the finding about a token endpoint that gives us no token."""
    if isinstance(error, CredentialsRefused):
        return failed(
            str(error), f"make a new credential of the service account. The secret is read from {secret_from}"
        )
    if isinstance(error, NeedsOperator):
        return failed(str(error), "put it right in the sync's file")
    return failed(str(error), "workers wait until it answers; do HTTPS_PROXY and a firewall let us through to it?")


def _too_old(server: Server | None, connection: Connection) -> Finding | None:
    fault = server and server.why_too_old(with_token=connection.email is None)
    return failed(f"{connection.base_url}: {fault}", "no worker does anything with it until then") if fault else None


def _check_as_our_account(survey: Survey, budget: float | None) -> Iterator[Finding]:
    profile = survey.profile()
    # A site that tells its version only to accounts is asked now, so that a failure is a failure of the sign-in.
    clocks = survey.clocks()
    yield passed(f"it knows us as {profile.name}" + (f" ({profile.email})" if profile.email else ""))
    yield from _clocks(clocks, profile.time_zone)
    yield _rate_limits(survey.limits, budget)


def _clocks(clocks: Clocks, time_zone: str | None) -> Iterator[Finding]:
    """Yield what there is to say of the site's clock, and of the dates of its answers."""
    if clocks.told is not None and clocks.dated is not None:
        off = clocks.dated - clocks.told
        if abs(off) > MOST_DATED_OFF:
            direction = "ahead of" if off > 0 else "behind"
            yield warning(
                f"its answers are dated {format_duration(abs(off))} {direction} the time that Jira itself tells",
                "jira-sync goes by what Jira tells; find out what between us and Jira replaces the Date header",
            )
    yield _clock(clocks.told if clocks.told is not None else clocks.dated, time_zone)


def _clock(ahead: float | None, time_zone: str | None) -> Finding:
    zone = f"; our account's time zone there is {time_zone}" if time_zone else ""
    if ahead is None:
        advice = "something between us and Jira takes the Date header away; times are then read off our own clock"
        return warning("it does not tell its time", advice)
    if abs(ahead) <= CLOCK_GRAIN:
        return passed(f"its clock agrees with ours{zone}")
    direction = "ahead of" if ahead > 0 else "behind"
    says = f"its clock is {format_duration(abs(ahead))} {direction} ours{zone}"
    if abs(ahead) <= MOST_SKEW:
        return passed(says)
    advice = "no change is lost by that: jira-sync goes by Jira's clock; but times here and there do not match: use NTP"
    return warning(says, advice)


def _rate_limits(headers: Mapping[str, str], budget: float | None) -> Finding:
    """Return the finding about the rate limit, by the headers of answers.

    Data Center tells the size of its token bucket, Cloud how much of the limit is left.
    """
    limits = {name.lower().removeprefix("x-ratelimit-"): value for name, value in headers.items()}
    own = f"; callsPerSecond keeps all syncs together at {budget:g} a second" if budget else ""
    if limits.get("nearlimit") == "true":
        return warning(f"its limit of calls is nearly used up{own}", "set callsPerSecond, or spread the syncs out")
    if "limit" not in limits:
        return passed(f"it names no limit of calls{own}")
    rate = f", {limits['fillrate']} more every {limits.get('interval-seconds', '1')} s" if "fillrate" in limits else ""
    left = limits.get("remaining", "?")
    return passed(f"it takes {limits['limit']} calls at once{rate}; {left} are left{own}")
