"""How the templates of comments are filled in."""

from __future__ import annotations

from sync_worker.core.decisions.templates import fill_in, plain_text, without_mentions


def test_a_template_has_only_its_placeholders_filled_in():
    values = dict.fromkeys(["sourceKey", "targetKey", "sourceStatus", "targetStatus", "sourceSummary"], "x")
    assert fill_in("${sourceKey} $sourceKey ${other} $5 $$ {code}", values) == "x $sourceKey ${other} $5 $$ {code}"


def test_a_customer_s_summary_becomes_no_markup():
    assert plain_text("a [~admin] {code} !x.png! b|c") == r"a \[~admin\] \{code\} \!x.png\! b\|c"


def test_people_are_named_instead_of_mentioned():
    names = {"ann": "Ann Lee", "accountid:1:2": "{code}", "bob smith": None, "accountid:9": None}
    text = "as [~ann] and [~bob smith] said to [~accountid:1:2], [~accountid:9] and [~\n]: [a link|http://x/~ann]"
    assert without_mentions(text, names.get) == (
        "as @Ann Lee and @bob smith said to @\\{code\\}, @somebody and [~\n]: [a link|http://x/~ann]"
    )
