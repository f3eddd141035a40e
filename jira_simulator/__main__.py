"""`python -m jira_simulator --port 8090 --demo`: serve simulated sites until SIGTERM or Ctrl-C."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from pydantic import ValidationError

from jira_simulator.hosting.kept_sites import KeptSites
from jira_simulator.seed import Seed, load
from jira_simulator.server import serve

DEMO_SEED = Path(__file__).with_name("demo_seed.json")


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m jira_simulator", description="Serve simulated Jira sites.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8090)
    parser.add_argument("--latency", type=float, default=0.0, metavar="SECONDS", help="added to every call")
    parser.add_argument("--keep", type=Path, metavar="FILE", help="keep the sites there, and go on with those in it")
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--seed", type=Path, metavar="FILE", help="the sites, as JSON")
    source.add_argument("--demo", action="store_true", help="the sites of the demo")
    options = parser.parse_args(argv)
    try:
        seed = load(DEMO_SEED if options.demo else options.seed)
        asyncio.run(_run(seed, options))
    except ValidationError as error:
        print(f"jira-simulator: {options.seed}: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        reason = error.strerror or str(error)
        print(f"jira-simulator: {options.host}:{options.port} or the seed cannot be used: {reason}", file=sys.stderr)
        return 1
    return 0


async def _run(seed: Seed, options: argparse.Namespace) -> None:
    kept = KeptSites(options.keep) if options.keep else None
    runner, port = await serve(seed, options.host, options.port, latency=options.latency, kept=kept)
    stop = asyncio.Event()
    for signal_number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(signal_number, stop.set)
    names = ", ".join(site.name for site in seed.sites)
    print(f"jira-simulator: http://{options.host}:{port} serves {names}", flush=True)
    with contextlib.suppress(asyncio.CancelledError):
        await stop.wait()
    await runner.cleanup()


if __name__ == "__main__":
    sys.exit(main())
