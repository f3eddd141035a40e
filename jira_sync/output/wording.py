"""The words for what a sync does and has done. All commands use the same words: those of the facets."""

from __future__ import annotations


def said(what: str, text: str) -> str:
    """Return the words for an action of kind `what` that is still to be done. `text` is the journal's detail."""
    from sync_worker.facets.catalogue import FACETS

    facet = FACETS.get(what)
    return facet.words.to_do(text) if facet else f"{what} {text}".strip()


def did(what: str, result: str, text: str) -> str:
    """Return the words for the result of an action of kind `what`, or of a person's request."""
    from sync_worker.facets.catalogue import FACETS

    facet = FACETS.get(what)
    if result == "found":
        return facet.words.found(text) if facet else f"{what} found again"
    if result != "done":
        return f"{what} {result}{f': {text}' if text else ''}"
    return facet.words.done(text) if facet else f"{what} {text}".strip()


def issues(count: int) -> str:
    return "1 issue" if count == 1 else f"{count} issues"
