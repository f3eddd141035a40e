"""Two small pages for a person who wants to see what the sites hold, and to change something by hand."""

from __future__ import annotations

from html import escape
from urllib.parse import urlsplit

from aiohttp import web

from jira_simulator.control import HOSTED, hosted_of
from jira_simulator.hosting import Hosted
from jira_simulator.model import Issue, JiraError, Project, RemoteLink
from jira_simulator.state import Site

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
    hosts: dict[str, Hosted] = request.app[HOSTED]
    sites = "".join(_site(hosted.site) for hosted in hosts.values())
    intro = "<p class=quiet>Simulated sites. Open an issue to read it, and to move it as a person would.</p>"
    return _page("Simulated Jira", f"<h1>Simulated Jira</h1>{intro}{sites}", refresh=True)


@routes.get("/{site}/browse/{issue}")
async def browse(request: web.Request) -> web.Response:
    site = hosted_of(request).site
    issue = _found(site, request.match_info["issue"])
    return _page(f"{issue.key} {issue.summary}", _issue(issue))


@routes.post("/{site}/browse/{issue}")
async def move(request: web.Request) -> web.Response:
    """Move an issue as its reporter would. Only a form of this very page is heard."""
    if (origin := request.headers.get("Origin")) and urlsplit(origin).netloc != request.host:
        raise JiraError(403, "This form belongs to another site.")
    site = hosted_of(request).site
    issue = _found(site, request.match_info["issue"])
    form = await request.post()
    wanted = str(form.get("transition", ""))
    ways = (way for way in issue.project.workflow_of(issue.type).ways_from(issue.status) if way.id == wanted)
    needed = next((way.required_fields for way in ways), ())
    site.transition(issue.creator, issue, wanted, {name: {"name": "Done"} for name in needed})
    raise web.HTTPSeeOther(str(request.rel_url))


def _found(site: Site, key: str) -> Issue:
    issue = site.issue(key)
    if issue is None:
        raise JiraError(404, f"There is no issue {key}.")
    return issue


def _page(title: str, body: str, *, refresh: bool = False) -> web.Response:
    head = f"<meta charset=utf-8><meta name=viewport content='width=device-width'><title>{escape(title)}</title>"
    head += "<meta http-equiv=refresh content=3>" if refresh else ""
    text = f"<!doctype html><html lang=en><head>{head}<style>{STYLE}</style></head><body>{body}</body></html>"
    # Nothing on these pages runs, or comes from elsewhere, whatever an issue's text says.
    policy = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'"
    return web.Response(text=text, content_type="text/html", headers={"Content-Security-Policy": policy})


def _site(site: Site) -> str:
    kind = "Cloud" if site.is_cloud else "Data Center"
    return f"<h2>{escape(site.name)} <span class=quiet>{kind}</span></h2>" + "".join(
        _project(site, project) for project in site.projects.values()
    )


def _project(site: Site, project: Project) -> str:
    issues = [issue for issue in site.issues.values() if issue.project is project]
    rows = "".join(_row(site, issue) for issue in sorted(issues, key=lambda each: -each.id))
    heading = f"<h3>{escape(project.name)} <span class=quiet>{escape(project.key)}</span></h3>"
    return f"{heading}<table>{rows or '<tr><td class=quiet>no issues</td></tr>'}</table>"


def _row(site: Site, issue: Issue) -> str:
    counts = [(len(issue.comments), "comment"), (len(issue.attachments), "file")]
    said = ", ".join(f"{count} {noun}{'s' * (count > 1)}" for count, noun in counts if count)
    links = " ".join(_link(each) for each in issue.links)
    return (
        f"<tr><td>{_key(site, issue)}</td><td>{escape(issue.summary)} {links and '⇄ ' + links}</td>"
        f"<td class='end quiet'>{said}</td><td class=end>{_status(issue)}</td></tr>"
    )


def _key(site: Site, issue: Issue) -> str:
    return f"<a href='/{site.name}/browse/{issue.key}'>{issue.key}</a>"


def _status(issue: Issue) -> str:
    return f"<span class='status {issue.status.category}'>{escape(issue.status.name)}</span>"


def _link(link: RemoteLink) -> str:
    target = link.body.get("object") or {}
    url, title = str(target.get("url", "")), escape(str(target.get("title", "link")))
    # Anybody who may edit an issue may write a link; only what a browser fetches is made one.
    if not url.startswith(("http://", "https://")):
        return title
    return f"<a href='{escape(url)}'>{title}</a>"


def _issue(issue: Issue) -> str:
    ways = issue.project.workflow_of(issue.type).ways_from(issue.status)
    buttons = "".join(f"<button name=transition value='{way.id}'>{escape(way.name)}</button>" for way in ways)
    comments = "".join(
        f"<p class=quiet>{escape(each.author.display_name)}, {each.created:%Y-%m-%d %H:%M:%S}</p>"
        f"<pre>{escape(each.body)}</pre>"
        for each in issue.comments
    )
    history = "".join(
        f"<tr><td class=quiet>{each.created:%H:%M:%S}</td><td>{escape(each.author.display_name)}</td>"
        f"<td>{escape(change.field)}: {escape(change.before_text or '–')} → "
        f"{escape(change.after_text or '–')}</td></tr>"
        for each in reversed(issue.histories)
        for change in each.changes
    )
    files = ", ".join(f"{escape(each.filename)} ({len(each.content)} bytes)" for each in issue.attachments)
    return (
        f"<p><a href='/'>All sites</a></p><h1>{issue.key} {escape(issue.summary)}</h1>"
        f"<p>{_status(issue)} <span class=quiet>{escape(issue.type.name)}, {escape(issue.priority or '')}, reported by "
        f"{escape(issue.creator.display_name)}{escape(', '.join(['', *issue.labels]))}</span></p>"
        f"<form method=post>{buttons}</form><pre>{escape(issue.description or 'No description.')}</pre>"
        f"<h2>Links</h2><p>{' '.join(_link(each) for each in issue.links) or 'none'}</p>"
        f"<h2>Files</h2><p>{files or 'none'}</p><h2>Comments</h2>{comments or '<p>none</p>'}"
        f"<h2>History</h2><table>{history}</table>"
    )
