"""Runs mongodump. The password goes into a file that only our user can read, because arguments are public."""

from __future__ import annotations

import json
import subprocess
import tempfile
from pathlib import Path
from typing import IO
from urllib.parse import parse_qsl, quote, urlsplit

from jira_sync.output.terminal import out, printable
from sync_model.environment.mongodb_address import without_overruled


def run(tool: str, url: str, database: str, stream: IO[bytes]) -> None:
    """Have `tool`, a path, write an archive of `database` to `stream`. Raises Unusable with its error message."""
    from generator.running.errors import Unusable

    with tempfile.TemporaryDirectory(prefix="jira-sync-") as folder:
        config = Path(folder) / "mongodump.yaml"
        config.touch(mode=0o600)
        # The file is read as YAML, and JSON is YAML.
        config.write_text(json.dumps({"uri": url_without_database(url)}), encoding="utf-8")
        command = [tool, f"--config={config}", f"--db={database}", "--archive", "--gzip"]
        with out.status("mongodump"):
            process = subprocess.run(command, stdout=stream, stderr=subprocess.PIPE, text=True, check=False)
    if process.returncode:
        last_line = (process.stderr.strip().splitlines() or ["it says nothing"])[-1]
        why = printable(_without_password(last_line, url))[:300]
        raise Unusable(f"mongodump failed: {why}; --own-format does without it")


def url_without_database(url: str) -> str:
    """Return `url` without a database name, and with `authSource` if that name was the default for it.

    mongodump refuses a URL that names another database than `--db`. Without `authSource` it would look for the user
    in the database that it dumps. A preference for secondaries is left out, too: they may lag behind.
    """
    before, _, options = without_overruled(url).partition("?")
    scheme, _, rest = before.partition("://")
    host, _, name = rest.partition("/")
    given = {key.lower(): value for key, value in parse_qsl(options)}
    has_password = "@" in host and given.get("authmechanism", "SCRAM").startswith("SCRAM")
    if has_password and "authsource" not in given:
        options = "&".join([*([options] if options else []), f"authSource={name or 'admin'}"])
    return f"{scheme}://{host}/{f'?{options}' if options else ''}"


def _without_password(text: str, url: str) -> str:
    password = urlsplit(url).password
    for secret in {password, quote(password, safe="")} if password else ():
        text = text.replace(secret, "***")
    return text
