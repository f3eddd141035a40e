"""A site's clock, between the answers that show it, and what is believed of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from sync_worker.jira.clock import BELIEVED, MOST_REFUTED, PATIENCE, SiteClock

NOON = datetime(2024, 11, 29, 12, tzinfo=UTC)
DAY = 24 * 3600


class Site:
    """A site whose clock showed noon when it was asked; `clock` is what we believe."""

    def __init__(self, *, tells: bool = True) -> None:
        self.moment = 100.0
        self.jump = 0.0
        """By how many seconds its clock was set ahead since."""
        self.clock = SiteClock(lambda: self.moment)
        self.tells = tells
        self.questions = 0

    def now(self) -> float:
        """Return how many seconds after noon it is there."""
        return self.moment - 100.0 + self.jump

    def ask(self) -> None:
        self.questions += 1
        self.clock.told(NOON + timedelta(seconds=self.now()) if self.tells else None)

    def answer(self, off: float = 0.0, *, is_jiras: bool = True) -> None:
        """Give an answer whose `Date` is so many seconds off; what is in doubt is asked."""
        self.clock.saw(header(self.now() + off), self.moment, is_jiras=is_jiras)
        if self.clock.is_doubtful:
            self.ask()

    def believed(self) -> float:
        """Return how many seconds after noon we believe that it is there."""
        now = self.clock.now()
        assert now is not None
        return (now - NOON).total_seconds()


def header(seconds: float) -> str:
    """Return the `Date` header of an answer so many seconds after noon."""
    return f"{NOON + timedelta(seconds=seconds):%a, %d %b %Y %H:%M:%S} GMT"


@pytest.fixture
def site() -> Site:
    site = Site()
    site.ask()
    site.questions = 0
    return site


def test_the_time_is_unknown_before_an_answer_shows_it():
    clock = SiteClock()
    clock.saw(None, 1.0, is_jiras=True)
    clock.saw("yesterday", 1.0, is_jiras=True)
    assert (clock.now(), clock.is_asked) == (None, False)


def test_the_time_runs_on_between_two_answers(site):
    site.moment += 2.5
    assert site.believed() == 2.5


def test_an_answer_within_the_second_that_we_believe_in_does_not_set_the_time_back(site):
    site.moment += 2.5
    site.answer()
    assert site.believed() == 2.5


def test_a_date_near_what_jira_told_sets_the_time(site):
    site.answer(4)
    assert (site.believed(), site.questions) == (4, 0)


def test_the_time_is_that_at_which_an_answer_began_however_long_it_takes_to_read_it(site):
    site.moment += 60
    site.clock.saw(header(10), 110.0, is_jiras=True)
    assert (site.believed(), site.clock.is_doubtful) == (60, False)


@pytest.mark.parametrize("seconds", [-DAY, -300, -11, 12, 300, DAY])
def test_a_date_that_is_further_off_is_not_believed_and_jira_is_asked_once(site, seconds):
    for _ in range(3):
        site.moment += 1
        site.answer(seconds)
    assert (site.believed(), site.questions) == (3, 1)


@pytest.mark.parametrize("seconds", [-DAY, -5, 5, DAY])
def test_the_date_of_an_answer_that_is_not_jira_s_is_never_believed(site, seconds):
    """It may have Jira asked: such an answer may come after a long while, in which Jira's clock was set."""
    site.answer(seconds, is_jiras=False)
    assert (site.believed(), site.questions) == (0, int(abs(seconds) > BELIEVED.total_seconds()))


@pytest.mark.parametrize("seconds", [-DAY, -300, -11, 12, 300, DAY])
def test_when_jira_s_clock_was_set_it_is_asked_once_and_believed(site, seconds):
    site.jump = seconds
    for _ in range(3):
        site.moment += 1
        site.answer()
    assert (site.believed(), site.questions) == (3 + seconds, 1)


def test_dates_that_creep_away_are_believed_no_further_than_near_what_jira_told(site):
    for second in range(100):
        site.moment += 1
        site.answer(second)
        assert abs(site.believed() - site.now()) <= BELIEVED.total_seconds()


def test_a_clock_that_is_set_behind_a_proxy_with_a_clock_of_its_own_is_noticed(site):
    for _ in range(3):
        site.answer(600)
    site.jump = 300
    for _ in range(3):
        site.answer(600)
    assert (site.believed(), site.questions) == (300, 2)


@pytest.mark.parametrize("order", ["forward", "backward"])
def test_two_nodes_whose_clocks_differ_are_not_asked_again_and_again(site, order):
    """Each question is answered by the node whose turn it is."""
    nodes = [0.0, 30.0] if order == "forward" else [30.0, 0.0]
    for turn in range(100):
        site.moment += 1
        site.jump = nodes[turn % 2]
        site.answer()
    assert site.questions <= 2


def test_dates_at_random_do_not_have_jira_asked_each_time(site):
    for number in range(100):
        site.moment += PATIENCE / 100
        site.answer(600 * (number + 1))
    assert (site.believed(), site.questions) == (PATIENCE, MOST_REFUTED)


def test_after_a_question_without_an_answer_jira_is_left_in_peace_for_a_while(site):
    site.clock.saw(header(600), site.moment, is_jiras=True)
    assert site.clock.is_doubtful
    site.clock.not_told()
    site.clock.saw(header(600), site.moment, is_jiras=True)
    assert not site.clock.is_doubtful
    site.moment += PATIENCE
    assert site.clock.is_doubtful


def test_a_site_that_does_not_tell_its_time_is_believed_by_its_dates():
    site = Site(tells=False)
    site.ask()
    for seconds in (0, 600, -DAY):
        site.answer(seconds)
        assert site.believed() == seconds
    assert site.questions == 1


@pytest.mark.parametrize(
    "date",
    [
        "Fri, 31 Dec 9999 23:59:59 GMT",
        "Fri, 31 Dec 9999 23:59:59 -1200",
        "Mon, 01 Jan 99999999999999999999 00:00:00 GMT",
        "Fri, 29 Nov 2024 12:00:00 +9999999999",
        "Fri, 29 Nov 2024 12:00:00 +2500",
        "Fri, 29 Nov 2024 99:99:99 GMT",
        "",
        ",",
        "\x00",
    ],
)
@pytest.mark.parametrize("tells", [True, False])
def test_a_date_that_is_none_is_no_date(date, tells):
    site = Site(tells=tells)
    site.ask()
    site.clock.saw(date, site.moment, is_jiras=True)
    assert site.clock.now() == (NOON if site.tells else None)
    assert not site.clock.is_doubtful


def test_a_date_without_a_zone_is_that_of_greenwich(site):
    site.clock.saw("Fri, 29 Nov 2024 12:00:05 -0000", site.moment, is_jiras=True)
    assert site.believed() == 5
