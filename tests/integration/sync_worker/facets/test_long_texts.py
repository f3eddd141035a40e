"""Texts that are longer than the target takes are cut and say so. No issue goes without a counterpart for that."""

from __future__ import annotations

import pytest

from simulated_sites import COMMENT, CREATE, CREATE_MANY, CREATE_ONE, LONG_ENOUGH
from worker_bench import EITHER_FLAVOR, EVERY_FLAVOR

LINE = "a line of a log\n"
CUT = "This text was cut: it is longer than this site takes."
TO_DATA_CENTER = pytest.mark.parametrize("bench", ["cloud-dc", "dc-dc"], indirect=True)
TO_CLOUD = pytest.mark.parametrize("bench", ["dc-cloud", "cloud-cloud"], indirect=True)
GERMAN = "Der eingegebene Text ist zu lang. Er überschreitet die zulässige Begrenzung von 5.000 Zeichen."
MESSAGES = [
    "The entered text is too long. It exceeds the allowed limit of 5,000 characters.",
    GERMAN,
    "Le texte est trop long : 5\u202f000 caractères au plus.",
    "النص أطول من ٥٬٠٠٠ حرف.",
    "Text of 9,999,999 characters: at most 5000.",
]


@pytest.fixture
def bench(bench):
    """The site of the customers takes texts of any length."""
    bench.control.settings("one", textLimit=0)
    bench.start()
    bench.cycle()
    return bench


def units(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


def assert_cut(bench, issue, key: str, limit: int = 32_767) -> None:
    """It holds as many lines as fit, and ends in one that links to its source."""
    description = issue["description"]
    text, _, last_line = description.rpartition("\n\n")
    assert last_line == f"{CUT} Its source is [{key}|{bench.url}/one/browse/{key}]."
    assert limit * 0.7 < units(description) <= limit
    assert bench.issue(key)["description"].startswith(text)


def assert_one_counterpart(bench, key: str) -> None:
    (dev,) = bench.devs()
    assert bench.comments(key) == [f"followed as {dev['key']}"]
    assert bench.failures() + bench.dead_letters() == []


def creations(bench) -> list[int]:
    """Return how the requests for a counterpart were answered."""
    return [call["status"] for call in bench.calls("two", **CREATE)]


@EVERY_FLAVOR
@pytest.mark.parametrize("size", [32_768, 200_000])
def test_a_description_that_is_too_long_is_cut_at_a_line_and_links_to_the_source(bench, size):
    key = bench.taken_on(description=(LINE * size)[:size])
    assert bench.cycle().failed == 0
    (dev,) = bench.devs()
    assert_cut(bench, dev, key)
    assert dev["description"].partition("\n\n")[0].endswith("a line of a log")
    assert_one_counterpart(bench, key)


@EITHER_FLAVOR
def test_a_description_of_just_the_limit_is_copied_whole(bench):
    bench.taken_on(description="x" * 32_767)
    bench.cycle()
    assert bench.devs()[0]["description"] == "x" * 32_767
    assert creations(bench) == [201]


@EITHER_FLAVOR
@pytest.mark.parametrize("text", ["x" * 40_000, "😀" * 16_384, "{code}\n" + LINE * 3_000 + "{code}"])
def test_one_line_emoji_and_code_are_cut_within_the_limit(bench, text):
    key = bench.taken_on(description=text)
    bench.cycle()
    (dev,) = bench.devs()
    assert units(dev["description"]) <= 32_767
    assert dev["description"].count("{code}") in (0, 2)
    assert f"[{key}|" in dev["description"].splitlines()[-1]


@TO_CLOUD
def test_on_cloud_nothing_is_sent_that_is_too_long(bench):
    bench.taken_on(description=LINE * 3_000)
    bench.cycle()
    assert creations(bench) == [201]


@TO_DATA_CENTER
@pytest.mark.parametrize("message", MESSAGES)
def test_the_limit_of_a_data_center_is_taken_from_its_refusal_in_any_language_and_remembered(bench, message):
    bench.control.settings("two", textLimit=5_000, textLimitMessage=message)
    first = bench.taken_on(description=LINE * 3_000)
    bench.cycle()
    second = bench.taken_on(description=LINE * 400)
    assert bench.cycle().failed == 0
    for dev, key in zip(bench.devs(), (first, second), strict=True):
        assert_cut(bench, dev, key, 5_000)
    assert creations(bench) == [400, 201, 201]


@TO_DATA_CENTER
def test_shorter_texts_are_tried_where_the_refusal_names_no_limit(bench):
    bench.control.settings("two", textLimit=5_000, textLimitMessage="Zu lang.")
    keys = [bench.taken_on(description=LINE * 3_000)]
    bench.cycle()
    keys.append(bench.taken_on(description=LINE * 3_000))
    bench.cycle()
    for dev, key in zip(bench.devs(), keys, strict=True):
        assert_cut(bench, dev, key, 4_095)
    assert creations(bench) == [400, 400, 400, 400, 201] * 2


@TO_DATA_CENTER
def test_a_data_center_without_a_limit_gets_the_whole(bench):
    bench.control.settings("two", textLimit=0)
    text = LINE * 12_500
    bench.taken_on(description=text)
    bench.cycle()
    assert bench.devs()[0]["description"] == text
    assert creations(bench) == [201]


@TO_CLOUD
@pytest.mark.parametrize("message", ["CONTENT_LIMIT_EXCEEDED", "It exceeds the allowed limit of 32,767 characters."])
def test_on_cloud_a_text_that_counts_for_more_there_is_tried_shorter_and_others_are_not(bench, message):
    bench.control.settings("two", textLimit=20_000, textLimitMessage=message)
    key = bench.taken_on(description=LINE * 3_000)
    bench.cycle()
    bench.control.settings("two", textLimit=32_767)
    other = bench.taken_on(description=LINE * 3_000)
    bench.cycle()
    first, second = bench.devs()
    assert_cut(bench, first, key, 16_383)
    assert_cut(bench, second, other)


@EITHER_FLAVOR
def test_a_summary_of_several_lines_or_of_more_than_255_characters_becomes_one_that_fits(bench):
    keys = [bench.taken_on() for _ in range(3)]
    for key, summary in zip(keys, ["two\nlines\r\nand\ta tab", "😀 long " * 60, "\n\t"], strict=True):
        bench.control.overwrite("one", key, summary=summary)
    assert bench.cycle().failed == 0
    of = {issue["properties"]["jira-sync"]["issue"]: issue["summary"] for issue in bench.devs()}
    first, second, third = (of[bench.issue(key)["id"]] for key in keys)
    assert (first, third) == ("two lines and a tab", keys[2])
    assert (units(second) <= 255, second[-1], set(second[:-1].split())) == (True, "…", {"😀", "long"})


@EITHER_FLAVOR
def test_one_text_that_is_too_long_holds_up_no_other_issue_in_bulk_and_nothing_is_created_twice(bench):
    bench.control.settings("two", textLimit=5_000)
    bench.pair()
    long = [bench.taken_on(f"long {number}", description=LINE * 3_000) for number in range(2)]
    short = [bench.taken_on(f"short {number}", description="short") for number in range(48)]
    assert bench.cycle().failed == 0
    assert [call["status"] for call in bench.calls("two", **CREATE_MANY)] == [201]
    devs = {issue["summary"]: issue for issue in bench.devs()}
    assert (len(bench.devs()), len(devs)) == (51, 51)
    for number, key in enumerate(long):
        assert_cut(bench, devs[f"long {number}"], key, 5_000)
        assert len(bench.comments(key)) == 1
    assert all(len(bench.comments(key)) == 1 for key in short)
    more = [bench.taken_on(f"more {number}", description=LINE * 3_000) for number in range(5)]
    bench.cycle()
    assert len(bench.devs()) == 51 + len(more)
    assert len(bench.calls("two", **CREATE_MANY)) == 2
    assert len([call for call in bench.calls("two", **CREATE_ONE) if call["status"] == 400]) <= len(long)


@TO_DATA_CENTER
@pytest.mark.parametrize("kind", ["drop_after", "status_after"])
def test_a_cut_creation_whose_answer_is_lost_is_found_again(bench, kind):
    bench.control.settings("two", textLimit=5_000)
    key = bench.taken_on(description=LINE * 3_000)
    # The first request is refused; it is the second one that is carried out, and not answered.
    bench.control.fault("two", kind, skip=1, times=1, **CREATE)
    for _ in range(3):
        bench.try_cycle()
        bench.pass_time(LONG_ENOUGH)
    assert_cut(bench, bench.devs()[0], key, 5_000)
    assert_one_counterpart(bench, key)
    assert len(creations(bench)) == 2


@TO_DATA_CENTER
def test_a_crash_between_a_refusal_and_the_shorter_text_makes_one_counterpart(bench):
    def die() -> None:
        if creations(bench):
            raise KeyboardInterrupt

    bench.control.settings("two", textLimit=5_000)
    key = bench.taken_on(description=LINE * 3_000)
    bench.before_request = die
    with pytest.raises(KeyboardInterrupt):
        bench.try_cycle()
    assert creations(bench) == [400]
    bench.before_request = lambda: None
    bench.start()
    for _ in range(4):
        bench.try_cycle()
        bench.pass_time(LONG_ENOUGH)
    assert_cut(bench, bench.devs()[0], key, 5_000)
    assert_one_counterpart(bench, key)


@EITHER_FLAVOR
def test_a_refusal_that_is_not_about_the_length_of_a_text_is_not_answered_by_shorter_ones(bench):
    bench.control.fault("two", "status", status=400, message="Nothing of it.", **CREATE)
    bench.taken_on(description=LINE * 2_000)
    assert bench.cycle().failed == 1
    assert creations(bench) == [400]


@EITHER_FLAVOR
def test_a_site_that_refuses_texts_of_any_length_is_asked_a_few_times_and_its_words_are_kept(bench):
    bench.control.settings("two", textLimit=1, textLimitMessage="No texts here.")
    bench.taken_on(description=LINE * 2_000)
    assert bench.cycle().failed == 1
    assert len(creations(bench)) <= 9
    assert "description: No texts here." in bench.dead_letters()[0]


@EITHER_FLAVOR
def test_a_creation_with_a_cut_summary_is_found_by_it_where_marks_do_not_arrive(bench):
    bench.control.settings("two", keepsProperties=False)
    key = bench.taken_on()
    bench.control.overwrite("one", key, summary="two\nlines " * 100)
    bench.control.fault("two", "drop_after", times=1, **CREATE)
    for _ in range(4):
        bench.try_cycle()
        bench.pass_time(LONG_ENOUGH)
    assert_one_counterpart(bench, key)


# Comments


def told(bench, limit: int, message: str = "Too long: {}") -> str:
    """Have something told to a customer whose site takes `limit`, in a comment that is longer; return it."""
    words = "We look into it. " * 500
    actions = {"createIssue": True, "addComment": True, "commentTemplate": f"followed as ${{targetKey}} {words}"}
    bench.start(rules=[{**bench.definition["rules"][0], "actions": actions}])
    key = bench.taken_on()
    bench.control.settings("one", textLimit=limit, textLimitMessage=message)
    return key


@EITHER_FLAVOR
def test_a_comment_that_is_too_long_is_cut_and_posted_once(bench):
    key = told(bench, 500)
    assert bench.cycle().failed == 0
    (comment,) = bench.comments(key)
    assert comment.startswith("followed as DEV-1 We look into it.")
    assert (comment.endswith(f"\n\n{CUT}"), units(comment) <= 500) == (True, True)


@EITHER_FLAVOR
def test_a_long_summary_does_not_keep_a_comment_from_being_posted(bench):
    actions = {"addComment": True, "commentTemplate": "${sourceSummary} is ${sourceStatus}", "commentOn": "user"}
    rule = {"sourceStatus": "*", "syncDirection": "dev_to_user", "actions": actions}
    bench.start(rules=[bench.definition["rules"][0], rule])
    key, counterpart = bench.pair()
    bench.control.overwrite("two", counterpart, summary="[~ann] " * 10_000)
    bench.control.settings("one", textLimit=32_767)
    bench.dev.move(counterpart, "In Progress")
    assert bench.cycle().failed == 0
    comment = bench.comments(key)[-1]
    assert units(comment) <= 32_767
    assert comment.endswith(f"\n\n{CUT} Its source is [{counterpart}|{bench.url}/two/browse/{counterpart}].")


@EITHER_FLAVOR
def test_a_cut_comment_whose_answer_is_lost_is_found_by_its_words_where_marks_do_not_arrive(bench):
    bench.control.settings("one", keepsProperties=False)
    key = told(bench, 500)
    bench.control.fault("one", "drop_after", skip=1, times=1, **COMMENT)
    for _ in range(4):
        bench.try_cycle()
        bench.pass_time(LONG_ENOUGH)
    assert len(bench.comments(key)) == 1
