"""`python -m benchmarks.rig.spread_group`: starts a group whose syncs have their databases on several servers.

One mongod cannot open the files of a thousand databases where the system allows it 20,000. MONGODB_SERVERS has the
addresses, with spaces between them. It is for measurements alone: a real group has one address.
"""

from __future__ import annotations

import os
import runpy
import sys
import zlib
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from generator.deploy import prepare
from generator.deploy.programs import Plan, Program

VARIABLE = "MONGODB_SERVERS"


def main() -> None:
    """Become the group, as `python -m generator start --foreground` does."""
    servers = os.environ[VARIABLE].split()
    plan_for = vars(prepare)["plan_for"]

    def plan_on_several(*arguments: Any, **options: Any) -> Plan:
        plan: Plan = plan_for(*arguments, **options)
        return replace(plan, programs=tuple(_on_one_of(servers, program) for program in plan.programs))

    vars(prepare)["plan_for"] = plan_on_several
    sys.argv = ["generator", "start", "--foreground"]
    runpy.run_module("generator", run_name="__main__", alter_sys=True)


def _on_one_of(servers: Sequence[str], program: Program) -> Program:
    if not program.digest:
        return program
    server = servers[zlib.crc32(program.name.encode()) % len(servers)]
    return replace(program, environment={**program.environment, "DATABASE_URL": server})


if __name__ == "__main__":
    main()
