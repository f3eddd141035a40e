"""The flavours of Jira: Cloud and Data Center. Each module holds what is special about one of them."""

from sync_worker.core.site_info import Server
from sync_worker.jira.flavours.cloud import Cloud
from sync_worker.jira.flavours.data_center import DataCenter
from sync_worker.jira.flavours.protocol import Flavour, Make

__all__ = ["Flavour", "Make", "flavour_of"]


def flavour_of(server: Server) -> Flavour:
    """Return the flavour of a site. They are told apart nowhere else."""
    return Cloud() if server.is_cloud else DataCenter()
