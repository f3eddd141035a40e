"""Running mongodump, where it is there: its password goes into a file that only we can read, not into its arguments."""

from __future__ import annotations

import json
import subprocess
import tempfile
from pathlib import Path
from typing import IO
from urllib.parse import parse_qsl, quote, urlsplit

from jira_sync.output.terminal import out, printable


def run(tool: str, url: str, database: str, stream: IO[bytes]) -> None:
    """Have `tool` write an archive of `database` to `stream`. Raises Unusable with what it says."""
    from generator.running.errors import Unusable

    with tempfile.TemporaryDirectory(prefix="jira-sync-") as folder:
        config = Path(folder) / "mongodump.yaml"
        config.touch(mode=0o600)
        # JSON is YAML.
        config.write_text(json.dumps({"uri": for_tools(url)}), encoding="utf-8")
        command = [tool, f"--config={config}", f"--db={database}", "--archive", "--gzip"]
        with out.status("mongodump"):
            ran = subprocess.run(command, stdout=stream, stderr=subprocess.PIPE, text=True, check=False)
    if ran.returncode:
        said = (ran.stderr.strip().splitlines() or ["it says nothing"])[-1]
        why = printable(_without_password(said, url))[:300]
        raise Unusable(f"mongodump failed: {why}; --own-format does without it")


def for_tools(url: str) -> str:
    """Return `url` without the name of a database: mongodump refuses one that is not the one it is to dump.

    Which database knows the user, that name may have said, and mongodump takes the one that it dumps unless it is told.
    """
    before, _, options = url.partition("?")
    scheme, _, rest = before.partition("://")
    host, _, name = rest.partition("/")
    known = {key.lower(): value for key, value in parse_qsl(options)}
    by_password = "@" in host and known.get("authmechanism", "SCRAM").startswith("SCRAM")
    if by_password and "authsource" not in known:
        options = "&".join([*([options] if options else []), f"authSource={name or 'admin'}"])
    return f"{scheme}://{host}/{f'?{options}' if options else ''}"


def _without_password(text: str, url: str) -> str:
    password = urlsplit(url).password
    for secret in {password, quote(password, safe="")} if password else ():
        text = text.replace(secret, "***")
    return text
