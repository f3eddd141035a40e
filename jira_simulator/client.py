"""Clients for tests and benchmarks: `SimulatorControl` for the control API, and `Person` for Jira's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

import httpx

from jira_simulator.addresses import REST_ROOT


class SimulatorControl:
    """A client of the control API of the simulator at `url`."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._http = httpx.Client(base_url=url, timeout=30.0, trust_env=False)

    def close(self) -> None:
        self._http.close()

    def add_site(self, **seed: Any) -> None:
        self._ask("POST", "/control/sites", json=seed)

    def add_name(self, site: str, name: str) -> None:
        """Let a site be reached by one more name."""
        self._ask("POST", f"/control/{site}/names", json={"name": name})

    def add_project(self, site: str, **seed: Any) -> None:
        self._ask("POST", f"/control/{site}/projects", json=seed)

    def change_project(self, site: str, key: str, project_type: str) -> None:
        """Make a project one of another type: `software`, `service_desk` or `business`."""
        self._ask("POST", f"/control/{site}/projects/{key}", json={"projectTypeKey": project_type})

    def clone(self, site: str, name: str, **options: Any) -> None:
        """Set up a copy of a site under another name. Options: another `identity`; `renumber`, for other ids."""
        self._ask("POST", f"/control/{site}/clones", json={"name": name, **options})

    def back_up(self, site: str) -> int:
        """Keep a site as it is now; return the number of the backup."""
        number: int = self._ask("POST", f"/control/{site}/backups")["number"]
        return number

    def restore(self, site: str, backup: int) -> None:
        """Bring a site back into an earlier state. Ids that were given out since are given out again."""
        self._ask("POST", f"/control/{site}/backups/{backup}/restore")

    def fault(self, site: str, kind: str, **options: Any) -> int:
        """Switch a fault on and return its id. The options are the fields of `InjectedFault`, in camelCase."""
        fault_id: int = self._ask("POST", f"/control/{site}/faults", json={"kind": kind, **options})["id"]
        return fault_id

    def strikes(self, site: str, fault: int) -> int:
        """Return how many calls a fault has struck, also those that still hang."""
        count: int = self._ask("GET", f"/control/{site}/faults/{fault}")["strikes"]
        return count

    def heal(self, site: str, fault: int | None = None) -> None:
        """Switch one fault off, or all of them."""
        self._ask("DELETE", f"/control/{site}/faults" + (f"/{fault}" if fault is not None else ""))

    def index(self, site: str, **options: Any) -> None:
        self._ask("POST", f"/control/{site}/index", json=options)

    def clock(self, site: str, offset: float) -> None:
        self._ask("POST", f"/control/{site}/clock", json={"offset": offset})

    def settings(self, site: str, **options: Any) -> None:
        self._ask("POST", f"/control/{site}/settings", json=options)

    def rename_status(self, site: str, name: str, new_name: str) -> None:
        self._ask("POST", f"/control/{site}/statuses/{quote(name)}", json={"name": new_name})

    def rotate_token(self, site: str, user: str, token: str) -> None:
        self._ask("POST", f"/control/{site}/tokens", json={"user": user, "token": token})

    def set_client(self, site: str, user: str, **client: Any) -> None:
        """Give a user an OAuth 2.0 credential: `id`, `secret`, and `scopes`, if they are not the usual ones."""
        self._ask("POST", f"/control/{site}/clients", json={"user": user, **client})

    def revoke_access_tokens(self, site: str) -> None:
        """Let no access token count any more that the site has issued."""
        self._ask("DELETE", f"/control/{site}/access-tokens")

    def permissions(
        self, site: str, user: str, project: str, revoke: Sequence[str] = (), grant: Sequence[str] = ()
    ) -> None:
        """Revoke permissions of a user in a project, or grant them again. At first, everybody has all of them."""
        body = {"user": user, "project": project, "revoke": list(revoke), "grant": list(grant)}
        self._ask("POST", f"/control/{site}/permissions", json=body)

    def hide(self, site: str, *keys: str, user: str = "sync") -> None:
        """Hide issues from a user, as issue security does: search leaves them out, and a direct read finds nothing."""
        self._ask("POST", f"/control/{site}/visibility", json={"user": user, "hide": keys})

    def show(self, site: str, *keys: str, user: str = "sync") -> None:
        """Let a user see issues again that were hidden. That is no change of them."""
        self._ask("POST", f"/control/{site}/visibility", json={"user": user, "show": keys})

    def time_zone(self, site: str, user: str, zone: str) -> None:
        self._ask("POST", f"/control/{site}/users/{user}", json={"timeZone": zone})

    def move(self, site: str, key: str, project: str) -> str:
        """Move an issue to another project; return its new key."""
        new_key: str = self._ask("POST", f"/control/{site}/issues/{key}/move", json={"project": project})["key"]
        return new_key

    def overwrite(self, site: str, key: str, **texts: str) -> None:
        """Give an issue a `summary` or a `description` that nobody checks, as an import does."""
        self._ask("POST", f"/control/{site}/issues/{key}/texts", json=texts)

    def close_statuses(self, site: str, key: str, statuses: Sequence[str]) -> None:
        """Have a condition of the workflow keep an issue out of these statuses."""
        self._ask("POST", f"/control/{site}/issues/{key}/conditions", json={"closedStatuses": list(statuses)})

    def keep_in_properties(self, site: str, *names: str) -> None:
        """Take everything out of the properties of all issues and comments but the parts called `names`."""
        self._ask("POST", f"/control/{site}/properties", json={"keep": names})

    def set_property(self, site: str, issue: str, key: str, value: Any) -> None:
        self._ask("PUT", f"/control/{site}/issues/{issue}/properties/{key}", json=value)

    def delete(self, site: str, key: str) -> None:
        self._ask("DELETE", f"/control/{site}/issues/{key}")

    def issues(self, site: str, project: str | None = None) -> list[dict[str, Any]]:
        """Return everything about all issues, or those of one project, oldest first."""
        issues: list[dict[str, Any]] = self._ask("GET", f"/control/{site}/issues")
        return [issue for issue in issues if project in (None, issue["project"])]

    def issue(self, site: str, key: str) -> dict[str, Any]:
        return next(issue for issue in self.issues(site) if issue["key"] == key)

    def create_many(self, site: str, project: str, count: int, **options: str | float) -> list[str]:
        """Create `count` issues and return their keys.

        Options are `status`, `summary` with {} for a number, `user`, and how many seconds `ago` they were made.
        """
        body = {"project": project, "count": count, **options}
        keys: list[str] = self._ask("POST", f"/control/{site}/issues/many", json=body, timeout=None)
        return keys

    def delete_project(self, site: str, key: str) -> None:
        """Delete a project with all its issues."""
        self._ask("DELETE", f"/control/{site}/projects/{key}")

    def counts(self, site: str) -> dict[str, int]:
        """Return how many issues each project has, by its key. Cheap enough to be asked often while waiting."""
        counts: dict[str, int] = self._ask("GET", f"/control/{site}/counts")
        return counts

    def deleted(self, site: str) -> list[dict[str, Any]]:
        """Return id, key, project and properties of the issues that were deleted, in that order."""
        gone: list[dict[str, Any]] = self._ask("GET", f"/control/{site}/deleted")
        return gone

    def calls(self, site: str, since: int = 0) -> list[dict[str, Any]]:
        calls: list[dict[str, Any]] = self._ask("GET", f"/control/{site}/calls", params={"since": since})
        return calls

    def call_summary(self, site: str) -> dict[str, Any]:
        """Return the number of calls since they were last forgotten, and how often each status, by endpoint."""
        summary: dict[str, Any] = self._ask("GET", f"/control/{site}/calls/summary")
        return summary

    def forget_calls(self, site: str) -> None:
        self._ask("DELETE", f"/control/{site}/calls")

    def person(self, site: str, login: str, token: str, *, bearer: bool = False) -> Person:
        return Person(f"{self.url}/{site}", login, token, bearer=bearer)

    def _ask(self, method: str, path: str, **options: Any) -> Any:
        response = self._http.request(method, path, **options)
        response.raise_for_status()
        return response.json() if response.content else None


class Person:
    """Somebody who uses one site through Jira's own API, with credentials of their own."""

    def __init__(self, base_url: str, login: str, token: str, *, bearer: bool = False) -> None:
        auth = None if bearer else httpx.BasicAuth(login, token)
        headers = {"Authorization": f"Bearer {token}"} if bearer else {}
        url = base_url + REST_ROOT
        self.http = httpx.Client(base_url=url, auth=auth, headers=headers, timeout=30.0, trust_env=False)

    def __enter__(self) -> Person:
        return self

    def __exit__(self, *_: object) -> None:
        self.http.close()

    def myself(self) -> dict[str, Any]:
        me: dict[str, Any] = self._ask("GET", "/myself")
        return me

    def create(self, project: str, summary: str, *, issue_type: str = "Task", **fields: Any) -> str:
        """Create an issue and return its key."""
        wanted = {"project": {"key": project}, "issuetype": {"name": issue_type}, "summary": summary, **fields}
        key: str = self._ask("POST", "/issue", json={"fields": wanted})["key"]
        return key

    def move(self, key: str, status: str) -> None:
        """Move an issue into `status` by one transition. Raises LookupError when none leads there."""
        found = self._ask("GET", f"/issue/{key}/transitions")["transitions"]
        transition = next((step for step in found if step["to"]["name"] == status), None)
        if transition is None:
            raise LookupError(f"{key} has no way to {status}; it has {[step['to']['name'] for step in found]}")
        body: dict[str, Any] = {"transition": {"id": transition["id"]}}
        if transition["hasScreen"]:
            body["fields"] = {"resolution": {"name": "Done"}}
        self._ask("POST", f"/issue/{key}/transitions", json=body)

    def edit(self, key: str, **fields: Any) -> None:
        self._ask("PUT", f"/issue/{key}", json={"fields": fields})

    def comment(
        self, key: str, body: str, *, internal: bool = False, visibility: Mapping[str, str] | None = None
    ) -> str:
        """Comment on an issue and return the comment's id.

        `internal` keeps it from the customers of a service desk; elsewhere it does nothing. `visibility` restricts it
        to a role or a group: {"type": "role", "value": "Developers"}.
        """
        wanted: dict[str, Any] = {"body": body}
        if internal:
            wanted["properties"] = [{"key": "sd.public.comment", "value": {"internal": True}}]
        if visibility:
            wanted["visibility"] = dict(visibility)
        comment_id: str = self._ask("POST", f"/issue/{key}/comment", json=wanted)["id"]
        return comment_id

    def edit_comment(self, key: str, comment: str, body: str) -> None:
        self._ask("PUT", f"/issue/{key}/comment/{comment}", json={"body": body})

    def delete_comment(self, key: str, comment: str) -> None:
        self._ask("DELETE", f"/issue/{key}/comment/{comment}")

    def attach(self, key: str, filename: str, content: bytes, mime_type: str = "application/octet-stream") -> str:
        """Attach a file and return the attachment's id."""
        headers = {"X-Atlassian-Token": "no-check"}
        files = {"file": (filename, content, mime_type)}
        [attached] = self._ask("POST", f"/issue/{key}/attachments", files=files, headers=headers)
        attachment_id: str = attached["id"]
        return attachment_id

    def remove_file(self, attachment: str) -> None:
        self._ask("DELETE", f"/attachment/{attachment}")

    def remove_link(self, key: str, global_id: str) -> None:
        self._ask("DELETE", f"/issue/{key}/remotelink", params={"globalId": global_id})

    def _ask(self, method: str, path: str, **options: Any) -> Any:
        response = self.http.request(method, path, **options)
        response.raise_for_status()
        return response.json() if response.content else None
