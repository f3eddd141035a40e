"""`python -m generator check | render | apply | start | stop`: the same commands as `jira-sync`.

The image starts a group this way. There is one command line, and it is in a package above this one. So this module
runs that package by its name, instead of importing it.
"""

from __future__ import annotations

import runpy

if __name__ == "__main__":
    runpy.run_module("jira_sync", run_name="__main__", alter_sys=True)
