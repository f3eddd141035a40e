"""Texts in Jira's wiki markup: templates of comments, and what must not be markup on the other site."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from sync_model.definition.sync import PLACEHOLDERS
from sync_worker.core.decisions.long_texts import kept_of

DEFAULT_TEMPLATE = "${sourceKey} is now in status “${sourceStatus}”."
DEFAULT_DELETE_TEMPLATE = "${sourceKey}, the counterpart of this issue, is gone, or not visible to us."
DEFAULT_CREATE_TEMPLATE = "${targetKey} was created for ${sourceKey}."


MENTION = re.compile(r"\[~([^\]\r\n]+)\]")
SOMEBODY = "somebody"


def fill_in(template: str, values: Mapping[str, str]) -> str:
    """Replace the placeholders in `template`; all else in it, dollar signs included, stays as it is."""
    return re.sub(rf"\$\{{({'|'.join(PLACEHOLDERS)})\}}", lambda match: values[match[1]], template)


def is_filled_in(template: str, text: str) -> bool:
    """Tell whether `text` may be `template` filled in, with whatever, and cut if it was too long.

    Only words and their order count: a site may write markup in another way.
    """
    kept = kept_of(text)
    words, at = _words(text if kept is None else kept), 0
    for number, literal in enumerate(map(_words, re.split(rf"\$\{{(?:{'|'.join(PLACEHOLDERS)})\}}", template))):
        found = words.find(literal, at)
        if found < 0:
            # What comes before the first placeholder begins the text. The others may stand behind the cut.
            return kept is not None and (number > 0 or literal.startswith(words))
        at = found + len(literal)
    return True


def _words(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.casefold()))


def plain_text(text: str) -> str:
    """Return wiki markup that shows `text` as it is: what another site says must not become a macro or a mention.

    An issue key stays as it is, so that Jira makes a link of it.
    """
    return re.sub(r"([\\{}\[\]|!])", r"\\\1", text)


def without_mentions(text: str, name_of: Callable[[str], str | None]) -> str:
    """Return wiki markup that names people instead of mentioning them: `@Ann Lee` for `[~ann]`.

    On another site, a mention would reach nobody, or somebody else of the same name. `name_of` returns the name of who
    is mentioned; where it knows none, the account's name has to do.
    """

    def plain(match: re.Match[str]) -> str:
        mention = match[1]
        is_name = not mention.startswith("accountid:")
        return plain_text(f"@{name_of(mention) or (mention if is_name else SOMEBODY)}")

    return MENTION.sub(plain, text)
