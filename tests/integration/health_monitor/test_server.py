"""What all responses of the server share."""

from __future__ import annotations

from health_monitor.server import HEADERS

PATHS = ("/", "/health", "/health/live", "/health/ready", "/api/syncs", "/api/syncs/sync-a", "/metrics")


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
