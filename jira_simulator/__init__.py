"""A Jira to try things on: several sites in one process, kept in memory, over real HTTP.

The demo, the tests and the benchmarks use it. It behaves as Jira does, also where that is odd: search lags behind,
requests with an expired token get anonymous answers, calls are limited, and a connection may break after the work
was done.
"""
