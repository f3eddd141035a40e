"""The two pages for people."""

from __future__ import annotations


def test_a_page_shows_the_text_of_issues_and_never_runs_it(ann, nobody):
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


def test_a_button_on_an_issue_s_page_makes_its_transition(ann, nobody):
    found = ann.http.get("/issue/SUP-1/transitions").json()["transitions"]
    transition_id = next(transition["id"] for transition in found if transition["to"]["name"] == "In Progress")
    assert nobody.post("/cloud/browse/SUP-1", data={"transition": transition_id}).status_code == 303
    assert "In Progress" in nobody.get("/cloud/browse/SUP-1").text


def test_a_form_on_another_site_s_page_is_refused(nobody):
    answer = nobody.post("/cloud/browse/SUP-1", data={"transition": "1"}, headers={"Origin": "https://evil.example"})
    assert answer.status_code == 403
