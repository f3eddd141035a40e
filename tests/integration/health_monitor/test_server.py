"""What all responses of the server share."""

from __future__ import annotations

import socket

from health_monitor.server import HEADERS

PATHS = ("/", "/health", "/health/live", "/health/ready", "/api/syncs", "/api/syncs/sync-a", "/metrics")


def test_a_name_that_is_not_ours_is_served_nothing_but_whether_the_monitor_is_up(group):
    group.expect_ready()
    for path in (*PATHS, "/nothing", "/static/style.css"):
        code = group.http.get(path, headers={"Host": "rebound.evil.example"}).status_code
        assert (path, code) == (path, 200 if path in ("/health/live", "/health/ready") else 421)
    refused = group.http.post("/session", headers={"Host": "evil.example"}, data={"token": "s3cr3t-admin-token"})
    assert refused.status_code == 421
    assert "ALLOWED_HOSTS" in refused.json()["error"]
    for name in ("sync.example.com", "localhost:1", "[::1]", socket.gethostname()):
        assert group.http.get("/health", headers={"Host": name}).status_code == 200


def test_every_response_has_the_security_headers_and_none_has_a_secret(group):
    group.expect_ready()
    for path in (*PATHS, "/nothing"):
        response = group.http.get(path)
        assert {name: response.headers.get(name) for name in HEADERS} == HEADERS
        assert "s3cr3t" not in response.text
        assert (path, response.status_code) == (path, 404 if path == "/nothing" else 200)
    assert response.json() == {"error": "there is no /nothing here"}
    wrong = group.http.post("/health")
    assert (wrong.status_code, wrong.headers["Allow"]) == (405, "GET,HEAD")
