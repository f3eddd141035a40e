"""The messages that wait to be sent, in the order in which they came. Pure.

The messages for one address are sent one after the other. While it takes none, the pauses between two attempts grow.
There is room for a bounded number: then the oldest message for whoever has most of them is lost, and counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime

from generator.running.settings.news import GROUP
from generator.running.settings.news_channels import Channel
from health_monitor.news.records import Delivery, Failure, Message, NewsState

MOST_WAITING = 200
FIRST_PAUSE, LONGEST_PAUSE = 15.0, 3600.0
"""Seconds from one attempt to the next one."""

Channels = Mapping[str, tuple[Channel, ...]]


def pause_after(attempts: int, retry_after: float | None, jitter: float) -> float:
    """Return the seconds until the next attempt. `jitter` is between 0 and 1."""
    grown: float = min(FIRST_PAUSE * 2 ** min(attempts - 1, 16), LONGEST_PAUSE)
    return max(grown * (1 + jitter / 4), retry_after or 0.0)


def with_messages(state: NewsState, messages: Mapping[str, Message], channels: Channels) -> NewsState:
    """Return `state` with the messages, which are by channel, in its outbox."""
    added = [
        Delivery(channel=name, address=address.id, message=message)
        for name, message in messages.items()
        for address in channels.get(name, ())
    ]
    waiting, dropped = [*state.outbox, *added], state.dropped
    while len(waiting) > MOST_WAITING:
        most, _ = Counter(delivery.address for delivery in waiting).most_common(1)[0]
        waiting.remove(next(delivery for delivery in waiting if delivery.address == most))
        dropped += 1
    return state.model_copy(update={"outbox": tuple(waiting), "dropped": dropped})


def readdressed(state: NewsState, channels: Channels) -> NewsState:
    """Return `state` with the outbox as the channels are now: an address may have been replaced meanwhile.

    What waits for one that is gone goes to the others of its channel, or to those of the group. If there are none, it
    is lost, and nobody is left who could be told.
    """
    outbox: dict[tuple[str, str], Delivery] = {}
    for delivery in state.outbox:
        addresses = channels.get(delivery.channel) or channels.get(GROUP) or ()
        known = [address.id for address in addresses]
        for address in [delivery.address] if delivery.address in known else known:
            outbox.setdefault((address, delivery.message.id), delivery.model_copy(update={"address": address}))
    in_use = {address.id for addresses in channels.values() for address in addresses}
    failures = {address: failure for address, failure in state.failures.items() if address in in_use}
    return state.model_copy(update={"outbox": tuple(outbox.values()), "failures": failures})


def first_of_each(state: NewsState) -> dict[str, Delivery]:
    """Return the oldest delivery for each address."""
    found: dict[str, Delivery] = {}
    for delivery in state.outbox:
        found.setdefault(delivery.address, delivery)
    return found


def after_success(state: NewsState, sent: Delivery, about: str, warning: str | None, now: datetime) -> NewsState:
    """Return `state` after a delivery. `warning`: what is wrong although it was sent."""
    outbox = tuple(delivery for delivery in state.outbox if delivery != sent)
    failures = {address: failure for address, failure in state.failures.items() if address != sent.address}
    if warning:
        failures[sent.address] = Failure(about=about, since=now, attempts=0, error=warning)
    update = {"outbox": outbox, "failures": failures, "dropped": 0 if not outbox else state.dropped}
    return state.model_copy(update=update)


def after_failure(state: NewsState, failed: Delivery, about: str, error: str, now: datetime) -> NewsState:
    """Return `state` after an attempt that failed."""
    known = state.failures.get(failed.address)
    since, attempts = (known.since, known.attempts + 1) if known and known.attempts else (now, 1)
    failure = Failure(about=about, since=since, attempts=attempts, error=error)
    return state.model_copy(update={"failures": {**state.failures, failed.address: failure}})


def trouble(state: NewsState, faults: Iterable[str]) -> str | None:
    """Return what is wrong with telling people, as a sentence; None if nothing is.

    `faults` are those of the settings.
    """
    sentences = list(faults)
    waiting = Counter(delivery.address for delivery in state.outbox)
    for address, failure in state.failures.items():
        number = waiting[address]
        messages = f"{number} message{'s' * (number > 1)} could not be sent to " if number else ""
        since = f", since {failure.since:%Y-%m-%d %H:%M} UTC"
        sentences.append(f"{messages}{failure.about}: {failure.error}{since}")
    if state.dropped:
        sentences.append(f"{state.dropped} older message{'s' * (state.dropped > 1)} found no room and will not be sent")
    return "; ".join(sentences) or None
