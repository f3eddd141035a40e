"""`python -m generator.running.worker_launcher NAME RUN_DIR SNAPSHOT`: becomes a worker that has a user of its own.

It runs as root, and reads nothing of the sync. It gives the worker those variables only that its file refers to, and
the address of MongoDB, whose file the worker cannot read. The worker becomes its user before it reads anything.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from generator.running.worker_users import make_worker_folder, read_users, worker_folder
from sync_model.accounts.connection import database_url
from sync_model.environment.harmless_variables import is_harmless
from sync_model.secrecy.program_output import print_error
from sync_model.secrecy.secret_text import FileFault

MODULE = "generator.running.worker_launcher"


def main(name: str, run_dir: str, snapshot: str, environ: Mapping[str, str]) -> int:
    try:
        user = read_users(Path(run_dir))[name]
        url = database_url(environ)
        make_worker_folder(Path(run_dir), name, user.uid)
    except (OSError, ValueError, KeyError, TypeError, FileFault) as error:
        print_error(f"{name} cannot start: {error or 'it has no user'}")
        return 1
    kept = {key: value for key, value in environ.items() if is_harmless(key) or key in user.variables}
    kept |= {"DATABASE_URL": url} if url else {}
    folder = str(worker_folder(Path(run_dir), name))
    worker = ("-m", "sync_worker", "--config", snapshot, "--run-dir", folder, "--user", str(user.uid))
    os.execve(sys.executable, (sys.executable, *worker), kept)  # noqa: S606 - replaces this process
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], sys.argv[3], os.environ))
