"""The tokens are read once for each request: all of it sees the same ones, and the next one sees what counts then."""

from __future__ import annotations

import asyncio

from health_monitor.access.credentials import Credential, Credentials
from health_monitor.access.gate import Gate

TOKENS = [Credentials((Credential(f"token-{number}"),), closes_reading=True) for number in range(100)]


def answer(gate: Gate, token: str) -> bool:
    """Ask the gate whatever a page asks it; return whether the token counts."""
    found = gate.credential("127.0.0.1", token)
    assert (gate.closes_reading, gate.is_open, gate.takes_tokens) == (True, True, True)
    assert (gate.faults, gate.why_read_only) == ((), None)
    gate.sessions.read(gate.sessions.new(found) if found else "")
    return found is not None


def test_the_tokens_are_read_once_for_a_request_and_anew_for_the_next_one():
    read = iter(TOKENS)
    gate = Gate(lambda: next(read), "cookie")

    async def request(token: str) -> bool:
        gate.begin_request()
        return answer(gate, token)

    async def one_connection() -> list[bool]:
        return [await request(token) for token in ("token-0", "token-0", "token-2")]

    assert asyncio.run(one_connection()) == [True, False, True]


def test_two_requests_at_the_same_time_each_see_tokens_of_their_own():
    read = iter(TOKENS)
    gate = Gate(lambda: next(read), "cookie")

    async def request(token: str, others: asyncio.Barrier) -> bool:
        gate.begin_request()
        assert gate.closes_reading
        await others.wait()
        return answer(gate, token)

    async def both() -> list[bool]:
        others = asyncio.Barrier(2)
        return await asyncio.gather(request("token-0", others), request("token-1", others))

    assert asyncio.run(both()) == [True, True]
