"""Texts that are longer than a site takes: they are cut, and say so. Pure.

Jira counts as Java does, in units of UTF-16: an emoji counts as two. What is cut is wiki markup. So the cut is at the
end of a line or a word where there is one, and what is open at the cut is closed: else our own last line would be shown
as code.
"""

from __future__ import annotations

import re
import unicodedata

from sync_worker.core.issues.issue import TextSource

LONGEST_SUMMARY = 255
CUT = "This text was cut: it is longer than this site takes."
"""Begins the last line of a text that was cut."""
ELLIPSIS = "…"

PART_TO_CUT_IN = 4
"""The end of a line, or of a word, is looked for in the last fourth of what fits."""
DEEPEST = 8
"""So many macros around each other are closed. Jira shows deeper ones as text."""
MACRO = re.compile(r"(?<![\\{])\{(code|noformat|quote|panel|color)(:[^}\n]*)?\}")
VERBATIM = frozenset({"code", "noformat"})
"""Macros in which nothing is markup but their own end."""
INLINE = "color"
INSEPARABLE = re.compile(r"\\.|\{[^{}\n]*\}|\[[^\[\]\n]*\]|![^!\n]+!")
"""An escaped letter, the tag of a macro, a link or a mention, an embedded picture."""
UNPRINTABLE = frozenset({"Cc", "Zl", "Zp"})
COMBINING = frozenset({"Mn", "Me", "Mc"})
JOINER = "\u200d"
FLAG_LETTER = re.compile("[\U0001f1e6-\U0001f1ff]*$")
CONTINUES = re.compile("[\u1160-\u11ff\U0001f3fb-\U0001f3ff\U000e0020-\U000e007f]")
"""What continues a character without being a combining one: Hangul, colours of skin, flags of regions."""


def length(text: str) -> int:
    """Return the length of a text in units of UTF-16."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


def one_line(summary: str) -> str:
    """Return a summary as Jira takes it: one line, without control characters, at most LONGEST_SUMMARY units."""
    if any(unicodedata.category(letter) in UNPRINTABLE for letter in summary):
        printable = (" " if unicodedata.category(letter) in UNPRINTABLE else letter for letter in summary)
        summary = " ".join("".join(printable).split())
    if length(summary) <= LONGEST_SUMMARY:
        return summary
    at = _end_of_word(summary, len(_first_units(summary, LONGEST_SUMMARY - length(ELLIPSIS))))
    return summary[:at].rstrip() + ELLIPSIS


def cut(text: str, limit: int, source: TextSource | None) -> str:
    """Return wiki markup of at most `limit` units of UTF-16. If `text` is longer, the last line says so.

    That line links to `source`, unless there is none. Where the limit leaves no room for it, it is an ellipsis.
    """
    if length(text) <= limit:
        return text
    ending = _ending(limit, source)
    room = limit - length(ending)
    at = _place_to_cut(text, len(_first_units(text, room)))
    while True:
        kept = text[:at].rstrip()
        closing = _closing(kept)
        excess = length(kept) + length(closing) - room
        if excess <= 0:
            return kept + closing + ending
        at = _place_to_cut(text, len(kept) - excess)


def kept_of(text: str) -> str | None:
    """Return what stands before the last line of a text that was cut; None when it was not."""
    kept, line, _ = text.rpartition(CUT)
    if line:
        return kept
    return text.rstrip()[: -len(ELLIPSIS)] if text.rstrip().endswith(ELLIPSIS) else None


def _ending(limit: int, source: TextSource | None) -> str:
    link = f" Its source is [{source.key}|{source.url}]." if source else ""
    ending = f"\n\n{CUT}{link}"
    return ending if length(ending) <= limit // 2 else ELLIPSIS


def _first_units(text: str, units: int) -> str:
    """Return the beginning of `text` that has at most so many units of UTF-16."""
    return text[:units].encode("utf-16-le", "surrogatepass")[: 2 * units].decode("utf-16-le", "ignore")


def _place_to_cut(text: str, end: int) -> int:
    """Return how many letters of `text` to keep, at most `end`."""
    line = text.rfind("\n", end - end // PART_TO_CUT_IN, end + 1)
    if line > 0:
        return line
    return _before_what_is_inseparable(text, _end_of_word(text, end))


def _end_of_word(text: str, end: int) -> int:
    """Return where the last word ends that is whole in the first `end` letters, or else the last character does."""
    first = end - end // PART_TO_CUT_IN
    for at in range(end, first, -1):
        if text[at].isspace():
            return at
    return next((at for at in range(end, first, -1) if not _is_within_character(text, at)), end)


def _is_within_character(text: str, at: int) -> bool:
    """Tell whether people see what is before and behind `at` as one character."""
    before, behind = text[at - 1], text[at]
    if unicodedata.category(behind) in COMBINING or JOINER in (before, behind) or CONTINUES.match(behind):
        return True
    if not FLAG_LETTER.fullmatch(behind):
        return False
    letters = FLAG_LETTER.search(text, 0, at)
    return letters is not None and len(letters[0]) % 2 == 1


def _before_what_is_inseparable(text: str, at: int) -> int:
    """Return `at`, or a place before it if a link or a tag would be parted there."""
    line = text.rfind("\n", 0, at) + 1
    for found in INSEPARABLE.finditer(text, line):
        if found.end() > at:
            is_parted = found.start() < at and found.start() > at - at // PART_TO_CUT_IN
            return found.start() if is_parted else at
    return at


def _closing(text: str) -> str:
    """Return what closes the macros that are open at the end of `text`."""
    return "".join(f"{{{name}}}" if name == INLINE else f"\n{{{name}}}" for name in reversed(_open_macros(text)))


def _open_macros(text: str) -> list[str]:
    """Return the names of the macros that are open at the end of `text`, the outermost first."""
    names: list[str] = []
    for tag in MACRO.finditer(text):
        name, has_parameters = tag[1], tag[2] is not None
        if names and names[-1] in VERBATIM:
            if name == names[-1] and not has_parameters:
                names.pop()
        elif name in names and not has_parameters:
            while names.pop() != name:
                pass
        elif (has_parameters or name != INLINE) and len(names) < DEEPEST:
            names.append(name)
    return names
