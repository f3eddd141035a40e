"""The shape of a sync: what one JSON file in `configs/` may say.

Every configuration of the service that jira-sync replaces loads unchanged. What its author meant, and what
each field means here, is in `configs/README.md`; a test holds that page and these models together.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    StringConstraints,
    field_validator,
    model_validator,
)
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

NAME_PATTERN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}")
PROJECT_KEY_PATTERN = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
# `all` is supervisorctl's word for every program; the others are programs of the group itself, and name its logs.
RESERVED_NAMES = frozenset({"all", "supervisord", "mongodb", "jira-simulator", "health-monitor", "config-watcher"})
# MongoDB's own databases, and the one that all syncs share.
RESERVED_DATABASES = frozenset({"admin", "config", "local", "jira_sync"})
REFERENCE_PATTERN = re.compile(r"\$\{(?:file:(?P<file>[^}]+)|(?P<variable>[A-Za-z_][A-Za-z0-9_]*))\}")
PLACEHOLDERS = ("sourceKey", "targetKey", "sourceStatus", "targetStatus", "sourceSummary")
ANY_STATUS = "*"
MINUTES_PER_WEEK = 7 * 24 * 60
HOURS_PER_YEAR = 365 * 24
DAYS_PER_DECADE = 3650
MOST_SIDE_BY_SIDE = 64


class Side(StrEnum):
    """One of the two projects of a sync: where customers report, or where developers work."""

    USER = "user"
    DEV = "dev"

    @property
    def other(self) -> Side:
        return Side.DEV if self is Side.USER else Side.USER


def fold(status: str) -> str:
    """Return a status name in the form in which two of them are compared: case and outer space do not count."""
    return status.strip().casefold()


def is_reference(text: str) -> bool:
    """Tell whether `text` is `${NAME}` or `${file:PATH}`, to be looked up when it is needed."""
    return REFERENCE_PATTERN.fullmatch(text) is not None


def url_fault(text: str) -> str | None:
    """Say what is wrong with `text` as the address of a Jira site, or None. Never repeats the text itself."""
    try:
        url = urlsplit(text)
        _ = url.port
    except ValueError:
        return "is not a web address"
    if url.scheme not in ("http", "https") or not url.hostname:
        return "is not a web address; write it like https://your-site.atlassian.net"
    if url.username or url.password:
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


def _checked_project_key(key: str) -> str:
    if not PROJECT_KEY_PATTERN.fullmatch(key):
        raise PydanticCustomError("project_key", "is not a project key: a letter, then letters, digits or _")
    return key


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
Url = Annotated[Text, AfterValidator(_checked_url)]
ProjectKey = Annotated[Text, AfterValidator(_checked_project_key)]
Statuses = Annotated[tuple[Text, ...], BeforeValidator(_as_list), Field(min_length=1)]
Minutes = Annotated[float, Field(gt=0, le=MINUTES_PER_WEEK, allow_inf_nan=False)]
Days = Annotated[float, Field(gt=0, le=DAYS_PER_DECADE, allow_inf_nan=False)]
Hours = Annotated[float, Field(gt=0, le=HOURS_PER_YEAR, allow_inf_nan=False)]


class Model(BaseModel):
    """What all parts share: camelCase in JSON, unknown keys refused, immutable, `null` is the same as absent."""

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


class Account(Model):
    """A Jira site and the account that works there; any string may be `${NAME}` or `${file:PATH}`."""

    base_url: Url | None = None
    site_url: Url | None = None
    email: Text | None = None
    api_token: SecretStr | None = None
    auth_type: Literal["basic", "pat"] | None = None
    calls_per_second: float | None = Field(default=None, gt=0, allow_inf_nan=False)

    @field_validator("auth_type", mode="before")
    @classmethod
    def _any_case(cls, value: Any) -> Any:
        return value.strip().lower() if isinstance(value, str) else value

    @field_validator("api_token", mode="after")
    @classmethod
    def _not_blank(cls, token: SecretStr | None) -> SecretStr | None:
        if token is not None and not token.get_secret_value().strip():
            raise PydanticCustomError("blank", "is empty")
        return token


class Direction(StrEnum):
    """Which side's status changes a rule answers."""

    USER_TO_DEV = "user_to_dev"
    DEV_TO_USER = "dev_to_user"
    BOTH = "both"
    NONE = "none"

    def leads_from(self, side: Side) -> bool:
        """Tell whether a change on `side` is one that this direction carries over."""
        return self is Direction.BOTH or self == f"{side}_to_{side.other}"


class Conditions(Model):
    require_mapping: bool | None = None
    on_status_change: bool | None = None


class Actions(Model):
    create_issue: bool = False
    sync_status: bool = False
    target_status: Text | None = None
    sync_attachments: bool = False
    add_cross_link: bool | None = None
    add_comment: bool = False
    comment_template: str | None = None
    comment_on: Literal["user", "dev"] = "user"
    issue_type: Text | None = None


class Rule(Model):
    """What a status change on one side calls for on the other."""

    id: Text | None = None
    description: str | None = None
    source_status: Statuses
    target_project: Side | None = None
    target_status: Text | None = None
    sync_direction: Direction
    enabled: bool = True
    priority: float | None = Field(default=None, allow_inf_nan=False)
    conditions: Conditions = Conditions()
    actions: Actions = Actions()

    @property
    def label(self) -> str:
        """The rule's id, or the statuses it answers where it has none."""
        return self.id or ", ".join(self.source_status)

    @property
    def requires_mapping(self) -> bool:
        """A rule that creates needs no counterpart to be there, unless it says so."""
        if self.conditions.require_mapping is not None:
            return self.conditions.require_mapping
        return not self.actions.create_issue

    def answers(self, status: str) -> bool:
        """Tell whether `status` is among those this rule is for."""
        return any(own.strip() == ANY_STATUS or fold(own) == fold(status) for own in self.source_status)

    def target_for(self, status: str) -> str:
        """Return the status that the counterpart belongs in; by default the one of the same name."""
        return self.actions.target_status or self.target_status or status


class Fallback(StrEnum):
    """What becomes of the user issue when the dev issue is done and no rule names its status."""

    IGNORE = "ignore"
    DEFAULT_TO_CLOSED = "default_to_closed"
    SYNC_TO_RESOLVED = "sync_to_resolved"

    @property
    def target_status(self) -> str | None:
        return {"default_to_closed": "Closed", "sync_to_resolved": "Resolved"}.get(self)


class DefaultBehavior(Model):
    sync_attachments: bool = False
    only_on_status_change: bool = True
    skip_intermediate_statuses: bool = True
    add_cross_links: bool = False
    fallback_behavior: Fallback = Fallback.IGNORE


class OnDelete(StrEnum):
    """What becomes of an issue whose counterpart was deleted."""

    KEEP = "keep"
    COMMENT = "comment"
    TRANSITION = "transition"


class Sync(Model):
    """One pair of Jira projects kept in step."""

    schema_: str | None = Field(default=None, alias="$schema")
    name: str
    description: str | None = None
    enabled: bool = True
    database_name: str | None = None
    jira: Account = Account()
    user_jira: Account | None = None
    dev_jira: Account | None = None
    user_project_key: ProjectKey
    dev_project_key: ProjectKey
    sync_interval_minutes: Minutes | None = None
    search_lag_minutes: Minutes | None = None
    sweep_interval_minutes: Minutes = 60.0
    sweep_look_back_hours: Hours = 24.0
    census_interval_hours: Hours = 24.0
    retry_for_hours: Hours = 24.0
    history_days: Days = 90.0
    side_by_side: int = Field(default=8, ge=1, le=MOST_SIDE_BY_SIDE)
    on_delete: OnDelete = OnDelete.KEEP
    on_delete_status: Text | None = None
    on_delete_comment: Text | None = None
    initial_sync_enabled: bool = True
    issue_type: Text | None = None
    default_behavior: DefaultBehavior = DefaultBehavior()
    rules: tuple[Rule, ...]

    @field_validator("name")
    @classmethod
    def _name_is_usable(cls, name: str) -> str:
        if not NAME_PATTERN.fullmatch(name):
            message = "must be 1 to 63 letters, digits, _ or -, beginning with a letter or digit"
            raise PydanticCustomError("name", message)
        if name.lower() in RESERVED_NAMES:
            raise PydanticCustomError("name", "is reserved; choose another name")
        return name

    @field_validator("database_name")
    @classmethod
    def _database_is_usable(cls, name: str | None) -> str | None:
        if name is not None and not NAME_PATTERN.fullmatch(name):
            message = "must be 1 to 63 letters, digits, _ or -, beginning with a letter or digit"
            raise PydanticCustomError("database", message)
        return name

    @model_validator(mode="after")
    def _database_is_not_reserved(self) -> Sync:
        if self.database.lower() in RESERVED_DATABASES:
            message = "the database {name} is not for syncs; set databaseName to another name"
            raise PydanticCustomError("database", message, {"name": self.database})
        return self

    @model_validator(mode="after")
    def _deletion_is_complete(self) -> Sync:
        if self.on_delete is OnDelete.TRANSITION and self.on_delete_status is None:
            raise PydanticCustomError("on_delete", "onDelete is transition: onDeleteStatus must say to which status")
        return self

    @property
    def database(self) -> str:
        """The MongoDB database that is this sync's own."""
        return self.database_name or self.name.replace("-", "_")

    @property
    def ordered_rules(self) -> tuple[Rule, ...]:
        """The enabled rules, in the order in which they are tried: smallest priority first, then file order."""
        last = float("inf")
        enabled = (rule for rule in self.rules if rule.enabled)
        return tuple(sorted(enabled, key=lambda rule: last if rule.priority is None else rule.priority))

    def project_key(self, side: Side) -> str:
        return self.user_project_key if side is Side.USER else self.dev_project_key

    def account(self, side: Side) -> Account:
        """The account for `side`: its own (`userJira`, `devJira`) where given, else the common one (`jira`)."""
        own = self.user_jira if side is Side.USER else self.dev_jira
        return own or self.jira

    def has_own_account(self, side: Side) -> bool:
        """An account of a side's own is taken as it stands: nothing is filled in from `jira` or JIRA_*."""
        return (self.user_jira if side is Side.USER else self.dev_jira) is not None

    def only_on_status_change(self, rule: Rule) -> bool:
        own = rule.conditions.on_status_change
        return self.default_behavior.only_on_status_change if own is None else own

    def adds_cross_link(self, rule: Rule) -> bool:
        own = rule.actions.add_cross_link
        return self.default_behavior.add_cross_links if own is None else own

    def issue_type_for(self, rule: Rule) -> str | None:
        return rule.actions.issue_type or self.issue_type
