"""`python -m health_monitor.probe [live|ready]`: asks the monitor at PORT, for a container's health check.

Quick, and made of nothing but Python: it is run every few seconds.

0: it is; 1: it is not, or does not answer. One line on standard output says which.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence
from http.client import HTTPConnection, HTTPException

CHECKS = ("live", "ready")
SECONDS = 5.0
ANY = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - where to ask one that listens everywhere


def main(argv: Sequence[str] | None = None, environ: Mapping[str, str] = os.environ) -> int:
    asked = list(sys.argv[1:] if argv is None else argv) or ["live"]
    if len(asked) != 1 or asked[0] not in CHECKS:
        print(f"usage: python -m health_monitor.probe [{'|'.join(CHECKS)}]", file=sys.stderr)
        return 1
    bound = environ.get("BIND") or "127.0.0.1"
    host, port = ANY.get(bound, bound), environ.get("PORT") or "3000"
    connection = HTTPConnection(f"[{host}]" if ":" in host else host, int(port), timeout=SECONDS)
    try:
        connection.request("GET", f"/health/{asked[0]}")
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
