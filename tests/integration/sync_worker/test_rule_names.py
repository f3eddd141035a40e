"""A name in a rule that no status has is told, and untranslated names are understood."""

from __future__ import annotations

from worker_bench import EITHER_FLAVOR


@EITHER_FLAVOR
def test_a_rule_that_names_no_status_is_told_until_its_file_is_corrected(bench):
    take_on, *others = bench.definition["rules"]
    bench.start(rules=[{**take_on, "sourceStatus": ["Will Do", "Wil Do"]}, *others])
    bench.cycle()
    sentence = "rule take-on names the status 'Wil Do', which project SUP does not have"
    assert [line["problem"] for line in bench.logged("unknown status")] == [sentence]
    assert bench.worker.heartbeats.findings.unknown_statuses == (sentence,)
    bench.start(rules=[take_on, *others])
    bench.cycle()
    assert bench.worker.heartbeats.findings.unknown_statuses == ()


def test_a_target_that_is_no_status_and_a_status_that_was_renamed_are_told(bench):
    bench.start(onDelete="transition", onDeleteStatus="Nowhere")
    bench.control.rename_status("two", "In Progress", "Doing")
    bench.cycle()
    assert bench.worker.heartbeats.findings.unknown_statuses == (
        "rule start names the status 'In Progress', which project DEV does not have",
        "onDeleteStatus names the status 'Nowhere', which project SUP or DEV does not have",
    )


def test_where_a_site_does_not_say_which_statuses_there_are_the_sync_goes_on(bench):
    for site in ("one", "two"):
        bench.control.fault(site, "status", path="/statuses$", status=403)
    bench.pair()
    assert len(bench.devs()) == 1
    assert bench.worker.heartbeats.findings.unknown_statuses == ()


def test_a_rule_may_name_a_status_untranslated_where_the_site_tells_both_names(bench):
    for site in ("one", "two"):
        bench.control.settings(site, translations={"Will Do": "Angenommen", "Closed": "Zu", "Resolved": "Erledigt"})
    bench.start()
    key = bench.user.create("SUP", "Es ist kaputt")
    bench.user.move(key, "Angenommen")
    bench.cycle()
    (dev,) = bench.devs()
    bench.dev.move(dev["key"], "Zu")
    bench.cycle()
    assert bench.status(key) == "Resolved"
    assert bench.worker.heartbeats.findings.unknown_statuses == ()
