"""Secrets as people save them: what a file holds, and which texts cannot be a secret. No message repeats one."""

from __future__ import annotations

from sync_model.regular_files import open_regular, read_regular

BYTE_ORDER_MARK = "\ufeff"
LATIN_1 = 256
LARGEST_SECRET = 64 * 1024
"""Bytes. No token is as long, and whoever names a file by mistake does not have all of it read."""


class FileFault(ValueError):
    """A file cannot be used as it is now. It may be put right, and is looked at again."""


def read_secret(path: str) -> str:
    """Return the content of a secret file, without space around it and without a byte order mark.

    Raises FileFault, naming the path, when it is no regular file, cannot be read, is too large, or is empty.
    """
    try:
        value = read_regular(path, LARGEST_SECRET).decode("utf-8-sig").strip()
    except UnicodeDecodeError:
        raise FileFault(f"{path} is not a text file in UTF-8") from None
    except OSError as error:
        raise FileFault(f"{path} cannot be read: {error.strerror}") from None
    except ValueError:
        raise FileFault(f"{path!r} is no name of a file") from None
    if not value:
        raise FileFault(f"{path} is empty")
    return value


def file_fault(path: str) -> str | None:
    """Return why a file cannot be read, as a sentence; None when it can."""
    try:
        with open_regular(path):
            return None
    except OSError as error:
        return f"{path} cannot be read: {error.strerror}"
    except ValueError:
        return f"{path!r} is no name of a file"


def text_fault(text: str) -> str | None:
    """Return why `text` cannot be a name or a secret, as a sentence without its subject; None when it can."""
    if len(text.splitlines()) > 1:
        return "holds more than one line"
    if BYTE_ORDER_MARK in text:
        return "holds a byte order mark; save it as UTF-8 without one"
    if not text.isprintable():
        return "holds a character that cannot be seen; type it anew"
    return None


def name_fault(name: str) -> str | None:
    """Return why `name` cannot be who signs in, as a sentence without its subject; None when it can."""
    return text_fault(name) or ("holds a colon, at which a name ends" if ":" in name else None)


def secret_fault(secret: str, name: str | None, *, is_api_token: bool) -> str | None:
    """Return why `secret` cannot be what signs in, as a sentence without its subject; None when it can.

    `name` is who signs in with it, None for a token that is sent alone. Where Atlassian makes tokens, `is_api_token`.
    """
    if fault := text_fault(secret):
        return fault
    if name is None or is_api_token:
        if not secret.isascii():
            return "holds a letter beyond ASCII, which no token has"
        if " " in secret:
            return "holds a space, which no token has"
    # Behind a name that is no e-mail address stands a password, which may have any letter.
    elif "@" in name and any(ord(character) >= LATIN_1 for character in secret):
        return "holds a letter that no token and no password in the header of a request has"
    return None
