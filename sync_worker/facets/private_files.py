"""Which files of an issue are not for everybody who sees the issue: those of internal and restricted comments. Pure.

Jira does not say to which comment a file belongs. The text of the comment says it: it shows the file, or links to it,
by its name.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from unicodedata import normalize

from sync_worker.core.issues.issue import Attachment, Issue, SeenComment


def private_files(issue: Issue, comments: Sequence[SeenComment]) -> set[str]:
    """Return the ids of the files that only comments mention which not everybody may see.

    Where several files have the name that is mentioned, each belongs to the text that came nearest to it in time.
    """
    if all(comment.is_public for comment in comments):
        return set()
    names = [file.filename for file in issue.attachments]
    return {
        file.id
        for file in issue.attachments
        if _is_private(file, issue, comments, is_only_one=names.count(file.filename) == 1)
    }


def _is_private(file: Attachment, issue: Issue, comments: Sequence[SeenComment], *, is_only_one: bool) -> bool:
    mentions = list(_mentions(file.filename, issue, comments))
    if all(is_public for _, is_public in mentions):
        return False
    if is_only_one or file.created is None:
        return not any(is_public for _, is_public in mentions)
    at = file.created
    _, is_public = min(mentions, key=lambda mention: (abs(mention[0] - at), mention[1]))
    return not is_public


def _mentions(filename: str, issue: Issue, comments: Sequence[SeenComment]) -> Iterator[tuple[datetime, bool]]:
    """Yield when a text came that mentions a file, and whether the text is public.

    A private text mentions it by its name, wherever that stands. A public one must show it, or link to it.
    """
    # Of two forms of one name, a text may have the other one than the file: macOS takes names apart.
    name = normalize("NFC", filename)
    if _shows(name, normalize("NFC", issue.description or "")):
        yield issue.created, True
    for comment in comments:
        text = normalize("NFC", comment.body)
        if _shows(name, text) if comment.is_public else name in text:
            yield comment.created, comment.is_public


def _shows(filename: str, text: str) -> bool:
    return any(token in text for token in (f"!{filename}!", f"!{filename}|", f"[^{filename}]", f"|^{filename}]"))
