"""Secrets as people save them, and texts that cannot be one."""

from __future__ import annotations

from pathlib import Path

import pytest

from sync_model.secrecy.secret_text import FileFault, read_secret, secret_fault, text_fault


@pytest.mark.parametrize(
    "content",
    [
        b"t0ken",
        b"t0ken\n",
        b"t0ken\r\n",
        b"\xef\xbb\xbft0ken\r\n",
        b"\xef\xbb\xbf\r\n  t0ken  \r\n\r\n",
    ],
)
def test_a_secret_file_is_read_as_any_editor_saves_it(tmp_path: Path, content):
    path = tmp_path / "token"
    path.write_bytes(content)
    assert read_secret(str(path)) == "t0ken"


@pytest.mark.parametrize(
    # content                            why
    ("content", "why"),
    [
        (b"", "is empty"),
        (b"\xef\xbb\xbf \r\n", "is empty"),
        ("t0ken".encode("utf-16"), "is not a text file in UTF-8"),
        (b"t\xf6ken", "is not a text file in UTF-8"),
    ],
)
def test_a_file_that_holds_no_secret_is_named(tmp_path: Path, content, why):
    path = tmp_path / "token"
    path.write_bytes(content)
    with pytest.raises(FileFault) as fault:
        read_secret(str(path))
    assert str(fault.value) == f"{path} {why}"


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path):
    with pytest.raises(FileFault, match="cannot be read: Is a directory"):
        read_secret(str(tmp_path))
    with pytest.raises(FileFault, match="is no name of a file"):
        read_secret("a\0b")


UNPRINTABLE = (
    "S3c\N{ZERO WIDTH SPACE}ret",
    "S3c\x00ret",
    "S3c\x1bret",
    "S3c\N{NO-BREAK SPACE}ret",
    "S3c\N{SOFT HYPHEN}ret",
)


@pytest.mark.parametrize("secret", ["S3c\nret", "S3c\r\nret", "S3c\N{LINE SEPARATOR}ret", "S3c\vret"])
def test_a_secret_has_one_line(secret):
    assert text_fault(secret) == "holds more than one line"


def test_a_byte_order_mark_in_the_middle_is_said_as_such():
    assert text_fault("\ufeffS3cret") == "holds a byte order mark; save it as UTF-8 without one"


@pytest.mark.parametrize("secret", UNPRINTABLE)
def test_a_character_that_cannot_be_seen_is_no_part_of_a_secret(secret):
    assert text_fault(secret) == "holds a character that cannot be seen; type it anew"


@pytest.mark.parametrize(
    # secret        name                api_token  fault
    ("secret", "name", "is_api_token", "fault"),
    [
        ("S3cr€t", None, False, "beyond ASCII"),
        ("S3crét", None, False, "beyond ASCII"),
        ("S3crét", "a@b.example", True, "beyond ASCII"),
        ("S3cr t", None, False, "a space"),
        ("S3cr€t", "a@b.example", False, "no token and no password"),
        ("S3crét", "a@b.example", False, None),
        ("S3cr t", "a@b.example", False, None),
        ("пароль", "jira", False, None),  # a password of Data Center
        ("S3cret-._~+/=", None, True, None),
    ],
)
def test_letters_that_no_token_has_are_told_from_those_that_a_password_may_have(secret, name, is_api_token, fault):
    found = secret_fault(secret, name, is_api_token=is_api_token)
    assert (fault in found) if fault else found is None
