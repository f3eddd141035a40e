"""The environment variables of a group. This is the only list of them.

`make docs` writes README's table from it. Tests hold .env.example, the settings, and the demo's environment to it.
"""

from __future__ import annotations

from dataclasses import dataclass

from sync_model.definition.values import DEFAULT_INTERVAL_MINUTES
from sync_model.health.judgement import STUCK_AFTER
from sync_model.shards import MAIN_FLEET

NO_DEFAULT = "–"


@dataclass(frozen=True)
class Variable:
    """One environment variable.

    `default` is the value that has the same effect as no value; it is empty where no value has. `is_fixed_at_start`:
    a running group keeps the value that it was started with. `is_in_example`: .env.example shows the variable,
    because people set it for the container. The image gives values to some of the others, and secrets are better
    put into files.
    """

    name: str
    default: str = ""
    is_fixed_at_start: bool = False
    is_in_example: bool = False


@dataclass(frozen=True)
class ReadmeRow:
    """The variables that README's table explains in one row. `default` stands in place of the variables' defaults."""

    variables: tuple[Variable, ...]
    meaning: str
    default: str | None = None
    is_in_readme: bool = True

    def markdown(self) -> str:
        """Return the row of the table."""
        names = ", ".join(f"`{variable.name}`" for variable in self.variables)
        defaults = ", ".join(f"`{variable.default}`" for variable in self.variables if variable.default)
        return f"| {names} | {self.meaning} | {self.default or defaults or NO_DEFAULT} |"


TABLE = (
    ReadmeRow((Variable("CONFIG_DIR", "configs"),), "the folder with the syncs"),
    ReadmeRow(
        (Variable("DATABASE_URL", is_fixed_at_start=True, is_in_example=True),),
        "the MongoDB server; without it, an embedded one is part of the group. Its user must be able to write to the "
        "database of each sync, and to `jira_sync`, where syncs tell each other of Jira's limits",
    ),
    ReadmeRow(
        (Variable("DATABASE_URL_FILE", is_fixed_at_start=True, is_in_example=True),),
        "a file that holds `DATABASE_URL`, which then is in no environment and no `docker inspect`",
    ),
    ReadmeRow(
        (Variable("MONGODB_PORT", is_fixed_at_start=True),),
        "a port on loopback for the embedded server, which then asks for a password: `run/database/url` has it. "
        "Without a port, only the group's own user reaches the server, by a socket",
        default="no port",
    ),
    ReadmeRow(
        (
            Variable("PORT", "3000", is_fixed_at_start=True, is_in_example=True),
            Variable("BIND", "127.0.0.1", is_fixed_at_start=True),
        ),
        "where the status page, `/health` and `/metrics` are",
        default="`3000`, `127.0.0.1`; in the container all addresses",
    ),
    ReadmeRow(
        (
            Variable("ADMIN_TOKEN", is_fixed_at_start=True),
            Variable("ADMIN_TOKEN_FILE", is_fixed_at_start=True, is_in_example=True),
        ),
        "lets the page's buttons and the API act; 16 characters or more, such as `openssl rand -hex 24` makes. With "
        "one that can be guessed, all is read only. The file is read at each use, and keeps the token out of the "
        "workers' environment",
    ),
    ReadmeRow(
        (Variable("OPERATORS_FILE", is_fixed_at_start=True, is_in_example=True),),
        "a file with a name and a token in each line: people who may act, and whom the journal then names",
    ),
    ReadmeRow(
        (
            Variable("VIEW_TOKEN", is_fixed_at_start=True),
            Variable("VIEW_TOKEN_FILE", is_fixed_at_start=True, is_in_example=True),
        ),
        "where it is set, only who has it, or may act, can look; scripts send it as a bearer token",
    ),
    ReadmeRow(
        (Variable("TRUSTED_PROXIES", is_fixed_at_start=True, is_in_example=True),),
        "addresses and networks of proxies whose `X-Forwarded-…` headers count: "
        "[docs/deployment.md](docs/deployment.md)",
    ),
    ReadmeRow(
        (
            Variable("PROXY_USER_HEADER", is_fixed_at_start=True, is_in_example=True),
            Variable("PROXY_OPERATORS", is_fixed_at_start=True, is_in_example=True),
        ),
        "the header in which such a proxy names who has signed in; then only they can look. Which of them may act: "
        "names with commas, or `*`",
    ),
    ReadmeRow(
        (Variable("BASE_PATH", is_fixed_at_start=True, is_in_example=True),),
        "the path below which a proxy serves the page, such as `/jira-sync`",
    ),
    ReadmeRow(
        (Variable("ALLOWED_HOSTS", is_fixed_at_start=True, is_in_example=True),),
        "the names by which the page is served, with commas. Addresses, `localhost` and the machine's own name always "
        "are; whoever asks by another name gets 421",
    ),
    ReadmeRow(
        (
            Variable("NOTIFY_URL", is_fixed_at_start=True),
            Variable("NOTIFY_URL_FILE", is_fixed_at_start=True, is_in_example=True),
            Variable("NOTIFY_FORMAT", is_fixed_at_start=True, is_in_example=True),
        ),
        "a webhook that is told when a sync comes to need a person, and when it is well again: "
        "[docs/news.md](docs/news.md). The format is `json`, `slack` or `teams`",
        default="nobody is told; the format follows from the host",
    ),
    ReadmeRow(
        (
            Variable("SMTP_URL", is_fixed_at_start=True),
            Variable("SMTP_URL_FILE", is_fixed_at_start=True, is_in_example=True),
            Variable("NOTIFY_MAIL_TO", is_fixed_at_start=True, is_in_example=True),
            Variable("NOTIFY_MAIL_FROM", is_fixed_at_start=True, is_in_example=True),
        ),
        "the same by mail: `smtp://user:password@host:587` (STARTTLS) or `smtps://…`, to whom, and from whom",
        default="no mail",
    ),
    ReadmeRow(
        (Variable("NOTIFY_FILE", is_fixed_at_start=True, is_in_example=True),),
        'a file with a name and an address in each line, for syncs that say `"notify": ["NAME"]`',
    ),
    ReadmeRow(
        (
            Variable("NOTIFY_QUIET", is_fixed_at_start=True, is_in_example=True),
            Variable("NOTIFY_AFTER", "120", is_fixed_at_start=True, is_in_example=True),
            Variable("NOTIFY_DETAILS", "0", is_fixed_at_start=True, is_in_example=True),
        ),
        "hours in which only errors are told, such as `22:00-07:00 Europe/Berlin`; for how many seconds something must "
        "be wrong before it is told; `1`: messages repeat what sites say, which may be texts of issues",
        default="no quiet hours, `120`, `0`",
    ),
    ReadmeRow(
        (Variable("PAGE_URL", is_fixed_at_start=True, is_in_example=True),),
        "the address by which people see the status page: messages link to it",
    ),
    ReadmeRow(
        (Variable("RUN_DIR", "run"),),
        "socket, generated files, heartbeats, embedded database. Only their owner may write there: in a folder that "
        "others may write to, they are in `group-UID`. Without it, commands take the nearest folder upwards whose "
        "`run` has a group, unless this one has `configs`",
    ),
    ReadmeRow(
        (Variable("LOG_DIR", "run/logs", is_fixed_at_start=True),),
        "write logs to files there, rotated, instead of to standard output",
        default="`run/logs` outside of containers",
    ),
    ReadmeRow(
        (Variable("LOG_LEVEL", "info", is_fixed_at_start=True, is_in_example=True),),
        "`debug`, `info`, `warning`, `error`",
    ),
    ReadmeRow(
        (
            Variable(
                "SYNC_INTERVAL_MINUTES", f"{DEFAULT_INTERVAL_MINUTES:g}", is_fixed_at_start=True, is_in_example=True
            ),
        ),
        "for syncs that do not say",
    ),
    ReadmeRow(
        (Variable("MAX_WORKER_MEMORY", is_fixed_at_start=True, is_in_example=True),),
        "a worker above it is restarted between two cycles: `300MB`, `1GB`; proportional set size",
        default="no limit",
    ),
    ReadmeRow(
        (Variable("STUCK_AFTER", f"{STUCK_AFTER:g}", is_fixed_at_start=True, is_in_example=True),),
        "seconds of silence after which a worker is restarted, at the least; long intervals have more",
    ),
    ReadmeRow(
        (Variable("WATCH", "0", is_fixed_at_start=True, is_in_example=True),),
        "`1`: edits in the folder are applied by themselves",
    ),
    ReadmeRow(
        (
            Variable("SHARD", is_fixed_at_start=True, is_in_example=True),
            Variable("FLEET", MAIN_FLEET, is_fixed_at_start=True, is_in_example=True),
        ),
        "where several containers share the syncs: which part this one runs, such as `2/4`; and the name that all of "
        "them have in common: [docs/deployment.md](docs/deployment.md)",
        default="all syncs; `main`",
    ),
    ReadmeRow(
        (Variable("CONFIG_SOURCE", "folder", is_fixed_at_start=True, is_in_example=True),),
        "`database`: run what `jira-sync push` has put into the database, instead of `CONFIG_DIR`, and follow it",
    ),
    ReadmeRow((Variable("STRICT", "0", is_in_example=True),), "`1`: start nothing if any file has a problem"),
    ReadmeRow(
        (Variable("SPAWN", "fork", is_fixed_at_start=True, is_in_example=True),),
        "`fork`: workers are forked from supervisord and share its memory; `exec`: each is a program of its own",
    ),
    ReadmeRow(
        (Variable("WORKER_USERS", is_fixed_at_start=True),),
        "`20001-20100`: each worker becomes a user of its own, of these numbers, where root starts the group: "
        "[docs/deployment.md](docs/deployment.md)",
        default="all have that of the group",
    ),
    ReadmeRow((Variable("FORMER_DATABASE_URL"),), "the replaced service's MongoDB server, for `jira-sync import`"),
    ReadmeRow(
        (
            Variable("JIRA_BASE_URL", is_in_example=True),
            Variable("JIRA_EMAIL", is_in_example=True),
            Variable("JIRA_API_TOKEN"),
            Variable("JIRA_API_TOKEN_FILE", is_in_example=True),
            Variable("JIRA_AUTH_TYPE", is_in_example=True),
            Variable("JIRA_CLIENT_ID", is_in_example=True),
            Variable("JIRA_CLIENT_SECRET"),
            Variable("JIRA_CLIENT_SECRET_FILE", is_in_example=True),
        ),
        "for syncs whose `jira` does not say",
    ),
    ReadmeRow(
        (
            Variable("SECRETS_DIR", is_fixed_at_start=True, is_in_example=True),
            Variable("CONFIG_VARIABLES", is_fixed_at_start=True, is_in_example=True),
        ),
        "folders (`a:b`) of the files, and names of the variables besides `JIRA_*`, that syncs may refer to. Where one "
        "of these two or `JIRA_SITES` is set, nothing else is looked up",
        default="`/run/secrets:secrets`; no variable",
    ),
    ReadmeRow(
        (Variable("JIRA_SITES", is_fixed_at_start=True, is_in_example=True),),
        "addresses of the sites that syncs may call; `JIRA_API_TOKEN` goes to these and to `JIRA_BASE_URL` alone. "
        "They bound token endpoints, too, but for Atlassian's",
        default="all sites",
    ),
    ReadmeRow(
        (Variable("JIRA_SIMULATOR_PORT", is_fixed_at_start=True),),
        "the port of a simulated Jira that is part of the group, on loopback; the demo sets it",
        is_in_readme=False,
    ),
)

VARIABLES = {variable.name: variable for row in TABLE for variable in row.variables}
FIXED_AT_START = tuple(variable.name for variable in VARIABLES.values() if variable.is_fixed_at_start)


def default_of(name: str) -> str:
    """Return what has the same effect as not setting the variable `name`."""
    return VARIABLES[name].default


def markdown_table() -> str:
    """Return the table that README shows."""
    rows = [row.markdown() for row in TABLE if row.is_in_readme]
    return "\n".join(["| variable | meaning | default |", "|---|---|---|", *rows])
