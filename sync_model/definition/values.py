"""The types of the values in a sync's file, each validated by itself. No message repeats a value: it may be secret."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    WithJsonSchema,
    model_validator,
)
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

from sync_model.web_address import split_url

NAME_PATTERN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}")
PROJECT_KEY_PATTERN = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
REFERENCE_PATTERN = re.compile(r"\$\{(?:file:(?P<file>[^}]+)|(?P<variable>[A-Za-z_][A-Za-z0-9_]*))\}")
DEFAULT_INTERVAL_MINUTES = 5.0
"""How often a sync runs a cycle when neither its file nor SYNC_INTERVAL_MINUTES says so. The replaced service had the
same default."""
MINUTES_PER_WEEK = 7 * 24 * 60
HOURS_PER_YEAR = 365 * 24
DAYS_PER_DECADE = 3650


def is_reference(text: str) -> bool:
    """Tell whether `text` is `${NAME}` or `${file:PATH}`. A reference is looked up when its value is needed."""
    return REFERENCE_PATTERN.fullmatch(text) is not None


def url_fault(text: str) -> str | None:
    """Return what is wrong with `text` as the address of a Jira site, or None. The message never repeats `text`."""
    url = split_url(text)
    if url is None:
        return "is not a web address"
    if url.scheme not in ("http", "https") or not url.hostname:
        return "is not a web address; write it like https://your-site.atlassian.net"
    # With a / in its password, what looks like the host is the user's name.
    if url.username or url.password or "@" in url.path:
        return "carries a user name or password; put credentials in email and apiToken"
    if url.query or url.fragment:
        return "carries a query or fragment; end it after the path"
    return None


def _checked_url(text: str) -> str:
    if is_reference(text):
        return text
    text = text.strip().rstrip("/")
    if fault := url_fault(text):
        raise PydanticCustomError("url", "{fault}", {"fault": fault})
    return text


def _checked_name(name: str) -> str:
    if not NAME_PATTERN.fullmatch(name):
        message = "must be 1 to 63 letters, digits, _ or -, beginning with a letter or digit"
        raise PydanticCustomError("name", message)
    return name


def _checked_project_key(key: str) -> str:
    if not PROJECT_KEY_PATTERN.fullmatch(key):
        raise PydanticCustomError("project_key", "is not a project key: a letter, then letters, digits or _")
    return key


def as_list(value: Any) -> Any:
    """Return one text as a list of it, and a list as it is."""
    if not isinstance(value, str | list | tuple):
        raise PydanticCustomError("text_or_list", 'must be a text in quotes, or a list of them, [ "…" ]')
    return [value] if isinstance(value, str) else value


def not_empty(texts: tuple[str, ...]) -> tuple[str, ...]:
    """Refuse an empty list. pydantic's own check would call a list empty, too, whose items are all at fault."""
    if not texts:
        raise PydanticCustomError("blank", "is empty")
    return texts


def _pattern(pattern: str) -> WithJsonSchema:
    """Put into the JSON Schema what a validator checks. Space around the text is allowed."""
    return WithJsonSchema({"type": "string", "pattern": rf"^\s*(?:{pattern})\s*$"})


Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
Name = Annotated[
    str, AfterValidator(_checked_name), WithJsonSchema({"type": "string", "pattern": f"^{NAME_PATTERN.pattern}$"})
]
Url = Annotated[Text, AfterValidator(_checked_url), _pattern(r"https?://[^?#]+|\$\{[^}]+\}")]
ProjectKey = Annotated[Text, AfterValidator(_checked_project_key), _pattern(PROJECT_KEY_PATTERN.pattern)]
Statuses = Annotated[
    tuple[Text, ...],
    BeforeValidator(as_list, json_schema_input_type=Text | Annotated[list[Text], Field(min_length=1)]),
    AfterValidator(not_empty),
]
Names = Annotated[tuple[Name, ...], BeforeValidator(as_list, json_schema_input_type=Name | list[Name])]
Minutes = Annotated[float, Field(gt=0, le=MINUTES_PER_WEEK, allow_inf_nan=False)]
Days = Annotated[float, Field(gt=0, le=DAYS_PER_DECADE, allow_inf_nan=False)]
Hours = Annotated[float, Field(gt=0, le=HOURS_PER_YEAR, allow_inf_nan=False)]


class ConfigModel(BaseModel):
    """The base of all parts of a sync: camelCase in JSON, no unknown keys, immutable, `null` is the same as absent."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        alias_generator=to_camel,
        hide_input_in_errors=True,  # the input of a failed validation may be a token
    )

    @model_validator(mode="before")
    @classmethod
    def _null_is_absent(cls, data: Any) -> Any:
        if isinstance(data, dict):
            return {key: value for key, value in data.items() if value is not None}
        return data


def items(text: str) -> list[str]:
    """Return what a list with commas or spaces holds."""
    return [item for item in re.split(r"[\s,]+", text) if item]
