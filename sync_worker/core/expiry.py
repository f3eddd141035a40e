"""What stops working on a day that is known ahead."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class Expiry:
    """`what` runs out `at` a time, and `advice` says what to do before. `name` is what others call it, if they do."""

    what: str
    at: datetime
    advice: str
    name: str = ""
