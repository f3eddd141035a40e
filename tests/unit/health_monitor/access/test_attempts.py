"""The limit on wrong tokens."""

from __future__ import annotations

import pytest

from health_monitor.access.attempts import MOST_ADDRESSES, OF_ADDRESS, OF_ALL, TooManyWrongTokens, WrongTokens


class Guesser:
    """Somebody who tries tokens against `right`. `compared` counts how often a token was compared."""

    def __init__(self) -> None:
        self.now, self.compared, self.number = 0.0, 0, 0
        self.limits = WrongTokens(lambda: self.now)

    def guess(self, address: str = "192.0.2.1", token: str | None = None) -> bool:
        """Try a token, by default one that was never tried before; return whether it was right."""
        self.number += 1
        return bool(self.limits.check(address, token or f"guess {self.number}", lambda: self._compare(token)))

    def wait(self, address: str = "192.0.2.1", token: str | None = None) -> float:
        """Try a token; return how long the address has to wait instead, 0 if it need not."""
        try:
            self.guess(address, token)
        except TooManyWrongTokens as error:
            return error.seconds
        return 0.0

    def _compare(self, token: str | None) -> str | None:
        self.compared += 1
        return "somebody" if token == "right" else None


@pytest.fixture
def guesser() -> Guesser:
    return Guesser()


def use_up(guesser: Guesser, address: str = "192.0.2.1") -> None:
    """Guess until the address has to wait."""
    assert any(guesser.wait(address) for _ in range(OF_ADDRESS.free + 2))


def test_who_has_to_wait_is_told_so_before_a_token_is_compared_the_right_one_too(guesser):
    use_up(guesser)
    compared = guesser.compared
    for token in ("right", "wrong"):
        with pytest.raises(TooManyWrongTokens) as raised:
            guesser.guess(token=token)
        assert raised.value.seconds > 0
    assert guesser.compared == compared
    guesser.now += raised.value.seconds
    assert guesser.guess(token="right")


def test_a_guesser_gets_through_few_tokens_a_day_and_each_wait_is_at_most_a_quarter_of_an_hour(guesser):
    waits = []
    for _ in range(86_400):
        guesser.now += 1
        waits.append(guesser.wait())
    assert max(waits) <= 900
    assert guesser.compared < 400


def test_waits_grow(guesser):
    waits = []
    for _ in range(2 * OF_ADDRESS.free + 10):
        waits.append(guesser.wait())
        guesser.now += waits[-1]
    grown = [wait for wait in waits if wait]
    assert grown == sorted(grown)
    assert grown[-1] > 3 * grown[0]


def test_many_addresses_together_are_bounded_and_one_that_has_signed_in_is_not_held_up_by_them(guesser):
    assert guesser.guess("198.51.100.7", "right")
    assert any(guesser.wait(f"192.0.2.{number}") for number in range(OF_ALL.free + 2))
    assert guesser.wait("198.51.100.8", "right") > 0
    assert guesser.guess("198.51.100.7", "right")
    compared, waits = guesser.compared, []
    for second in range(3600):
        guesser.now += 1
        waits += [guesser.wait(f"10.{second % 250}.{second // 250}.{number}") for number in range(10)]
        assert guesser.guess("198.51.100.7", "right")
    assert max(waits) <= 60
    assert guesser.compared - compared - 3600 < 3600 / OF_ALL.forget + OF_ALL.free


def test_the_same_wrong_token_is_no_further_guess(guesser):
    for _ in range(1000):
        assert not guesser.guess(token="the token of last year")
    assert guesser.guess(token="right")


def test_failures_are_forgotten(guesser):
    use_up(guesser)
    guesser.now += OF_ADDRESS.forget * (OF_ADDRESS.free + 2)
    for _ in range(OF_ADDRESS.free):
        assert not guesser.guess()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("192.0.2.1", "::ffff:192.0.2.1"),
        ("2001:db8::1", "2001:db8::ffff:ffff"),
        ("fe80::1%eth0", "fe80::2%eth1"),
    ],
)
def test_all_addresses_that_one_host_can_have_are_one(guesser, one, other):
    use_up(guesser, one)
    with pytest.raises(TooManyWrongTokens):
        guesser.guess(other)


def test_no_number_of_addresses_fills_the_memory(guesser):
    for number in range(MOST_ADDRESSES + 100):
        guesser.now += 100
        guesser.guess(f"10.{number // 65536}.{number // 256 % 256}.{number % 256}")
    assert len(guesser.limits._addresses) == MOST_ADDRESSES


def test_a_token_may_hold_any_character_that_a_header_can_bring(guesser):
    assert not guesser.guess(token="\udcff\ud800é\x00")
