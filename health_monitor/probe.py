"""`python -m health_monitor.probe [live|ready]`: asks the monitor at PORT, for a container's health check.

It imports nothing but the standard library, so that it starts fast: a container runs it every few seconds.

Exit code 0: yes. Exit code 1: no, or no answer. One line on standard output says why.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence
from http.client import HTTPConnection, HTTPException

CHECKS = ("live", "ready")
SECONDS = 5.0
LOOPBACK = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - where a server that listens everywhere is asked


def main(argv: Sequence[str] | None = None, environ: Mapping[str, str] = os.environ) -> int:
    arguments = list(sys.argv[1:] if argv is None else argv) or ["live"]
    if len(arguments) != 1 or arguments[0] not in CHECKS:
        print(f"usage: python -m health_monitor.probe [{'|'.join(CHECKS)}]", file=sys.stderr)
        return 1
    bound = environ.get("BIND") or "127.0.0.1"
    host, port = LOOPBACK.get(bound, bound), environ.get("PORT") or "3000"
    connection = HTTPConnection(f"[{host}]" if ":" in host else host, int(port), timeout=SECONDS)
    try:
        connection.request("GET", f"/health/{arguments[0]}")
        answer = connection.getresponse()
        print(json.load(answer)["message"])
    except (OSError, HTTPException, ValueError, KeyError) as error:
        print(f"no answer at {host}, port {port}: {error}")
        return 1
    finally:
        connection.close()
    return 0 if answer.status == 200 else 1  # noqa: PLR2004


if __name__ == "__main__":
    sys.exit(main())
