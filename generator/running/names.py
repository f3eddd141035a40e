"""What to say of a name that no sync has."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from generator.running.errors import NotUnderstood


def unknown_sync(name: str, syncs: Sequence[str], programs: Sequence[str] = ()) -> NotUnderstood:
    """Return the error: with the nearest name, else with all of them. `programs` may be named, too."""
    nearest = difflib.get_close_matches(name, [*syncs, *programs], n=1)
    return NotUnderstood(f"no sync is called {name}; {f'did you mean {nearest[0]}?' if nearest else there_are(syncs)}")


def there_are(names: Sequence[str]) -> str:
    """Return the sentence that names all of `names`."""
    return f"there {'is' if len(names) == 1 else 'are'} {', '.join(names)}" if names else "there are none"
