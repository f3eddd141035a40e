"""The calls about the site itself and our account on it. All other calls stand on these."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime, timedelta
from functools import cached_property
from threading import Lock

from sync_model.accounts.connection import Connection, site_of
from sync_worker.core.bulk import BatchSize
from sync_worker.core.decisions.rate_limit import API_PATH, SERVER_INFO
from sync_worker.core.errors import InvalidRequest, NeedsOperator, SyncError, Unavailable
from sync_worker.core.expiry import Expiry
from sync_worker.core.issues.issue import StatusName
from sync_worker.core.ports import CREATED_AT_ONCE, READ_AT_ONCE
from sync_worker.core.site_info import Server
from sync_worker.jira import site_identity
from sync_worker.jira.calls.cache import Cache
from sync_worker.jira.expiry import expiries
from sync_worker.jira.flavours import Flavour, flavour_of
from sync_worker.jira.limits import Limits, NoLimits
from sync_worker.jira.paging import LARGEST_PAGE, SMALLEST_PAGE
from sync_worker.jira.parsing import site_json
from sync_worker.jira.status_names import StatusNames
from sync_worker.jira.text_limit import TextLimit
from sync_worker.jira.transport import Options, Transport


class SiteCalls:
    """One site, seen by one account. The classes that stand on this one add calls, but no state of their own.

    `search_lag` is how far search may lag behind; None stands for the flavour's own. The others are as in `Transport`.
    """

    def __init__(
        self,
        connect: Callable[[], Connection],
        pause: Callable[[float], None],
        *,
        search_lag: timedelta | None = None,
        check: Callable[[], None] = lambda: None,
        limits_of: Callable[[Connection], Limits] = lambda _connection: NoLimits(),
    ) -> None:
        self._transport = Transport(connect, pause, check, limits_of, why_refused=self._too_old_for_us)
        self._search_lag = search_lag
        self._project_ids: dict[str, str] = {}
        self._cache = Cache()
        self._former_accounts: frozenset[str] = frozenset()
        self._reads_labels = False
        self._asking_for_time = Lock()
        self._status_names = StatusNames(self._statuses)
        self._read_size, self._create_size = BatchSize(READ_AT_ONCE), BatchSize(CREATED_AT_ONCE)
        self._page_size = BatchSize(LARGEST_PAGE, SMALLEST_PAGE)
        self._text_limit = TextLimit(lambda: self._flavour.text_limit)

    @property
    def calls(self) -> Mapping[tuple[str, int], int]:
        """How many requests were answered so far, by endpoint and status; status 0 stands for no answer."""
        return self._transport.calls

    @property
    def cooldown(self) -> float:
        """How many seconds requests have waited for the site's limits so far."""
        return self._transport.cooldown

    @cached_property
    def _server(self) -> Server:
        return self._transport.get(SERVER_INFO, site_json.server_info)

    @cached_property
    def _flavour(self) -> Flavour:
        server = self._server
        self._transport.clock.told(server.time)
        if fault := server.why_too_old(with_token=self._transport.connection.email is None):
            raise NeedsOperator(fault)
        return flavour_of(server)

    @property
    def shows_markers(self) -> bool:
        return self._flavour.shows_markers

    def identity(self) -> str | None:
        return site_identity.ask(self._transport, self._server, self._flavour.identity)

    def expiries(self) -> list[Expiry]:
        """Return what of the site and of our account on it runs out on a day that is known."""
        return list(expiries(self._transport, lists_tokens=self._flavour.lists_tokens))

    def recognise(self, accounts: Collection[str]) -> None:
        self._former_accounts |= frozenset(accounts)

    def read_labels(self) -> None:
        self._reads_labels = True

    def _too_old_for_us(self) -> str | None:
        """Return why the site refuses us, if it is because it is too old for tokens; None otherwise.

        To such a Jira a token is a header without a meaning, and whoever sends it a stranger. Strangers it tells what
        it is.
        """
        if self._transport.connection.email is not None or self._transport.connection.client:
            return None
        try:
            server = self._transport.once("GET", SERVER_INFO, site_json.server_info, Options(as_stranger=True))
        except SyncError:
            return None
        return server.why_too_old(with_token=True)

    @property
    def read_size(self) -> BatchSize:
        return self._read_size

    @property
    def create_size(self) -> BatchSize:
        return self._create_size

    @property
    def search_lag(self) -> timedelta:
        return self._search_lag or self._flavour.search_lag

    def now(self) -> datetime:
        clock = self._transport.clock
        if not clock.is_asked:
            _ = self._flavour  # which one it is and what time it is are told together
        elif clock.is_doubtful:
            self.check_clock()
        # Our own clock has to do if the site tells no time at all.
        return clock.now() or datetime.now(UTC)

    def check_clock(self) -> None:
        if not self._asking_for_time.acquire(blocking=False):
            return  # another thread is at it
        try:
            self._transport.clock.told(self._transport.get_once(SERVER_INFO, site_json.server_info).time)
        except (Unavailable, InvalidRequest):
            self._transport.clock.not_told()
        finally:
            self._asking_for_time.release()

    def _statuses(self) -> list[StatusName]:
        """Return all statuses of the site; none when it does not say."""
        try:
            found: list[StatusName] = self._cache.get(
                "statuses", lambda: self._transport.get(f"{API_PATH}/status", site_json.status_names)
            )
        except InvalidRequest:
            return []
        return found

    def account(self) -> str:
        return self._transport.get(f"{API_PATH}/myself", site_json.own_account)

    def site(self) -> str:
        return site_of(self._transport.connection.base_url)

    def browse(self, key: str) -> str:
        return self._transport.connection.browse(key)

    def close(self) -> None:
        self._transport.close()

    def has_new_credentials(self) -> bool:
        """Tell whether the secrets, if they were looked up now, would be others than those in use."""
        return self._transport.has_new_credentials()
