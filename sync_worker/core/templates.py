"""Templates of comments: their defaults, and how they are filled in."""

from __future__ import annotations

import re
from collections.abc import Mapping

from sync_model.definition import PLACEHOLDERS

DEFAULT_TEMPLATE = "${sourceKey} is now in status “${sourceStatus}”."
DEFAULT_DELETE_TEMPLATE = "${sourceKey}, the counterpart of this issue, was deleted."
DEFAULT_CREATE_TEMPLATE = "${targetKey} was created for ${sourceKey}."


def fill_in(template: str, values: Mapping[str, str]) -> str:
    """Replace the placeholders in `template`; all else in it, dollar signs included, stays as it is."""
    return re.sub(rf"\$\{{({'|'.join(PLACEHOLDERS)})\}}", lambda match: values[match[1]], template)


def plain_text(text: str) -> str:
    """Return wiki markup that shows `text` as it is: a customer's summary must not become a macro or a mention."""
    return re.sub(r"([\\{}\[\]|!])", r"\\\1", text)
