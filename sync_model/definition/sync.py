"""The shape of a sync: what one JSON file in `configs/` may say.

Every configuration of the service that jira-sync replaces loads unchanged. The text below a field describes the
field. It goes into the JSON Schema, where editors show it, and a test compares `configs/README.md` with it.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Literal

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_core import PydanticCustomError

from sync_model.definition.attachments import AttachmentsOrShort
from sync_model.definition.sides import Direction, Side
from sync_model.definition.values import ConfigModel, Days, Hours, Minutes, Name, Names, ProjectKey, Statuses, Text, Url
from sync_model.program_names import PROGRAMS, SUPERVISORD

__all__ = [
    "ANY_STATUS",
    "PLACEHOLDERS",
    "Account",
    "Actions",
    "Conditions",
    "DefaultBehavior",
    "Direction",
    "Fallback",
    "OnDelete",
    "Rule",
    "Side",
    "Sync",
    "fold",
]

# To supervisorctl, `all` is every program. The others are the group's own programs, whose logs have these names.
RESERVED_NAMES = PROGRAMS | {"all", SUPERVISORD}
# MongoDB's own databases, and the database that all syncs share.
RESERVED_DATABASES = frozenset({"admin", "config", "local", "jira_sync"})
PLACEHOLDERS = ("sourceKey", "targetKey", "sourceStatus", "targetStatus", "sourceSummary")
ANY_STATUS = "*"
FILES = "attachments"
"""The kind of items that files are."""
MAX_SIDE_BY_SIDE = 64


def fold(status: str) -> str:
    """Return a status name in the form in which names are compared: case and outer space do not count."""
    return status.strip().casefold()


class Account(ConfigModel):
    """A Jira site and the account that works there; any string may be `${NAME}` or `${file:PATH}`."""

    base_url: Url | None = None
    """Where the API is: the site, with its context path if it has one."""
    site_url: Url | None = None
    """Where people see the site, if that is another address. Links lead there."""
    email: Text | None = None
    """The account's e-mail (Cloud) or user name (Data Center with a password). Not needed with `pat`."""
    api_token: SecretStr | None = None
    """The API token (Cloud), personal access token or password (Data Center)."""
    auth_type: Literal["basic", "pat", "oauth"] | None = None
    """`basic`: e-mail and token. `pat`: a personal access token of Data Center. `oauth`: a service account with OAuth
    2.0, which has `clientId` and `clientSecret` in place of `email` and `apiToken`."""
    client_id: Text | None = None
    """The client id of a service account's OAuth 2.0 credential."""
    client_secret: SecretStr | None = None
    """The client secret that belongs to `clientId`. It goes to the token endpoint alone."""
    token_endpoint: Url | None = None
    """The token endpoint, where that is neither Atlassian's nor the Data Center's own."""
    scopes: Text | None = None
    """The scopes that access tokens are asked for, with spaces between. Atlassian Cloud has them in the credential."""
    ca_file: Text | None = None
    """A file with certificates (PEM) of authorities that are trusted for this site, besides the usual ones. It is read
    again when it has changed."""
    client_certificate: Text | None = None
    """A file with the certificate (PEM) by which we show who we are, where the site or a proxy before it asks for one.
    It may hold the key, too, and is read again when it has changed."""
    client_key: Text | None = None
    """The file with the key of `clientCertificate`, where that is a file of its own. The key is not encrypted."""
    calls_per_second: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    """The most calls per second to this site, over all syncs together that say so. Jira's own limits are kept
    without it."""

    @field_validator("auth_type", mode="before")
    @classmethod
    def _any_case(cls, value: Any) -> Any:
        return value.strip().lower() if isinstance(value, str) else value

    @field_validator("api_token", "client_secret", mode="after")
    @classmethod
    def _not_blank(cls, token: SecretStr | None) -> SecretStr | None:
        if token is not None and not token.get_secret_value().strip():
            raise PydanticCustomError("blank", "is empty")
        return token


class Conditions(ConfigModel):
    require_mapping: bool | None = None
    """`true`: only for issues that have a counterpart."""
    on_status_change: bool | None = None
    """`true`: a status change is answered, once. `false`: what the rule says about status, files and links is made
    true again at every update of the issue, and an issue without a counterpart gets one if the rule creates."""


class Actions(ConfigModel):
    create_issue: bool = False
    """An issue without a counterpart gets one: same summary, description and labels, and the priority where the
    target has it. Never a second one."""
    sync_status: bool = False
    """The counterpart is moved, by whichever transition leads to the target status."""
    target_status: Text | None = None
    """The status it is moved to."""
    sync_attachments: bool = False
    """The issue's files are copied to its counterpart."""
    add_cross_link: bool | None = None
    """Each of the two issues links to the other."""
    add_comment: bool = False
    """A comment is posted, once per status change."""
    comment_template: str | None = None
    """Its text, in Jira's wiki markup, with `${sourceKey}`, `${targetKey}`, `${sourceStatus}`, `${targetStatus}`
    and `${sourceSummary}`. The source is the issue that changed."""
    comment_on: Literal["user", "dev"] = "user"
    """Whose issue the comment goes to: `user` or `dev`."""
    issue_type: Text | None = None
    """The type of the counterpart, for this rule."""

    @property
    def items_carried_in_full(self) -> frozenset[str]:
        """The kinds of items of which the rule has all carried over that an issue has."""
        return frozenset({FILES}) if self.sync_attachments else frozenset()


class Rule(ConfigModel):
    """What a status change on one side calls for on the other."""

    id: Text | None = None
    """A name for logs."""
    description: str | None = None
    """For people."""
    source_status: Statuses
    """The status that was reached, a list of them, or `"*"` for any. Upper and lower case are the same."""
    target_project: Side | None = None
    """`user` or `dev`. Follows from `syncDirection`; a contradiction is warned about."""
    target_status: Text | None = None
    """The same as `actions.targetStatus`, which counts if both are there."""
    sync_direction: Direction
    """Whose changes are answered: `user_to_dev`, `dev_to_user`, `both`, or `none`."""
    enabled: bool = True
    """`false`: the rule is not there."""
    priority: float | None = Field(default=None, allow_inf_nan=False)
    """Rules are tried from the smallest number up, those without one last, and in the order of the file where they
    are equal."""
    conditions: Conditions = Conditions()
    """When the rule fits"""
    actions: Actions = Actions()
    """What it calls for"""

    @property
    def label(self) -> str:
        """The rule's id; without one, the statuses that the rule answers."""
        return self.id or ", ".join(self.source_status)

    @property
    def requires_mapping(self) -> bool:
        """Tell whether the rule needs a counterpart. By default, a rule that creates issues needs none."""
        if self.conditions.require_mapping is not None:
            return self.conditions.require_mapping
        return not self.actions.create_issue

    def answers(self, status: str) -> bool:
        """Tell whether this rule is for `status`."""
        return any(source.strip() == ANY_STATUS or fold(source) == fold(status) for source in self.source_status)

    def may_create(self, side: Side) -> bool:
        """Tell whether this rule gives issues of `side` counterparts."""
        return self.sync_direction.leads_from(side) and self.actions.create_issue and not self.requires_mapping

    def target_for(self, status: str) -> str:
        """Return the status that the counterpart is moved to; by default the status of the same name."""
        return self.actions.target_status or self.target_status or status


class Fallback(StrEnum):
    """What becomes of the user issue when the dev issue is done and no rule names its status."""

    IGNORE = "ignore"
    DEFAULT_TO_CLOSED = "default_to_closed"
    SYNC_TO_RESOLVED = "sync_to_resolved"

    @property
    def target_status(self) -> str | None:
        return {"default_to_closed": "Closed", "sync_to_resolved": "Resolved"}.get(self)


class DefaultBehavior(ConfigModel):
    sync_attachments: bool = False
    """Files that customers add to an issue later are copied to its counterpart, whatever its status, and at the next
    edit of the issue those that it had before. (Files that developers add leave the dev project only by a rule.) Where
    `attachments` is given, that counts instead."""
    only_on_status_change: bool = True
    """What holds for rules that do not say `onStatusChange`."""
    skip_intermediate_statuses: bool = True
    """Of several statuses that an issue passed through between two cycles, only the last counts. `false`: each is
    answered, in order."""
    add_cross_links: bool = False
    """What holds for rules that do not say `addCrossLink`."""
    fallback_behavior: Fallback = Fallback.IGNORE
    """What becomes of the user issue when the dev issue reaches a status of the category *done* that no rule names.
    `ignore`: nothing. `default_to_closed`: it moves to Closed. `sync_to_resolved`: it moves to Resolved."""


class OnDelete(StrEnum):
    """What becomes of an issue whose counterpart is gone, or not visible to us."""

    KEEP = "keep"
    COMMENT = "comment"
    TRANSITION = "transition"


class Sync(ConfigModel):
    """One pair of Jira projects kept in step."""

    schema_: str | None = Field(default=None, alias="$schema")
    """For editors; not read."""
    name: Name
    """The sync's name, in `supervisorctl` and in every log line. 1 to 63 letters, digits, `_` and `-`."""
    description: str | None = None
    """For people."""
    enabled: bool = True
    """`false`: the sync is not run. Its database stays as it is."""
    database_name: Name | None = None
    """The MongoDB database that is this sync's own."""
    jira: Account = Account()
    """The Jira site of both projects and the account that works there."""
    user_jira: Account | None = None
    """The site and account of one side, where it is another one than `jira`. Taken as it stands: nothing is filled
    in from `jira` or from the environment."""
    dev_jira: Account | None = None
    """The site and account of one side, where it is another one than `jira`. Taken as it stands: nothing is filled
    in from `jira` or from the environment."""
    user_project_key: ProjectKey
    """The project in which customers report."""
    dev_project_key: ProjectKey
    """The project in which developers work."""
    sync_interval_minutes: Minutes | None = None
    """Minutes from the start of one cycle to the start of the next; fractions are allowed."""
    search_lag_minutes: Minutes | None = None
    """How many minutes Jira's search may lag behind. Each cycle looks back this much further, and a creation whose
    answer was lost is looked for this long, and two minutes, before it is tried again."""
    sweep_interval_minutes: Minutes = 60.0
    """Every so many minutes a cycle looks back much further, for what search hid longer than it may lag."""
    sweep_look_back_hours: Hours = 24.0
    """How far a sweep looks back."""
    census_interval_hours: Hours = 24.0
    """Every so many hours all issues are counted, to find those that were moved to another project, deleted, hidden
    from our account, or imported with old dates, which search never tells."""
    retry_for_hours: Hours = 24.0
    """A change that could not be carried out is tried again, with pauses that grow to an hour, for so long, and
    eight times at least. Then it is given up: it is kept, and a person can have it tried again."""
    most_moves_per_hour: int = Field(default=20, ge=2)
    """After so many moves of the two issues of one pair within an hour, the pair waits for a person: two automations
    may contradict each other. `jira-sync retry` lets it go on."""
    most_writes_per_hour: int = Field(default=200, ge=10)
    """After so many writes to the two issues of one pair within an hour, moves not counted, what else came to be
    written in that hour waits for a person: two services may answer each other. `jira-sync retry` lets it go on."""
    most_writes_at_once: int = Field(default=1000, ge=10)
    """After so many writes in one cycle to pairs that were there before, creations, moves, and the comments and links
    of rules not counted, the rest waits for a person: something may have changed many issues at once. Cycles that only
    go on with what the one before had left count as one, within an hour. `jira-sync retry` lets it go on."""
    most_creations_at_once: int = Field(default=200, ge=1)
    """If more counterparts than this are to be created at once, in both directions together, none of them is created
    before a person says so: `jira-sync confirm`, or the button on the status page. All else goes on. It does not hold
    where the file itself says `"initialSyncEnabled": true`."""
    history_days: Days = 90.0
    """For how many days the sync remembers what it did, and why: `jira-sync history`, and the status page."""
    notify: Names | None = None
    """Who is told when this sync comes to need a person: names of lines in the group's `NOTIFY_FILE`, or `group` for
    whom the group tells. An empty list: nobody is told."""
    side_by_side: int = Field(default=8, ge=1, le=MAX_SIDE_BY_SIDE)
    """How many issues are worked on at once."""
    on_delete: OnDelete = OnDelete.KEEP
    """What becomes of an issue whose counterpart is gone, or not visible to us: two censuses, an hour apart or more,
    have not found it. `keep`: nothing. `comment`: a comment says so. `transition`: it is moved to `onDeleteStatus`. It
    is logged in any case. If the counterpart is back, what happened meanwhile is made up for."""
    on_delete_status: Text | None = None
    """The status for `onDelete: "transition"`."""
    on_delete_comment: Text | None = None
    """The text for `onDelete: "comment"`, with `${sourceKey}` (the issue that is gone, or not visible to us) and
    `${targetKey}`."""
    initial_sync_enabled: bool = True
    """What the very first cycle does with the issues that are there. `true`: it carries them over, so every issue
    in a status with a rule that creates gets a counterpart. `false`: it only takes note of them; what changes from
    then on counts."""
    issue_type: Text | None = None
    """The type of issues that are created."""
    attachments: AttachmentsOrShort | None = None
    """Which files follow by themselves, whatever the status of their issue: `true` (both ways), `false` (none), a
    direction, or an object. A rule's `syncAttachments` copies files in the rule's direction in any case, if
    `only` and `except` let them. Where `attachments` is absent, `defaultBehavior.syncAttachments` counts."""
    default_behavior: DefaultBehavior = DefaultBehavior()
    """What holds for all rules."""
    rules: tuple[Rule, ...]
    """What a status change calls for."""

    @field_validator("name")
    @classmethod
    def _name_is_not_reserved(cls, name: str) -> str:
        if name.lower() in RESERVED_NAMES:
            raise PydanticCustomError("name", "is reserved; choose another name")
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
        """The name of the MongoDB database that is this sync's own."""
        return self.database_name or self.name.replace("-", "_")

    @property
    def creates_unasked(self) -> bool:
        """Tell whether its file says itself that what is there is to be carried over, however much it is."""
        return self.initial_sync_enabled and "initial_sync_enabled" in self.model_fields_set

    @property
    def ordered_rules(self) -> tuple[Rule, ...]:
        """The enabled rules, in the order in which they are tried: smallest priority first, then file order."""
        last = float("inf")
        enabled = (rule for rule in self.rules if rule.enabled)
        return tuple(sorted(enabled, key=lambda rule: last if rule.priority is None else rule.priority))

    def project_key(self, side: Side) -> str:
        return self.user_project_key if side is Side.USER else self.dev_project_key

    def account(self, side: Side) -> Account:
        """Return the account for `side`: `userJira` or `devJira` where given, else `jira`."""
        own = self.user_jira if side is Side.USER else self.dev_jira
        return own or self.jira

    def has_own_account(self, side: Side) -> bool:
        """Tell whether `side` has an account of its own, in which `jira` and the environment fill in nothing."""
        return (self.user_jira if side is Side.USER else self.dev_jira) is not None

    def carries_files(self, side: Side) -> bool:
        """Tell whether files that are added on `side` follow by themselves, without a rule."""
        if self.attachments is not None:
            return self.attachments.sync_direction.leads_from(side)
        return side is Side.USER and self.default_behavior.sync_attachments

    def items_carried_from(self, side: Side) -> dict[str, str]:
        """Return the kinds of items that follow by themselves when they are added on `side`.

        Each kind, which is the name of its field, has the name of the field that says so in this file.
        """
        if not self.carries_files(side):
            return {}
        return {FILES: "defaultBehavior.syncAttachments" if self.attachments is None else FILES}

    def only_on_status_change(self, rule: Rule) -> bool:
        own = rule.conditions.on_status_change
        return self.default_behavior.only_on_status_change if own is None else own

    def adds_cross_link(self, rule: Rule) -> bool:
        own = rule.actions.add_cross_link
        return self.default_behavior.add_cross_links if own is None else own

    def issue_type_for(self, rule: Rule) -> str | None:
        return rule.actions.issue_type or self.issue_type
