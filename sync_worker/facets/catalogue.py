"""The catalogue of facets: the only list of what is carried over. What is said of all of them is derived from it."""

from __future__ import annotations

from typing import Any, cast

from sync_worker.facets.attachments import Attachments
from sync_worker.facets.comments import Comments
from sync_worker.facets.counterpart import Counterpart
from sync_worker.facets.links import Links
from sync_worker.facets.protocol import ActionFacet, Facet, ItemFacet
from sync_worker.facets.status import Status

_ALL: tuple[type[Facet], ...] = (Counterpart, Status, Links, Attachments, Comments)
FACETS = {facet.kind: facet for facet in _ALL}
"""By the kind of their actions, in the order in which these are carried out."""
ITEM_FACETS = {kind: cast(type[ItemFacet[Any]], facet) for kind, facet in FACETS.items() if hasattr(facet, "observe")}
"""Those that keep the items of two issues in step."""
ACTION_FACETS = {
    kind: cast(type[ActionFacet[Any, Any, Any]], facet) for kind, facet in FACETS.items() if kind not in ITEM_FACETS
}
"""Those that carry out, once, what a rule calls for."""
COUNTS = {facet.words.counted: f"{kind} done" for kind, facet in FACETS.items()}
"""What a summary calls the actions that were done, by their kind and result."""
