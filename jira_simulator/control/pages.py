"""Two small pages for people: all sites with their issues, and one issue with its transitions as buttons."""

from __future__ import annotations

from html import escape
from urllib.parse import urlsplit

from aiohttp import web

from jira_simulator.hosting.hosted_site import HOSTED, HostedSite, hosted_of
from jira_simulator.site.model import JiraError, SimulatedIssue, SimulatedProject, SimulatedRemoteLink
from jira_simulator.site.simulated_site import SimulatedSite

routes = web.RouteTableDef()

STYLE = """
:root { color-scheme: light dark; --line: #8884; --soft: #8881; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 0 auto; padding: 1rem; }
h1 { font-size: 1.4rem } h2 { font-size: 1.15rem; margin: 2rem 0 .3rem } h3 { font-size: 1rem; margin: 1rem 0 .3rem }
a { color: LinkText; text-decoration: none } a:hover, a:focus { text-decoration: underline }
table { width: 100%; border-collapse: collapse } td { padding: .35rem .5rem; border-top: 1px solid var(--line);
  vertical-align: top } td:first-child { white-space: nowrap; width: 6rem } td.end { text-align: right }
.status { display: inline-block; padding: 0 .5em; border-radius: 1em; font-size: .85rem; white-space: nowrap;
  border: 1px solid currentColor }
.new { color: #57606a } .indeterminate { color: #0a58ca } .done { color: #1a7f37 }
@media (prefers-color-scheme: dark) { .new { color: #adbac7 }
  .indeterminate { color: #6cb6ff } .done { color: #57ab5a } }
.quiet { opacity: .7; font-size: .9rem } pre { white-space: pre-wrap; background: var(--soft); padding: .6rem .8rem;
  border-radius: .4rem; font: inherit } form { display: inline } button { font: inherit; font-size: .9rem;
  padding: .15rem .7rem; margin: 0 .3rem .3rem 0; cursor: pointer }
@media (max-width: 40rem) { td.end { display: none } }
"""


@routes.get("/")
async def overview(request: web.Request) -> web.Response:
    hosted_sites: dict[str, HostedSite] = request.app[HOSTED]
    sites = "".join(_site(hosted.site) for name, hosted in hosted_sites.items() if name == hosted.site.name)
    intro = "<p class=quiet>Simulated sites. Open an issue to read it, and to move it as a person would.</p>"
    return _page("Simulated Jira", f"<h1>Simulated Jira</h1>{intro}{sites}", refresh=True)


@routes.get("/{site}/browse/{issue}")
async def browse(request: web.Request) -> web.Response:
    site = hosted_of(request).site
    issue = _found(site, request.match_info["issue"])
    return _page(f"{issue.key} {issue.summary}", _issue(issue))


@routes.post("/{site}/browse/{issue}")
async def make_transition(request: web.Request) -> web.Response:
    """Make a transition as the issue's reporter would. A form on another site's page is refused."""
    if (origin := request.headers.get("Origin")) and urlsplit(origin).netloc != request.host:
        raise JiraError(403, "This form belongs to another site.")
    site = hosted_of(request).site
    issue = _found(site, request.match_info["issue"])
    form = await request.post()
    wanted = str(form.get("transition", ""))
    required = next((step.required_fields for step in issue.transitions if step.id == wanted), ())
    site.transition(issue.creator, issue, wanted, {name: {"name": "Done"} for name in required})
    raise web.HTTPSeeOther(str(request.rel_url))


def _found(site: SimulatedSite, key: str) -> SimulatedIssue:
    issue = site.issue(key)
    if issue is None:
        raise JiraError(404, f"There is no issue {key}.")
    return issue


def _page(title: str, body: str, *, refresh: bool = False) -> web.Response:
    head = f"<meta charset=utf-8><meta name=viewport content='width=device-width'><title>{escape(title)}</title>"
    head += "<meta http-equiv=refresh content=3>" if refresh else ""
    text = f"<!doctype html><html lang=en><head>{head}<style>{STYLE}</style></head><body>{body}</body></html>"
    # An issue's text may hold anything. The browser runs no script of it, and loads nothing from elsewhere.
    policy = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'"
    return web.Response(text=text, content_type="text/html", headers={"Content-Security-Policy": policy})


def _site(site: SimulatedSite) -> str:
    kind = "Cloud" if site.is_cloud else "Data Center"
    return f"<h2>{escape(site.name)} <span class=quiet>{kind}</span></h2>" + "".join(
        _project(site, project) for project in site.projects.values()
    )


def _project(site: SimulatedSite, project: SimulatedProject) -> str:
    issues = [issue for issue in site.issues.values() if issue.project is project]
    rows = "".join(_row(site, issue) for issue in sorted(issues, key=lambda issue: -issue.id))
    heading = f"<h3>{escape(project.name)} <span class=quiet>{escape(project.key)}</span></h3>"
    return f"{heading}<table>{rows or '<tr><td class=quiet>no issues</td></tr>'}</table>"


def _row(site: SimulatedSite, issue: SimulatedIssue) -> str:
    counts = [(len(issue.comments), "comment"), (len(issue.attachments), "file")]
    counted = ", ".join(f"{count} {noun}{'s' * (count > 1)}" for count, noun in counts if count)
    links = " ".join(_link(link) for link in issue.links)
    return (
        f"<tr><td>{_key(site, issue)}</td><td>{escape(issue.summary)} {links and '⇄ ' + links}</td>"
        f"<td class='end quiet'>{counted}</td><td class=end>{_status(issue)}</td></tr>"
    )


def _key(site: SimulatedSite, issue: SimulatedIssue) -> str:
    return f"<a href='/{site.name}/browse/{issue.key}'>{issue.key}</a>"


def _status(issue: SimulatedIssue) -> str:
    return f"<span class='status {issue.status.category}'>{escape(issue.status.name)}</span>"


def _link(link: SimulatedRemoteLink) -> str:
    target = link.body.get("object") or {}
    url, title = str(target.get("url", "")), escape(str(target.get("title", "link")))
    # Whoever may link issues chooses the address. A browser would run one that begins with javascript:.
    if not url.startswith(("http://", "https://")):
        return title
    return f"<a href='{escape(url)}'>{title}</a>"


def _issue(issue: SimulatedIssue) -> str:
    buttons = "".join(
        f"<button name=transition value='{step.id}'>{escape(step.name)}</button>" for step in issue.transitions
    )
    comments = "".join(
        f"<p class=quiet>{escape(comment.author.display_name)}, {comment.created:%Y-%m-%d %H:%M:%S}</p>"
        f"<pre>{escape(comment.body)}</pre>"
        for comment in issue.comments
    )
    history = "".join(
        f"<tr><td class=quiet>{entry.created:%H:%M:%S}</td><td>{escape(entry.author.display_name)}</td>"
        f"<td>{escape(item.field)}: {escape(item.before_text or '–')} → "
        f"{escape(item.after_text or '–')}</td></tr>"
        for entry in reversed(issue.histories)
        for item in entry.items
    )
    files = ", ".join(f"{escape(file.filename)} ({len(file.content)} bytes)" for file in issue.attachments)
    return (
        f"<p><a href='/'>All sites</a></p><h1>{issue.key} {escape(issue.summary)}</h1>"
        f"<p>{_status(issue)} <span class=quiet>{escape(issue.type.name)}, {escape(issue.priority or '')}, reported by "
        f"{escape(issue.creator.display_name)}{escape(', '.join(['', *issue.labels]))}</span></p>"
        f"<form method=post>{buttons}</form><pre>{escape(issue.description or 'No description.')}</pre>"
        f"<h2>Links</h2><p>{' '.join(_link(link) for link in issue.links) or 'none'}</p>"
        f"<h2>Files</h2><p>{files or 'none'}</p><h2>Comments</h2>{comments or '<p>none</p>'}"
        f"<h2>History</h2><table>{history}</table>"
    )
