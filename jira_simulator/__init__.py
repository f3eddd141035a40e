"""A Jira to try things on: several sites in one process, with a memory, over real HTTP.

The demo, the tests and the benchmarks use it. It answers as Jira does, in its odd ways too: search that lags
behind, tokens that expire into anonymous answers, rate limits, connections that break after the work was done.
"""
